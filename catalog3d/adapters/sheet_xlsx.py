"""An Excel workbook: read with openpyxl, written by changing the bytes of one worksheet part.

openpyxl never saves the team's workbook: even a plain one would come back without the cached results of its formulas.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from openpyxl import load_workbook
from openpyxl.cell.read_only import EMPTY_CELL

from catalog3d.adapters.sheet_cells import plain_value
from catalog3d.adapters.sheet_document import HEADER_ROWS, cell_text, find_header, header_key
from catalog3d.adapters.sheet_rows import rows_of_skus
from catalog3d.adapters.sheet_workbook import EXCEL_ROWS, product_sheet, shown_sheets, text_of
from catalog3d.adapters.sheet_xlsx_parts import lossy_content, open_parts, read_part, with_part
from catalog3d.adapters.sheet_xlsx_splice import splice_cells
from catalog3d.errors import RunError
from catalog3d.intake.table import MAX_COLUMNS

SPARE_COLUMNS = 64
"""As far beyond the headers as we look for room. Without a limit, cells at the far right would fill the memory."""


@dataclass(frozen=True, kw_only=True)
class _Table:
    """The worksheet to write: its part, and the texts of its rows; `header_row` counts from 1."""

    part: str
    headers: tuple[str, ...]
    header_row: int
    sku_index: int
    rows: list[tuple[str, ...]]


class XlsxSheet:
    """One reading of one worksheet; implements `SheetDocument`.

    Args:
        data: The whole file.
        sku_header: The team's own header of the SKU column.
        handle_header: That of the handle, which stands in for a blank SKU; "" = there is none.
        worksheet: Its name; None = the one that intake takes if it has the SKU header, else the first that has.

    Raises:
        RunError: SHEET_UNREADABLE, or SHEET_CHANGED if no such worksheet holds the SKU header.
    """

    def __init__(self, data: bytes, sku_header: str, *, handle_header: str = "", worksheet: str | None = None) -> None:
        self._archive = open_parts(data)
        self.lossy: Sequence[str] = lossy_content(self._archive)
        with _opened(data) as workbook:
            self._table = _find_table(workbook, sku_header, worksheet)
        self._found: dict[str, int | None] = {}
        handle = self._index(handle_header)
        self._skus = rows_of_skus(
            (number, _at(row, self._table.sku_index), "" if handle is None else _at(row, handle))
            for number, row in enumerate(self._table.rows, 1)
            if number > self._table.header_row
        )

    @property
    def skus(self) -> Sequence[tuple[int, str]]:
        return self._skus

    def has(self, header: str) -> bool:
        return self._index(header) is not None

    def value(self, row: int, header: str) -> str:
        index = self._index(header)
        return "" if index is None else _at(self._table.rows[row - 1], index)

    def shown(self, text: str) -> str:
        return plain_value(text)

    def render(self, cells: Mapping[int, Mapping[str, str]], new_columns: Sequence[str]) -> bytes:
        start = self._free_columns(len(new_columns))
        columns = {name: start + offset for offset, name in enumerate(new_columns)}
        edits: dict[int, dict[int, str]] = {}
        if columns:
            edits[self._table.header_row] = {column: plain_value(name) for name, column in columns.items()}
        for number, values in cells.items():
            for name, text in values.items():
                index = self._index(name)
                column = columns.get(name) or (index + 1 if index is not None else 0)
                if column:
                    edits.setdefault(number, {})[column] = plain_value(text)
        part = splice_cells(read_part(self._archive, self._table.part), edits, self._table.header_row)
        return with_part(self._archive, self._table.part, part)

    def _index(self, header: str) -> int | None:
        if header not in self._found:
            self._found[header] = find_header(self._table.headers, header)
        return self._found[header]

    def _free_columns(self, count: int) -> int:
        """The first column behind the header from which `count` columns are blank in every row."""
        header = len(self._table.headers)
        taken = {index for row in self._table.rows for index in range(header, len(row)) if row[index]}
        start = header
        while not taken.isdisjoint(range(start, start + count)):
            start += 1
        if start + count > header + SPARE_COLUMNS:
            raise RunError(
                "The worksheet has no room for more columns.",
                code="SHEET_UNSAFE",
                fix="Delete what stands at its far right, then run `catalog3d sync`.",
            )
        return start + 1


@contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    """The workbook, values only; openpyxl's warnings are about saving, which never happens."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            workbook = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            yield workbook
            workbook.close()
        except RunError:
            raise
        except Exception as exc:  # openpyxl raises anything on a damaged workbook
            raise _unreadable() from exc


def _find_table(workbook: Any, sku_header: str, worksheet: str | None) -> _Table:
    for sheet in _candidates(workbook, worksheet):
        for number, row in enumerate(_texts(sheet, HEADER_ROWS, MAX_COLUMNS), 1):
            index = find_header(row, sku_header)
            if index is not None:
                return _Table(
                    part=sheet._worksheet_path,  # noqa: SLF001 - the only place that names it
                    headers=row,
                    header_row=number,
                    sku_index=index,
                    rows=list(_texts(sheet, EXCEL_ROWS, len(row) + SPARE_COLUMNS)),
                )
    where = f"The worksheet {worksheet!r}" if worksheet else "The workbook"
    raise RunError(
        f"{where} has no column {header_key(sku_header)!r} any more.",
        code="SHEET_CHANGED",
        fix="Give the SKU column its name back, then run `catalog3d sync`.",
    )


def _candidates(workbook: Any, worksheet: str | None) -> list[Any]:
    """The worksheets to look at, the likeliest first."""
    if worksheet is not None:
        return [sheet for sheet in workbook.worksheets if sheet.title == worksheet]
    sheets = shown_sheets(workbook)
    first = product_sheet(sheets)
    return [first, *(sheet for sheet in sheets if sheet is not first)]


def _texts(sheet: Any, last_row: int, last_column: int) -> Iterator[tuple[str, ...]]:
    """The texts of each row, without the blank cells at its end."""
    before: object = None
    texts: tuple[str, ...] = ()
    # The limits are ours: what a file says about its used range is often wrong.
    for row in sheet.iter_rows(max_row=last_row, max_col=last_column):
        if row is not before:  # rows that the file leaves out, perhaps a million, come as one and the same
            before, texts = row, _trimmed(tuple("" if cell is EMPTY_CELL else _cell_text(cell) for cell in row))
        yield texts


def _at(row: tuple[str, ...], index: int) -> str:
    return row[index] if index < len(row) else ""


def _cell_text(cell: Any) -> str:
    return "" if cell.value is None else cell_text(text_of(cell.value, cell.number_format or "General"))


def _trimmed(row: tuple[str, ...]) -> tuple[str, ...]:
    """The row without the blank cells at its end."""
    end = len(row)
    while end and not row[end - 1]:
        end -= 1
    return row[:end]


def _unreadable() -> RunError:
    return RunError(
        "The workbook is damaged.",
        code="SHEET_UNREADABLE",
        fix="Open it in your spreadsheet program and save it again.",
    )
