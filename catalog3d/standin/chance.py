"""Chance that can be repeated: equal seed and name, equal draw, also after a restart."""

from __future__ import annotations

import hashlib
import random


class Chance:
    """Draws by name instead of by sequence, so that a killed stand-in goes on as if it had lived.

    Args:
        seed: Another one gives other draws.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def share(self, *name: object) -> float:
        """The draw of this name, from 0 up to 1."""
        digest = hashlib.sha256("/".join(map(str, (self._seed, *name))).encode()).digest()
        return int.from_bytes(digest[:7]) / 2**56

    def generator(self, *name: object) -> random.Random:
        """A generator of this name, for what needs many draws in a row."""
        return random.Random("/".join(map(str, (self._seed, *name))))  # noqa: S311 - pretend tasks, no secrets
