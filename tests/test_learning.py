"""What another attempt changes: the rules as a table, and what holds for every product."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog3d.asset import REJECT_REASONS
from catalog3d.brief import TEXTURE, Brief, Picture, Source, make_brief, texture_brief
from catalog3d.errors import ProductError
from catalog3d.learning import (
    Change,
    How,
    Route,
    Situation,
    change_for,
    source_of,
    surface_words,
    variant_change,
)
from catalog3d.prices import price_of
from catalog3d.rules import TripoRules
from tests.products import a_product

VIEWS = {
    slot: Picture(slot=slot, pixels_sha256=letter * 64)
    for slot, letter in zip(("front", "left", "back", "right"), "abcd", strict=True)
}
SOURCE = Source(digest="d" * 64, raw_sha256="e" * 64)
WORDS = "color: black; material: solid oak; Chair"


def sheet(*slots: str, **rules: object) -> Brief:
    pictures = tuple(VIEWS[slot] for slot in slots or ("front",))
    return make_brief(TripoRules.model_validate(rules), pictures)


def case(brief: Brief | None = None, *tried: Brief, **changes: object) -> Situation:
    """A product that has a model by its sheet, a shape that can be repainted, and words for it."""
    brief = brief or sheet()
    known = frozenset(one.digest for one in (brief, *tried))
    return replace(Situation(sheet=brief, tried=known, source=SOURCE, words=WORDS), **changes)  # type: ignore[arg-type]


def told(change: Change) -> tuple[Route, int]:
    return change.route, int(change.credits)


BARE = case(source=None, no_source="it was made by hand")
FOUR = sheet("front", "left", "back", "right")
PAINTED, FINER = texture_brief(SOURCE, WORDS), texture_brief(SOURCE, WORDS, quality="detailed")
FRONT_BACK = replace(FOUR, pictures=(VIEWS["front"], VIEWS["back"]))
FRONT_ONLY = replace(FOUR, pictures=(VIEWS["front"],), endpoint="image-to-model")


@pytest.mark.parametrize(
    ("known", "reasons", "note", "expected"),
    [
        (case(), ["WRONG_COLOR"], "", (Route.TEXTURE, 10)),
        (case(), ["WRONG_MATERIAL", "WRONG_COLOR"], "", (Route.TEXTURE, 10)),
        (case(None, PAINTED), ["WRONG_COLOR"], "", (Route.TEXTURE, 20)),
        (case(None, PAINTED, FINER), ["WRONG_COLOR"], "", (Route.ALIGNMENT, 30)),
        (case(words=""), ["WRONG_COLOR"], "", (Route.ALIGNMENT, 30)),
        (BARE, ["WRONG_MATERIAL"], "", (Route.ALIGNMENT, 30)),
        (case(), ["WRONG_COLOR", "WRONG_SHAPE"], "", (Route.MODEL, 30)),
        (case(), ["WRONG_SHAPE"], "", (Route.MODEL, 30)),
        (case(None, sheet(model="v3.0-20250812")), ["WRONG_SHAPE"], "", (Route.SAME, 30)),
        (case(FOUR), ["WRONG_SHAPE"], "", (Route.VIEWS, 30)),
        (case(FOUR), ["BACK_OR_SIDES"], "", (Route.VIEWS, 30)),
        (case(), ["BACK_OR_SIDES"], "", (Route.ALIGNMENT, 30)),
        (case(sheet(model="P1-20260311", face_limit=20_000)), ["WRONG_SHAPE"], "", (Route.SAME, 50)),
        (case(), ["FILE_PROBLEM"], "", (Route.FACES, 30)),
        (case(), ["OTHER"], "the colour is too light", (Route.TEXTURE, 10)),
        (case(FOUR), ["OTHER"], "Look at the back!", (Route.VIEWS, 30)),
        (case(), ["OTHER"], "hm", (Route.MODEL, 30)),
        (case(tried=frozenset()), ["WRONG_COLOR"], "", (Route.SHEET, 30)),
        (case(tried=frozenset()), ["WRONG_PRODUCT"], "", (Route.SHEET, 30)),
    ],
)  # fmt: skip
def test_a_reason_leads_to_a_change_and_its_price(
    known: Situation, reasons: list[str], note: str, expected: tuple[Route, int]
) -> None:
    change = change_for(known, reasons, note)
    assert told(change) == expected
    assert change.why


def test_a_wrong_back_is_tried_with_the_back_and_without_the_sides_first() -> None:
    assert change_for(case(FOUR), ["BACK_OR_SIDES"]).brief == FRONT_BACK
    assert change_for(case(FOUR), ["WRONG_SHAPE"]).brief == FRONT_ONLY
    assert change_for(case(FOUR, FRONT_ONLY), ["WRONG_SHAPE"]).brief == FRONT_BACK


def test_a_file_that_is_too_large_is_made_with_half_the_faces_and_then_a_quarter() -> None:
    first = change_for(case(), ["FILE_PROBLEM"])
    second = change_for(case(None, first.brief), ["FILE_PROBLEM"])
    assert [dict(change.brief.params)["face_limit"] for change in (first, second)] == [40_000, 20_000]


def test_a_surface_follows_the_rules_about_pbr() -> None:
    assert dict(change_for(case(sheet(pbr=False)), ["WRONG_COLOR"]).brief.params)["pbr"] is False


@pytest.mark.parametrize(
    ("known", "reasons", "how", "code"),
    [
        (case(), ["UGLY"], How.AUTO, "REASON_UNKNOWN"),
        (case(), [], How.AUTO, "REASON_UNKNOWN"),
        (case(used=3), ["WRONG_SHAPE"], How.SAME, "RETAKES_USED_UP"),
        (case(), ["WRONG_PRODUCT"], How.AUTO, "PHOTO_FIRST"),
        (BARE, ["WRONG_COLOR"], How.TEXTURE, "TEXTURE_IMPOSSIBLE"),
        (case(words=""), ["WRONG_COLOR"], How.TEXTURE, "TEXTURE_IMPOSSIBLE"),
        (case(None, PAINTED, FINER), ["WRONG_COLOR"], How.TEXTURE, "NOTHING_NEW"),
        (case(), ["WRONG_SHAPE"], How.MULTIVIEW, "NO_OTHER_VIEWS"),
    ],
)
def test_what_no_attempt_helps_is_refused_with_the_way_out(
    known: Situation, reasons: list[str], how: How, code: str
) -> None:
    with pytest.raises(ProductError) as refused:
        change_for(known, reasons, how=how)
    assert (refused.value.code, bool(refused.value.fix)) == (code, True)


def test_a_way_that_a_person_names_is_taken_whatever_the_reason() -> None:
    assert told(change_for(case(), ["WRONG_SHAPE"], how=How.TEXTURE)) == (Route.TEXTURE, 10)
    assert change_for(case(), ["WRONG_PRODUCT"], how=How.SAME).brief == sheet()
    assert change_for(case(FOUR, tried=frozenset()), ["WRONG_SHAPE"], how=How.MULTIVIEW).brief == FOUR
    assert change_for(case(FOUR), ["WRONG_SHAPE"], how=How.MULTIVIEW).brief == FRONT_BACK


def test_a_rule_without_a_price_is_refused() -> None:
    nameless = replace(sheet(), model="v9.9-20300101")
    with pytest.raises(ProductError) as refused:
        change_for(case(nameless), ["WRONG_SHAPE"])
    assert refused.value.code == "PRICE_UNKNOWN"


def test_a_surface_starts_from_the_task_that_made_the_shape() -> None:
    assert source_of(sheet(), "d" * 64, "e" * 64) == SOURCE
    assert source_of(PAINTED, PAINTED.digest, "f" * 64) == SOURCE
    assert source_of(sheet(texture=False), "d" * 64, "e" * 64) is None
    assert source_of(sheet(), "d" * 64, "") is None


def test_the_words_of_a_surface_are_color_and_material_without_what_tripo_refuses() -> None:
    assert (
        surface_words(a_product(color="Black", material="Solid oak"))
        == "color: Black; material: Solid oak; Modern Dining Chair"
    )
    assert surface_words(a_product(color="Red \N{FIRE}\n")) == "color: Red ; Modern Dining Chair"
    assert surface_words(a_product()) == ""


def test_a_color_variant_is_a_proposal_at_the_price_of_a_surface() -> None:
    proposed = variant_change(SOURCE, a_product(sku="CH124", color="Blue"))
    assert (proposed.brief.endpoint, proposed.brief.source, proposed.credits) == (TEXTURE, SOURCE, Decimal(10))
    with pytest.raises(ProductError):
        variant_change(SOURCE, a_product(sku="CH124"))


PRODUCTS = st.builds(
    lambda slots, model, quality, words, source: case(
        sheet("front", *slots, model=model, texture_quality=quality), words=words, source=source
    ),
    st.lists(st.sampled_from(("left", "back", "right")), unique=True),
    st.sampled_from(("v3.1-20260211", "v3.0-20250812", "v2.5-20250123")),
    st.sampled_from(("standard", "detailed")),
    st.sampled_from(("", WORDS)),
    st.sampled_from((None, SOURCE)),
)
REASONS = st.lists(
    st.sampled_from(sorted(set(REJECT_REASONS) - {"WRONG_PRODUCT"})), min_size=1, max_size=3, unique=True
)


@given(PRODUCTS, st.lists(REASONS, min_size=1, max_size=12), st.integers(1, 10))
def test_however_often_it_is_turned_down_no_brief_comes_twice_but_for_the_seed_and_never_more_than_the_attempts(
    product: Situation, story: list[list[str]], most: int
) -> None:
    tried, used = set(product.tried), 0
    for reasons in story:
        now = replace(product, tried=frozenset(tried), used=used, most=most)
        if used == most:
            with pytest.raises(ProductError):
                change_for(now, reasons)
            break
        change = change_for(now, reasons)
        assert change == change_for(now, list(reversed(reasons)))
        assert (change.brief.digest in tried) is (change.route is Route.SAME)
        assert change.credits == price_of(change.brief) <= price_of(product.sheet)
        tried.add(change.brief.digest)
        used += 1
    assert used <= most


@given(PRODUCTS, st.sampled_from((["WRONG_COLOR"], ["WRONG_MATERIAL"], ["WRONG_MATERIAL", "WRONG_COLOR"])))
def test_a_right_shape_never_costs_more_than_its_surface_where_that_can_be_made(
    product: Situation, reasons: list[str]
) -> None:
    change = change_for(product, reasons)
    if product.source is not None and product.words:
        assert told(change) == (Route.TEXTURE, 10)
