"""Free text about sizes as tokens: numbers with their unit, labels, separators."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

UNIT_M = {"mm": 0.001, "cm": 0.01, "m": 1.0, "in": 0.0254, "ft": 0.3048}

_UNITS = {
    "mm": "mm", "millimeter": "mm", "millimeters": "mm", "millimetre": "mm", "millimetres": "mm",
    "cm": "cm", "cms": "cm", "centimeter": "cm", "centimeters": "cm", "centimetre": "cm", "centimetres": "cm",
    "m": "m", "meter": "m", "meters": "m", "metre": "m", "metres": "m",
    "in": "in", "ins": "in", "inch": "in", "inches": "in", '"': "in", "zoll": "in", "pouces": "in",
    "ft": "ft", "foot": "ft", "feet": "ft", "'": "ft",
}  # fmt: skip

# l, w, d, h are sides; o is a diameter. B and T are German (Breite, Tiefe), as are the words after them.
LABELS = {
    "w": "w", "width": "w", "wide": "w", "b": "w", "breite": "w", "breit": "w", "largeur": "w",
    "d": "d", "depth": "d", "deep": "d", "t": "d", "tiefe": "d", "tief": "d", "profondeur": "d",
    "h": "h", "height": "h", "high": "h", "tall": "h", "höhe": "h", "hoehe": "h", "hoch": "h", "hauteur": "h",
    "l": "l", "length": "l", "long": "l", "länge": "l", "laenge": "l", "lang": "l", "longueur": "l",
    "ø": "o", "⌀": "o", "dia": "o", "diam": "o", "diameter": "o", "durchmesser": "o", "diamètre": "o",
}  # fmt: skip

_SEPARATORS = frozenset({"x", "*", "/", ";", ",", "by", "and", "und", "et", "|", "(", ")", "[", "]"})
_FILLERS = frozenset({"ca", "circa", "approx", "approximately", "about", "environ", "~", ":", "=", "."})
# Signs that word processors put for x, the inch mark, the foot mark and the fraction slash.
_PLAIN_CHARS = str.maketrans("\u00d7\u2715\u2033\u201d\u201c\u2032\u2019\u2044", 'xx"""\'\'/')
_NUMBER = r"\d{1,7}(?:[.,]\d{1,7})*"
_TOKEN = re.compile(
    rf"(?P<mixed>\d{{1,4}}[ -]\d{{1,3}}/\d{{1,3}}|\d{{1,3}}/\d{{1,3}}(?=\s*(?:\"|in)))|(?P<number>{_NUMBER})"
    r"|(?P<word>[^\W\d_]+)|(?P<mark>\S)"
)


class UnreadableSizeError(ValueError):
    """The text holds something that is no size; the message says what."""


@dataclass(frozen=True)
class Token:
    kind: Literal["number", "unit", "label", "separator"]
    text: str


def tokens_of(text: str) -> list[Token]:
    """Split a text into tokens; words such as "ca." are dropped.

    Raises:
        UnreadableSizeError: A word or mark that is not part of a size.
    """
    # NFKC would turn a half into "1" + fraction slash + "2" without the space that keeps it from the whole number.
    spaced = re.sub(r"([\u00bc-\u00be\u2150-\u215e])", r" \1", text)
    plain = unicodedata.normalize("NFKC", spaced).translate(_PLAIN_CHARS).replace("''", '"').casefold()
    plain = " ".join(plain.split())
    found: list[Token] = []
    for match in _TOKEN.finditer(plain):
        piece = match[0]
        if match["mixed"] or match["number"]:
            found.append(Token("number", piece))
        elif match["word"] and piece not in _UNITS and piece not in LABELS and piece not in _SEPARATORS:
            found.extend(_split_word(piece))
        elif piece not in _FILLERS:
            found.append(_word(piece))
    return _feet_and_inches(found)


def _word(piece: str) -> Token:
    if piece in _UNITS:
        return Token("unit", _UNITS[piece])
    if piece in LABELS:
        return Token("label", LABELS[piece])
    if piece in _SEPARATORS:
        return Token("separator", piece)
    raise UnreadableSizeError(f"{piece!r} is not part of a size")


def _split_word(word: str) -> list[Token]:
    """Letters written together: `cmx`, `xh`, `lxwxh`; fillers vanish."""
    if word in _FILLERS:
        return []
    parts = re.fullmatch(r"(cm|mm|in|ft|m|[lwdhbt])?((?:x(?:cm|mm|in|ft|[lwdhbt])?)+)", word)
    if parts is None:
        raise UnreadableSizeError(f"{word!r} is not part of a size")
    return [_word(piece) for piece in re.findall(r"cm|mm|in|ft|x|[a-z]", word)]


def _feet_and_inches(tokens: list[Token]) -> list[Token]:
    """`4' 6"` becomes one number in inches."""
    joined: list[Token] = []
    position = 0
    while position < len(tokens):
        four = tokens[position : position + 4]
        if [token.kind for token in four] == ["number", "unit", "number", "unit"] and (
            four[1].text == "ft" and four[3].text == "in"
        ):
            inches = number_of(four[0].text, "ft")[0] * 12 + number_of(four[2].text, "in")[0]
            joined += [Token("number", f"{inches:.4f}".rstrip("0").rstrip(".")), four[3]]
            position += 4
        else:
            joined.append(tokens[position])
            position += 1
    return joined


# A comma or dot before exactly three digits may separate thousands. Between 5 mm and 10 m lie the sizes of goods that
# are sold by SKU; only where one of the two readings lies in it is that one used, and then it is said.
_PLAUSIBLE_M = (0.005, 10.0)


def number_of(text: str, unit: str) -> tuple[float, bool]:
    """The number, and whether it had to be guessed what its comma or dot means.

    Raises:
        UnreadableSizeError: Both readings are possible, or it is no number.
    """
    if "/" in text:
        return _fraction(text), False
    marks = re.findall(r"[.,]", text)
    if not marks:
        return float(text), False
    if len(set(marks)) == 2 and marks.count(marks[-1]) == 1:
        return float(text.replace(marks[0], "").replace(marks[-1], ".")), False
    if len(marks) > 1:
        if all(len(group) == 3 for group in re.split(r"[.,]", text)[1:]):
            return float(re.sub(r"[.,]", "", text)), False
        raise UnreadableSizeError(f"{text} is not a number")
    decimal, thousands = float(text.replace(",", ".")), float(re.sub(r"[.,]", "", text))
    if not re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", text):
        return decimal, False
    fits = [_PLAUSIBLE_M[0] <= value * UNIT_M[unit] <= _PLAUSIBLE_M[1] for value in (decimal, thousands)]
    if fits == [True, True]:
        raise UnreadableSizeError(f"{text} may mean {decimal:g} or {thousands:g}")
    return (thousands, True) if fits[1] else (decimal, marks[0] == ",")


def _fraction(text: str) -> float:
    whole, _, part = text.replace("-", " ").rpartition(" ")
    numerator, _, denominator = part.partition("/")
    if int(denominator) == 0:
        raise UnreadableSizeError(f"{text} is not a number")
    return float(whole or 0) + int(numerator) / int(denominator)
