"""A sheet replaced without losing a save that somebody makes at the very same time.

The new file and a backup are on disk before the sheet is looked at for the last time. Then the new file and the sheet
exchange their names in one step, so that what was replaced is still there to be looked at: if it is not what was
read, it goes back.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from functools import cache
from pathlib import Path

from catalog3d.adapters.sheet_backups import back_up, set_aside, thin_out
from catalog3d.adapters.sheet_disk import SheetFile, holds, keep_rights
from catalog3d.adapters.whole_files import PART_PREFIX, sync_folder, write_part

Swap = Callable[[Path, Path], Path | None]
"""Puts a file in the place of another; returns where the other one lies now, None if it is gone."""

_AT_FDCWD = -100  # <fcntl.h>: names count from the working folder
_RENAME_EXCHANGE = 2  # renameat2(2), Linux
_RENAME_SWAP = 2  # renamex_np(2), macOS
# EPERM: sandboxes answer so to calls they do not know; a right that is missing shows at the plain replace as well.
_CANNOT_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}


def swap_in(new: Path, path: Path) -> Path | None:
    """Put a file in the place of another that is there, in one step.

    A file system that cannot exchange names (NFS, SMB) gives the old file a second name first: only a file that
    somebody else puts in its place between these two steps is lost there.

    Raises:
        OSError: Nothing has changed then.
    """
    if exchange(new, path):
        return new
    kept = path.parent / f"{PART_PREFIX}{secrets.token_hex(8)}"
    try:
        kept.hardlink_to(path)
    except FileNotFoundError:
        raise
    except OSError:  # no second names either, as on FAT
        new.replace(path)
        return None
    try:
        new.replace(path)
    except BaseException:
        kept.unlink(missing_ok=True)
        raise
    return kept


def exchange(first: Path, second: Path) -> bool:
    """Let two files change names in one step; False where the system or the file system cannot.

    Raises:
        OSError: Nothing has changed then.
    """
    call = _exchange_call()
    if call is None:
        return False
    if call(os.fsencode(first), os.fsencode(second)) == 0:
        return True
    code = ctypes.get_errno()
    if code in _CANNOT_EXCHANGE:
        return False
    raise OSError(code, os.strerror(code), str(second))


def replace_unchanged(
    source: SheetFile, content: bytes, backups: Path, now: datetime, swap: Swap = swap_in
) -> Path | None:
    """Replace a sheet if it still is as it was read; returns the backup, or None if somebody saved it meanwhile.

    Their save is the sheet then. A program that had the sheet open and writes into it later writes into the backup.

    Raises:
        OSError: The sheet is as it was.
    """
    backup: Path | None = None
    left = [write_part(source.path.parent, [content]).path]
    try:
        keep_rights(source.path, left[0])
        backup = back_up(source, backups, now)
        done = _swapped(source, backup, left, swap)
    except BaseException:
        if source.unchanged:
            _delete(backup)
        raise
    finally:
        for path in left:
            _clear(path, (content, source.data), source.path, backups, now)
    if not done:
        _delete(backup)
        return None
    sync_folder(source.path.parent)
    thin_out(backups)
    return backup


def _swapped(source: SheetFile, backup: Path, left: list[Path], swap: Swap) -> bool:
    """Whether the sheet is replaced; adds to `left` what lies beside it now."""
    if not source.unchanged:
        return False
    replaced = swap(left[0], source.path)
    if replaced is None:
        return True
    left.append(replaced)
    if holds(replaced, source.data):
        with suppress(OSError):  # on another disk the copy stays the backup
            if replaced.stat().st_nlink == 1:
                replaced.replace(backup)
        return True
    ours = swap(replaced, source.path)
    if ours is not None:
        left.append(ours)
    return False


def _clear(path: Path, known: Iterable[bytes], sheet: Path, backups: Path, now: datetime) -> None:
    """Delete a file that holds what we wrote or read; anything else is somebody's work and goes to the backups."""
    if not path.exists():
        return
    if any(holds(path, data) for data in known):
        path.unlink(missing_ok=True)
    else:
        set_aside(path, sheet, backups, now)


def _delete(path: Path | None) -> None:
    if path is not None:
        path.unlink(missing_ok=True)


@cache
def _exchange_call() -> Callable[[bytes, bytes], int] | None:
    library = ctypes.CDLL(None, use_errno=True)
    if hasattr(library, "renameat2"):
        linux = library.renameat2
        linux.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
        return lambda first, second: int(linux(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE))
    if hasattr(library, "renamex_np"):
        macos = library.renamex_np
        macos.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint]
        return lambda first, second: int(macos(first, second, _RENAME_SWAP))
    return None
