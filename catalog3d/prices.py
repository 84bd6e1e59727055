"""What a paid request costs, in credits: a dated copy of Tripo's price list.

The API has no quote endpoint. The product estimates with this table and the stand-in charges by it;
the authoritative cost of a real task is the `credits_consumed` of its answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from catalog3d.brief import TEXTURE, Brief
from catalog3d.errors import ProductError

PRICES_DATED = date(2026, 11, 22)
PRICES_SOURCE = "Tripo API v3 pricing page and model pages, checked against credits that users measured"
USD_PER_CREDIT = Decimal("0.01")

H_MODELS = frozenset({"v2.5-20250123", "v3.0-20250812", "v3.1-20260211"})
P_MODELS = frozenset({"P1-20260311", "P2-20260801"})

_TIERS = ("none", "standard", "detailed", "extreme")
# (family, input) -> credits by texture tier. A tier that is left out has no published price.
_GENERATION: dict[tuple[str, str], tuple[int, ...]] = {
    ("H", "image"): (20, 30, 40, 50),
    ("H", "text"): (10, 20, 30, 40),
    ("P1", "image"): (40, 50, 60),
    ("P1", "text"): (30, 40, 50),
    ("P2", "image"): (100, 110, 120, 130),
    ("P2", "text"): (100, 110, 120, 130),
}
_INPUTS = {"image-to-model": "image", "multiview-to-model": "image", "text-to-model": "text"}
_SWITCHES = {"quad": 5, "smart_low_poly": 10, "generate_parts": 20}
_DETAILED_GEOMETRY = 20

_PRICED = frozenset({"texture", "pbr", "texture_quality", "geometry_quality", *_SWITCHES})
# Options of a generation that the price list does not name: they change the model and not its price.
_FREE = frozenset(
    {
        "auto_size", "compress", "delight", "enable_image_autofix", "export_orientation", "export_uv", "face_limit",
        "negative_prompt", "orientation", "texture_alignment", "texture_version",
    }
)  # fmt: skip

_CONVERT, _CONVERT_CHANGED = 5, 10
# A value other than these makes a conversion a priced one. Other options (bake, pack_uv, fbx_preset ...) do not.
_CONVERT_DEFAULTS: dict[str, Any] = {
    "quad": False,
    "face_limit": None,
    "flatten_bottom": False,
    "flatten_bottom_threshold": 0.01,
    "texture_size": 4096,
    "texture_format": "JPEG",
    "pivot_to_center_bottom": False,
    "scale_factor": 1.0,
}
_TEXTURE_MODELS = frozenset({"v3.5-20260815", "v3.0-20250812", "v2.5-20250123"})
_TEXTURE_OPTIONS = frozenset(
    {"pbr", "texture_quality", "texture_alignment", "bake", "part_names", "delight"}
)  # none but the quality has a price
_TEXTURE = {"fast": 10, "standard": 10, "detailed": 20, "extreme": 30}
_DECIMATE = {"v2.0": 30, "v1.0": 10}


def price(endpoint: str, model: str, params: Mapping[str, Any]) -> Decimal:
    """Credits that one request is expected to cost.

    Args:
        endpoint: image-to-model, multiview-to-model, text-to-model, convert, models/texture, decimate or import.
        model: Full model version; "" where the endpoint has none.
        params: As sent; an option that is left out has the API's default.

    Raises:
        ProductError: PRICE_UNKNOWN. What has no price in the table is refused, never guessed.
    """
    if endpoint in _INPUTS:
        return Decimal(_generation(endpoint, model, params))
    if endpoint == "convert":
        changed = any(params.get(name, usual) not in (usual, None) for name, usual in _CONVERT_DEFAULTS.items())
        return Decimal(_CONVERT_CHANGED if changed else _CONVERT)
    if endpoint in (TEXTURE, "texture"):
        if model not in _TEXTURE_MODELS:
            raise _unknown(endpoint, model)
        return Decimal(_looked_up(_TEXTURE, params.get("texture_quality") or "standard", endpoint, model))
    if endpoint == "decimate":
        return Decimal(_looked_up(_DECIMATE, model or "v2.0", endpoint, model))
    if endpoint == "import":
        return Decimal(0)
    raise _unknown(endpoint, model)


def price_of(brief: Brief) -> Decimal:
    """Credits that one brief is expected to cost.

    Raises:
        ProductError: PRICE_UNKNOWN; also for an option of which the list does not say whether it costs something.
    """
    params = dict(brief.params)
    known = _TEXTURE_OPTIONS if brief.endpoint == TEXTURE else _PRICED | _FREE
    for name in sorted(set(params) - known):
        raise _unknown(brief.endpoint, brief.model, f"with the option {name}")
    return price(brief.endpoint, brief.model, params)


def family_of(model: str) -> str:
    """The price family of a model version: H, P1, P2, or "" if it is not in the table."""
    if model in H_MODELS:
        return "H"
    return model.split("-", maxsplit=1)[0] if model in P_MODELS else ""


def _generation(endpoint: str, model: str, params: Mapping[str, Any]) -> int:
    family = family_of(model)
    tiers = _GENERATION.get((family, _INPUTS[endpoint]), ())
    tier = _tier(params, endpoint, model)
    if tier >= len(tiers):
        raise _unknown(endpoint, model, _TIERS[tier] + " texture")
    extra = sum(credits_ for name, credits_ in _SWITCHES.items() if params.get(name))
    if params.get("geometry_quality") == "detailed":
        if not model.startswith("v3."):
            raise _unknown(endpoint, model, "detailed geometry")
        extra += _DETAILED_GEOMETRY
    return tiers[tier] + extra


def _tier(params: Mapping[str, Any], endpoint: str, model: str) -> int:
    textured = params.get("texture", True) is not False
    if not textured and params.get("pbr", True) is False:
        return 0
    quality = params.get("texture_quality") or "standard"
    if quality == "fast":  # priced as standard
        quality = "standard"
    if quality not in _TIERS[1:]:
        raise _unknown(endpoint, model, f"texture quality {quality}")
    return _TIERS.index(quality)


def _looked_up(table: Mapping[str, int], name: str, endpoint: str, model: str) -> int:
    if name not in table:
        raise _unknown(endpoint, model, str(name))
    return table[name]


def _unknown(endpoint: str, model: str, what: str = "") -> ProductError:
    named = " ".join(part for part in (endpoint, model, what) if part)
    return ProductError(
        f"The price of {named} is not known (price list of {PRICES_DATED}).",
        code="PRICE_UNKNOWN",
        fix="Use a model version and options that the price list names, or a newer version of this program.",
    )
