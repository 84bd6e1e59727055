"""CSV and TSV: encoding and separator are sniffed, records counted as a spreadsheet counts rows."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from charset_normalizer import from_bytes

from catalog3d.adapters.sheet_document import HEADER_ROWS
from catalog3d.adapters.sheet_grid import GridBuilder
from catalog3d.errors import RunError
from catalog3d.intake.headers import known_headers
from catalog3d.intake.table import MAX_COLUMNS, Table, TableNote

_SAMPLE_BYTES = 256 * 1024
_SAMPLE_RECORDS = 50
_DELIMITERS = (",", ";", "\t", "|")
_CHUNK_BYTES = 1024 * 1024
# What spreadsheet programs save without a byte-order mark, by region; anything else is rare enough to be an error.
_OLD_ENCODINGS = ["cp1252", "cp1250", "cp1251", "cp932", "gb18030", "big5", "euc_kr"]
_SEPARATOR_LINE = re.compile(r"sep=(?P<delimiter>[^\r\n\"])\r?\n", re.IGNORECASE)


def read_text_table(path: Path) -> Table:
    """Read a CSV or TSV file.

    The row number is the record's: a quoted cell with line breaks counts once, blank lines count, and Excel's
    `sep=;` line does not, as Excel does not show it.

    Raises:
        RunError: SHEET_UNREADABLE, SHEET_TOO_LARGE, SHEET_EMPTY.
    """
    encoding, guessed = sniff_encoding(path)
    with path.open(encoding=encoding, errors="replace" if guessed else "strict", newline="") as file:
        sample = file.read(_SAMPLE_BYTES)
        separator_line = _SEPARATOR_LINE.match(sample)
        start = separator_line.end() if separator_line else 0
        delimiter = separator_line["delimiter"] if separator_line else sniff_delimiter(sample[start:])
        _refuse_binary(sample, path)
        builder = GridBuilder(path, shifts=True)
        file.seek(0)
        if separator_line:
            file.readline()
        for number, record in _records(file, delimiter, path):
            builder.add(number, record)
    notes = []
    if guessed:
        text = f"The file is not UTF-8 and was read as {encoding}. If letters look wrong, save it as CSV UTF-8."
        notes.append(TableNote(row=0, column=None, code="ENCODING_GUESSED", message=text))
    return builder.table(kind="csv", encoding=encoding, delimiter=delimiter, notes=notes)


def sniff_encoding(path: Path) -> tuple[str, bool]:
    """The encoding, and whether it is a guess. A byte-order mark decides, then whether all bytes are UTF-8."""
    with path.open("rb") as file:
        sample = file.read(_SAMPLE_BYTES)
    if sample.startswith(codecs.BOM_UTF8):
        return ("utf-8-sig", False) if _decodes(path, "utf-8-sig") else ("utf-8-sig", True)
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ("utf-16", False) if _decodes(path, "utf-16") else ("utf-16", True)
    wide = _wide_encoding(sample)
    if wide and _decodes(path, wide):
        return wide, False
    if _decodes(path, "utf-8"):
        return "utf-8", False
    return _old_encoding(sample), True


def sniff_delimiter(sample: str) -> str:
    """The separator that gives known headers, else the most even columns; a comma where nothing speaks."""
    return max(_DELIMITERS, key=lambda delimiter: _score(sample, delimiter))


def _score(sample: str, delimiter: str) -> tuple[int, float, int]:
    try:
        records = list(islice(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter), _SAMPLE_RECORDS))
    except csv.Error:
        return (0, 0.0, 0)
    filled = [record for record in records if any(cell.strip() for cell in record)]
    wide = [record for record in filled if len(record) > 1]
    if not wide:
        return (0, 0.0, 0)
    width, often = Counter(len(record) for record in wide).most_common(1)[0]
    known = max(known_headers(record[:MAX_COLUMNS]) for record in wide[:HEADER_ROWS])
    return (known, often / len(filled), width)


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            while chunk := file.read(_CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _wide_encoding(sample: bytes) -> str:
    """UTF-16 without a mark: nearly every second byte of Latin text is zero."""
    head = sample[:4096]
    if len(head) < 4:
        return ""
    if head[1::2].count(0) > len(head) * 0.3:
        return "utf-16-le"
    return "utf-16-be" if head[0::2].count(0) > len(head) * 0.3 else ""


def _old_encoding(sample: bytes) -> str:
    """Western European where it is as likely as any other."""
    matches = {match.encoding: match for match in from_bytes(sample, cp_isolation=_OLD_ENCODINGS)}
    western = matches.get("cp1252")
    likeliest = min(matches.values(), key=lambda match: (match.chaos, -match.coherence), default=None)
    if likeliest is None or "cp1252" in likeliest.could_be_from_charset:
        return "cp1252"
    if western and (western.chaos, -western.coherence) <= (likeliest.chaos, -likeliest.coherence):
        return "cp1252"
    return likeliest.encoding


def _refuse_binary(sample: str, path: Path) -> None:
    if "\0" in sample:
        raise RunError(
            f"{path.name} is not a table of text.",
            code="SHEET_UNREADABLE",
            fix="Give a CSV, TSV or XLSX file.",
        )


def _records(lines: Iterable[str], delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    number = 0
    try:
        for number, record in enumerate(csv.reader(lines, delimiter=delimiter), start=1):
            yield number, record
    except csv.Error as exc:
        raise RunError(
            f"{path.name} cannot be read after row {number}: {exc}.",
            code="SHEET_UNREADABLE",
            fix="A double quote that is opened there is probably never closed: correct that row.",
        ) from exc
    except UnicodeError as exc:
        raise RunError(
            f"{path.name} changed while it was read, or is damaged.",
            code="SHEET_UNREADABLE",
            fix="Close it in other programs and try again.",
        ) from exc
