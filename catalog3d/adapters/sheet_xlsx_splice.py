"""Cells set in a worksheet's XML by splicing bytes: all that is not the cell stays as it came.

expat only tells where rows and cells begin and end (ECMA-376 part 1, 18.3.1: worksheet / sheetData / row / c).
Our cells are inline strings, so the shared strings stay untouched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from xml.parsers import expat
from xml.sax.saxutils import escape

from openpyxl.utils.cell import column_index_from_string, coordinate_from_string, get_column_letter, range_boundaries
from openpyxl.utils.exceptions import CellCoordinatesException

from catalog3d.adapters.sheet_cells import workbook_text
from catalog3d.errors import RunError

_TAG = re.compile(rb"<[^\s/>]+(?:\s+[^\s=]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*\s*(/?)>")
_SPANS = re.compile(rb"\s+spans\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_REF = re.compile(rb"(\sref\s*=\s*)(\"[^\"]*\"|'[^']*')")
_MAX_DEPTH = 64
Edit = tuple[int, int, bytes]


@dataclass(slots=True)
class _Cell:
    column: int
    style: str
    start: int
    end: int = 0
    formula: bool = False


@dataclass(slots=True)
class _Row:
    """Byte offsets: `start` of the tag, `inside` after it, `end` of the content (of the tag if it is empty)."""

    number: int
    prefix: str
    style: str
    start: int
    inside: int
    empty: bool
    end: int = 0
    cells: list[_Cell] = field(default_factory=list)


def splice_cells(xml: bytes, edits: Mapping[int, Mapping[int, str]], header_row: int) -> bytes:
    """The worksheet part with these texts set (row -> column -> text, both from 1); "" empties a cell.

    New cells of the header row take the style of the last header.

    Raises:
        RunError: SHEET_UNSAFE if a cell holds a formula or the result of one, is part of a merged range, or the XML
            is not as expected.
    """
    scan = _Scan(xml, frozenset(edits))
    lost = edits.keys() - scan.rows.keys()
    if lost:
        raise _unsafe(f"row {min(lost)} is not where it was read")
    scan.refuse_ranges(edits)
    replacements = [
        edit for number, cells in edits.items() for edit in _row_edits(xml, scan.rows[number], cells, header_row)
    ]
    widest = max((column for cells in edits.values() for column in cells), default=0)
    replacements += scan.dimension_edit(widest)
    return _replaced(xml, replacements)


class _Scan:
    """Where the wanted rows, their cells, the dimension and the merged ranges are."""

    def __init__(self, xml: bytes, wanted: frozenset[int]) -> None:
        self.rows: dict[int, _Row] = {}
        self._ranges: list[tuple[tuple[int, int, int, int], str]] = []
        self._dimension: tuple[int, int, tuple[int, int, int, int]] | None = None
        self._xml = xml
        self._wanted = wanted
        self._path: list[str] = []
        self._row: _Row | None = None
        self._last_row = 0
        self._last_column = 0
        self._parse()

    def refuse_ranges(self, edits: Mapping[int, Mapping[int, str]]) -> None:
        columns = {column for cells in edits.values() for column in cells}
        for (left, top, right, bottom), what in self._ranges:
            if not any(left <= column <= right for column in columns):
                continue
            for number in (number for number in edits if top <= number <= bottom):
                if any(left <= column <= right and (number, column) != (top, left) for column in edits[number]):
                    raise _unsafe(f"one of our cells in row {number} is part of {what}")

    def dimension_edit(self, widest: int) -> list[Edit]:
        """The used range, widened: some readers look no further than it says."""
        if self._dimension is None:
            return []
        start, end, (left, top, right, bottom) = self._dimension
        if right >= widest:
            return []
        new = f'"{get_column_letter(left)}{top}:{get_column_letter(widest)}{bottom}"'.encode()
        return [(start, end, _REF.sub(lambda match: match[1] + new, self._xml[start:end], count=1))]

    def _parse(self) -> None:
        parser = expat.ParserCreate()
        parser.StartElementHandler = lambda name, attributes: self._start(parser.CurrentByteIndex, name, attributes)
        parser.EndElementHandler = lambda _name: self._end(parser.CurrentByteIndex)
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        try:
            self._xml.decode("utf-8")  # offsets are those of the bytes only in UTF-8
            parser.Parse(self._xml, True)
        except (expat.ExpatError, ValueError, CellCoordinatesException) as exc:
            raise _unsafe("its XML is not as expected") from exc

    def _refuse_doctype(self, *_: object) -> None:
        raise _unsafe("its XML is not as expected")

    def _start(self, at: int, name: str, attributes: dict[str, str]) -> None:
        prefix, _, local = name.rpartition(":")
        self._path.append(local)
        if len(self._path) > _MAX_DEPTH:
            raise _unsafe("its XML is not as expected")
        path = self._path[1:]
        if path == ["sheetData", "row"]:
            self._start_row(at, prefix, attributes)
        elif path == ["sheetData", "row", "c"]:
            self._start_cell(at, attributes)
        elif path == ["sheetData", "row", "c", "f"]:
            self._start_formula(attributes)
        elif path == ["mergeCells", "mergeCell"]:
            self._ranges.append((_boundaries(attributes), "merged cells"))
        elif path == ["dimension"]:
            self._dimension = (at, self._tag(at).end(), _boundaries(attributes))

    def _start_row(self, at: int, prefix: str, attributes: dict[str, str]) -> None:
        number = int(attributes.get("r") or self._last_row + 1)
        if number <= self._last_row:  # then readers would not agree on which row is which
            raise _unsafe(f"its rows are out of order at row {number}")
        self._last_row = number
        self._last_column = 0
        self._row = None
        if self._last_row in self._wanted:
            tag = self._tag(at)
            style = attributes.get("s", "") if attributes.get("customFormat") in ("1", "true") else ""
            self._row = _Row(self._last_row, prefix, style, at, tag.end(), bool(tag[1]), end=tag.end())
            self.rows[self._last_row] = self._row

    def _start_cell(self, at: int, attributes: dict[str, str]) -> None:
        if self._row is None:
            return
        reference = attributes.get("r")
        letters = coordinate_from_string(reference)[0] if reference else ""
        self._last_column = column_index_from_string(letters) if letters else self._last_column + 1
        cell = _Cell(self._last_column, attributes.get("s", ""), at)
        tag = self._tag(at)
        cell.end = tag.end() if tag[1] else 0
        self._row.cells.append(cell)

    def _start_formula(self, attributes: dict[str, str]) -> None:
        if self._row:
            self._row.cells[-1].formula = True
        if attributes.get("t") in ("array", "dataTable") and "ref" in attributes:
            self._ranges.append((_boundaries(attributes), "the cells that one formula fills"))

    def _end(self, at: int) -> None:
        path, self._path = self._path[1:], self._path[:-1]
        if self._row is None:
            return
        if path == ["sheetData", "row", "c"] and not self._row.cells[-1].end:
            self._row.cells[-1].end = self._xml.index(b">", at) + 1
        elif path == ["sheetData", "row"]:
            self._row.end = self._row.end if self._row.empty else at
            self._row = None

    def _tag(self, at: int) -> re.Match[bytes]:
        match = _TAG.match(self._xml, at)
        if match is None:
            raise _unsafe("its XML is not as expected")
        return match


def _boundaries(attributes: Mapping[str, str]) -> tuple[int, int, int, int]:
    left, top, right, bottom = range_boundaries(attributes.get("ref", ""))
    if None in (left, top, right, bottom):
        raise ValueError
    return left, top, right, bottom


def _row_edits(xml: bytes, row: _Row, cells: Mapping[int, str], header_row: int) -> Iterator[Edit]:
    existing = {cell.column: cell for cell in row.cells}
    if len(existing) != len(row.cells) or any(a.column > b.column for a, b in pairwise(row.cells)):
        raise _unsafe(f"the cells of row {row.number} are out of order")
    style = row.cells[-1].style if row.number == header_row and row.cells else row.style
    added: dict[int, bytes] = {}
    for column, text in sorted(cells.items()):
        cell = existing.get(column)
        if cell is None:
            at = next((later.start for later in row.cells if later.column > column), row.end)
            added[at] = added.get(at, b"") + _cell_xml(row, column, style, text)
        elif cell.formula:
            raise _unsafe(f"cell {get_column_letter(column)}{row.number}, one of ours, holds a formula")
        else:
            yield cell.start, cell.end, _cell_xml(row, column, cell.style, text)
    if not added:
        return
    # `spans` says how far a row reaches; it is optional, and wrong once we add to the row.
    tag = _SPANS.sub(b"", xml[row.start : row.inside])
    if row.empty:
        name = f"{row.prefix}:row" if row.prefix else "row"
        tag = tag[: tag.rindex(b"/")].rstrip() + b">" + b"".join(added.values()) + f"</{name}>".encode()
        added = {}
    yield row.start, row.inside, tag
    yield from ((at, at, content) for at, content in added.items())


def _cell_xml(row: _Row, column: int, style: str, text: str) -> bytes:
    prefix = f"{row.prefix}:" if row.prefix else ""
    attributes = f'r="{get_column_letter(column)}{row.number}"' + (f' s="{style}"' if style.isdigit() else "")
    if not text:
        return f"<{prefix}c {attributes}/>".encode()
    inner = f'<{prefix}is><{prefix}t xml:space="preserve">{escape(workbook_text(text))}</{prefix}t></{prefix}is>'
    return f'<{prefix}c {attributes} t="inlineStr">{inner}</{prefix}c>'.encode()


def _replaced(xml: bytes, edits: list[Edit]) -> bytes:
    pieces: list[bytes] = []
    position = 0
    for start, end, content in sorted(edits, key=lambda edit: edit[:2]):
        pieces += (xml[position:start], content)
        position = end
    pieces.append(xml[position:])
    return b"".join(pieces)


def _unsafe(what: str) -> RunError:
    return RunError(
        f"The worksheet cannot be changed safely: {what}.",
        code="SHEET_UNSAFE",
        fix="Save it again in your spreadsheet program, then run `catalog3d sync`.",
    )
