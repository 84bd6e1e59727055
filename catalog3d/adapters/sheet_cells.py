"""What becomes of a text on its way into a cell: one line, no formula, and read back as it was written."""

from __future__ import annotations

import re

from catalog3d.adapters.sheet_document import FORMULA_MARKS, MAX_CELL_CHARS, cell_text, clean_value

# OWASP, "CSV Injection": where full-width forms are typed, spreadsheet programs run these as well.
_FORMULA_MARKS = (*FORMULA_MARKS, "\uff1d", "\uff0b", "\uff0d", "\uff20")
# ECMA-376 part 1, 22.9.2.19 (ST_Xstring): `_x0041_` in a workbook's text is the letter A.
_LOOKS_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPED_UNDERSCORE = "_x005F_"


def plain_value(text: str) -> str:
    """A value as one line that fits into a cell and that trimming leaves as it is."""
    # Excel counts UTF-16 units; one is left for the apostrophe before what looks like a formula.
    units = clean_value(text).encode("utf-16-le")[: 2 * (MAX_CELL_CHARS - 1)]
    value = units.decode("utf-16-le", "ignore")
    while (trimmed := cell_text(value)) != value:
        value = trimmed
    return value


def harmless(text: str) -> str:
    """Text for a CSV cell that a spreadsheet program would run as a formula, made text by an apostrophe."""
    return f"'{text}" if text.startswith(_FORMULA_MARKS) else text


def as_it_was(text: str) -> str:
    """What `harmless` made this of."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA_MARKS) else text


def workbook_text(text: str) -> str:
    """Text for a workbook's XML, such that no part of it is taken for an escaped character."""
    return _LOOKS_ESCAPED.sub(_ESCAPED_UNDERSCORE, text)


def from_workbook(text: str) -> str:
    """What `workbook_text` made this of; openpyxl itself does so for shared strings only."""
    return text.replace(_ESCAPED_UNDERSCORE, "_")
