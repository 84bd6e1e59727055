"""Files that are whole or not there: written to `.part-*` beside their place, flushed to disk, then put in place."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import time
from collections.abc import Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from catalog3d.adapters.store_errors import content_changed, content_gone

PART_PREFIX = ".part-"
CHUNK_BYTES = 1 << 20
_STALE_PART_S = 24 * 3600
"""A writer that needs longer for one file is none of ours."""
_PART_NAME = re.compile(rf"{re.escape(PART_PREFIX)}[0-9a-f]{{16}}")


@dataclass(frozen=True, kw_only=True)
class Part:
    """A complete, flushed file that is not in its place yet."""

    path: Path
    sha256: str
    size_bytes: int


def chunks_of(content: bytes | Path) -> Generator[bytes, None, None]:
    """The content in pieces of 1 MiB."""
    if isinstance(content, bytes):
        for start in range(0, len(content), CHUNK_BYTES):
            yield content[start : start + CHUNK_BYTES]
        return
    with content.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def sha256_of(content: bytes | Path) -> tuple[str, int]:
    """Hex digest and size in bytes."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks_of(content):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def require_source(key: str, content: bytes | Path) -> None:
    """Raise ProductError CONTENT_CHANGED if the file to store is gone."""
    if isinstance(content, Path) and not content.is_file():
        raise content_gone(key)


def require_content(key: str, content: bytes | Path, sha256: str) -> int:
    """The content's size in bytes.

    Raises:
        ProductError: CONTENT_CHANGED if its digest is not `sha256`.
    """
    digest, size = sha256_of(content)
    if digest != sha256:
        raise content_changed(key)
    return size


def write_part(folder: Path, chunks: Iterable[bytes]) -> Part:
    """Write a flushed `.part-*` file into an existing folder; nothing is left behind if that fails."""
    path = folder / f"{PART_PREFIX}{secrets.token_hex(8)}"
    digest, size = hashlib.sha256(), 0
    # Not tempfile: its files are readable by their owner alone, and a library is shared.
    try:
        with path.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Part(path=path, sha256=digest.hexdigest(), size_bytes=size)


def clear_stale_parts(folder: Path, *, below: bool = False) -> None:
    """Delete the unfinished files of writers that were killed here a day ago or earlier.

    Args:
        below: In all folders below as well; a link is not followed.
    """
    for place, subfolders, names in os.walk(folder):
        for part in (Path(place, name) for name in names if _PART_NAME.fullmatch(name)):
            with suppress(OSError):
                if time.time() - part.lstat().st_mtime > _STALE_PART_S:
                    part.unlink()
        if not below:
            subfolders.clear()


def receive(chunks: Iterable[bytes], target: Path, *, key: str, sha256: str) -> None:
    """Write what a store sends to `target`, verified.

    Raises:
        ProductError: CONTENT_CHANGED; an older `target` is left as it was.
    """
    make_folder(target.parent)
    part = write_part(target.parent, chunks)
    try:
        if part.sha256 != sha256:
            raise content_changed(key)
        part.path.replace(target)
    finally:
        part.path.unlink(missing_ok=True)
    sync_folder(target.parent)


def make_folder(folder: Path) -> None:
    """Create a folder with its parents; each new name is flushed to disk."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder, so that a new file survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as exc:
        # Some network file systems cannot flush a folder; they flush names with the file.
        if exc.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EBADF}:
            raise
    finally:
        os.close(descriptor)
