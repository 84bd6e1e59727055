"""The views of products: found, fetched, checked, known by their pixels, and prepared for sending.

Below the cache folder, all of it may be deleted: `fetched/` (what URLs gave, by sha256), `prepared/` (what is sent, by
pixel digest), `pictures.db` (digests of unchanged files). A URL is fetched once; a changed picture wants a new URL.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from PIL import Image

from catalog3d.adapters.picture_decode import ADVISED_SIDE_PX, Decoded, decode, encode
from catalog3d.adapters.picture_fetch import PictureFetcher, shown
from catalog3d.adapters.picture_memory import PictureMemory
from catalog3d.adapters.whole_files import chunks_of, sha256_of, write_part
from catalog3d.errors import ProductError, RunError, TransientError
from catalog3d.ports import PreparedView
from catalog3d.product import ViewSource

_PREPARED = "prepared"
_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg"}
_STRIPES = 64


class PixelDigests(Protocol):
    """The permanent memory of which file has which pixels.

    It outlives the cache: when a new decoder reads a photo a little differently, the old digest still holds, and
    nothing is billed again.
    """

    def get(self, file_sha256: str) -> str | None: ...

    def put(self, file_sha256: str, pixels_sha256: str) -> str:
        """Keep a digest; the first one for a file wins, and is returned."""


class PictureShelf:
    """Implements `catalog3d.ports.Pictures`; safe to share among threads.

    Args:
        cache: Our own folder, created if needed.
        roots: Folders that picture files must lie under, links followed; None = wherever the sheet says.
        known: Digests of files seen before.
        fetcher: How URLs are fetched; None = from public addresses only.
        decoders: How many pictures may be decoded at once; each takes up to about 0.5 GB for a moment.
    """

    def __init__(
        self,
        cache: Path,
        roots: Sequence[Path] | None = None,
        *,
        known: PixelDigests,
        fetcher: PictureFetcher | None = None,
        decoders: int = 2,
    ) -> None:
        self._fetched = cache / "fetched"
        self._prepared = cache / _PREPARED
        self._roots = None if roots is None else tuple(root.resolve() for root in roots)
        self._known = known
        self._fetcher = fetcher or PictureFetcher()
        self._memory = PictureMemory(cache)
        self._decoders = threading.BoundedSemaphore(decoders)
        # Two sets, always taken in this order: one set would deadlock.
        self._of_url, self._of_file = _Stripes(), _Stripes()
        for folder in (self._fetched, self._prepared):
            with _cache_written(folder):
                folder.mkdir(parents=True, exist_ok=True)

    def close(self) -> None:
        self._memory.close()

    def pixels_sha256(self, view: ViewSource) -> str | None:
        """The pixel digest if it is known without network: a readable file, or a URL fetched before.

        Raises:
            ProductError: PHOTO_MISSING, PHOTO_OUTSIDE, PHOTO_UNREADABLE, PHOTO_TOO_LARGE, PHOTO_TOO_SMALL, PHOTO_BLANK.
        """
        found = self._remembered(view.location) if view.is_url else self._local(view.location)
        if found is None:
            return None
        path, file_sha256 = found
        known = self._known.get(file_sha256)
        if known is not None:
            return known
        with self._of_file.held(file_sha256), self._decoders:
            return self._known.get(file_sha256) or self._decode(path, file_sha256, view)[1]

    def prepare(self, view: ViewSource) -> PreparedView:
        """Fetch and prepare one view (blocking; call it in a thread).

        Raises:
            ProductError: As `pixels_sha256`, and URL_REFUSED.
            TransientError: The picture's server did not answer, or the file changed meanwhile.
        """
        if not view.is_url:
            path, file_sha256 = self._local(view.location)
            return self._prepare(path, file_sha256, view)
        with self._of_url.held(view.location):
            path, file_sha256 = self._remembered(view.location) or self._fetch(view.location)
            try:
                prepared = self._prepare(path, file_sha256, view)
            except ProductError:
                path.unlink(missing_ok=True)  # asked again next time: somebody may have put the real picture there
                raise
            self._memory.remember_url(view.location, file_sha256)
            return prepared

    def _prepare(self, path: Path, file_sha256: str, view: ViewSource) -> PreparedView:
        with self._of_file.held(file_sha256):
            pixels_sha256 = self._known.get(file_sha256)
            ready = self._ready(pixels_sha256, file_sha256, view) if pixels_sha256 else None
            if ready is None:
                with self._decoders:
                    decoded, pixels_sha256 = self._decode(path, file_sha256, view)
                    self._put_ready(decoded, path, pixels_sha256, file_sha256, view)
                    del decoded
                ready = self._ready(pixels_sha256, file_sha256, view)
        if ready is None:
            raise RunError(
                f"The prepared picture of {_name(view)} was removed from {self._prepared}.",
                code="HOME_NOT_WRITABLE",
                fix="Leave that folder alone during a run, and run again.",
            )
        return ready

    def _decode(self, path: Path, file_sha256: str, view: ViewSource) -> tuple[Decoded, str]:
        """The picture and the digest that holds for it, which may be an older decoder's."""
        with _picture_read(view):
            decoded = decode(path, _name(view))
            if self._memory.file_sha256(path) != file_sha256:
                raise _changed(view)
            pixels_sha256 = self._known.get(file_sha256)
            if pixels_sha256 is None:
                pixels_sha256 = self._known.put(file_sha256, decoded.sha256)
            return decoded, pixels_sha256

    def _put_ready(self, decoded: Decoded, path: Path, pixels_sha256: str, file_sha256: str, view: ViewSource) -> None:
        with _cache_written(self._prepared):
            if decoded.mime:
                part, mime = write_part(self._prepared, chunks_of(path)), decoded.mime
                if part.sha256 != file_sha256:
                    part.path.unlink()
                    raise _changed(view)
            else:
                content, mime = encode(decoded, _name(view))
                part = write_part(self._prepared, [content])
            part.path.replace(self._prepared / f"{pixels_sha256}{_SUFFIXES[mime]}")

    def _ready(self, pixels_sha256: str, file_sha256: str, view: ViewSource) -> PreparedView | None:
        for mime, suffix in _SUFFIXES.items():
            path = self._prepared / f"{pixels_sha256}{suffix}"
            if not path.exists():
                continue
            with Image.open(path, formats=("PNG", "JPEG")) as image:
                width_px, height_px = image.size
            return PreparedView(
                slot=view.slot.value,
                path=path,
                file_sha256=file_sha256,
                pixels_sha256=pixels_sha256,
                mime=mime,
                width_px=width_px,
                height_px=height_px,
                size_bytes=path.stat().st_size,
            )
        return None

    def _local(self, location: str) -> tuple[Path, str]:
        """A picture file, links followed, and the sha256 of its content."""
        named = Path(location)
        try:
            path = named.resolve(strict=True)
            if not path.is_file():
                raise _missing(named)
            if self._roots is not None and not any(path.is_relative_to(root) for root in self._roots):
                raise ProductError(
                    f"The picture {named.name} lies outside the folders that may be read.",
                    code="PHOTO_OUTSIDE",
                    fix="Put it into the photo folder.",
                )
            return path, self._memory.file_sha256(path)
        except (FileNotFoundError, NotADirectoryError, ValueError, RuntimeError) as exc:  # RuntimeError: a link loop
            raise _missing(named) from exc
        except OSError as exc:
            raise _unreadable(named.name, exc) from exc

    def _remembered(self, url: str) -> tuple[Path, str] | None:
        sha256 = self._memory.url_content(url)
        path = self._fetched / (sha256 or "")
        return (path, sha256) if sha256 and path.is_file() else None

    def _fetch(self, url: str) -> tuple[Path, str]:
        part = self._fetched / f".part-{os.getpid()}-{threading.get_ident()}"
        with _cache_written(self._fetched):
            part.unlink(missing_ok=True)
            try:
                self._fetcher.fetch(url, part)
                sha256, _ = sha256_of(part)
                return part.replace(self._fetched / sha256), sha256
            finally:
                part.unlink(missing_ok=True)


def prepared_file(cache: Path, pixels_sha256: str) -> Path | None:
    """The picture with these pixels as it was sent to the provider; None if the cache below `cache` has lost it."""
    files = (cache / "prepared" / f"{pixels_sha256}{suffix}" for suffix in _SUFFIXES.values())
    return next((file for file in files if file.is_file()), None)


class _Stripes:
    """Locks by key, a bounded number of them: one picture is worked on once, however many products share it."""

    def __init__(self) -> None:
        self._locks = tuple(threading.Lock() for _ in range(_STRIPES))

    @contextmanager
    def held(self, key: str) -> Iterator[None]:
        with self._locks[hash(key) % _STRIPES]:
            yield


def kept_picture(folder: Path, pixels_sha256: str) -> Path | None:
    """A picture as it was sent, by its pixels: also one that its sheet has replaced since; None if it is not here.

    Args:
        folder: Of the shelf.
    """
    places = (folder / _PREPARED / f"{pixels_sha256}{suffix}" for suffix in _SUFFIXES.values())
    return next((place for place in places if place.is_file()), None)


def small_picture_note(view: PreparedView) -> str:
    """A sentence for a picture that can be sent but is smaller than the provider advises, else ""."""
    if min(view.width_px, view.height_px) >= ADVISED_SIDE_PX:
        return ""
    return (
        f"The {view.slot} picture has only {view.width_px} x {view.height_px} pixels; "
        f"below {ADVISED_SIDE_PX} a side models come out poor."
    )


def _name(view: ViewSource) -> str:
    return shown(view.location) if view.is_url else Path(view.location).name


@contextmanager
def _picture_read(view: ViewSource) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as exc:
        raise _missing(Path(view.location)) from exc
    except OSError as exc:
        raise _unreadable(_name(view), exc) from exc


@contextmanager
def _cache_written(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise RunError(
            f"The picture cache {folder} cannot be written: {exc.strerror}.",
            code="HOME_NOT_WRITABLE",
            fix="Check who may write it, and that the disk is not full.",
        ) from exc


def _missing(path: Path) -> ProductError:
    return ProductError(
        f"There is no picture {path}.", code="PHOTO_MISSING", fix="Put it there, or correct its name in the sheet."
    )


def _unreadable(name: str, exc: OSError) -> ProductError:
    return ProductError(
        f"The picture {name} cannot be read: {exc.strerror}.",
        code="PHOTO_UNREADABLE",
        fix="Check who may read the file.",
    )


def _changed(view: ViewSource) -> TransientError:
    return TransientError(f"The picture {_name(view)} changed while it was read.", code="PHOTO_CHANGING")
