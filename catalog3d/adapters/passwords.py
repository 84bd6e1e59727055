"""Passwords, hashed with argon2id."""

from __future__ import annotations

import base64

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from catalog3d.people import MAX_PASSWORD_CHARS, typed_password


class Passwords:
    """Hashes and checks passwords.

    Args:
        hasher: argon2-cffi's defaults are those of RFC 9106 for machines with little memory: 64 MiB, three passes.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()

    def hash(self, password: str) -> str:
        """The hash of a password that `clean_password` let through (takes a tenth of a second)."""
        return self._hasher.hash(password)

    def fits(self, kept: str, password: str) -> bool:
        """Whether the password is the one that was hashed; where nothing is kept it takes as long, and never fits."""
        if len(password) > MAX_PASSWORD_CHARS:
            return False
        try:
            return self._hasher.verify(kept or self._nobodys(), typed_password(password)) and bool(kept)
        except (VerificationError, InvalidHashError):
            return False

    def is_outdated(self, kept: str) -> bool:
        """Whether it was hashed with other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)

    def _nobodys(self) -> str:
        """A hash of nothing, in today's parameters."""
        costs = self._hasher
        salt, digest = (_unpadded(bytes(length)) for length in (costs.salt_len, costs.hash_len))
        return f"$argon2id$v=19$m={costs.memory_cost},t={costs.time_cost},p={costs.parallelism}${salt}${digest}"


def _unpadded(content: bytes) -> str:
    return base64.b64encode(content).decode().rstrip("=")
