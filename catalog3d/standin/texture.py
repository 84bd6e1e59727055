"""The photo as a texture: product colours run past the outline, so that no ground shows at the rim."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from catalog3d.standin.pictures import Picture

JPEG_QUALITY = 86


def bled(picture: Picture, soft: NDArray[np.float32], inset_px: float = 4.5) -> NDArray[np.uint8]:
    """The picture with everything outside the product replaced by the nearest product colour.

    Args:
        soft: The product's mask, any resolution.
        inset_px: How far inside the outline a colour counts as the product's own, in picture pixels.
    """
    rows, columns = picture.rgb.shape[:2]
    mask = np.asarray(Image.fromarray(soft).resize((columns, rows), Image.Resampling.BILINEAR)) > 0.5
    depth = ndimage.distance_transform_edt(mask)
    own = depth > inset_px
    for smaller in (0.5 * inset_px, 0.0):
        # Limbs thinner than the inset keep their own colours; corners, 1.4 insets away, are no limbs.
        far = ndimage.distance_transform_edt(~own) > 2 * inset_px if own.any() else mask
        own |= (depth > smaller) & far & mask
    if not own.any():
        return picture.rgb
    nearest = ndimage.distance_transform_edt(~own, return_distances=False, return_indices=True)
    return np.ascontiguousarray(picture.rgb[nearest[0], nearest[1]])


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """A JPEG with sides of 512 or 1024 px: what old phones, and our own checks, want of a texture."""
    rows, columns = pixels.shape[:2]
    image = Image.fromarray(pixels).resize((_side_px(columns), _side_px(rows)), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _side_px(side_px: int) -> int:
    # The nearer of the two as a factor: 724 is half way.
    return 512 if side_px < 724 else 1024


def cropped(
    pixels: NDArray[np.uint8], uv: NDArray[np.float64], margin: float = 0.02
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Only the part of a texture that is used, and the coordinates in it."""
    size = np.array([pixels.shape[1], pixels.shape[0]])
    low = np.clip(np.floor((uv.min(axis=0) - margin) * size), 0, size - 1).astype(int)
    high = np.clip(np.ceil((uv.max(axis=0) + margin) * size), low + 1, size).astype(int)
    return pixels[low[1] : high[1], low[0] : high[0]], (uv * size - low) / (high - low)
