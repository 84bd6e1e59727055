"""Who of this home still lives: a run whose process is gone need not be waited for.

A live run holds a flock on a file with its name; the kernel drops it when the process ends in any way. A holder whose
file is not here may live on another machine, so nothing is said about it: its lease must expire.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FORGET_S = 86_400.0
"""A day: every lease of such a holder expired long ago."""


class HolderFiles:
    """The holders that work, or have worked, in one home.

    Args:
        folder: Made when the first of them starts.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def living(self, holder: str) -> Iterator[None]:
        """Be known to live for as long as the block lasts. The file stays: it tells that the holder has ended."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        with self._file(holder).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def lives(self, holder: str) -> bool | None:
        """Whether this holder lives; None where that cannot be known."""
        try:
            with self._file(holder).open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return None
        except BlockingIOError:
            return True
        return False

    def _file(self, holder: str) -> Path:
        return self._folder / f"{holder}.alive"

    def _sweep(self) -> None:
        """Forget holders whose leases have long expired by themselves."""
        for path in self._folder.glob("*.alive"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > FORGET_S and self.lives(path.stem) is False:
                    path.unlink(missing_ok=True)
