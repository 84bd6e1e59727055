"""Looks for a secret where none may be: in files, and in the command lines of all processes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOOK_S = 0.02


def files_with(text: str, folder: Path) -> list[Path]:
    """Files below a folder that hold a text, databases included."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes())


@contextmanager
def command_lines() -> Iterator[set[bytes]]:
    """All command lines that are seen on this machine while the block lasts."""
    seen: set[bytes] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_S):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    seen.add(file.read_bytes())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
