"""Whether Shopify sees a model as large as we do."""

from __future__ import annotations

from catalog3d.adapters.shopify.answers import Box

SCALE_TOLERANCE = 0.02
"""Ours: half of what a shopper would see beside a doorway; Shopify measures what it optimized, not what we sent."""


def scale_warning(extents_m: tuple[float, float, float] | None, box: Box | None) -> str:
    """A sentence if Shopify measures the model otherwise than we did, else ""."""
    if extents_m is None:
        return ""
    if box is None:
        return "Shopify did not say how large the model is: its scale on the page is not checked."
    told = (box.size.x, box.size.y, box.size.z)
    if all(
        abs(theirs - ours) <= max(SCALE_TOLERANCE * ours, 0.001) for theirs, ours in zip(told, extents_m, strict=True)
    ):
        return ""
    ours, theirs = (" x ".join(f"{length:.3f}" for length in lengths) for lengths in (extents_m, told))
    return f"Shopify measures {theirs} m, the checked model has {ours} m: look at it in the shopper's room view."
