"""Decoding of untrusted pictures, bounded in bytes and pixels."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

MAX_BYTES = 20_000_000
"""Tripo's documented limit of an uploaded picture (v3 docs, read 2026-11)."""

MAX_PIXELS = 36_000_000
"""Tripo's documented limit for image inputs, 36 megapixels (v3 docs, read 2026-11)."""

MIN_SIDE_PX = 16
"""Below this there is no outline to find."""

WORKING_SIDE_PX = 1024
"""Longest side that is worked on: the largest texture that the stand-in makes."""

FORMATS = ("PNG", "JPEG", "WEBP")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A decoded picture, upright, at most WORKING_SIDE_PX long.

    Attributes:
        rgb: (rows, columns, 3) uint8 sRGB.
        alpha: (rows, columns) uint8, or None for an opaque format.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None


def decode(encoded: bytes) -> Picture:
    """Decode a PNG, JPEG or WebP.

    Raises:
        ValueError: It is too large, too small, not a picture, or damaged; the sentence says which.
    """
    if len(encoded) > MAX_BYTES:
        raise ValueError(f"The picture has {len(encoded) / 1e6:.1f} MB, the limit is {MAX_BYTES / 1e6:.0f} MB.")
    try:
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
            return _read(image)
    except _RefusedError as exc:
        raise ValueError(str(exc)) from exc
    except Exception as exc:  # Pillow's decoders raise many kinds of errors on damaged files
        raise ValueError("The file is not a readable PNG, JPEG or WebP picture.") from exc


class _RefusedError(Exception):
    pass


def _read(image: Image.Image) -> Picture:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _RefusedError(
            f"The picture has {width * height / 1e6:.0f} megapixels, the limit is {MAX_PIXELS / 1e6:.0f}."
        )
    if min(width, height) < MIN_SIDE_PX:
        raise _RefusedError(f"The picture is {width} x {height} pixels: no side may be under {MIN_SIDE_PX}.")
    image.draft("RGB", (WORKING_SIDE_PX, WORKING_SIDE_PX))
    upright = ImageOps.exif_transpose(image)
    transparent = "A" in upright.getbands() or "transparency" in upright.info
    if upright.mode.startswith("I;16"):
        upright = Image.fromarray((np.asarray(upright, dtype=np.uint16) >> 8).astype(np.uint8))
    converted = upright.convert("RGBA" if transparent else "RGB")
    converted.thumbnail((WORKING_SIDE_PX, WORKING_SIDE_PX), Image.Resampling.BOX, reducing_gap=2.0)
    if min(converted.size) < MIN_SIDE_PX:
        raise _RefusedError(f"The picture is {width} x {height} pixels: too narrow to hold a product.")
    pixels = np.asarray(converted)
    return Picture(rgb=np.ascontiguousarray(pixels[..., :3]), alpha=pixels[..., 3].copy() if transparent else None)
