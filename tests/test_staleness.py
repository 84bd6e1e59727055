"""What a stale product says about what changed."""

from __future__ import annotations

from typing import Any

import pytest

from catalog3d.brief import Brief, Picture, make_brief
from catalog3d.product import Slot, ViewSource
from catalog3d.rules import TripoRules
from catalog3d.staleness import Difference, differences, what_changed
from tests.products import a_product

PRODUCT = a_product(
    views=(
        ViewSource(slot=Slot.FRONT, location="/photos/chair.jpg"),
        ViewSource(slot=Slot.BACK, location="https://shop.test/p/back%20side.png?signature=secret"),
    )
)


def brief(prompt: str = "", rules: dict[str, Any] | None = None, **photos: str) -> Brief:
    pictures = tuple(Picture(slot=slot, pixels_sha256=photo * 64) for slot, photo in photos.items())
    return make_brief(TripoRules.model_validate(rules or {}), pictures, prompt)


@pytest.mark.parametrize(
    ("before", "now", "code", "said"),
    [
        (brief(front="a"), brief(front="b"), "PHOTO_CHANGED", "the front photo (chair.jpg) changed"),
        (brief(front="a", back="c"), brief(front="a", back="d"), "PHOTO_CHANGED", "the back photo (back side.png) changed"),
        (brief(front="a"), brief(front="a", back="d"), "PHOTO_CHANGED", "the back photo (back side.png) was added"),
        (brief(front="a", left="c"), brief(front="a"), "PHOTO_CHANGED", "the left photo was taken away"),
        (brief("a chair"), brief("a red chair"), "PROMPT_CHANGED", 'the prompt changed to "a red chair"'),
        (
            brief(front="a"),
            brief(front="a", rules={"face_limit": 50_000, "pbr": False}),
            "PARAMETERS_CHANGED",
            "the rules changed (face_limit 80000 -> 50000, pbr true -> false)",
        ),
        (
            brief(front="a"),
            brief(front="a", rules={"face_limit": None, "delight": True}),
            "PARAMETERS_CHANGED",
            "the rules changed (delight unset -> true, face_limit 80000 -> unset)",
        ),
        (
            brief(front="a"),
            brief(front="b", rules={"model": "P1-20260311"}),
            "PHOTO_CHANGED",
            "the front photo (chair.jpg) changed and the rules changed (model v3.1-20260211 -> P1-20260311)",
        ),
    ],
)  # fmt: skip
def test_the_changed_photo_prompt_or_rule_is_named(before: Brief, now: Brief, code: str, said: str) -> None:
    assert what_changed(before, now, PRODUCT) == (code, said)


def test_a_signed_link_is_not_repeated() -> None:
    assert "secret" not in what_changed(brief(front="a"), brief(front="a", back="d"), PRODUCT)[1]


def test_a_prompt_in_place_of_a_photo_says_both() -> None:
    code, said = what_changed(brief(front="a"), brief("a chair"), None)
    assert code == "PHOTO_CHANGED"
    assert said == "the front photo was taken away and a prompt took the photo's place"


def test_old_and_new_stand_side_by_side_as_data() -> None:
    before = brief(front="a", left="c", rules={"delight": True})
    now = brief(front="b", back="d", left="c", rules={"face_limit": 50_000})
    assert differences(before, now, PRODUCT) == (
        Difference(kind="photo", name="front", before="a" * 64, after="b" * 64, file="chair.jpg"),
        Difference(kind="photo", name="back", before=None, after="d" * 64, file="back side.png"),
        Difference(kind="rule", name="delight", before="true", after=None),
        Difference(kind="rule", name="face_limit", before="80000", after="50000"),
    )
    assert differences(brief("a chair"), brief("a stool"), None) == (
        Difference(kind="prompt", name="", before="a chair", after="a stool"),
    )
    assert differences(before, before, PRODUCT) == ()
