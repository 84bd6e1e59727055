"""Sizes: what is read, in which order, and what is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog3d.intake.dimension_tokens import UNIT_M
from catalog3d.intake.dimensions import parse_columns, parse_dimensions, unit_of
from catalog3d.product import Dimensions


def _whd(size: Dimensions) -> tuple[float | None, float | None, float | None]:
    return size.width_m, size.height_m, size.depth_m


@pytest.mark.parametrize(
    ("text", "width", "depth", "height"),
    [
        ("120x60x75 cm", 1.2, 0.6, 0.75),
        ("120 × 60 × 75 cm", 1.2, 0.6, 0.75),  # noqa: RUF001 - the sign that people type
        ('47" W x 24" D x 30" H', 1.1938, 0.6096, 0.762),
        ('47 1/2" W x 24½" D x 30" H', 1.2065, 0.6223, 0.762),
        ("Ø30 x 45 cm", 0.3, 0.3, 0.45),
        ("W45 x H90 x D50 cm", 0.45, 0.5, 0.9),
        ("W: 45 cm; H: 90 cm; D: 50 cm", 0.45, 0.5, 0.9),
        ("45 cm (W) x 90 cm (H) x 50 cm (D)", 0.45, 0.5, 0.9),
        ("120,5 x 60 x 75 cm", 1.205, 0.6, 0.75),
        ("1200 x 600 x 750 mm", 1.2, 0.6, 0.75),
        ("1.2 x 0.6 x 0.75 m", 1.2, 0.6, 0.75),
        ("120mm x 60cm x 1m", 0.12, 0.6, 1.0),
        ("4' 6\" x 2' x 30\"", 1.3716, 0.6096, 0.762),
        ("3 x 2 x 4 ft", 0.9144, 0.6096, 1.2192),
        ("120 x 60 x 75 cm (L x W x H)", 1.2, 0.6, 0.75),
        ("LxWxH: 120x60x75cm", 1.2, 0.6, 0.75),
        ("L120 W60 H75 cm", 1.2, 0.6, 0.75),
        ("120 x 60 x 75 cm (47 x 24 x 30 in)", 1.2, 0.6, 0.75),
        ("Breite 45 cm, Tiefe 50 cm, Höhe 90 cm", 0.45, 0.5, 0.9),
        ("ca. 120 x 60 x 75cm", 1.2, 0.6, 0.75),
        ("W45cm", 0.45, None, None),
    ],
)
def test_sizes_as_people_write_them_become_metres(text, width, depth, height):
    reading = parse_dimensions(text)
    assert (reading.code, _whd(reading.dimensions)) == ("", (width, height, depth))
    assert reading.dimensions.text == text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Ø30 x 45", "DIMENSIONS_NO_UNIT"),
        ("120x60x75", "DIMENSIONS_NO_UNIT"),
        ("75 cm", "DIMENSIONS_AMBIGUOUS"),
        ("120 x 60 cm", "DIMENSIONS_AMBIGUOUS"),
        ("70-110 cm", "DIMENSIONS_AMBIGUOUS"),
        ("W45 x W50 x H90 cm", "DIMENSIONS_AMBIGUOUS"),
        ("Ø30 x W20 x H5 cm", "DIMENSIONS_AMBIGUOUS"),
        ("120x60x75 cm / 47x24x30 in", "DIMENSIONS_AMBIGUOUS"),
        ("1 x 2 x 3 x 4 cm", "DIMENSIONS_AMBIGUOUS"),
        ("Large", "DIMENSIONS_UNREADABLE"),
        ("cm", "DIMENSIONS_UNREADABLE"),
        ("0 x 1 x 1 cm", "DIMENSIONS_UNREADABLE"),
        ("-5 x 3 x 2 cm", "DIMENSIONS_UNREADABLE"),
        ("900000 x 3 x 2 m", "DIMENSIONS_UNREADABLE"),
        ('1/0" x 3 x 2 in', "DIMENSIONS_UNREADABLE"),
    ],
)
def test_what_cannot_be_read_is_named_and_never_guessed(text, code):
    reading = parse_dimensions(text)
    assert (reading.code, _whd(reading.dimensions)) == (code, (None, None, None))
    assert reading.message
    assert reading.dimensions.text == text


def test_a_thousands_separator_is_used_where_only_that_is_plausible_and_said():
    reading = parse_dimensions("1,200 x 600 x 750 mm")
    assert reading.code == "DIMENSIONS_GUESSED"
    assert reading.dimensions.width_m == 1.2
    assert "1200 mm" in reading.message
    assert parse_dimensions("47.125 x 3 x 2 in").code == ""


def test_the_header_gives_unit_and_order():
    assert _whd(parse_dimensions("120x60x75", unit="cm").dimensions) == (1.2, 0.75, 0.6)
    assert _whd(parse_dimensions("75x120x60", unit="cm", order=("h", "w", "d")).dimensions) == (1.2, 0.75, 0.6)
    assert _whd(parse_dimensions("30 x 20 in", unit="cm", order=("w", "h")).dimensions) == (0.762, 0.508, None)


def test_separate_columns_with_length_and_width_use_the_shops_convention():
    cells = {"length": "80", "width": "60", "height": "45,5"}
    reading = parse_columns(cells, {"length": "cm", "width": "cm", "height": "cm"})
    assert _whd(reading.dimensions) == (0.8, 0.455, 0.6)
    mixed = parse_columns({"width": "51 cm", "height": "20 in"}, {})
    assert _whd(mixed.dimensions) == (0.51, 0.508, None)
    assert parse_columns({"width": "51"}, {}).code == "DIMENSIONS_NO_UNIT"
    assert parse_columns({"width": "51 x 3 cm"}, {}).code == "DIMENSIONS_UNREADABLE"


def test_units_are_read_from_a_column_of_units():
    assert [unit_of(text) for text in ("cm", "INCH", "CENTIMETER", "", "kg", "cm in")] == ["cm", "in", "cm", "", "", ""]


_NUMBERS = st.integers(1, 99_999).map(lambda tenths: tenths / 10)


@given(st.sampled_from(sorted(UNIT_M)), st.tuples(_NUMBERS, _NUMBERS, _NUMBERS), st.sampled_from([".", ","]))
def test_a_written_triple_is_read_back(unit, numbers, mark):
    text = " x ".join(f"{number:.1f}".replace(".", mark) for number in numbers) + f" {unit}"
    reading = parse_dimensions(text)
    metres = [round(number * UNIT_M[unit], 6) for number in numbers]
    if all(0.0005 <= value <= 100 for value in metres):
        assert reading.code == ""
        assert [reading.dimensions.width_m, reading.dimensions.depth_m, reading.dimensions.height_m] == metres
    else:
        assert reading.code == "DIMENSIONS_UNREADABLE"


@given(st.permutations(["W", "D", "H"]), st.booleans(), st.tuples(*[st.integers(1, 300)] * 3))
def test_labels_win_over_the_order(labels, before, numbers):
    parts = [f"{label}{n} cm" if before else f"{n} cm {label}" for label, n in zip(labels, numbers, strict=True)]
    size = parse_dimensions(" x ".join(parts)).dimensions
    expected = dict(zip(labels, (number / 100 for number in numbers), strict=True))
    assert (size.width_m, size.depth_m, size.height_m) == (expected["W"], expected["D"], expected["H"])


@given(st.text(max_size=400))
def test_any_text_gives_a_reading(text):
    reading = parse_dimensions(text)
    assert reading.code or any(value is not None for value in _whd(reading.dimensions))


@given(st.text(alphabet="0123456789.,/'\"xWDHLcmin Ø()-½", max_size=60))
def test_texts_that_look_like_sizes_give_a_reading(text):
    parse_dimensions(text)
    parse_columns({"width": text, "diameter": text}, {"width": "cm"})
