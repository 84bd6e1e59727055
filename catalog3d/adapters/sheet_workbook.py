"""XLSX: the first visible worksheet that holds anything, every cell as the text a person sees."""

from __future__ import annotations

import datetime as dt
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl

from catalog3d.adapters.sheet_cells import from_workbook
from catalog3d.adapters.sheet_document import HEADER_ROWS
from catalog3d.adapters.sheet_grid import GridBuilder
from catalog3d.errors import Catalog3DError, RunError
from catalog3d.intake.headers import known_headers, looks_like_headers
from catalog3d.intake.table import MAX_COLUMNS, Table

# 200,000 rows of 50 short cells are about 400 MB of XML; what unpacks to more is a bomb or a database.
MAX_UNZIPPED_BYTES = 500 * 1024 * 1024
_MAX_PARTS = 10_000
# Excel's own limit ("Excel specifications and limits"): a row number beyond it is not a sheet's.
EXCEL_ROWS = 1_048_576
# Excel keeps 15 significant digits of a number; longer ones have lost the rest.
_EXACT_DIGITS = 15

_FOREIGN = {
    "content.xml": "an OpenDocument spreadsheet (.ods)",
    "Index/Document.iwa": "a Numbers document",
    "Index.zip": "a Numbers document",
    "xl/workbook.bin": "a binary workbook (.xlsb)",
    "word/document.xml": "a Word document",
    "ppt/presentation.xml": "a PowerPoint document",
}


def read_workbook(path: Path) -> Table:
    """Read an XLSX file.

    Raises:
        RunError: SHEET_UNREADABLE, SHEET_FORMAT_UNKNOWN, SHEET_TOO_LARGE, SHEET_EMPTY.
    """
    try:
        pasted = _check_archive(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns of extensions that it leaves out; we only read values
            return _read(path, pasted_pictures=pasted)
    except (Catalog3DError, OSError):
        raise
    except Exception as exc:  # openpyxl and its parsers raise anything on a damaged workbook
        raise RunError(
            f"The workbook {path.name} is damaged: {type(exc).__name__}.",
            code="SHEET_UNREADABLE",
            fix="Open it in Excel or LibreOffice and save it again as .xlsx.",
        ) from exc


def _check_archive(path: Path) -> bool:
    """Refuse what is no workbook or unpacks to too much; returns whether it holds pasted pictures."""
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    names = {part.filename for part in parts}
    for part, kind in _FOREIGN.items():
        if part in names:
            raise RunError(
                f"{path.name} is {kind}, which is not read.",
                code="SHEET_FORMAT_UNKNOWN",
                fix="Open it in its program and save it as .xlsx or .csv.",
            )
    if not any(name.startswith("xl/") for name in names):
        raise RunError(
            f"{path.name} is an archive without a workbook in it.",
            code="SHEET_FORMAT_UNKNOWN",
            fix="Give the sheet itself: a CSV, TSV or XLSX file.",
        )
    unpacked = sum(part.file_size for part in parts if not part.filename.startswith("xl/media/"))
    if unpacked > MAX_UNZIPPED_BYTES or len(parts) > _MAX_PARTS:
        raise RunError(
            f"The workbook {path.name} unpacks to {unpacked // 1_000_000} MB in {len(parts)} parts, which is too much.",
            code="SHEET_TOO_LARGE",
            fix="Copy the product rows into a new workbook.",
        )
    return any(name.startswith("xl/media/") for name in names)


def _read(path: Path, *, pasted_pictures: bool) -> Table:
    book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    try:
        sheets = shown_sheets(book)
        sheet = product_sheet(sheets)
        builder = GridBuilder(path, shifts=False)
        for number, texts in _rows(sheet, EXCEL_ROWS):
            builder.add(number, texts)
        others = tuple(str(other.title) for other in sheets if other is not sheet)
        return builder.table(
            kind="xlsx", worksheet=str(sheet.title), other_worksheets=others, pasted_pictures=pasted_pictures
        )
    finally:
        book.close()


def shown_sheets(book: Any) -> list[Any]:
    """The visible worksheets of a workbook; all where none is."""
    return [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"] or list(book.worksheets)


def product_sheet(sheets: list[Any]) -> Any:
    """The first worksheet that begins with headers we know, else the first with such below a title, else one with contents."""
    starts = [(sheet, [texts for _, texts in _rows(sheet, HEADER_ROWS) if any(texts)]) for sheet in sheets]
    known = (sheet for sheet, rows in starts if rows and known_headers(rows[0]) >= 2)
    titled = (sheet for sheet, rows in starts if any(looks_like_headers(texts) for texts in rows))
    filled = (sheet for sheet, rows in starts if rows)
    return next(known, None) or next(titled, None) or next(filled, None) or sheets[0]


def _rows(sheet: Any, last: int) -> Iterator[tuple[int, list[str]]]:
    # Limits keep a false row or column number from running through a billion blank cells.
    rows = sheet.iter_rows(min_row=1, max_row=last, min_col=1, max_col=MAX_COLUMNS + 1)
    for number, row in enumerate(rows, start=1):
        yield (
            number,
            ["" if cell.value is None else text_of(cell.value, cell.number_format or "General") for cell in row],
        )


def text_of(value: Any, number_format: str) -> str:
    """A cell's value as text: whole numbers without `.0`, leading zeros of formats such as 00000, ISO dates."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, (int, float)):
        return _number_text(value, number_format)
    return from_workbook(str(value))


def _number_text(value: float, number_format: str) -> str:
    zeros = re.fullmatch(r"0{2,}", number_format)
    if float(value).is_integer() and abs(value) < 10**_EXACT_DIGITS:
        digits = str(int(value))
        return digits.zfill(len(number_format)) if zeros else digits
    return format(float(value), f".{_EXACT_DIGITS}G")
