"""Colors by the words that name them: materials count, too."""

from __future__ import annotations

import hashlib
import re

_COLOURS = {
    "black": "#2c2c2e", "white": "#e8e6e1", "grey": "#8d9093", "gray": "#8d9093", "red": "#a8352d", "blue": "#35608f",
    "green": "#4b7450", "yellow": "#d4a72c", "mustard": "#c8922e", "orange": "#cc6f2d", "pink": "#cf8794",
    "purple": "#6d4c86", "brown": "#6d4a32", "beige": "#cdb994", "cream": "#e6dcc3", "oak": "#c49a63",
    "walnut": "#6e472c", "pine": "#d8b27a", "birch": "#dfc79a", "wood": "#b58755", "rattan": "#c5a06a",
    "brass": "#b8934a", "steel": "#9ea3a8", "marble": "#dad8d4", "linen": "#d8cbb2", "leather": "#8a5a3a",
}  # fmt: skip


def colour_of(words: str) -> tuple[int, int, int]:
    """The color that the first known word names; without one, a color of their own."""
    for word in re.findall(r"[a-z]+", words.casefold()):
        if word in _COLOURS:
            code = _COLOURS[word]
            return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)
    digest = hashlib.sha256(words.casefold().encode()).digest()
    return 110 + digest[2] // 3, 110 + digest[3] // 3, 110 + digest[4] // 3
