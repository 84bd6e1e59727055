"""Sheet files on disk: read whole, replaced atomically, backed up, and locked against a second writer."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import IO

from catalog3d.adapters.whole_files import sync_folder, write_part
from catalog3d.errors import RunError

MAX_SHEET_BYTES = 200 * 1024 * 1024
"""As much as intake reads."""
BACKUPS_KEPT = 10
LOCK_TIMEOUT_S = 60.0
"""Longer than any write takes: a writer that waits this long waits for something that hangs."""
_LOCK_POLL_S = 0.05

Rename = Callable[[Path, Path], None]


@dataclass(frozen=True, kw_only=True)
class SheetFile:
    """A sheet's content and the mark by which a later change is noticed."""

    path: Path
    data: bytes
    mark: tuple[int, ...]

    @property
    def changed_since(self) -> bool:
        return _mark(self.path) != self.mark


def read_sheet(path: Path) -> SheetFile:
    """Read a whole sheet; a symbolic link is followed, so that the file behind it is the one that is replaced.

    Raises:
        RunError: SHEET_MISSING, SHEET_UNREADABLE or SHEET_TOO_LARGE.
    """
    path = path.resolve()
    mark = _mark(path)
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
    return SheetFile(path=path, data=data, mark=mark)


def open_elsewhere(path: Path) -> str:
    """The lock file that a spreadsheet program keeps beside a sheet it has open, or ""."""
    for name in (f"~${path.name}", f".~lock.{path.name}#"):  # Excel, LibreOffice
        if (path.parent / name).exists():
            return name
    return ""


def replace_file(path: Path, data: bytes, *, rename: Rename = os.replace) -> None:
    """Write a file so that readers see the old or the new one, never half; mode and owner are kept.

    Raises:
        OSError: Nothing has changed then.
    """
    part = write_part(path.parent, [data])
    try:
        _keep_mode(path, part.path)
        rename(part.path, path)
    finally:
        part.path.unlink(missing_ok=True)
    sync_folder(path.parent)


def back_up(source: SheetFile, folder: Path, now: datetime) -> Path:
    """Keep the content as it was, and the last ten of this sheet.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stamp = f"{source.path.name}.{now:%Y%m%dT%H%M%S.%f}"
    backup = next(
        path for extra in count() if not (path := folder / (stamp + (f"-{extra:03}" if extra else ""))).exists()
    )
    replace_file(backup, source.data)
    kept = sorted(folder.glob(f"{_literal(source.path.name)}.{'[0-9]' * 8}T*"))
    for old in kept[:-BACKUPS_KEPT]:
        old.unlink(missing_ok=True)
    return backup


@contextmanager
def sheet_lock(path: Path, folder: Path) -> Iterator[None]:
    """Hold the only right to write a sheet among our processes and threads; it ends with the process.

    Raises:
        RunError: SHEET_BUSY after a minute; HOME_NOT_WRITABLE.
    """
    name = hashlib.sha256(str(path.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    with _lock_file(folder / f"sheet-{name}.lock") as file:
        while not _try_lock(file.fileno()):
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
        raise RunError(
            f"The folder {path.parent} cannot be written: {exc.strerror}.",
            code="HOME_NOT_WRITABLE",
            fix="Check who may write it.",
        ) from exc


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _mark(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _keep_mode(path: Path, new: Path) -> None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    with suppress(PermissionError):  # only root may give files away; the content matters more
        os.chown(new, found.st_uid, found.st_gid)
    new.chmod(stat.S_IMODE(found.st_mode))


def _literal(name: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)
