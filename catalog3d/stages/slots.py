"""How many slots of the account are used: as many as the settings say, fewer while the provider says so.

The number of slots is an account's entitlement that no call tells: documents say 10 and 3 for the same models, and
other programs may use some of them. The provider's answer 2000 is the only word about it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from catalog3d.errors import RunError

FIRST_HOLD_S = 60.0
LONGEST_HOLD_S = 600.0
"""After a lowering, until one more slot is tried; doubled each time that this is refused."""

STRIKES = 2
"""Refusals of a number that was accepted before: a slot may be freed a moment after its task is shown as ended."""


class SlotEstimate:
    """The slots of one pool.

    Args:
        most: What the settings say; never exceeded.
        patience_s: How long every request may be refused.
        now: A monotonic clock, in seconds.
    """

    def __init__(self, most: int, *, patience_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self._patience_s = patience_s
        self._now = now
        self._limit = most
        self._proven = 0
        self._strikes = 0
        self._hold_s = FIRST_HOLD_S
        self._try_more_at = 0.0
        self._refused_since: float | None = None

    @property
    def usable(self) -> int:
        """How many tasks may be at the provider now, one more than is known to work when it is time to try."""
        return self._limit + (self.is_lowered and self._now() >= self._try_more_at)

    @property
    def is_lowered(self) -> bool:
        return self._limit < self.most

    def accepted(self, in_use: int) -> None:
        """A task was created; `in_use` counts it."""
        self._refused_since = None
        self._strikes = 0
        self._proven = max(self._proven, in_use)
        if in_use > self._limit:
            self._limit = min(in_use, self.most)
            self._hold_s = FIRST_HOLD_S

    def refused(self, in_use: int, *, parked: int = 0, told_s: float | None = None) -> bool:
        """The provider answered that its slots are full.

        Args:
            in_use: Slots that the ledger counts without the refused request, `parked` ones included.
            parked: Those of requests of which nobody knows what became: they may hold no slot at all.
            told_s: How long the provider asks to wait.

        Returns:
            Whether the next request goes out when one of our own tasks ends; else it has to wait as told.

        Raises:
            RunError: SLOTS_STUCK: nothing was accepted for as long as a run has patience.
        """
        now = self._now()
        self._refused_since = now if self._refused_since is None else self._refused_since
        if now - self._refused_since > self._patience_s:
            raise RunError(
                f"The provider has answered for {now - self._refused_since:.0f} s that all slots are in use.",
                code="SLOTS_STUCK",
                fix="Look in the Tripo account what is running there, then run again: what is paid is kept.",
            )
        self._strikes += 1
        if in_use < self._proven and self._strikes < STRIKES:
            return False
        self._lower(max(in_use, parked + 1), now, told_s or 0.0)
        return in_use > parked

    def _lower(self, limit: int, now: float, told_s: float) -> None:
        if limit >= self._limit and self.is_lowered:  # one more was tried
            if now >= self._try_more_at:
                self._hold_s = min(2 * self._hold_s, LONGEST_HOLD_S)
        else:
            self._limit = min(limit, self.most)
            self._hold_s = FIRST_HOLD_S
        self._proven = min(self._proven, self._limit)
        self._strikes = 0
        self._try_more_at = now + max(self._hold_s, told_s)


class Slots(Mapping[str, int]):
    """Pool -> slots in use now.

    Args:
        most: Pool -> slots by the settings.
    """

    def __init__(
        self, most: Mapping[str, int], *, patience_s: float = 3600.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._estimates = {pool: SlotEstimate(count, patience_s=patience_s, now=now) for pool, count in most.items()}

    def __getitem__(self, pool: str) -> int:
        return self._estimates[pool].usable

    def __iter__(self) -> Iterator[str]:
        return iter(self._estimates)

    def __len__(self) -> int:
        return len(self._estimates)

    def of(self, pool: str) -> SlotEstimate:
        return self._estimates[pool]

    @property
    def most(self) -> dict[str, int]:
        """Pool -> slots by the settings."""
        return {pool: estimate.most for pool, estimate in self._estimates.items()}
