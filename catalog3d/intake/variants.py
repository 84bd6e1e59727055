"""Folding: rows of one product share what only the first of them says; rows that hold only a picture become views.

A variant row leaves the name blank, repeats the handle (Shopify) or names its parent (WooCommerce). What it leaves
blank comes from the product's own row, never from a sister. Pictures, prompt and kind of input are inherited together
or not at all, and so are all columns of a size.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from catalog3d.intake.dialects import Dialect
from catalog3d.intake.headers import Columns
from catalog3d.intake.table import DAMAGE, Table
from catalog3d.intake.vocabulary import DIMENSION_FIELDS

_SHARED = (
    "category", "material", "color", "format", "channel", "owner", "priority", "facets", "handle",
    "option names",
)  # fmt: skip
_SIZES = ("dimensions", *DIMENSION_FIELDS, "dimension unit")
_PICTURES = ("image", "front", "left", "back", "right", "detail")


@dataclass(frozen=True, kw_only=True)
class FoldedRow:
    """One row that stands for a SKU, with what it inherits.

    Attributes:
        cells: Field -> text, "" where blank.
        head: Number of the product's own row: another one for a variant.
        head_sku: The SKU in that row.
        named_in: Number of the row that the name stands in: that one where this row leaves it blank.
        borrows: Whether it names no picture, sketch or prompt of its own: those in `cells` are the product's.
        gallery: Further pictures of the product, from other rows.
    """

    number: int
    cells: dict[str, str]
    head: int
    head_sku: str
    named_in: int
    borrows: bool = False
    gallery: tuple[str, ...] = ()

    @property
    def is_head(self) -> bool:
        return self.head == self.number

    def get(self, field: str) -> str:
        return self.cells.get(field, "")


@dataclass(frozen=True, kw_only=True)
class DamagedCell:
    """A cell that shows a spreadsheet's error."""

    number: int
    sku: str
    field: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Folded:
    """All rows of a sheet: each stands for a SKU, or is used up as a picture of one.

    Attributes:
        picture_rows: Numbers of the rows that hold only a further picture of a product.
    """

    rows: list[FoldedRow]
    picture_rows: tuple[int, ...]
    damaged: list[DamagedCell]


def fold(table: Table, columns: Columns, dialect: Dialect) -> Folded:
    """Group the rows by product and let variants inherit. Rows that hold only a picture are used up."""
    frame = _frame(table, columns)
    damaged = _clear_damage(frame)
    head = _heads(frame, dialect)
    own = pd.Series(range(len(frame)), index=frame.index)
    extra = _picture_rows(frame, columns, dialect) & (head >= 0) & (head != own)
    galleries = _galleries(frame, head, extra, columns, dialect)
    unnamed = frame["name"] == ""
    inherits_pictures = _inherit(frame, head, columns, dialect)
    rows: list[FoldedRow] = []
    numbers, records = frame.pop("row").tolist(), frame.to_dict("records")
    facts = zip(records, extra, head, unnamed, inherits_pictures, strict=True)
    for position, (cells, used_up, own_head, is_unnamed, inherits) in enumerate(facts):
        if used_up:
            continue
        number, place = numbers[position], own_head if own_head >= 0 else position
        rows.append(
            FoldedRow(
                number=number,
                cells={str(field): str(text) for field, text in cells.items()},
                head=numbers[place],
                head_sku=str(records[place]["sku"]),
                named_in=numbers[place] if is_unnamed else number,
                borrows=bool(inherits) and not cells.get("variant image"),
                gallery=galleries.get(own_head, ()) if inherits or own_head == position else (),
            )
        )
    used = tuple(number for number, used_up in zip(numbers, extra, strict=True) if used_up)
    return Folded(rows=rows, picture_rows=used, damaged=damaged)


def _frame(table: Table, columns: Columns) -> pd.DataFrame:
    data = {field: [row.cells[place] for row in table.rows] for field, place in columns.index.items()}
    frame = pd.DataFrame(data, index=range(len(table.rows)), dtype="str")
    for field in ("sku", "name"):
        if field not in frame:
            frame[field] = ""
    frame.insert(0, "row", [row.number for row in table.rows])
    return frame


def _clear_damage(frame: pd.DataFrame) -> list[DamagedCell]:
    """Blank the damaged cells and say which they were.

    Damaged SKUs, names and pictures stay and make their row invalid: as a blank they would be inherited.
    """
    found: list[DamagedCell] = []
    stay = {"row", "sku", "name", "sketch", "variant image", *_PICTURES}
    for field in [field for field in frame.columns if field not in stay and not re.fullmatch(r"image \d+", field)]:
        damaged = frame[field].str.fullmatch(DAMAGE)
        hits = frame.loc[damaged, ["row", "sku", field]].itertuples(index=False, name=None)
        found += [
            DamagedCell(number=int(number), sku=str(sku), field=str(field), value=str(value))
            for number, sku, value in hits
        ]
        frame.loc[damaged, field] = ""
    return found


def _heads(frame: pd.DataFrame, dialect: Dialect) -> pd.Series:
    """Position of the product's own row for every row; -1 where there is none."""
    position = pd.Series(range(len(frame)), index=frame.index)
    named = frame["name"] != ""
    if "parent" in frame:
        return _parent_heads(frame, position)
    if "handle" in frame:
        key = frame["handle"].mask((frame["handle"] == "") & named, "\0" + position.astype("str"))
        key = key.where(key != "").ffill()
        if not dialect.shared_gallery:
            key = key.where(named.groupby(key).transform("any")).ffill()
    else:
        key = position.where(named).ffill()
    heads = position.where(named).groupby(key).transform("first")
    return heads.fillna(-1).astype("int64")


def _parent_heads(frame: pd.DataFrame, position: pd.Series) -> pd.Series:
    """WooCommerce: `Parent` holds `id:44` or a SKU."""
    by_reference: dict[str, int] = {}
    for field, prefix in (("sku", ""), ("id", "id:")):
        if field in frame:
            pairs = zip(frame[field], position, strict=True)
            by_reference |= {prefix + text: place for text, place in pairs if text}
    return frame["parent"].map(by_reference).fillna(position).astype("int64")


def _picture_rows(frame: pd.DataFrame, columns: Columns, dialect: Dialect) -> pd.Series:
    """Rows without SKU and name that hold a picture and nothing else that describes a variant."""
    pictures = [*columns.pictures(extra=False), *columns.pictures(extra=True)]
    if not pictures:
        return pd.Series(data=False, index=frame.index)
    free = {"row", "handle", "image position", *pictures}
    free |= {"option names", *(name for name, _ in columns.options())}
    if dialect.shared_gallery:
        free |= {"category", "format", "channel", "owner"}
    others = [field for field in frame.columns if field not in free]
    return (frame[pictures] != "").any(axis=1) & (frame[others] == "").all(axis=1)


def _galleries(
    frame: pd.DataFrame, head: pd.Series, extra: pd.Series, columns: Columns, dialect: Dialect
) -> dict[int, tuple[str, ...]]:
    """Further pictures of each product, by the position of its own row."""
    pictures = [*columns.pictures(extra=False), *columns.pictures(extra=True)]
    wanted = extra.copy()
    if dialect.shared_gallery and "image" in frame:
        wanted |= (frame["image"] != "") & (head >= 0)
    chosen = frame.loc[wanted, pictures].assign(head=head[wanted])
    if "image position" in frame:
        chosen["place"] = pd.to_numeric(frame.loc[wanted, "image position"], errors="coerce")
        chosen = chosen.sort_values(["head", "place"], kind="stable")
    galleries: dict[int, tuple[str, ...]] = {}
    for place, group in chosen.groupby("head", sort=False):
        cells = group[pictures].to_numpy().ravel()
        galleries[int(str(place))] = tuple(dict.fromkeys(text for text in cells if text))
    return galleries


def _inherit(frame: pd.DataFrame, head: pd.Series, columns: Columns, dialect: Dialect) -> pd.Series:
    """Fill the blanks of variant rows in place; returns which rows took the product's pictures."""
    if dialect.shared_gallery and "image" in frame:
        # The image column belongs to the product and went into its gallery; a variant's own picture has its own column.
        frame["image"] = ""
    variants = (head >= 0) & (head != pd.Series(range(len(frame)), index=frame.index))
    option_names = [name for name, _ in columns.options()]
    for field in ("name", *_SHARED, *option_names):
        if field in frame:
            _fill(frame, [field], variants & (frame[field] == ""), head)
    sizes = _present(frame, _SIZES)
    _fill(frame, sizes, variants & _all_blank(frame, sizes), head)
    inputs = [*_present(frame, (*_PICTURES, "sketch", "prompt")), *columns.pictures(extra=True)]
    takes_inputs = variants & _all_blank(frame, inputs)
    _fill(frame, _present(frame, (*inputs, "input kind")), takes_inputs, head)
    if dialect.shared_gallery:
        return variants
    return takes_inputs


def _present(frame: pd.DataFrame, fields: Sequence[str]) -> list[str]:
    return [field for field in fields if field in frame]


def _all_blank(frame: pd.DataFrame, fields: list[str]) -> pd.Series:
    return (frame[fields] == "").all(axis=1)


def _fill(frame: pd.DataFrame, fields: list[str], rows: pd.Series, head: pd.Series) -> None:
    if fields and rows.any():
        frame.loc[rows, fields] = frame[fields].to_numpy()[head[rows].to_numpy()]


def option_values(row: FoldedRow, columns: Columns) -> list[tuple[str, str]]:
    """The row's options as (name, value), from numbered columns or from `a|b` lists."""
    pairs = [(row.get(name), row.get(value)) for name, value in columns.options()]
    names, values = re.split(r"\|", row.get("option names")), re.split(r"\|", row.get("option values"))
    pairs += list(zip(names, values, strict=False))
    # "shade:color" names an option "shade" of the kind "color".
    return [(part.strip(), value.strip()) for name, value in pairs if value.strip() for part in name.split(":")]
