"""The file beside a sheet that could not be written: `NAME.results.xlsx|csv`, one row per SKU with our columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

from catalog3d.adapters.sheet_cells import as_it_was, harmless, plain_value, workbook_text
from catalog3d.adapters.sheet_csv import CsvSheet
from catalog3d.adapters.sheet_disk import read_sheet, replace_file
from catalog3d.adapters.sheet_document import SheetDocument
from catalog3d.adapters.sheet_xlsx import XlsxSheet
from catalog3d.errors import RunError
from catalog3d.sheet_columns import OUR_COLUMNS

Values = dict[str, dict[str, str]]
"""SKU -> our column -> text."""
_SKU = "SKU"
_ZIP_MAGIC = b"PK"


def results_path(sheet: Path) -> Path:
    """Where the results of a sheet go that could not be written."""
    is_workbook = sheet.suffix.lower() in (".xlsx", ".xlsm", ".xltx", ".xltm")
    return sheet.with_name(f"{sheet.stem}.results{'.xlsx' if is_workbook else '.csv'}")


def read_results(path: Path) -> Values:
    """What a results file holds; nothing if there is none.

    Raises:
        RunError: SHEET_UNREADABLE or SHEET_CHANGED.
    """
    if not path.exists():
        return {}
    data = read_sheet(path).data
    try:
        document: SheetDocument = XlsxSheet(data, _SKU) if data.startswith(_ZIP_MAGIC) else CsvSheet(data, _SKU)
    except RunError as exc:
        raise RunError(f"{path.name}: {exc.message}", code=exc.code, fix="Restore or delete that file.") from exc
    columns = [column for column in OUR_COLUMNS if document.has(column)]
    return {
        as_it_was(sku): {column: as_it_was(document.value(row, column)) for column in columns}
        for row, sku in document.skus
    }


def write_results_file(path: Path, values: Mapping[str, Mapping[str, str]], *, like: Path) -> None:
    """Write a results file whole.

    Args:
        like: The sheet: who may read the one may read the other.

    Raises:
        RunError: SHEET_NOT_WRITABLE.
    """
    rows = [[_SKU, *OUR_COLUMNS]]
    rows += [
        [ILLEGAL_CHARACTERS_RE.sub("", sku), *(plain_value(found.get(column, "")) for column in OUR_COLUMNS)]
        for sku, found in values.items()
    ]
    data = _workbook(rows) if path.suffix == ".xlsx" else _csv(rows)
    try:
        replace_file(path, data, like=like)
    except OSError as exc:
        raise RunError(
            f"{path} cannot be written: {exc.strerror}.",
            code="SHEET_NOT_WRITABLE",
            fix="Make the sheet's folder writable, then run `catalog3d sync`. The results are safe in the registry.",
        ) from exc


def _workbook(rows: list[list[str]]) -> bytes:
    workbook = Workbook()
    sheet = workbook.active
    sheet.title = "Results"
    for number, row in enumerate(rows, 1):
        for column, text in enumerate(row, 1):
            cell = sheet.cell(number, column, workbook_text(text))
            cell.data_type = "s"  # never a formula, whatever it starts with
            cell.font = Font(bold=number == 1)
    sheet.freeze_panes = "A2"
    target = io.BytesIO()
    workbook.save(target)
    return target.getvalue()


def _csv(rows: list[list[str]]) -> bytes:
    target = io.StringIO()
    csv.writer(target).writerows([[harmless(text) for text in row] for row in rows])
    return target.getvalue().encode("utf-8-sig")
