"""Pictures decoded under caps: what they show as RGBA pixels, and the file that is sent.

The pixel digest of a picture is sha256 over the ASCII line `RGBA8 WIDTHxHEIGHT` and a line feed, then its pixels row by
row as R, G, B, A bytes, upright (EXIF orientation applied). 16-bit channels keep their upper byte; CMYK goes to sRGB
through the file's own profile where it has one; other profiles are left alone; of an animation the first frame counts.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from catalog3d.errors import ProductError

# "PNG / JPEG / WebP; <= 20 MB" (Tripo v3 docs, read 2026-11).
MAX_SENT_BYTES = 20_000_000
# "20-6000 px per side": the range of Tripo's v2 API; v3 names none.
MAX_SENT_SIDE_PX = 6_000
MIN_SENT_SIDE_PX = 20
# Ours: below it no product can be made out. Tripo v3 docs recommend at least 256 x 256.
MIN_SIDE_PX = 64
ADVISED_SIDE_PX = 256
# Ours: 40 Mpx is 160 MB as RGBA; 6000 x 6000 px, the most that is sent, is 36.
MAX_PIXELS = 40_000_000
# Ours: a 40 Mpx TIFF without compression and with alpha, 8 bits a channel.
MAX_SOURCE_BYTES = 160_000_000

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
_ORIENTATION_TAG = 0x0112  # EXIF 2.32, table 4
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SENT_AS_IT_CAME = {"PNG": "image/png", "JPEG": "image/jpeg", "MPO": "image/jpeg"}
_PLAIN_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
_BAND_ROWS = 256
_JPEG_QUALITY = 95


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """A checked picture.

    Attributes:
        pixels: Upright, mode RGBA.
        mime: Of the file itself if it can be sent as it came, else "".
        lossless: Whether the file's format keeps every pixel.
    """

    pixels: Image.Image
    mime: str
    lossless: bool

    @property
    def sha256(self) -> str:
        return pixels_sha256(self.pixels)


def decode(path: Path, name: str) -> Decoded:
    """Decode and check one picture file.

    Args:
        name: How the picture is called towards people.

    Raises:
        ProductError: PHOTO_UNREADABLE, PHOTO_TOO_LARGE, PHOTO_TOO_SMALL, PHOTO_BLANK.
    """
    size_bytes = path.stat().st_size
    if size_bytes > MAX_SOURCE_BYTES:
        raise _too_large(name, f"{size_bytes // 1_000_000} MB")
    with path.open("rb") as file:
        _refuse_foreign(file.read(1024), name)
        file.seek(0)
        try:
            with Image.open(file, formats=_FORMATS) as image:
                _check_size(image.size, name)
                decoded = _decoded(image, size_bytes)
        except ProductError:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
            raise _too_large(name, "far more than 40 megapixels") from exc
        except UnidentifiedImageError as exc:
            raise _unreadable(name, "is not a picture in a known format") from exc
        except Exception as exc:  # decoders raise anything on a damaged or hostile file
            raise _unreadable(name, "is damaged or incomplete") from exc
    _refuse_blank(decoded.pixels, name)
    return decoded


def pixels_sha256(pixels: Image.Image) -> str:
    """The digest of the module's docstring, of an upright RGBA picture."""
    width, height = pixels.size
    digest = hashlib.sha256(b"RGBA8 %dx%d\n" % (width, height))
    for top in range(0, height, _BAND_ROWS):
        digest.update(pixels.crop((0, top, width, min(top + _BAND_ROWS, height))).tobytes())
    return digest.hexdigest()


def encode(decoded: Decoded, name: str) -> tuple[bytes, str]:
    """The picture as a PNG or JPEG that may be sent, and its mime type; the same pixels give the same bytes.

    Raises:
        ProductError: PHOTO_TOO_SMALL if it is so long and thin that nothing would be left of it.
    """
    pixels = decoded.pixels
    has_alpha = _extrema(pixels)[3][0] < 255
    scale = min(1.0, MAX_SENT_SIDE_PX / max(pixels.size))
    while True:
        width, height = (max(1, round(side * scale)) for side in pixels.size)
        if min(width, height) < MIN_SENT_SIDE_PX:
            raise _too_small(name, pixels.size)
        scaled = pixels if scale == 1.0 else pixels.resize((width, height), Image.Resampling.LANCZOS)
        for kind in ("PNG",) if has_alpha else ("PNG", "JPEG") if decoded.lossless else ("JPEG",):
            content = _encoded(scaled, kind, has_alpha=has_alpha)
            if len(content) <= MAX_SENT_BYTES:
                return content, _SENT_AS_IT_CAME[kind]
        scale *= 0.7  # half the pixels


def _decoded(image: Image.Image, size_bytes: int) -> Decoded:
    image.load()
    orientation = _orientation(image)  # after loading: TIFF pictures are turned by that, and say so
    as_it_came = (
        image.format in _SENT_AS_IT_CAME
        and orientation == 1
        # Only a PNG says how many frames it has without a walk through the whole file, which may be made to last.
        and (image.format != "PNG" or getattr(image, "n_frames", 1) == 1)
        and image.mode in _PLAIN_MODES
        and max(image.size) <= MAX_SENT_SIDE_PX
        and size_bytes <= MAX_SENT_BYTES
    )
    pixels = _rgba(image)
    if orientation in _UPRIGHT:
        pixels = pixels.transpose(_UPRIGHT[orientation])
    return Decoded(
        pixels=pixels,
        mime=_SENT_AS_IT_CAME[image.format or ""] if as_it_came else "",
        lossless=image.format not in ("JPEG", "MPO", "WEBP", "AVIF"),
    )


def _rgba(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_eight_bits(np.asarray(image))).convert("RGBA")
    if image.mode == "CMYK":
        return _cmyk_to_rgb(image).convert("RGBA")
    return image.convert("RGBA") if image.mode != "LAB" else image.convert("RGB").convert("RGBA")


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Gray values of 16, 32 or float bits; Pillow would clip them to 255 instead of scaling them."""
    if values.dtype.kind == "f":
        known = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        top = next((top for top in (1.0, 255.0) if known.max() <= top), 65_535.0)
        return np.asarray(np.clip(known / top, 0.0, 1.0) * 255.0, dtype=np.uint8)
    if values.dtype.itemsize > 2 and values.max() <= 255:
        return np.asarray(np.clip(values, 0, 255), dtype=np.uint8)
    return np.asarray(np.clip(values, 0, 65_535) >> 8, dtype=np.uint8)


def _cmyk_to_rgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if not profile:
        return image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):  # a broken profile does not spoil the picture
        converted = None
    return converted or image.convert("RGB")


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001 - broken EXIF data raises anything; viewers show such a picture as it is
        return 1
    return value if isinstance(value, int) and value in _UPRIGHT else 1


def _encoded(pixels: Image.Image, kind: str, *, has_alpha: bool) -> bytes:
    target = io.BytesIO()
    image = pixels if has_alpha else pixels.convert("RGB")
    options = {"compress_level": 6} if kind == "PNG" else {"quality": _JPEG_QUALITY, "subsampling": 0}
    image.save(target, kind, **options)
    return target.getvalue()


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise _too_large(name, f"{width} x {height} pixels")
    if min(width, height) < MIN_SIDE_PX:
        raise _too_small(name, size)


def _refuse_blank(pixels: Image.Image, name: str) -> None:
    bands = _extrema(pixels)
    if bands[3] == (0, 0) or all(low == high for low, high in bands):
        raise ProductError(
            f"The picture {name} shows nothing: it is one single color.",
            code="PHOTO_BLANK",
            fix="Use the real photo.",
        )


def _extrema(pixels: Image.Image) -> tuple[tuple[int, int], ...]:
    """Lowest and highest value of R, G, B and A."""
    return cast("tuple[tuple[int, int], ...]", pixels.getextrema())


def _refuse_foreign(start: bytes, name: str) -> None:
    head = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html", b"<head", b"<script")):
        raise _unreadable(
            name, "is a web page, not a picture", 'Use the address of the picture itself, often "copy image address".'
        )
    if head.startswith((b"<svg", b"<?xml", b"%pdf", b"%!ps")):
        raise _unreadable(name, "is a drawing or a document, not a photo")
    if start[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypheim", b"ftyphevc"):
        raise _unreadable(name, "is a HEIC picture of a phone, which cannot be read")


def _unreadable(name: str, what: str, fix: str = "Save it as JPEG or PNG and use that.") -> ProductError:
    return ProductError(f"The picture {name} {what}.", code="PHOTO_UNREADABLE", fix=fix)


def _too_large(name: str, size: str) -> ProductError:
    return ProductError(
        f"The picture {name} is too large: {size}.",
        code="PHOTO_TOO_LARGE",
        fix="Save it with at most 6000 pixels a side and 20 MB.",
    )


def _too_small(name: str, size: tuple[int, int]) -> ProductError:
    return ProductError(
        f"The picture {name} is too small: {size[0]} x {size[1]} pixels.",
        code="PHOTO_TOO_SMALL",
        fix="Use one of 1024 pixels a side or more.",
    )
