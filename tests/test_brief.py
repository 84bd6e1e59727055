"""The brief's digest is what a credit is spent for: it may never change by accident."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog3d.brief import Brief, Picture, Source, make_brief, texture_brief
from catalog3d.rules import TripoRules

FRONT = Picture(slot="front", pixels_sha256="a" * 64)
LEFT = Picture(slot="left", pixels_sha256="b" * 64)
DETAIL = Picture(slot="detail", pixels_sha256="c" * 64)

# If one of these fails, an upgrade would bill every catalog again. Do not update them: find the change.
GOLDEN = {
    "image": "2429a1a214b19cb6a5362546e5ef8291d863070afb20d1ce35f64a1d756eb6a2",
    "multiview": "c43ebed542adeeb1b5e8461063f2e8c1146dc43c1e96da96aebf865414eb8d92",
    "text": "ad84f9122d9d0c478d99414ff442bb0b587f9529883e673a3460d9f4a194900c",
    "p1": "1041bf5f16678b845d8ad3dd049a0d29aba6c13845168240091883d3dee570c4",
    "texture": "5c83ebef218d09350c70a802707290a8a3af7ddb038fc01f7ea13620407e2f27",
}
SOURCE = Source(digest="d" * 64, raw_sha256="e" * 64)


def fixed_briefs() -> dict[str, Brief]:
    return {
        "image": make_brief(TripoRules(), (FRONT,)),
        "multiview": make_brief(TripoRules(texture_quality="detailed"), (LEFT, FRONT)),
        "text": make_brief(TripoRules(), (), "a walnut stool"),
        "p1": make_brief(TripoRules(model="P1-20260311", face_limit=20_000), (FRONT,)),
        "texture": texture_brief(SOURCE, "Walnut, dark brown"),
    }


@pytest.mark.parametrize("name", GOLDEN)
def test_the_digest_of_a_fixed_brief_never_changes(name: str) -> None:
    assert fixed_briefs()[name].digest == GOLDEN[name]


def test_the_canonical_form_is_sorted_ascii_json_without_seed_or_sku() -> None:
    text = make_brief(TripoRules(), (), "Fåtölj").canonical()
    document = json.loads(text)
    assert text == json.dumps(document, sort_keys=True, separators=(",", ":"))
    assert "seed" not in text
    assert set(document) == {"schema", "endpoint", "model", "params", "prompt", "pictures"}


def test_a_texture_names_its_model_by_what_decides_it_and_never_by_a_task() -> None:
    brief = texture_brief(SOURCE, "Walnut")
    assert json.loads(brief.canonical())["source"] == ["d" * 64, "e" * 64]
    assert Brief.parse(brief.canonical()) == brief
    others = (
        texture_brief(Source(digest="d" * 64, raw_sha256="f" * 64), "Walnut"),
        texture_brief(SOURCE, "Oak"),
        texture_brief(SOURCE, "Walnut", quality="detailed"),
    )
    assert len({brief.digest, *(other.digest for other in others)}) == 4


def test_a_texture_counts_against_the_pool_of_processing_and_a_model_against_that_of_its_family() -> None:
    assert [brief.pool for brief in fixed_briefs().values()] == ["H", "H", "H", "P", "processing"]


def test_one_picture_asks_for_image_to_model_and_two_sides_for_multiview() -> None:
    assert make_brief(TripoRules(), (FRONT,)).endpoint == "image-to-model"
    assert make_brief(TripoRules(), (FRONT, LEFT)).endpoint == "multiview-to-model"
    assert make_brief(TripoRules(), (FRONT, DETAIL)).endpoint == "image-to-model"


def test_a_detail_picture_is_never_sent() -> None:
    assert make_brief(TripoRules(), (FRONT, LEFT, DETAIL)).pictures == (FRONT, LEFT)


def test_views_are_in_one_order_however_the_sheet_lists_them() -> None:
    assert make_brief(TripoRules(), (LEFT, FRONT)) == make_brief(TripoRules(), (FRONT, LEFT))


def test_without_texture_pbr_is_switched_off_too() -> None:
    params = dict(make_brief(TripoRules(texture=False), (FRONT,)).params)
    assert params["pbr"] is False
    assert "texture_quality" not in params


def test_a_prompt_beside_a_photo_is_not_part_of_the_brief() -> None:
    assert make_brief(TripoRules(), (FRONT,), "words") == make_brief(TripoRules(), (FRONT,))


@given(st.text(max_size=200), st.integers(50, 100_000))
def test_a_stored_brief_reads_back_as_itself(prompt: str, faces: int) -> None:
    brief = make_brief(TripoRules(face_limit=faces), (), prompt)
    assert Brief.parse(brief.canonical()) == brief
