"""The model's outer size against the sheet's: ratios only."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog3d.mesh.profiles import limits_for
from catalog3d.mesh.proportions import matches, proportion_findings
from catalog3d.product import Severity
from tests.mesh.judging import sides

PROFILE = limits_for()
LENGTHS = st.floats(0.01, 50)


def test_scale_does_not_matter():
    assert proportion_findings((0.45, 0.9, 0.5), sides(45, 90, 50), PROFILE) == []
    assert matches((0.45, 0.9, 0.5), sides(45, 90, 50), PROFILE)


def test_model_that_faces_the_other_way_fits_with_a_note():
    (note,) = proportion_findings((0.5, 0.9, 0.3), sides(0.3, 0.9, 0.5), PROFILE)
    assert (note.code, note.severity) == ("PROPORTIONS_TURNED", Severity.INFO)


def test_wrong_proportions_warn_with_both_ratios_and_never_block():
    (check,) = proportion_findings((1.0, 1.0, 1.0), sides(0.5, 1.0, 0.5), PROFILE)
    assert (check.code, check.severity, check.value) == ("PROPORTION_MISMATCH", Severity.WARNING, 100.0)
    assert "1.00 : 1.00 : 1.00" in check.message
    assert "0.50 : 1.00 : 0.50" in check.message


def test_a_shape_that_the_stand_in_invented_says_nothing_about_the_product():
    (check,) = proportion_findings((1.0, 1.0, 1.0), sides(0.5, 1.0, 0.5), PROFILE, standin=True)
    assert (check.code, check.severity, check.value) == ("PROPORTION_MISMATCH", Severity.INFO, 100.0)


def test_two_declared_sides_are_enough():
    assert proportion_findings((0.5, 1.0, 9.0), sides(0.5, 1.0, None), PROFILE) == []
    (check,) = proportion_findings((1.0, 1.0, 1.0), sides(None, 2.0, 1.0), PROFILE)
    assert check.code == "PROPORTION_MISMATCH"


@pytest.mark.parametrize(
    ("extents", "dimensions", "why"),
    [
        ((1.0, 1.0, 1.0), None, "not declared"),
        ((1.0, 1.0, 1.0), sides(1.0, None, None), "only one"),
        (None, sides(1.0, 1.0, 1.0), "could not be read"),
    ],
)
def test_what_cannot_be_compared_is_said_and_does_not_match(extents, dimensions, why):
    (note,) = proportion_findings(extents, dimensions, PROFILE)
    assert (note.code, note.severity) == ("NOT_CHECKED", Severity.INFO)
    assert why in note.message
    assert not matches(extents, dimensions, PROFILE)


def test_flat_model_is_as_wrong_as_can_be_written_down():
    (check,) = proportion_findings((1.0, 1.0, 0.0), sides(1.0, 1.0, 1.0), PROFILE)
    assert check.value == 999.0


@settings(deadline=None)
@given(st.tuples(LENGTHS, LENGTHS, LENGTHS), st.floats(0.01, 100))
def test_model_with_the_declared_sides_always_fits(declared, scale):
    width, height, depth = (side * scale for side in declared)
    assert proportion_findings((width, height, depth), sides(*declared), PROFILE) == []
    turned = proportion_findings((depth, height, width), sides(*declared), PROFILE)
    assert {check.code for check in turned} <= {"PROPORTIONS_TURNED"}
