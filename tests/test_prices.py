from __future__ import annotations

from decimal import Decimal

import pytest

from catalog3d.brief import Brief, Picture, make_brief
from catalog3d.errors import ProductError
from catalog3d.prices import family_of, price, price_of
from catalog3d.rules import TripoRules

H31 = "v3.1-20260211"


@pytest.mark.parametrize(
    ("endpoint", "model", "params", "expected"),
    [
        ("image-to-model", H31, {}, 30),
        ("image-to-model", "v2.5-20250123", {"texture": False, "pbr": False}, 20),
        ("multiview-to-model", H31, {"texture_quality": "detailed"}, 40),
        ("multiview-to-model", H31, {"texture_quality": "extreme"}, 50),
        ("text-to-model", H31, {"texture": False, "pbr": False}, 10),
        ("text-to-model", "v3.0-20250812", {}, 20),
        ("image-to-model", "P1-20260311", {"texture_quality": "detailed"}, 60),
        ("text-to-model", "P1-20260311", {"texture": False, "pbr": False}, 30),
        ("text-to-model", "P2-20260801", {}, 110),
        ("image-to-model", "P2-20260801", {"texture_quality": "extreme"}, 130),
        ("image-to-model", H31, {"geometry_quality": "detailed"}, 50),
        ("image-to-model", H31, {"quad": True, "smart_low_poly": True}, 45),
        ("image-to-model", H31, {"texture": False, "pbr": False, "generate_parts": True}, 40),
        ("convert", "", {"format": "USDZ"}, 5),
        ("convert", "", {"format": "USDZ", "texture_size": 4096, "export_orientation": "-x", "pack_uv": True}, 5),
        ("convert", "", {"format": "USDZ", "texture_size": 2048}, 10),
        ("convert", "", {"format": "OBJ", "pivot_to_center_bottom": True}, 10),
        ("texture", "v3.5-20260815", {"texture_quality": "fast"}, 10),
        ("texture", "v3.0-20250812", {"texture_quality": "extreme"}, 30),
        ("models/texture", "v3.0-20250812", {"texture_quality": "standard", "pbr": True}, 10),
        ("decimate", "v1.0", {}, 10),
        ("decimate", "", {}, 30),
        ("import", "", {}, 0),
    ],
)
def test_price_is_that_of_the_dated_list(endpoint, model, params, expected):
    assert price(endpoint, model, params) == Decimal(expected)


def test_pbr_without_texture_is_priced_as_textured_because_the_api_forces_the_texture():
    assert price("image-to-model", H31, {"texture": False, "pbr": True}) == Decimal(30)
    assert price("image-to-model", H31, {"texture": False}) == Decimal(30)


@pytest.mark.parametrize(
    ("endpoint", "model", "params"),
    [
        ("image-to-model", "v9.9-20300101", {}),
        ("image-to-model", "tripo-v3.1", {}),
        ("image-to-model", "P1-20260311", {"texture_quality": "extreme"}),
        ("image-to-model", "v2.5-20250123", {"geometry_quality": "detailed"}),
        ("image-to-model", H31, {"texture_quality": "golden"}),
        ("decimate", "v3.0", {}),
        ("refine", "", {}),
    ],
)
def test_what_the_list_does_not_name_is_refused_and_never_guessed(endpoint, model, params):
    with pytest.raises(ProductError) as caught:
        price(endpoint, model, params)
    assert caught.value.code == "PRICE_UNKNOWN"


def test_brief_is_priced_by_its_own_parameters():
    picture = Picture(slot="front", pixels_sha256="0" * 64)
    assert price_of(make_brief(TripoRules(), (picture,))) == Decimal(30)
    bare = TripoRules(texture=False, pbr=True)
    assert price_of(make_brief(bare, (picture,))) == Decimal(20)
    assert price_of(make_brief(TripoRules(model="P2-20260801"), (), "a chair")) == Decimal(110)


def test_family_names_only_priced_models():
    assert [family_of(model) for model in (H31, "P1-20260311", "P2-20260801", "P3-20990101")] == ["H", "P1", "P2", ""]


def test_every_option_that_the_rules_can_send_has_a_price_or_is_known_to_be_free() -> None:
    every: dict[str, object] = {
        "texture_alignment": "geometry",
        "geometry_quality": "detailed",
        "delight": True,
        "face_limit": 500,
    }
    rules = TripoRules.model_validate(every)
    assert None not in rules.model_dump().values()
    assert price_of(make_brief(rules, (Picture(slot="front", pixels_sha256="a" * 64),))) == Decimal(50)


def test_an_option_that_the_price_list_does_not_know_is_refused_with_its_name_and_the_models() -> None:
    brief = Brief(endpoint="image-to-model", model=H31, params=(("hologram", True),))
    with pytest.raises(ProductError) as refused:
        price_of(brief)
    assert refused.value.code == "PRICE_UNKNOWN"
    assert f"image-to-model {H31} with the option hologram" in refused.value.message
    assert "price list names" in refused.value.fix


@pytest.mark.parametrize(
    ("model", "params"),
    [
        ("v3.1-20260211", {}),
        ("v3.0-20250812", {"texture_quality": "golden"}),
        ("v3.0-20250812", {"geometry_quality": "detailed"}),
    ],
)
def test_a_texture_without_a_price_in_the_list_is_refused(model, params):
    brief = Brief(endpoint="models/texture", model=model, params=tuple(params.items()), prompt="oak")
    with pytest.raises(ProductError) as refused:
        price_of(brief)
    assert refused.value.code == "PRICE_UNKNOWN"
