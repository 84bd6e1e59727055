"""One folded row becomes a product, or an invalid row; everything that is wrong with it is recorded."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from catalog3d.intake import fields
from catalog3d.intake.dialects import Dialect
from catalog3d.intake.dimensions import DimensionReading, parse_columns, parse_dimensions, unit_of
from catalog3d.intake.header_text import side_order_in, unit_in
from catalog3d.intake.headers import Columns
from catalog3d.intake.inputs import InputReader, MadeFrom
from catalog3d.intake.plain_text import one_line, shortened
from catalog3d.intake.problems import ProblemList
from catalog3d.intake.table import DAMAGE
from catalog3d.intake.variants import FoldedRow
from catalog3d.intake.vocabulary import DIMENSION_FIELDS
from catalog3d.product import Dimensions, InputKind, InvalidRow, Product, Severity

_HELPFUL = {
    "category": "the rules of a category cannot apply",
    "material": "the page of the product will not show it",
    "color": "the page of the product will not show it",
    "dimensions": "the model's scale cannot be set or checked",
}


@dataclass(kw_only=True)
class RowReader:
    """Reads the rows of one sheet.

    Args:
        required: Fields that the rules require beside sku, name and one input.
        described: Fields that the sheet speaks of: blank ones are said. Of the others that is said once.
        colors: Row number -> color of the products that have variants.
        surplus: Row number -> what stands beyond the last header: the row's values may be shifted.
        channel_words: What a row may say for a channel.
    """

    columns: Columns
    dialect: Dialect
    inputs: InputReader
    required: Sequence[str]
    described: Collection[str]
    colors: Mapping[int, str]
    surplus: Mapping[int, str]
    channel_words: Sequence[str]
    problems: ProblemList
    _row: FoldedRow = field(init=False)
    _sku: str = field(init=False)
    _errors: list[tuple[str, str]] = field(init=False)

    def read(self, row: FoldedRow, sku: str) -> Product | InvalidRow:
        """Check a row whose SKU is known and unique."""
        self._row, self._sku, self._errors = row, sku, []
        self._check_length()
        name = self._name()
        made_from = self.inputs.read(row, sku)
        for fault in made_from.faults:
            self._say(fault.code, (*fault.fields, "image"), fault.message, fault.severity, value=fault.value)
        size = self._size()
        values = {field: fields.described(row, self.columns, self.dialect, field) for field in fields.DESCRIBED}
        if made_from.borrowed:
            self._check_color(values["color"])
        formats, channels = self._formats(), self._channels()
        priority, action = self._priority(), self._action()
        self._check_blanks(values, size, made_from)
        if self._errors:
            return self._invalid(name)
        return Product(
            sku=sku,
            name=name,
            row=row.number,
            dimensions=size,
            input_kind=made_from.kind,
            views=made_from.views,
            prompt=made_from.prompt,
            formats=formats,
            channels=channels,
            handle=one_line(row.get("handle"), fields.MAX_TEXT_CHARS),
            owner=one_line(row.get("owner"), fields.MAX_TEXT_CHARS),
            priority=priority,
            action=action,
            **values,
        )

    def _invalid(self, name: str) -> InvalidRow:
        code, message = self._errors[0]
        more = len(self._errors) - 1
        text = f"{message} (and {more} more)" if more else message
        return InvalidRow(sku=self._sku, row=self._row.number, name=name, code=code, message=text)

    def _say(
        self,
        code: str,
        column_of: str | Sequence[str],
        message: str,
        severity: Severity = Severity.ERROR,
        value: str = "",
    ) -> None:
        wanted = (column_of,) if isinstance(column_of, str) else tuple(column_of)
        problem = self.problems.add(
            code,
            message,
            row=self._row.number,
            sku=self._sku,
            column=self.columns.header(*wanted),
            value=value,
            severity=severity,
        )
        if severity is Severity.ERROR:
            self._errors.append((code, problem.message))

    def _check_length(self) -> None:
        surplus = self.surplus.get(self._row.number)
        if surplus is not None:
            text = (
                "The row has more cells than there are headers, so its values may stand in the wrong columns. "
                "Put text that holds the separator in double quotes."
            )
            self._say("ROW_TOO_LONG", (), text, value=surplus)

    def _name(self) -> str:
        name = fields.name_of(self._row, self.columns)
        cell = self._row.get("name")
        if not name:
            self._say("NAME_MISSING", "name", "There is no product name. Enter one.")
        elif re.fullmatch(DAMAGE, cell):
            where = (
                "The name"
                if self._row.named_in == self._row.number
                else f"The name, taken from row {self._row.named_in},"
            )
            self._say(
                "CELL_DAMAGED", "name", f"{where} shows the spreadsheet error {cell}. Correct its formula.", value=cell
            )
        return name

    def _size(self) -> Dimensions | None:
        """From separate columns, else from free text."""
        columns = self.columns
        parts = {name: self._row.get(name) for name in DIMENSION_FIELDS if self._row.get(name)}
        text = self._row.get("dimensions")
        if parts:
            units = {name: unit_in(columns.header(name)) for name in parts}
            reading = parse_columns(parts, units, unit_of(self._row.get("dimension unit")))
            place: Sequence[str] = tuple(parts)
        elif text:
            header = columns.header("dimensions")
            unit = unit_in(header) or unit_of(self._row.get("dimension unit"))
            reading, place = parse_dimensions(text, unit=unit, order=side_order_in(header)), ("dimensions",)
        else:
            return None
        self._say_size(reading, place)
        return reading.dimensions

    def _say_size(self, reading: DimensionReading, place: Sequence[str]) -> None:
        if not reading.code:
            return
        shown = reading.dimensions.text
        if reading.code == "DIMENSIONS_GUESSED":
            text = f"{reading.message}. Leave out the separator if that is wrong."
            self._say(reading.code, place, text, Severity.WARNING, value=shown)
            return
        severity = Severity.ERROR if "dimensions" in self.required else Severity.WARNING
        text = f"The size cannot be read: {reading.message}. Write it like W 120 x D 60 x H 75 cm."
        self._say(reading.code, place, text, severity, value=shown)

    def _formats(self) -> tuple[str, ...]:
        text = self._row.get("format")
        formats, later, unknown = fields.formats_of(text)
        if unknown:
            known = ", ".join((fields.BASE_FORMAT, *fields.OTHER_FORMATS))
            message = f"The format {shortened(', '.join(unknown))} is not known. Known formats: {known}."
            self._say("FORMAT_UNKNOWN", "format", message, value=text)
        if later:
            message = f"{', '.join(later)} is noted as asked, and not made yet: the GLB is made now."
            self._say("FORMAT_NOT_MADE_YET", "format", message, Severity.WARNING, value=text)
        return formats

    def _channels(self) -> tuple[str, ...]:
        text = self._row.get("channel")
        channels, unknown = fields.channels_of(text, self.channel_words)
        if unknown:
            known = ", ".join(self.channel_words)
            message = f"The channel {shortened(', '.join(unknown))} is not known. Known channels: {known}."
            self._say("CHANNEL_UNKNOWN", "channel", message, value=text)
        return channels

    def _priority(self) -> int:
        text = self._row.get("priority")
        priority = fields.priority_of(text)
        if priority is None:
            message = "The priority is not a whole number; 0 is used. Higher numbers run first."
            self._say("PRIORITY_UNREADABLE", "priority", message, Severity.WARNING, value=text)
        return priority or 0

    def _action(self) -> str:
        text = self._row.get("action")
        action = fields.action_of(text)
        if action is None:
            message = "The action is not known and has no effect. Write hold or retake."
            self._say("ACTION_UNKNOWN", "action", message, Severity.WARNING, value=text)
        return action or ""

    def _check_color(self, color: str) -> None:
        """Variants that share a photo share its model, which then has one color."""
        shown = self.colors.get(self._row.head, "")
        if color and shown and color.casefold() != shown.casefold():
            text = (
                f"The photo is that of row {self._row.head}, which is {shortened(shown)}: the model of this "
                f"{shortened(color)} variant will show that color. Name a photo of its own."
            )
            self._say("COLOR_OF_ANOTHER", ("variant image", "image"), text, Severity.WARNING)

    def _check_blanks(self, values: dict[str, str], size: Dimensions | None, made_from: MadeFrom) -> None:
        filled = {name: bool(text) for name, text in values.items()}
        filled["dimensions"] = size is not None
        filled |= {view.slot.value: True for view in made_from.views}
        filled["image"] = bool(made_from.views) and made_from.kind is InputKind.PHOTO
        filled["sketch"] = bool(made_from.views) and made_from.kind is InputKind.SKETCH
        for name in self.required:
            # What is missing anyway, or already reported as such, is not said twice.
            if name in ("sku", "name") or filled.get(name, bool(self._row.get(name))):
                continue
            message = f"The rules require {name}, and it is blank. Fill it in."
            self._say("REQUIRED_FIELD_MISSING", name, message)
        for name, consequence in _HELPFUL.items():
            if name in self.described and not filled[name] and name not in self.required:
                places = (name, *DIMENSION_FIELDS) if name == "dimensions" else (name, "facets", "option values")
                self._say("FIELD_MISSING", places, f"The {name} is blank: {consequence}.", Severity.WARNING)
