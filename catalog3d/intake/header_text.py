"""What a header's own text says: the word, a unit, the order of sides."""

from __future__ import annotations

import re
import unicodedata

_BRACKETS = re.compile(r"\s*[(\[{][^)\]}]*[)\]}]\s*")
_BRACKET_TEXT = re.compile(r"[(\[{]([^)\]}]*)[)\]}]")
_TRAILING_UNIT = re.compile(
    r"^(?P<base>.*?[^\s_\-])[\s_\-]+(?:in[\s_]+)?(?P<unit>mm|cm|m|in|inch|inches|ft|feet)$", re.IGNORECASE
)
_UNIT_WORDS = {
    "mm": "mm", "cm": "cm", "m": "m", "meter": "m", "metre": "m", "in": "in", "inch": "in", "inches": "in",
    '"': "in", "zoll": "in", "ft": "ft", "feet": "ft", "'": "ft", "centimeter": "cm", "centimetre": "cm",
    "centimeters": "cm", "centimetres": "cm", "millimeter": "mm", "millimetre": "mm",
}  # fmt: skip
_SIDE_ORDER = re.compile(r"(?<![a-z])([lwdhbt])\s*[x*/,\s]\s*([lwdhbt])(?:\s*[x*/,\s]\s*([lwdhbt]))?(?![a-z])")


def normalized(header: str) -> str:
    """A header for matching only: no case, spaces, underscores, hyphens, full stops, byte-order mark or trailing marks.

    >>> normalized(" Product_Name* ") == normalized("product name")
    True
    """
    text = unicodedata.normalize("NFKC", header).replace("\ufeff", "").casefold().strip().rstrip("*:").strip()
    text = text.removeprefix("g:")
    return re.sub(r"[\s_.\-\u2010-\u2015]+", "", text)


def variants_of(header: str) -> tuple[str, ...]:
    """Normalized spellings to try, the fullest first: as it is, without brackets, without a trailing unit."""
    bare = _BRACKETS.sub(" ", header).strip()
    trailing = _TRAILING_UNIT.match(bare)
    forms = [header, bare, *([trailing["base"]] if trailing else [])]
    return tuple(dict.fromkeys(form for form in map(normalized, forms) if form))


def unit_in(header: str) -> str:
    """The unit that a header names, as mm, cm, m, in or ft; "" for none or several.

    >>> unit_in("Width (cm)"), unit_in("width_in"), unit_in("Length (in|cm)")
    ('cm', 'in', '')
    """
    found: set[str | None] = set()
    for inside in _BRACKET_TEXT.findall(header):
        found.update(_UNIT_WORDS.get(word) for word in re.split(r"[\s,;|/]+", inside.casefold()))
    bare = _BRACKETS.sub(" ", header).strip()
    trailing = _TRAILING_UNIT.match(bare)
    if trailing:
        found.add(_UNIT_WORDS[trailing["unit"].casefold()])
    units = {unit for unit in found if unit}
    return units.pop() if len(units) == 1 else ""


def side_order_in(header: str) -> tuple[str, ...]:
    """The order of sides that a header spells out, as letters; empty if it does not.

    >>> side_order_in("Size (L x W x H)")
    ('l', 'w', 'h')
    """
    text = unicodedata.normalize("NFKC", header).casefold().replace("\u00d7", "x")
    compact = re.search(r"(?<![a-z])([lwdhbt])x([lwdhbt])(?:x([lwdhbt]))?(?![a-z])", text)
    match = compact or _SIDE_ORDER.search(text)
    return tuple(letter for letter in match.groups() if letter) if match else ()
