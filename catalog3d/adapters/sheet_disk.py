"""Sheet files on disk: read whole, replaced in one step, and locked against a second writer."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from catalog3d.adapters.whole_files import sync_folder, write_part
from catalog3d.errors import RunError

MAX_SHEET_BYTES = 200 * 1024 * 1024
"""As much as intake reads."""
LOCK_TIMEOUT_S = 60.0
"""Longer than any write takes: a writer that waits this long waits for something that hangs."""
_LOCK_POLL_S = 0.05
_ANY_WRITE_BIT = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, kw_only=True)
class SheetFile:
    """A sheet's content as it was read."""

    path: Path
    data: bytes

    @property
    def unchanged(self) -> bool:
        """Whether the file holds this content still; times and inodes say less on a network drive."""
        return holds(self.path, self.data)


def holds(path: Path, data: bytes) -> bool:
    """Whether a file holds exactly this; False if it cannot be read."""
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False


def read_sheet(path: Path) -> SheetFile:
    """Read a whole sheet; a symbolic link is followed, so that the file behind it is the one that is replaced.

    Raises:
        RunError: SHEET_MISSING, SHEET_UNREADABLE or SHEET_TOO_LARGE.
    """
    path = path.resolve()
    if not path.is_file():
        raise RunError(f"There is no sheet {path}.", code="SHEET_MISSING", fix="Check its name and folder.")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SHEET_BYTES + 1)
    except OSError as exc:
        raise RunError(
            f"The sheet {path.name} cannot be read: {exc.strerror}.",
            code="SHEET_UNREADABLE",
            fix="Check who may read the file.",
        ) from exc
    if len(data) > MAX_SHEET_BYTES:
        raise RunError(
            f"The sheet {path.name} is larger than {MAX_SHEET_BYTES // 1_000_000} MB.",
            code="SHEET_TOO_LARGE",
            fix="Split it, or leave out columns that are not needed.",
        )
    return SheetFile(path=path, data=data)


def open_elsewhere(path: Path) -> str:
    """The lock file that a spreadsheet program keeps beside a sheet it has open, or ""."""
    for place in (path, path.resolve()):  # beside the link or beside the file, whichever was opened
        for name in (f"~${place.name}", f".~lock.{place.name}#"):  # Excel, LibreOffice
            if (place.parent / name).exists():
                return name
    return ""


def is_protected(path: Path) -> bool:
    """Whether somebody took away the right to write this file; a replace would ignore that."""
    path = path.resolve()
    return not path.stat().st_mode & _ANY_WRITE_BIT or not os.access(path, os.W_OK)


def replace_file(path: Path, data: bytes, *, like: Path | None = None) -> None:
    """Write a file so that readers see the old or the new one, never half.

    Args:
        like: The file whose mode and owner a new file gets; one that is there keeps its own.

    Raises:
        OSError: Nothing has changed then.
    """
    part = write_part(path.parent, [data])
    try:
        keep_rights(path if path.exists() else like or path, part.path)
        part.path.replace(path)
    finally:
        part.path.unlink(missing_ok=True)
    sync_folder(path.parent)


def keep_rights(path: Path, new: Path) -> None:
    """Give a new file the owner, group, mode and access lists of `path`, as far as we may; nothing if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    for owner in (found.st_uid, -1):  # only root may give files away; a group of ours we may set
        with suppress(PermissionError):
            os.chown(new, owner, found.st_gid)
            break
    shutil.copystat(path, new)
    os.utime(new)


def path_digest(path: Path) -> str:
    """A short name for the place of a file."""
    return hashlib.sha256(str(path.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]


@contextmanager
def sheet_lock(path: Path, folder: Path) -> Iterator[None]:
    """Hold the only right to write a sheet among our processes and threads; it ends with the process.

    Raises:
        RunError: SHEET_BUSY after a minute; HOME_NOT_WRITABLE.
    """
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    with _lock_file(folder / f"sheet-{path_digest(path)}.lock") as file:
        while not _try_lock(file.fileno(), folder):
            if time.monotonic() > deadline:
                raise RunError(
                    f"Another catalog3d has been writing {path.name} for a minute.",
                    code="SHEET_BUSY",
                    fix="Wait for it or stop it, then run `catalog3d sync`.",
                )
            time.sleep(_LOCK_POLL_S)
        yield


def _lock_file(path: Path) -> IO[bytes]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("ab")
    except OSError as exc:
        raise _not_writable(path.parent, exc) from exc


def _try_lock(descriptor: int, folder: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as exc:  # a file system without locks
        raise _not_writable(folder, exc) from exc
    return True


def _not_writable(folder: Path, exc: OSError) -> RunError:
    return RunError(
        f"The folder {folder} cannot be written: {exc.strerror}.",
        code="HOME_NOT_WRITABLE",
        fix="Check who may write it.",
    )
