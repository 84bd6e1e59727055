"""Collects rows of cells under the caps: titles passed over, headers first, blank rows skipped but counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from catalog3d.adapters.sheet_document import HEADER_ROWS
from catalog3d.errors import RunError
from catalog3d.intake.headers import known_headers, looks_like_headers
from catalog3d.intake.table import MAX_CELL_CHARS, MAX_CELLS, MAX_COLUMNS, MAX_ROWS, Row, SheetKind, Table, TableNote

_INVISIBLE = "\ufeff\u200b\u200e\u200f"


class GridBuilder:
    """Takes rows in order and makes the table of them.

    Args:
        shifts: Whether a cell beyond the last header means that the row's cells are shifted. True for text, where a
            separator too many does that; in a workbook such a cell is a remark that belongs to no column.
    """

    def __init__(self, path: Path, *, shifts: bool) -> None:
        self._path = path
        self._shifts = shifts
        self._headers: tuple[str, ...] = ()
        self._header_row = 0
        self._start: list[tuple[int, list[str]]] = []
        self._rows: list[Row] = []
        self._notes: list[TableNote] = []
        self._cells = 0

    def add(self, number: int, cells: Sequence[str]) -> None:
        """Take one row.

        Raises:
            RunError: SHEET_TOO_LARGE.
        """
        trimmed = [_trimmed(cell) if cell else "" for cell in cells]
        while trimmed and not trimmed[-1]:
            trimmed.pop()
        if not trimmed:
            return
        if len(trimmed) > MAX_COLUMNS:
            raise self._too_large(f"more than {MAX_COLUMNS} columns in row {number}")
        if self._header_row:
            self._add_row(number, trimmed)
            return
        self._start.append((number, trimmed))
        if known_headers(self._start[0][1]) or looks_like_headers(trimmed) or number >= HEADER_ROWS:
            self._find_headers()

    def _find_headers(self) -> None:
        """The first row that is not blank; below titles, the one that holds words for SKU and name.

        Not further down than where write-back looks for them.
        """
        place = 0
        if not known_headers(self._start[0][1]):
            found = (
                at for at, (row, cells) in enumerate(self._start) if row < HEADER_ROWS and looks_like_headers(cells)
            )
            place = next(found, 0)
        self._header_row, cells = self._start[place]
        self._headers = tuple(_one_line(cell) for cell in cells)
        if place:
            text = f"The headers stand in row {self._header_row}: the rows above them are not read."
            self._notes.append(TableNote(row=0, column=None, code="TITLE_ROWS", message=text))
        for number, trimmed in self._start[place + 1 :]:
            self._add_row(number, trimmed)

    def _add_row(self, number: int, trimmed: list[str]) -> None:
        self._cells += len(trimmed)
        if len(self._rows) >= MAX_ROWS:
            raise self._too_large(f"more than {MAX_ROWS:,} rows")
        if self._cells > MAX_CELLS:
            raise self._too_large(f"more than {MAX_CELLS:,} cells")
        self._rows.append(self._row(number, trimmed))

    def table(self, *, kind: SheetKind, notes: Sequence[TableNote] = (), **facts: Any) -> Table:
        """The finished table.

        Raises:
            RunError: SHEET_EMPTY where not even headers came.
        """
        if self._start and not self._header_row:
            self._find_headers()
        if not self._header_row:
            raise RunError(
                f"The sheet {self._path.name} is empty.",
                code="SHEET_EMPTY",
                fix="The first row holds the headers, the rows below one product each.",
            )
        return Table(
            sheet=str(self._path),
            kind=kind,
            headers=self._headers,
            header_row=self._header_row,
            rows=tuple(self._rows),
            notes=(*notes, *self._notes),
            **facts,
        )

    def _row(self, number: int, trimmed: list[str]) -> Row:
        for place, cell in enumerate(trimmed):
            if len(cell) > MAX_CELL_CHARS:
                trimmed[place] = cell[:MAX_CELL_CHARS]
                if place < len(self._headers):
                    text = f"The cell has {len(cell)} characters: only the first {MAX_CELL_CHARS:,} were read."
                    self._notes.append(
                        TableNote(row=number, column=place, code="CELL_TOO_LONG", message=text, value=cell[:200])
                    )
        width = len(self._headers)
        padded = tuple(trimmed[:width]) + ("",) * (width - len(trimmed))
        return Row(number=number, cells=padded, surplus=tuple(trimmed[width:]) if self._shifts else ())

    def _too_large(self, what: str) -> RunError:
        return RunError(
            f"The sheet {self._path.name} has {what}.",
            code="SHEET_TOO_LARGE",
            fix="Split it, or leave out what is not needed.",
        )


def _trimmed(cell: str) -> str:
    return cell.replace("\0", "\ufffd").strip().strip(_INVISIBLE).strip()


def _one_line(header: str) -> str:
    return " ".join(header.split()) if len(header) <= MAX_CELL_CHARS else header[:200]
