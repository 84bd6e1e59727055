"""Small pictures for people to look at, made from pictures that nobody vouches for."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from catalog3d.errors import ProductError

SIDE_PX = 360
JPEG_QUALITY = 84
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
# Tripo takes pictures up to 20 MB and 6000 x 6000 px (v3 docs and the v2 range): what is far beyond was never sent.
MAX_FILE_BYTES = 64_000_000
MAX_PIXELS = 64_000_000


@dataclass(frozen=True, kw_only=True)
class Thumbnail:
    """A small picture, or why there is none.

    Attributes:
        file: Its name in the folder, "" if there is none.
        problem: One short sentence for the placeholder, "" if there is a picture.
    """

    file: str = ""
    width_px: int = 0
    height_px: int = 0
    problem: str = ""


class Thumbnails:
    """Makes thumbnails in one folder; a picture that several SKUs share is read and kept once.

    Args:
        folder: Created when the first picture is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[Path, Thumbnail] = {}

    def of(self, source: Path) -> Thumbnail:
        """The thumbnail of a picture file.

        Raises:
            OSError: The folder cannot be written. A missing or damaged picture raises nothing.
        """
        if source not in self._made:
            self._made[source] = self._make(source)
        return self._made[source]

    def _make(self, source: Path) -> Thumbnail:
        try:
            small = _shrink(source)
        except FileNotFoundError:
            return Thumbnail(problem="The picture file is missing.")
        except _TooLargeError:
            return Thumbnail(problem="The picture is too large to show.")
        except Exception:  # noqa: BLE001 - decoders raise anything on damaged files, and the placeholder says so
            return Thumbnail(problem="The picture cannot be opened.")
        content = io.BytesIO()
        small.save(content, "JPEG", quality=JPEG_QUALITY, optimize=True)
        data = content.getvalue()
        name = hashlib.sha256(data).hexdigest()[:20] + ".jpg"
        self._write(name, data)
        return Thumbnail(file=name, width_px=small.width, height_px=small.height)

    def _write(self, name: str, data: bytes) -> None:
        """Atomic, but not synced: a picture is worth no disk flush each, and can be made again."""
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(self._folder / name)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def small_jpeg(source: Path, side_px: int) -> bytes:
    """A picture file as a JPEG of at most `side_px`, whatever it was before.

    Raises:
        ProductError: PHOTO_MISSING, PHOTO_TOO_LARGE, PHOTO_UNREADABLE.
    """
    try:
        small = _shrink(source, side_px)
    except FileNotFoundError as exc:
        raise ProductError(f"There is no picture {source.name}.", code="PHOTO_MISSING") from exc
    except _TooLargeError as exc:
        raise ProductError(f"The picture {source.name} is too large to show.", code="PHOTO_TOO_LARGE") from exc
    except Exception as exc:  # decoders raise anything on damaged files
        raise ProductError(f"The picture {source.name} cannot be opened.", code="PHOTO_UNREADABLE") from exc
    content = io.BytesIO()
    small.save(content, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return content.getvalue()


class _TooLargeError(Exception):
    pass


def _shrink(source: Path, side_px: int = SIDE_PX) -> Image.Image:
    """The picture upright, at most `side_px` on its longer side, on white, without any metadata."""
    if not source.exists():
        raise FileNotFoundError(source)
    if not source.is_file():  # opening a pipe would wait for ever
        raise ValueError("not a regular file")
    if source.stat().st_size > MAX_FILE_BYTES:
        raise _TooLargeError
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pillow warns of what the next lines refuse
        with Image.open(source, formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise _TooLargeError
            picture.draft("RGB", (2 * side_px, 2 * side_px))
            small = _eight_bit(picture)
            small.thumbnail((side_px, side_px), Image.Resampling.LANCZOS, reducing_gap=2.0)
            return _on_white(ImageOps.exif_transpose(small))


def _eight_bit(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):
        return picture.convert("I").point(lambda value: value / 256).convert("L")
    if picture.mode in ("P", "PA", "LA") or "transparency" in picture.info:
        return picture.convert("RGBA")
    if picture.mode not in ("L", "RGB", "RGBA"):
        return picture.convert("RGB")
    return picture


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    ground = Image.new("RGB", picture.size, "white")
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground
