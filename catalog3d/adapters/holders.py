"""Who of this home still lives: a run whose process is gone need not be waited for.

A live run holds an exclusive flock on a file with its name; the kernel drops it when the process ends in any way.
Nothing is said about a holder of another machine, also where it shares this folder (a flock need not reach across a
network): its lease must expire.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MACHINE_CHARS = 30
FORGET_S = 86_400.0
"""A day: every lease of such a holder expired long ago."""


class HolderFiles:
    """The holders that work, or have worked, in one home.

    Args:
        folder: Made when the first of them starts.
        machine: Name of this machine.
    """

    def __init__(self, folder: Path, machine: str | None = None) -> None:
        self._folder = folder
        self._machine = (machine or socket.gethostname())[:MACHINE_CHARS]

    def name_of(self, run_id: str) -> str:
        """The name under which a run of this process holds leases."""
        return f"{self._machine}-{os.getpid()}-{run_id[-6:]}"

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
        if not holder.startswith(f"{self._machine}-"):
            return None
        try:
            with self._file(holder).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # two who ask at once do not hinder each other
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
