"""A CSV or TSV sheet as raw spans of its text: what is not ours stays byte for byte.

The file is never parsed and written anew. Its records are tokenised as Python's csv module reads them (a quote
opens a cell only at the cell's very start, text after the closing quote belongs to the cell), the spans of our cells
are replaced, and new cells are put before a record's own line ending.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from anyascii import anyascii

from catalog3d.adapters.sheet_cells import harmless, plain_value
from catalog3d.adapters.sheet_document import HEADER_ROWS, cell_text, find_header, header_key
from catalog3d.adapters.sheet_rows import rows_of_skus
from catalog3d.errors import RunError
from catalog3d.intake.table import MAX_CELLS

DELIMITERS = (",", ";", "\t", "|")
MAX_EXTRA_CELLS = 100
"""How far rows may reach beyond the header; further is a broken file, and padding every row would blow it up."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NEWLINE = re.compile(r"\r\n|\r|\n")
# The line by which Excel names the delimiter; intake takes any character there.
_SEPARATOR_LINE = re.compile(r"sep=(?P<delimiter>[^\r\n\"])\r?\n", re.IGNORECASE)
_QUOTED = re.compile(r'"((?:[^"]++|"")*+)"?(.*)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Record:
    """Spans of one record's cells, without delimiters and line ending."""

    cells: tuple[tuple[int, int], ...]
    closed: bool = True


class CsvSheet:
    """One reading of a delimited text file; implements `SheetDocument`.

    Args:
        data: The whole file.
        sku_header: The team's own header of the SKU column.
        handle_header: That of the handle, which stands in for a blank SKU; "" = there is none.
        encoding: As intake found it; None = by BOM, then UTF-8, then Windows-1252.
        delimiter: As intake found it; None = the one under which the SKU header is a cell.

    Raises:
        RunError: SHEET_CHANGED if no row holds the SKU header; SHEET_TOO_LARGE.
    """

    lossy: Sequence[str] = ()

    def __init__(
        self,
        data: bytes,
        sku_header: str,
        *,
        handle_header: str = "",
        encoding: str | None = None,
        delimiter: str | None = None,
    ) -> None:
        self._bom, self._codec, self._errors, self._text = _decode(data, encoding)
        self._delimiter, self._header_index, sku_index = self._find_layout(sku_header, delimiter)
        self._records = list(_tokenise(self._text, self._delimiter))
        header = self._records[self._header_index]
        self._headers = [self._cell(header, index) for index in range(len(header.cells))]
        self._found: dict[str, int | None] = {}
        handle = self._index(handle_header)
        self._skus = rows_of_skus(
            (number, self._cell(record, sku_index), "" if handle is None else self._cell(record, handle))
            for number, record in enumerate(self._records[self._header_index + 1 :], self._header_index + 2)
        )

    @property
    def skus(self) -> Sequence[tuple[int, str]]:
        return self._skus

    def has(self, header: str) -> bool:
        return self._index(header) is not None

    def value(self, row: int, header: str) -> str:
        index = self._index(header)
        return "" if index is None else self._cell(self._records[row - 1], index)

    def shown(self, text: str) -> str:
        # Last, because a letter that the encoding lacks may be replaced by an equals sign.
        return harmless(self._holdable(plain_value(text)))

    def render(self, cells: Mapping[int, Mapping[str, str]], new_columns: Sequence[str]) -> bytes:
        self._refuse_unclosed_quote()
        header = self._records[self._header_index]
        start = self._first_free_column() if new_columns else len(header.cells)
        columns = {name: start + offset for offset, name in enumerate(new_columns)}
        pieces: list[str] = []
        position = 0
        for number, record in enumerate(self._records, 1):
            changes = self._changes(number, record, cells.get(number, {}), columns, start)
            for begin, end, text in self._edits(record, changes):
                pieces += (self._text[position:begin], text)
                position = end
        pieces.append(self._text[position:])
        return self._bom + "".join(pieces).encode(self._codec, self._errors)

    def _changes(
        self, number: int, record: _Record, values: Mapping[str, str], columns: Mapping[str, int], start: int
    ) -> dict[int, str]:
        """Cell index -> raw text of the cells that change in one record."""
        header = self._records[self._header_index]
        if number == self._header_index + 1:
            return {index: self._raw(name) for name, index in columns.items()}
        changes = {}
        # A row as wide as the header stays as wide as the header: strict importers ask for it.
        rectangular = start == len(header.cells) == len(record.cells) and any(b < e for b, e in record.cells)
        if rectangular and number > self._header_index:
            changes = dict.fromkeys(columns.values(), "")
        for name, text in values.items():
            index = columns.get(name, self._index(name))
            if index is not None:
                changes[index] = self._raw(text)
        return changes

    def _edits(self, record: _Record, changes: Mapping[int, str]) -> Iterator[tuple[int, int, str]]:
        """Replacements (start, end, text) in one record, in order of position."""
        width = len(record.cells)
        for index in sorted(index for index in changes if index < width):
            yield (*record.cells[index], changes[index])
        added = [changes.get(index, "") for index in range(width, max(changes, default=-1) + 1)]
        if added:
            end = record.cells[-1][1]
            yield end, end, "".join(self._delimiter + text for text in added)

    def _first_free_column(self) -> int:
        """Where our columns may begin: beyond the header and beyond every cell of every row."""
        header = len(self._records[self._header_index].cells)
        widest, row = max((len(record.cells), -number) for number, record in enumerate(self._records, 1))
        if widest - header > MAX_EXTRA_CELLS:
            raise RunError(
                f"Row {-row} has {widest - header} more cells than the header.",
                code="SHEET_UNSAFE",
                fix="Correct that row (usually a quotation mark is missing).",
            )
        return max(header, widest)

    def _refuse_unclosed_quote(self) -> None:
        for number, record in enumerate(self._records, 1):
            if not record.closed:
                raise RunError(
                    f"A quotation mark that opens in row {number} is never closed.",
                    code="SHEET_UNSAFE",
                    fix="Correct that row, then run `catalog3d sync`.",
                )

    def _find_layout(self, sku_header: str, delimiter: str | None) -> tuple[str, int, int]:
        """Delimiter, index of the header record, index of the SKU column."""
        best: tuple[int, str, int, int] | None = None
        line = _SEPARATOR_LINE.match(self._text)
        named = delimiter or (line["delimiter"] if line else "")
        for candidate in (named,) if named else DELIMITERS:
            for index, record in enumerate(islice(_tokenise(self._text, candidate), HEADER_ROWS)):
                headers = [self._cell(record, cell) for cell in range(len(record.cells))]
                sku_index = find_header(headers, sku_header)
                if sku_index is not None:
                    if best is None or len(headers) > best[0]:
                        best = (len(headers), candidate, index, sku_index)
                    break
        if best is None:
            raise RunError(
                f"The sheet has no column {header_key(sku_header)!r} any more.",
                code="SHEET_CHANGED",
                fix="Give the SKU column its name back, then run `catalog3d sync`.",
            )
        return best[1:]

    def _index(self, header: str) -> int | None:
        if header not in self._found:
            self._found[header] = find_header(self._headers, header)
        return self._found[header]

    def _cell(self, record: _Record, index: int) -> str:
        if index >= len(record.cells):
            return ""
        begin, end = record.cells[index]
        return cell_text(_unquoted(self._text[begin:end]))

    def _raw(self, text: str) -> str:
        value = self.shown(text)
        if any(mark in value for mark in (self._delimiter, '"')):
            return '"' + value.replace('"', '""') + '"'
        return value

    def _holdable(self, text: str) -> str:
        try:
            text.encode(self._codec)
        except UnicodeEncodeError:
            return plain_value("".join(map(self._transliterated, text)))
        return text

    def _transliterated(self, character: str) -> str:
        try:
            character.encode(self._codec)
        except UnicodeEncodeError:
            return anyascii(character)
        return character


def _decode(data: bytes, encoding: str | None) -> tuple[bytes, str, str, str]:
    """BOM, codec, error handler and text, such that bom + text.encode(codec, errors) is `data` again."""
    for bom, codec in _BOMS:
        if data.startswith(bom):
            errors = "surrogateescape" if codec == "utf-8" else "surrogatepass"
            text = _round_trip(data[len(bom) :], codec, errors)
            return (
                (bom, codec, errors, text) if text is not None else (b"", "latin-1", "strict", data.decode("latin-1"))
            )
    for codec in (*((encoding,) if encoding else ()), "utf-8", "cp1252"):
        text = _round_trip(data, codec, "strict")
        if text is not None:
            return b"", codec, "strict", text
    return b"", "latin-1", "strict", data.decode("latin-1")


def _round_trip(data: bytes, codec: str, errors: str) -> str | None:
    """The text, or None where this codec could not give the very bytes back."""
    try:
        text = data.decode(codec, errors)
        return text if text.encode(codec, errors) == data else None
    except (UnicodeError, LookupError):
        return None


def _tokenise(text: str, delimiter: str) -> Iterator[_Record]:
    """The records of a text; a final line ending opens no further record.

    Raises:
        RunError: SHEET_TOO_LARGE.
    """
    mark = re.escape(delimiter)
    plain = re.compile(f"[^{mark}\r\n]*+")
    # Possessive: a doubled quote may never be taken for a closing one by backtracking.
    quoted = re.compile(f'"(?:[^"]++|"")*+"[^{mark}\r\n]*+')
    position, size, left = 0, len(text), MAX_CELLS
    while position < size:
        cells: list[tuple[int, int]] = []
        while True:
            is_quoted = text.startswith('"', position)
            match = (quoted if is_quoted else plain).match(text, position)
            if match is None:
                cells.append((position, size))
                yield _Record(tuple(cells), closed=False)
                return
            cells.append(match.span())
            if len(cells) > left:
                raise _too_large()
            position = match.end()
            if not text.startswith(delimiter, position):
                break
            position += len(delimiter)
        left -= len(cells)
        yield _Record(tuple(cells))
        newline = _NEWLINE.match(text, position)
        position = newline.end() if newline else position


def _unquoted(raw: str) -> str:
    match = _QUOTED.match(raw)
    return match[1].replace('""', '"') + match[2] if match else raw


def _too_large() -> RunError:
    return RunError(
        f"The sheet has more than {MAX_CELLS:,} cells.",
        code="SHEET_TOO_LARGE",
        fix="Split it, or leave out columns that are not needed.",
    )
