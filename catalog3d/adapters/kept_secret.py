"""A secret of this home: made once, by whoever needs it first, and readable by its owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from catalog3d.adapters.whole_files import PART_PREFIX, make_folder, sync_folder
from catalog3d.errors import RunError

SECRET_BYTES = 32
"""As long as the digest of the HMAC-SHA-256 that it is a key of (RFC 2104, 3)."""


def kept_secret(path: Path) -> bytes:
    """The secret of a file, which is made if it is not there; all who ask at once get the same.

    Raises:
        RunError: SECRET_UNUSABLE if it cannot be read, is damaged, or others could read it.
    """
    try:
        make_folder(path.parent)
        if not path.exists():
            _make(path)
        return _read(path)
    except OSError as exc:
        raise RunError(
            f"The file {path} cannot be read or made: {exc.strerror}.",
            code="SECRET_UNUSABLE",
            fix="Run it as the user who owns the catalog's folder.",
        ) from exc


def _make(path: Path) -> None:
    part = path.with_name(f"{PART_PREFIX}{secrets.token_hex(8)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(part)  # unlike a rename it does not replace what somebody else made meanwhile
        except FileExistsError:
            return
        sync_folder(path.parent)
    finally:
        part.unlink()


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        exposed = os.fstat(file.fileno()).st_mode & 0o077
        secret = file.read(SECRET_BYTES + 1)
    if exposed or len(secret) != SECRET_BYTES:
        what = "can be read by others" if exposed else "is damaged"
        raise RunError(
            f"The secret in {path} {what}.",
            code="SECRET_UNUSABLE",
            fix="Delete it: a new one is made, and whoever is logged in loads their page again.",
        )
    return secret
