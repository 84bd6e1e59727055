"""The refusals that all stores share, and what a disk may say."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalog3d.errors import Catalog3DError, ProductError, RunError, TransientError


def key_taken(key: str) -> ProductError:
    return ProductError(
        f"The library already holds another file called {key}, and a stored version never changes.",
        code="KEY_TAKEN",
        fix="Store it as the next version.",
    )


def content_changed(key: str) -> ProductError:
    return ProductError(
        f"The content of {key} is not what it should be: its sha256 differs.",
        code="CONTENT_CHANGED",
        fix="Somebody or something changed the file; run this SKU again.",
    )


def content_gone(key: str) -> ProductError:
    return ProductError(
        f"The file that should be stored as {key} is not there any more.",
        code="CONTENT_CHANGED",
        fix="Run this SKU again.",
    )


def key_missing(key: str) -> ProductError:
    return ProductError(
        f"The library has no file called {key}.", code="KEY_MISSING", fix="It was moved or deleted; put it back."
    )


def too_large(key: str, size_bytes: int, max_bytes: int) -> ProductError:
    return ProductError(
        f"{key} has {size_bytes} bytes, more than the {max_bytes} that are read at once.",
        code="FILE_TOO_LARGE",
        fix="Look at that file: it is not what the library keeps there.",
    )


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Say what is wrong with a folder in the project's own errors."""
    try:
        yield
    except OSError as exc:
        raise _disk_error(exc, folder) from exc


def _disk_error(exc: OSError, folder: Path) -> Catalog3DError:
    if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
        return RunError(f"There is no space left in {folder}.", code="STORE_FULL", fix="Free some space and run again.")
    if exc.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return RunError(
            f"The folder {folder} cannot be read or written ({exc.strerror}).",
            code="STORE_UNWRITABLE",
            fix="Give this user access to it. The library's folder is set by CATALOG3D_STORE__ROOT.",
        )
    if exc.errno in {errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP}:
        return RunError(
            f"A file stands where a folder is needed, or the other way round, in {folder} ({exc.strerror}).",
            code="STORE_UNWRITABLE",
            fix="Move it away. The library's folder is set by CATALOG3D_STORE__ROOT.",
        )
    return TransientError(
        f"The folder {folder} did not answer as it should ({exc.strerror or type(exc).__name__}).",
        code="STORE_UNREACHABLE",
        fix="If it is on a network drive, see whether that is connected.",
    )
