"""Models and pictures as the page serves them: copied from the library once, verified, small and bounded."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from catalog3d.adapters.thumbnails import small_jpeg
from catalog3d.adapters.whole_files import write_part
from catalog3d.asset import Asset
from catalog3d.errors import ProductError
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.pictures import picture_file

MAX_SHOWN_BYTES = 200_000_000
"""A browser's tab does not survive more; the web-ar profile blocks above 15 MB."""
MAX_PICTURE_BYTES = 10_000_000
SHELF_BYTES = 2_000_000_000
"""Models that are kept for showing: about 600 of Tripo's usual 3 MB."""
LARGE_PX, SMALL_PX = 1600, 320
_STRIPES = 64


class Shelves:
    """Local copies of what the page shows; all methods block.

    Args:
        folder: Our own; all of it may be deleted.
    """

    def __init__(self, catalog: OpenCatalog, folder: Path) -> None:
        self._catalog = catalog
        self._folder = folder
        # Two sets, always taken in this order: one set would deadlock.
        self._of_made, self._of_models = (tuple(threading.Lock() for _ in range(_STRIPES)) for _ in range(2))

    def model(self, asset: Asset) -> Path:
        """The model file, its content verified when it was copied.

        Raises:
            ProductError: TOO_LARGE_TO_SHOW, KEY_MISSING, CONTENT_CHANGED.
        """
        if asset.size_bytes > MAX_SHOWN_BYTES:
            raise ProductError(
                f"{asset.file} has {asset.size_bytes / 1e6:.0f} MB: too large to show in a page.",
                code="TOO_LARGE_TO_SHOW",
                fix=f"Open it from {self._catalog.store.location(asset.key)}.",
                sku=asset.sku,
            )
        file = self._folder / "models" / f"{asset.sha256}.glb"
        with self._of_models[hash(asset.sha256) % _STRIPES]:
            if not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                self._catalog.store.fetch(asset.key, file, sha256=asset.sha256)
                _bound(file.parent, keep=file)
        return file

    def picture(self, asset: Asset) -> Path | None:
        """The picture that was drawn of a model, None if there is none."""
        file = picture_file(self._catalog, asset)
        if not file.exists() and asset.picture_key:
            content = self._catalog.store.get(asset.picture_key, max_bytes=MAX_PICTURE_BYTES)
            if content is not None:
                put(file, content)
        return file if file.exists() else None

    def shown(self, source: Path, side_px: int) -> Path:
        """A picture file as a JPEG that a page may show.

        Raises:
            ProductError: PHOTO_MISSING, PHOTO_TOO_LARGE, PHOTO_UNREADABLE.
        """
        file = self._folder / "pictures" / f"{version_of(source)}-{side_px}.jpg"
        return self.made(file, lambda: put(file, small_jpeg(source, side_px)))

    def made(self, file: Path, make: Callable[[], None]) -> Path:
        """A file of this folder, made if it is not there, once among all who ask at the same time."""
        with self.once(file.name):
            if not file.exists():
                make()
        return file

    @contextmanager
    def once(self, name: str) -> Iterator[None]:
        """Keep out whoever makes the same thing."""
        with self._of_made[hash(name) % _STRIPES]:
            yield


def put(file: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_part(file.parent, [content]).path.replace(file)


def version_of(source: Path) -> str:
    """A short name that changes when a picture file is replaced.

    Raises:
        ProductError: PHOTO_MISSING.
    """
    try:
        found = source.stat()
    except OSError as exc:
        raise ProductError(f"There is no picture {source.name}.", code="PHOTO_MISSING") from exc
    return hashlib.sha256(f"{source}\0{found.st_mtime_ns}\0{found.st_size}".encode("utf-8", "replace")).hexdigest()[:24]


def _bound(folder: Path, keep: Path) -> None:
    """Let go of the models that were copied first once there are too many."""
    files = sorted((file.stat().st_mtime_ns, file.stat().st_size, file) for file in folder.glob("*.glb"))
    total = sum(size for _, size, _ in files)
    for _, size, file in files:
        if total <= SHELF_BYTES:
            break
        if file != keep:
            file.unlink(missing_ok=True)
            total -= size
