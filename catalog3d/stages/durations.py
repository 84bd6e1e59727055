"""How long the provider's tasks take: learned from those that ended, by their type and model."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Kind = tuple[str, str]
"""Type of a task and its model version, as the provider names them."""

ENOUGH = 5
"""Endings of a kind before anything is expected of it: until then it may end at any moment."""

_REMEMBERED = 64
_MARGIN = 0.9
"""Of the quickest seen: the next may be a little quicker."""


@dataclass
class _Seen:
    at_least_s: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    at_most_s: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))


class Durations:
    """What was seen of each kind lately.

    Args:
        known: Kind -> seconds of tasks that ended before, the latest last.
    """

    def __init__(self, known: Mapping[Kind, Iterable[float]] | None = None) -> None:
        self._seen: dict[Kind, _Seen] = {}
        for kind, seconds in (known or {}).items():
            for taken_s in seconds:
                self.learn(kind, at_least_s=taken_s, at_most_s=taken_s)

    def learn(self, kind: Kind, *, at_least_s: float, at_most_s: float) -> None:
        """A task ended between two looks: the first still showed it at work, the second ended."""
        seen = self._seen.setdefault(kind, _Seen())
        seen.at_least_s.append(at_least_s)
        seen.at_most_s.append(at_most_s)

    def earliest_s(self, kind: Kind) -> float:
        """Before this age a task of the kind has hardly ended; 0 while too little was seen."""
        seen = self._seen.get(kind)
        return _MARGIN * min(seen.at_least_s) if seen and len(seen.at_least_s) >= ENOUGH else 0.0

    def latest_s(self, kind: Kind) -> float | None:
        """The longest seen lately; None while too little was seen."""
        seen = self._seen.get(kind)
        return max(seen.at_most_s) if seen and len(seen.at_most_s) >= ENOUGH else None
