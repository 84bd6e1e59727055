"""Declared sizes in metres, from free text or from separate columns.

Order of an unlabelled triple: width x depth x height, the order of "L x W x H" in shops (the length is the side seen
from the front). Where length and width are both named, length is the width seen from the front and width the depth.
Nothing is guessed: a pair without labels, a number without a unit or a range is reported and left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catalog3d.intake.dimension_tokens import LABELS, UNIT_M, Token, UnreadableSizeError, number_of, tokens_of
from catalog3d.product import Dimensions

# From a pin to a shipping container's 12.2 m and well beyond; outside it the unit is surely wrong.
MIN_M, MAX_M = 0.0005, 100.0
_MAX_TEXT_CHARS = 300

_LETTERS = {"width": "w", "height": "h", "depth": "d", "length": "l", "diameter": "o"}
_AXES = {"w": "width", "d": "depth", "h": "height"}


@dataclass(frozen=True, kw_only=True)
class DimensionReading:
    """What was made of a size.

    Attributes:
        code: "" if all is well, else a reason code; with DIMENSIONS_GUESSED the size is still set.
        message: Why, as the second half of a sentence.
    """

    dimensions: Dimensions
    code: str = ""
    message: str = ""


@dataclass(frozen=True)
class _Size:
    label: str
    number: str
    unit: str


class _SizeError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def parse_dimensions(text: str, *, unit: str = "", order: Sequence[str] = ()) -> DimensionReading:
    """Read one cell such as `120x60x75 cm`, `47" W x 24" D x 30" H` or `Ø30 x 45 cm`.

    Args:
        unit: From the header, used where the cell names none: mm, cm, m, in or ft.
        order: Letters from the header, such as ("l", "w", "h"), for numbers without labels.
    """
    shown = text.strip()
    if len(shown) > _MAX_TEXT_CHARS:
        return _failed(shown, "DIMENSIONS_UNREADABLE", "the text is too long for a size")
    try:
        sizes = _sizes(_tokens(_without_second_unit(shown)), unit)
        labelled = _labelled(sizes, [LABELS[letter] for letter in order])
        return _reading(labelled, shown)
    except _SizeError as exc:
        return _failed(shown, exc.code, str(exc))
    except UnreadableSizeError as exc:
        return _failed(shown, "DIMENSIONS_UNREADABLE", str(exc))


def parse_columns(cells: Mapping[str, str], units: Mapping[str, str], default_unit: str = "") -> DimensionReading:
    """Read separate columns.

    Args:
        cells: width, height, depth, length, diameter -> the cell's text; blank ones are ignored.
        units: The same names -> the unit that the header names, or "".
        default_unit: From a column of units.
    """
    filled = {name: text.strip() for name, text in cells.items() if text.strip()}
    shown = ", ".join(f"{name} {text} {units.get(name) or default_unit}".strip() for name, text in filled.items())
    if len(shown) > _MAX_TEXT_CHARS:
        return _failed(shown[:_MAX_TEXT_CHARS], "DIMENSIONS_UNREADABLE", "the text is too long for a size")
    try:
        return _reading(
            [_one(text, _LETTERS[name], units.get(name) or default_unit) for name, text in filled.items()], shown
        )
    except _SizeError as exc:
        return _failed(shown, exc.code, str(exc))
    except UnreadableSizeError as exc:
        return _failed(shown, "DIMENSIONS_UNREADABLE", str(exc))


def _one(text: str, letter: str, unit: str) -> _Size:
    found = _sizes(_tokens(text), unit)
    if len(found) != 1 or found[0].label not in ("", letter):
        raise _SizeError("DIMENSIONS_UNREADABLE", f"{text!r} is not one number")
    return _Size(letter, found[0].number, found[0].unit)


def unit_of(text: str) -> str:
    """The unit in a cell of units (`cm`, `INCH`, `CENTIMETER`), or ""."""
    try:
        found = [token for token in tokens_of(text) if token.kind == "unit"]
    except UnreadableSizeError:
        return ""
    return found[0].text if len(found) == 1 else ""


def _failed(text: str, code: str, message: str) -> DimensionReading:
    return DimensionReading(
        dimensions=Dimensions(width_m=None, height_m=None, depth_m=None, text=text), code=code, message=message
    )


def _without_second_unit(text: str) -> str:
    """Drop `(47 x 24 x 30 in)` after `120 x 60 x 75 cm`: the same size again."""
    match = re.fullmatch(r"(?P<first>[^()\[\]]*\d[^()\[\]]*)[(\[](?P<again>[^()\[\]]*\d[^()\[\]]*)[)\]]\s*", text)
    return match["first"] if match else text


def _tokens(text: str) -> list[Token]:
    if re.search(r"\d\s*[-\u2010-\u2015]\s*\d(?!\d*/\d)", text):
        raise _SizeError("DIMENSIONS_AMBIGUOUS", "it is a range")
    return tokens_of(text)


def _sizes(tokens: list[Token], header_unit: str) -> list[_Size]:
    """Numbers with the label and the unit that belong to them."""
    kinds = [token.kind for token in tokens if token.kind != "separator"]
    if kinds.count("number") == 0:
        raise _SizeError("DIMENSIONS_UNREADABLE", "there is no number")
    labels_apart = _labels_apart(tokens)
    if labels_apart:
        tokens = [token for token in tokens if token.kind != "label"]
    sizes = _attached(tokens, prefixed=kinds[0] == "label")
    if labels_apart:
        sizes = _labelled(sizes, labels_apart)
    return _with_units(sizes, header_unit)


def _attached(tokens: list[Token], *, prefixed: bool) -> list[_Size]:
    """Give each number the label before (or after) it and the unit after it."""
    sizes: list[_Size] = []
    label = ""
    for token in tokens:
        if token.kind == "number":
            sizes.append(_Size(label if prefixed else "", token.text, ""))
            label = ""
        elif token.kind == "unit" and sizes and not sizes[-1].unit:
            sizes[-1] = _Size(sizes[-1].label, sizes[-1].number, token.text)
        elif token.kind == "label" and prefixed and not label:
            label = token.text
        elif token.kind == "label" and sizes and not sizes[-1].label:
            sizes[-1] = _Size(token.text, sizes[-1].number, sizes[-1].unit)
        elif token.kind != "separator":
            raise _SizeError("DIMENSIONS_AMBIGUOUS", "it is not clear which number is which side")
    if label:
        raise _SizeError("DIMENSIONS_AMBIGUOUS", "a side has no number")
    return sizes


def _labels_apart(tokens: list[Token]) -> list[str]:
    """Labels that stand together before or after all numbers: `120 x 60 x 75 cm (L x W x H)`."""
    places = [place for place, token in enumerate(tokens) if token.kind == "label"]
    numbers = [place for place, token in enumerate(tokens) if token.kind == "number"]
    if len(places) < 2 or len(places) != len(numbers):
        return []
    apart = places[0] > numbers[-1] or places[-1] < numbers[0]
    return [tokens[place].text for place in places] if apart else []


def _with_units(sizes: list[_Size], header_unit: str) -> list[_Size]:
    """A unit after the last number counts for all; else every number has its own, or the header says it."""
    named = {size.unit for size in sizes if size.unit}
    missing = [size for size in sizes if not size.unit]
    if not missing:
        return sizes
    if not named and not header_unit:
        raise _SizeError("DIMENSIONS_NO_UNIT", "there is no unit")
    if named and (len(named) > 1 or not sizes[-1].unit):
        raise _SizeError("DIMENSIONS_AMBIGUOUS", "only some of the numbers have a unit")
    unit = sizes[-1].unit or header_unit
    return [_Size(size.label, size.number, size.unit or unit) for size in sizes]


def _labelled(sizes: list[_Size], order: list[str]) -> list[_Size]:
    """Give labels to numbers that have none."""
    bare = [size for size in sizes if not size.label]
    if not bare:
        return sizes
    if len(bare) == len(sizes) and len(order) == len(sizes):
        return [_Size(label, size.number, size.unit) for label, size in zip(order, sizes, strict=True)]
    if len(bare) == len(sizes) == 3:
        return [_Size(label, size.number, size.unit) for label, size in zip("wdh", sizes, strict=True)]
    if len(sizes) == 2 and sizes[0].label == "o":
        return [sizes[0], _Size("h", sizes[1].number, sizes[1].unit)]
    raise _SizeError("DIMENSIONS_AMBIGUOUS", f"{len(sizes)} number(s) without saying which side each one is")


def _reading(sizes: list[_Size], text: str) -> DimensionReading:
    by_label: dict[str, float] = {}
    guessed = []
    for size in sizes:
        number, guess = number_of(size.number, size.unit)
        metres = round(number * UNIT_M[size.unit], 6)
        if not MIN_M <= metres <= MAX_M:
            raise _SizeError("DIMENSIONS_UNREADABLE", f"{size.number} {size.unit} is not the size of a product")
        if size.label in by_label:
            raise _SizeError("DIMENSIONS_AMBIGUOUS", "one side is named twice")
        by_label[size.label] = metres
        if guess:
            guessed.append(f"{size.number} was read as {number:g} {size.unit}")
    axes = _axes(by_label)
    return DimensionReading(
        dimensions=Dimensions(
            width_m=axes.get("width"), height_m=axes.get("height"), depth_m=axes.get("depth"), text=text
        ),
        code="DIMENSIONS_GUESSED" if guessed else "",
        message="; ".join(guessed),
    )


def _axes(by_label: dict[str, float]) -> dict[str, float]:
    """Labels to width, height, depth: length takes the axis that is free."""
    sides = {_AXES[label]: metres for label, metres in by_label.items() if label in _AXES}
    length, diameter = by_label.get("l"), by_label.get("o")
    if diameter is not None:
        if length is not None or {"width", "depth"} & set(sides):
            raise _SizeError("DIMENSIONS_AMBIGUOUS", "a diameter and another horizontal side are both named")
        return {**sides, "width": diameter, "depth": diameter}
    if length is None:
        return sides
    if "width" not in sides:
        return {**sides, "width": length}
    if "depth" not in sides:
        return {**sides, "width": length, "depth": sides["width"]}
    if len(by_label) == 3:
        raise _SizeError("DIMENSIONS_AMBIGUOUS", "length, width and depth without a height")
    raise _SizeError("DIMENSIONS_AMBIGUOUS", "length, width, depth and height are all named")
