"""What a sheet of any format offers to write-back: its SKUs, its columns, and a copy with our cells changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

UPDATED_COLUMN = "3D Updated"
HEADER_ROWS = 20
"""The header is looked for in the first rows only: titles and `sep=;` lines may stand above it."""
# Excel specifications and limits: "Total number of characters that a cell can contain: 32,767".
MAX_CELL_CHARS = 32_767
# Text that a spreadsheet program would run as a formula (OWASP "CSV Injection").
FORMULA_MARKS = ("=", "+", "-", "@")

_INVISIBLE = "\ufeff\u200b\u200e\u200f"
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]+")


class SheetDocument(Protocol):
    """One reading of a sheet. Rows are counted from 1, as a person does; headers are those of `header_key`."""

    @property
    def skus(self) -> Sequence[tuple[int, str]]:
        """Row and trimmed SKU of every row below the header that has one."""

    @property
    def lossy(self) -> Sequence[str]:
        """What the sheet holds that a spreadsheet library would drop, in words for people."""

    def has(self, header: str) -> bool: ...

    def value(self, row: int, header: str) -> str:
        """The trimmed text of a cell, "" where there is none."""

    def shown(self, text: str) -> str:
        """The text that `value` will return once `text` was written: what encoding and safety make of it."""

    def render(self, cells: Mapping[int, Mapping[str, str]], new_columns: Sequence[str]) -> bytes:
        """The sheet with these cells set (row -> header -> text) and these columns appended.

        Raises:
            RunError: SHEET_UNSAFE where something else could not be kept.
        """


def cell_text(text: str) -> str:
    """A cell's text as intake trims it."""
    return text.strip().strip(_INVISIBLE).strip()


def header_key(text: str) -> str:
    """A header as it is compared: trimmed, spaces collapsed; case counts."""
    return " ".join(cell_text(text).split())


def find_header(headers: Iterable[str], wanted: str) -> int | None:
    """Index of a header, exact first, then without case."""
    keys = [header_key(header) for header in headers]
    target = header_key(wanted)
    if target in keys:
        return keys.index(target)
    folded = [key.casefold() for key in keys]
    return folded.index(target.casefold()) if target and target.casefold() in folded else None


def clean_value(text: str) -> str:
    """A value as one line that every format can hold: no control characters, no longer than a cell."""
    return " ".join(_UNPRINTABLE.sub(" ", text).split())[:MAX_CELL_CHARS]
