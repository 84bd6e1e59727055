"""An Excel workbook: read with openpyxl, written by changing the bytes of one worksheet part.

openpyxl never saves the team's workbook: even a plain one would come back without the cached results of its formulas.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from openpyxl import load_workbook

from catalog3d.adapters.sheet_document import HEADER_ROWS, cell_text, clean_value, find_header, header_key
from catalog3d.adapters.sheet_workbook import text_of
from catalog3d.adapters.sheet_xlsx_parts import lossy_content, open_parts, read_part, with_part
from catalog3d.adapters.sheet_xlsx_splice import splice_cells
from catalog3d.errors import RunError

# Excel specifications and limits: "Worksheet size: 1,048,576 rows by 16,384 columns".
MAX_COLUMNS = 16_384


class XlsxSheet:
    """One reading of one worksheet; implements `SheetDocument`.

    Args:
        data: The whole file.
        sku_header: The team's own header of the SKU column.
        worksheet: Its name; None = the first visible one with the SKU header.

    Raises:
        RunError: SHEET_UNREADABLE, or SHEET_CHANGED if no such worksheet holds the SKU header.
    """

    def __init__(self, data: bytes, sku_header: str, *, worksheet: str | None = None) -> None:
        self._archive = open_parts(data)
        self.lossy: Sequence[str] = lossy_content(self._archive)
        with _opened(data) as workbook:
            self._part, self._rows, self._header_row, sku_column = _find_table(workbook, sku_header, worksheet)
        self._headers = self._rows[self._header_row - 1]
        self._found: dict[str, int | None] = {}
        self._skus = [
            (number, row[sku_column - 1])
            for number, row in enumerate(self._rows, 1)
            if number > self._header_row and len(row) >= sku_column and row[sku_column - 1]
        ]

    @property
    def skus(self) -> Sequence[tuple[int, str]]:
        return self._skus

    def has(self, header: str) -> bool:
        return self._index(header) is not None

    def value(self, row: int, header: str) -> str:
        index = self._index(header)
        cells = self._rows[row - 1]
        return "" if index is None or index >= len(cells) else cells[index]

    def shown(self, text: str) -> str:
        return clean_value(text)

    def render(self, cells: Mapping[int, Mapping[str, str]], new_columns: Sequence[str]) -> bytes:
        start = self._free_columns(len(new_columns))
        columns = {name: start + offset for offset, name in enumerate(new_columns)}
        edits: dict[int, dict[int, str]] = {}
        if columns:
            edits[self._header_row] = {column: clean_value(name) for name, column in columns.items()}
        for number, values in cells.items():
            for name, text in values.items():
                index = self._index(name)
                column = columns.get(name) or (index + 1 if index is not None else 0)
                if column:
                    edits.setdefault(number, {})[column] = clean_value(text)
        part = splice_cells(read_part(self._archive, self._part), edits, self._header_row)
        return with_part(self._archive, self._part, part)

    def _index(self, header: str) -> int | None:
        if header not in self._found:
            self._found[header] = find_header(self._headers, header)
        return self._found[header]

    def _free_columns(self, count: int) -> int:
        """The first column behind the header from which `count` columns are blank in every row."""
        header = len(self._headers)
        taken = {index for row in self._rows for index in range(header, len(row)) if row[index]}
        start = header
        while not taken.isdisjoint(range(start, start + count)):
            start += 1
        if start + count > MAX_COLUMNS:
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


def _find_table(workbook: Any, sku_header: str, worksheet: str | None) -> tuple[str, list[tuple[str, ...]], int, int]:
    """Part name, texts of all rows, header row and SKU column (both from 1) of the sheet to write."""
    for sheet in workbook.worksheets:
        wanted = sheet.title == worksheet if worksheet else sheet.sheet_state == "visible"
        if not wanted:
            continue
        sheet.reset_dimensions()  # what a file says about its used range is often wrong
        for number, row in enumerate(sheet.iter_rows(max_row=HEADER_ROWS), 1):
            index = find_header(map(_cell_text, row), sku_header)
            if index is not None:
                rows = [tuple(map(_cell_text, row)) for row in sheet.iter_rows()]
                path = sheet._worksheet_path  # noqa: SLF001 - the only place that names the part
                return path, [_trimmed(row) for row in rows], number, index + 1
    where = f"The worksheet {worksheet!r}" if worksheet else "The workbook"
    raise RunError(
        f"{where} has no column {header_key(sku_header)!r} any more.",
        code="SHEET_CHANGED",
        fix="Give the SKU column its name back, then run `catalog3d sync`.",
    )


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
