"""Who asks, and how often and how much at once they may."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections import deque
from collections.abc import Callable, Mapping

from catalog3d.standin.answers import Refusal
from catalog3d.standin.store import TaskRow


class Keys:
    """The API keys that are accepted."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._keys = keys

    def owner(self, authorization: str) -> str:
        """The owner id behind an `Authorization` header.

        Raises:
            Refusal: 401/2 for a missing, unknown or malformed key.
        """
        scheme, _, key = authorization.partition(" ")
        known = [mine for mine in self._keys if hmac.compare_digest(mine.encode(), key.strip().encode())]
        if scheme.lower() != "bearer" or not key.startswith("tsk_") or not known:
            raise Refusal(2)
        return hashlib.sha256(known[0].encode()).hexdigest()[:12]


class RateWindow:
    """So many requests in any window of time; a refused request does not count.

    Args:
        limit: Asked at every request, because it may change; None = unlimited.
        window_s: Length of the window, already scaled.
    """

    def __init__(self, limit: Callable[[], int | None], window_s: float, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._window_s = window_s
        self._clock = clock
        self._times: deque[float] = deque()

    def pass_(self) -> None:
        """Count one request.

        Raises:
            Refusal: 429/1007 with `Retry-After`.
        """
        if self._limit() is None:
            return
        if self.remaining <= 0:
            raise Refusal(1007, retry_after_s=self._times[0] + self._window_s - self._clock())
        self._times.append(self._clock())

    @property
    def remaining(self) -> int:
        now = self._clock()
        while self._times and self._times[0] + self._window_s <= now:
            self._times.popleft()
        return (self._limit() or 0) - len(self._times)

    def headers(self, clock_offset_s: float = 0.0) -> dict[str, str]:
        """X-RateLimit-*; the reset is in whole seconds since the epoch, on a clock that is so far ahead."""
        limit = self._limit()
        if limit is None:
            return {}
        remaining = max(self.remaining, 0)
        reset = (self._times[0] + self._window_s) if self._times else self._clock()
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": str(math.ceil(reset + clock_offset_s)),
        }


def check_slot(pool: str, slots: Mapping[str, int], open_tasks: list[TaskRow], now: float) -> None:
    """Refuse a create whose pool is full.

    Raises:
        Refusal: 429/2000; `Retry-After` is when the first of the pool's tasks should end.
    """
    ends = [task.ends_at for task in open_tasks if task.pool == pool]
    if len(ends) >= slots.get(pool, 1):
        raise Refusal(2000, f"pool {pool} is full", retry_after_s=min(min(ends) - now, 30))
