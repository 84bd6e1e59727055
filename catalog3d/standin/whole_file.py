"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

PART_SUFFIX = ".part"


def write_once(target: Path, content: bytes) -> None:
    """Write a file whose name decides its content: whole or not at all."""
    if target.exists():
        return
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=PART_SUFFIX)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
