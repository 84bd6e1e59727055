"""How long a plan takes at the provider, and what decides it."""

from __future__ import annotations

import pytest

from catalog3d.brief import Brief, Picture, Source, make_brief, texture_brief
from catalog3d.forecast import ENOUGH_SEEN, PUBLISHED, Kind, duration_s, forecast
from catalog3d.rules import TripoRules

SLOTS = {"H": 10, "P": 5, "processing": 5}
SIDES = ("front", "left", "back", "right")


def order(views: int = 1, prompt: str = "", **rules: object) -> Brief:
    pictures = tuple(Picture(slot=slot, pixels_sha256="") for slot in SIDES[:views])
    return make_brief(TripoRules.model_validate(rules), pictures, prompt)


def test_one_photo_each_fills_the_slots_and_they_bind() -> None:
    expected = forecast([order()] * 100, SLOTS, {})
    assert (expected.limit, round(expected.hours * 3600)) == ("slots", 100 * 120 // 10)
    assert expected.source == PUBLISHED


def test_four_views_each_wait_for_their_uploads() -> None:
    expected = forecast([order(views=4)] * 100, SLOTS, {})
    assert (expected.limit, round(expected.hours * 60)) == ("uploads", 40)


def test_a_single_model_takes_as_long_as_it_takes() -> None:
    assert round(forecast([order()], SLOTS, {}).hours * 3600) == 120


def test_pools_work_beside_each_other() -> None:
    both = forecast([order()] * 50 + [order(model="P1-20260311")] * 50, SLOTS, {})
    assert both.at_once == 10
    assert both.hours == pytest.approx(max(50 * 120 / 10, 50 * 60 / 5) / 3600)


def test_enough_models_made_here_say_more_than_the_published_durations() -> None:
    kind: Kind = (order().endpoint, order().model)
    few, enough = {kind: [400.0] * (ENOUGH_SEEN - 1)}, {kind: [50.0] * (ENOUGH_SEEN - 1) + [90_000.0]}
    assert forecast([order()], SLOTS, few).hours * 3600 == pytest.approx(120)
    seen = forecast([order()], SLOTS, enough)
    assert seen.hours * 3600 == pytest.approx(50)  # the night that one of them waited does not count
    assert seen.source == f"durations of the last {ENOUGH_SEEN} models made here"
    mixed = forecast([order(), order(views=2)], SLOTS, enough)
    assert PUBLISHED in mixed.source
    assert "made here" in mixed.source


def test_a_bare_mesh_is_faster_and_several_views_slower() -> None:
    bare, one, many = order(texture=False), order(), order(views=3)
    assert duration_s(bare, {}) < duration_s(one, {}) < duration_s(many, {})
    assert duration_s(order(model="P1-20260311"), {}) == 60


def test_prompts_are_never_uploaded_and_an_empty_plan_takes_no_time() -> None:
    assert forecast([order(views=0, prompt="A vase")] * 500, SLOTS, {}).limit == "slots"
    assert forecast([], SLOTS, {}).hours == 0


def test_surfaces_are_made_in_the_slots_of_processing_and_upload_nothing() -> None:
    surfaces = [texture_brief(Source(digest="d" * 64, raw_sha256="e" * 64), f"color {number}") for number in range(50)]
    plan = forecast(surfaces, SLOTS, {})
    assert (plan.limit, plan.at_once) == ("slots", 5)
    assert plan.hours * 3600 == pytest.approx(50 * 120 / 5)
