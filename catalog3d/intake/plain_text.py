"""Foreign text on one line."""

from __future__ import annotations

import re

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]+")
_VALUE_CHARS = 120


def one_line(text: str, limit: int | None = None) -> str:
    """A text without line breaks and control characters, cut to `limit` characters."""
    return " ".join(_CONTROL.sub(" ", text).split())[:limit]


def shortened(text: str, limit: int = _VALUE_CHARS) -> str:
    """A text on one line that shows where it was cut to `limit` characters."""
    flat = one_line(text)
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
