"""The one entry point of intake: a table of text and the rules become a sheet reading."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from catalog3d.errors import RunError
from catalog3d.intake.dialects import Dialect, recognize
from catalog3d.intake.fields import DESCRIBED, FieldError, checked_sku, described
from catalog3d.intake.headers import Columns, known_headers, map_columns
from catalog3d.intake.inputs import InputReader
from catalog3d.intake.picture_files import FileIndex
from catalog3d.intake.problems import ProblemList
from catalog3d.intake.rows import RowReader
from catalog3d.intake.table import Table
from catalog3d.intake.variants import Folded, FoldedRow, fold
from catalog3d.intake.views import Viewer
from catalog3d.intake.vocabulary import DIMENSION_FIELDS
from catalog3d.product import InvalidRow, Product, Severity, SheetReading
from catalog3d.rules import Rules

# Words of shop systems for whether a page is shown. "Published" is not among them: it is one of our own states.
_SHOP_STATES = frozenset(
    {"active", "inactive", "draft", "archived", "enabled", "disabled", "true", "false", "0", "1", "yes", "no",
     "in stock", "out of stock", "discontinued", "visible", "hidden"}
)  # fmt: skip


def interpret(table: Table, rules: Rules, files: FileIndex) -> SheetReading:
    """Map the columns, fold the variants, check every row; all problems come back at once.

    Raises:
        RunError: SHEET_EMPTY, SKU_COLUMN_MISSING, NAME_COLUMN_MISSING.
    """
    problems = ProblemList()
    dialect = recognize(table.headers)
    columns = _columns(table, rules, dialect, problems)
    if not table.rows:
        raise RunError(
            "The sheet has headers and no data rows.", code="SHEET_EMPTY", fix="Enter at least one product below them."
        )
    _say_notes(table, columns, problems)
    folded = fold(table, columns, dialect)
    _say_folding(folded, columns, problems)
    said = _described(folded.rows, columns, dialect)
    _say_undescribed(said, problems)
    numbered = _with_skus(folded.rows, columns, problems)
    reader = RowReader(
        columns=columns,
        dialect=dialect,
        inputs=InputReader(columns, Viewer(files, (sku for _, sku in numbered))),
        required=rules.required_fields,
        described=said,
        colors=_colors(folded.rows, columns, dialect),
        surplus={row.number: " ".join(row.surplus) for row in table.rows if row.surplus},
        channel_words=rules.channel_words,
        problems=problems,
    )
    results = [reader.read(row, sku) for row, sku in numbered]
    kept = {result.row for result in results}
    return SheetReading(
        sheet=table.sheet,
        dialect=dialect.name,
        mapping=columns.mapping(),
        rows=len(table.rows),
        products=tuple(result for result in results if isinstance(result, Product)),
        invalid=tuple(result for result in results if isinstance(result, InvalidRow)),
        problems=problems.in_order(),
        left_out=tuple(row.number for row in folded.rows if row.number not in kept),
        picture_rows=folded.picture_rows,
    )


def _columns(table: Table, rules: Rules, dialect: Dialect, problems: ProblemList) -> Columns:
    filled = [any(row.cells[place] for row in table.rows) for place in range(len(table.headers))]
    columns = map_columns(table.headers, dialect, rules.mapping, filled)
    if "status" not in rules.mapping:
        columns = _without_shop_status(table, columns, problems)
    if "sku" not in columns.index:
        if "handle" not in columns.index:
            raise _column_missing(table, columns, "sku", "SKU")
        text = f"There is no SKU column: {columns.header('handle')} is used as the SKU."
        problems.add("SKU_FROM_HANDLE", text, column=columns.header("handle"), severity=Severity.WARNING)
        columns = replace(columns, index={**columns.index, "sku": columns.index["handle"]})
    if "name" not in columns.index:
        raise _column_missing(table, columns, "name", "product name")
    _say_columns(columns, problems, table)
    return columns


def _without_shop_status(table: Table, columns: Columns, problems: ProblemList) -> Columns:
    """A column called Status that holds `active` or `draft` is the shop's, and must not be written to."""
    place = columns.index.get("status")
    if place is None:
        return columns
    values = {row.cells[place].casefold() for row in table.rows} & _SHOP_STATES
    if not values:
        return columns
    header = columns.headers[place]
    text = f"{header} holds shop states such as {min(values)}: the status of the 3D models goes into 3D Status instead."
    problems.add("STATUS_COLUMN_NOT_OURS", text, column=header, severity=Severity.INFO)
    index = {name: column for name, column in columns.index.items() if name != "status"}
    return replace(columns, index=index)


def _column_missing(table: Table, columns: Columns, name: str, words: str) -> RunError:
    if name in columns.unknown:
        return RunError(
            f"The rules say that {columns.unknown[name]!r} holds the {words}, and the sheet has no such column.",
            code=f"{name.upper()}_COLUMN_MISSING",
            fix=f"Correct mapping.{name} in catalog.yaml. The columns are: {_shown(table.headers)}.",
        )
    below = next(
        (
            row
            for row in table.rows[:10]
            if known_headers((*row.cells, *row.surplus)) > max(1, known_headers(table.headers))
        ),
        None,
    )
    if below is not None:
        fix = f"Row {below.number} looks like the headers: delete the rows above it."
    elif table.other_worksheets:
        others = _shown(table.other_worksheets)
        fix = f"Only the worksheet {table.worksheet} was read. If it is the wrong one, move {others} before it."
    else:
        fix = f"Name the column {words}, or set mapping.{name} in catalog.yaml to its header."
    return RunError(
        f"No column holds the {words}. The columns are: {_shown(table.headers)}.",
        code=f"{name.upper()}_COLUMN_MISSING",
        fix=fix,
    )


def _shown(words: Sequence[str]) -> str:
    named = [word[:60] for word in words if word]
    return ", ".join(named[:20]) + (f" and {len(named) - 20} more" if len(named) > 20 else "")


def _say_columns(columns: Columns, problems: ProblemList, table: Table) -> None:
    for name, header in columns.unknown.items():
        text = f"The rules say that {header!r} holds the {name}, and the sheet has no such column."
        problems.add("COLUMN_NOT_FOUND", text, column=header, severity=Severity.WARNING)
    for header in columns.repeated:
        text = f"Two columns are called {header}: the first is used. Rename one of them."
        problems.add("HEADER_REPEATED", text, column=header, severity=Severity.WARNING)
    if table.pasted_pictures:
        text = "Pictures pasted into the workbook are not read. Save them as files and name the files in the sheet."
        problems.add("PICTURES_PASTED", text, severity=Severity.INFO)


def _say_notes(table: Table, columns: Columns, problems: ProblemList) -> None:
    used = set(columns.index.values())
    for note in table.notes:
        if note.column is None or note.column in used:
            header = "" if note.column is None else table.headers[note.column]
            severity = Severity.INFO if note.code in ("ENCODING_GUESSED", "TITLE_ROWS") else Severity.WARNING
            problems.add(note.code, note.message, row=note.row, column=header, value=note.value, severity=severity)


def _described(rows: Sequence[FoldedRow], columns: Columns, dialect: Dialect) -> frozenset[str]:
    """The helpful fields that the sheet speaks of: in a column of their own, or in the options or facets of any row."""
    own = {field for field in DESCRIBED if field in columns.index}
    if any(field in columns.index for field in ("dimensions", *DIMENSION_FIELDS)):
        own.add("dimensions")
    others = [field for field in DESCRIBED if field not in own]
    found = {field for field in others if any(described(row, columns, dialect, field) for row in rows)}
    return frozenset(own | found)


def _colors(rows: Sequence[FoldedRow], columns: Columns, dialect: Dialect) -> dict[int, str]:
    """Row number -> color of the products that have variants."""
    wanted = {row.head for row in rows if not row.is_head}
    return {row.number: described(row, columns, dialect, "color") for row in rows if row.number in wanted}


def _say_undescribed(said: Collection[str], problems: ProblemList) -> None:
    for name in (*DESCRIBED, "dimensions"):
        if name not in said:
            text = f"The sheet has no column for {name}. Add one, or set mapping.{name} in catalog.yaml."
            problems.add("COLUMN_MISSING", text, severity=Severity.WARNING)


def _say_folding(folded: Folded, columns: Columns, problems: ProblemList) -> None:
    variants = sum(row.named_in != row.number for row in folded.rows)
    if variants:
        text = f"Rows without a name: {variants}. Each counts as a variant, and takes its name and what else it leaves blank from its product."
        problems.add("VARIANTS_FOLDED", text, column=columns.header("name"), severity=Severity.INFO)
    if folded.picture_rows:
        text = f"Rows that hold only a picture: {len(folded.picture_rows)}. Each counts as a further view of the product above it."
        problems.add("PICTURE_ROWS", text, severity=Severity.INFO)
    for cell in folded.damaged:
        text = f"The cell shows the spreadsheet error {cell.value} and counts as blank. Correct its formula."
        problems.add(
            "CELL_DAMAGED",
            text,
            row=cell.number,
            sku=cell.sku,
            column=columns.header(cell.field),
            value=cell.value,
            severity=Severity.WARNING,
        )


def _with_skus(rows: Sequence[FoldedRow], columns: Columns, problems: ProblemList) -> list[tuple[FoldedRow, str]]:
    """Rows whose SKU can be used and is the first of its kind; the others are reported."""
    first: dict[str, int] = {}
    kept: list[tuple[FoldedRow, str]] = []
    header = columns.header("sku")
    for row in rows:
        sku = _sku_of(row, columns, problems)
        if not sku:
            continue
        if sku in first:
            text = (
                f"The SKU {sku} stands in row {first[sku]} already, so row {row.number} is left out. "
                "Give every variant its own SKU, or delete one of the rows."
            )
            problems.add("SKU_DUPLICATE", text, row=row.number, sku=sku, column=header, value=sku)
            continue
        first[sku] = row.number
        kept.append((row, sku))
    return kept


def _sku_of(row: FoldedRow, columns: Columns, problems: ProblemList) -> str:
    text, handle = row.get("sku"), row.get("handle")
    header = columns.header("sku")
    if not text and handle and row.is_head:
        text = handle
        message = f"The SKU is blank: the handle {handle} is used. Enter a SKU to keep it stable."
        problems.add("SKU_FROM_HANDLE", message, row=row.number, sku=handle, column=header, severity=Severity.WARNING)
    if not text:
        problems.add("SKU_MISSING", "The row has no SKU, so it is left out. Enter one.", row=row.number, column=header)
        return ""
    try:
        return checked_sku(text)
    except FieldError as exc:
        problems.add(exc.code, str(exc), row=row.number, sku=_printable(text), column=header, value=_printable(text))
        return ""


def _printable(text: str) -> str:
    return re.sub(r"[^\x20-\x7e]", lambda match: match[0] if match[0].isprintable() else "?", text)[:120]
