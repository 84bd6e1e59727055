"""Keys of the library: ASCII, `/`-separated, safe as a path on every file system and in every URL."""

from __future__ import annotations

import re

from catalog3d.errors import ProductError

MAX_KEY_LENGTH = 900
"""S3 allows 1024 bytes (AWS, Naming objects); the rest is left to a store's own prefix."""

MAX_SEGMENT_LENGTH = 200
"""Common file systems allow 255 bytes a name; temporary names are longer than what they become."""

RESERVED_FOLDER = "rehearsal"
"""Never the first folder of a key: in a shared store, stand-in work lies below it."""

_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


def is_key(key: str) -> bool:
    """Whether a text is a key: no empty, dot-leading or over-long segment, nothing but letters, digits, `.`, `_`, `-`."""
    segments = key.split("/")
    return (
        len(key) <= MAX_KEY_LENGTH
        and segments[0].lower() != RESERVED_FOLDER
        and all(len(segment) <= MAX_SEGMENT_LENGTH and _SEGMENT.fullmatch(segment) for segment in segments)
    )


def check_key(key: str) -> str:
    """The key itself.

    Raises:
        ProductError: KEY_INVALID.
    """
    if not is_key(key):
        raise ProductError(
            f"{key[:100]!r} cannot be the name of a file in the library.",
            code="KEY_INVALID",
            fix="Use letters, digits, dot, dash and underscore, with / between folders.",
        )
    return key


def check_prefix(prefix: str) -> str:
    """The prefix itself: "", a folder such as `assets/`, or the beginning of a key.

    Raises:
        ProductError: KEY_INVALID.
    """
    if prefix:
        check_key(prefix.removesuffix("/"))
    return prefix
