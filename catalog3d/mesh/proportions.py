"""The model's outer size against the declared one: ratios only, since raw models have no scale."""

from __future__ import annotations

from catalog3d.mesh.findings import info, not_checked, warning
from catalog3d.mesh.profiles import ProfileLimits
from catalog3d.product import Dimensions
from catalog3d.quality import Check

CODE = "PROPORTION_MISMATCH"
Size = tuple[float, float, float]


def proportion_findings(
    extents: Size | None, dimensions: Dimensions | None, profile: ProfileLimits, *, standin: bool = False
) -> list[Check]:
    """Compare W : H : D with X : Y : Z, allowing a quarter turn about the upright axis.

    A raw model may face +X or +Z, so which of X and Z is the width is not known beforehand.

    Args:
        standin: The stand-in invents what a photo does not show, so there it says nothing about the product.
    """
    declared = _declared(dimensions)
    if extents is None or declared is None:
        why = "the geometry could not be read" if extents is None else _why(dimensions)
        return [not_checked("proportions", why)]
    straight, turned = _mismatch(extents, declared), _mismatch((extents[2], extents[1], extents[0]), declared)
    limit = profile.limits[CODE]
    turn = limit.exceeded(straight) is not None and turned < straight
    percent = turned if turn else straight
    seen = (extents[2], extents[1], extents[0]) if turn else extents
    found = [_turn_note()] if turn and limit.exceeded(percent) is None else []
    beyond = limit.exceeded(percent)
    if beyond is None:
        return found
    if standin:
        said = f"The stand-in's shape is {percent:.0f} % off the declared proportions: it invents what a photo does not show."
        return [info(CODE, said, round(percent, 1), beyond[1])]
    message = (
        f"The model's proportions are {percent:.0f} % off: it is {_ratio(seen, declared)} (width : height : depth) where the "
        f"sheet says {_ratio(declared, declared)}. A shopper would judge its size wrongly. Look at it beside the photo; "
        "retake it, or correct the dimensions in the sheet."
    )
    return [warning(CODE, message, round(percent, 1), beyond[1])]


def matches(extents: Size | None, dimensions: Dimensions | None, profile: ProfileLimits) -> bool:
    """Whether declared proportions are known and the model has them."""
    if extents is None or _declared(dimensions) is None:
        return False
    return not any(found.code in (CODE, "NOT_CHECKED") for found in proportion_findings(extents, dimensions, profile))


def _turn_note() -> Check:
    message = (
        "The proportions fit once the model is turned by 90 degrees about its upright axis: it faces +X instead of +Z."
    )
    return info("PROPORTIONS_TURNED", message, 90)


def _declared(dimensions: Dimensions | None) -> tuple[float | None, float | None, float | None] | None:
    if dimensions is None:
        return None
    sides = (dimensions.width_m, dimensions.height_m, dimensions.depth_m)
    return sides if sum(side is not None and side > 0 for side in sides) >= 2 else None


def _why(dimensions: Dimensions | None) -> str:
    return "the product's dimensions are not declared" if dimensions is None else "only one dimension is declared"


def _mismatch(extents: Size, declared: tuple[float | None, ...]) -> float:
    """How far the ratios are apart, in percent; 0 = the same proportions."""
    factors = [have / want for have, want in zip(extents, declared, strict=True) if want]
    smallest, largest = min(factors), max(factors)
    # A flat model has no proportions to compare: as wrong as can be written down.
    return 999.0 if smallest <= 0 else min(999.0, (largest / smallest - 1) * 100)


def _ratio(sides: tuple[float | None, ...], known: tuple[float | None, ...]) -> str:
    """The declared sides as a ratio to the largest of them, such as "0.50 : 1.00 : ?"."""
    shown = [side if side is not None and want else None for side, want in zip(sides, known, strict=True)]
    largest = max((side for side in shown if side is not None), default=1.0) or 1.0
    return " : ".join("?" if side is None else f"{side / largest:.2f}" for side in shown)
