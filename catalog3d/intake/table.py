"""A sheet as rows of text, before anything is known about its meaning."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

SheetKind = Literal["csv", "xlsx"]

# Excel's own limit for the text of one cell is 32,767 characters (Microsoft, "Excel specifications and limits").
MAX_CELL_CHARS = 32_000
MAX_ROWS = 200_000
MAX_COLUMNS = 500
# 200,000 rows of a wide shop export (about 50 columns): roughly 1 GB of Python strings, the most a laptop should give.
MAX_CELLS = 10_000_000

# How spreadsheets show a value that they lost (Excel's error values, and the marks of a column that is too narrow).
DAMAGE = r"#(?:REF!|N/A|NAME\?|VALUE!|DIV/0!|NULL!|NUM!|SPILL!|CALC!|ERROR!|#+)"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One data row.

    Attributes:
        number: As a person counts it in the spreadsheet. In a CSV file this is the record, so a cell with line
            breaks inside quotes counts once; blank rows count too.
        cells: As many as the table has headers, trimmed.
        surplus: What stood beyond the last header, if it was not blank.
    """

    number: int
    cells: tuple[str, ...]
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TableNote:
    """Something the reader noticed; `row` 0 = the whole sheet, `column` = index or None."""

    row: int
    column: int | None
    code: str
    message: str
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A whole sheet as text.

    Attributes:
        sheet: Absolute path.
        headers: Trimmed, spelled as the team spells them; "" for a column without one.
        header_row: Row number of the headers: the first row that is not blank, or the one below titles.
        rows: Data rows that are not blank, in order.
        encoding: Of a CSV file, else "".
        delimiter: Of a CSV file, else "".
        worksheet: Name of the worksheet that was read, else "".
        other_worksheets: Visible worksheets that were not read.
        pasted_pictures: The workbook holds pictures that were pasted into it.
    """

    sheet: str
    kind: SheetKind
    headers: tuple[str, ...]
    rows: tuple[Row, ...]
    header_row: int = 1
    encoding: str = ""
    delimiter: str = ""
    worksheet: str = ""
    other_worksheets: tuple[str, ...] = ()
    pasted_pictures: bool = False
    notes: tuple[TableNote, ...] = field(default=())
