"""How often a password may be tried. Kept in this process: a restart forgets, several processes count apart."""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import datetime, timedelta

from catalog3d.ports import Clock
from catalog3d.review.addresses import network_of

WINDOW_S = 900.0
NAME_MOST = 10
"""40 an hour: OWASP ASVS 4.0.3, 2.2.1 allows a hundred failures an hour on one account."""
ADDRESS_MOST = 40
"""An office behind one address may have four people at their limit."""
MAX_KEPT = 10_000
"""About 10 MB at most; whoever tries under more names is held by their address."""


class Attempts:
    """Counts what happened under a key within a window, for a bounded number of keys."""

    def __init__(self, clock: Clock, *, most: int, window_s: float = WINDOW_S, max_kept: int = MAX_KEPT) -> None:
        self._clock = clock
        self._most = most
        self._window = timedelta(seconds=window_s)
        self._max_kept = max_kept
        self._times: OrderedDict[str, deque[datetime]] = OrderedDict()

    def wait_s(self, key: str) -> float:
        """Seconds until another one is allowed; 0 for at once."""
        times, now = self._times.get(key, deque()), self._clock.now()
        while times and now - times[0] >= self._window:
            times.popleft()
        return (times[0] + self._window - now).total_seconds() if len(times) >= self._most else 0.0

    def note(self, key: str) -> None:
        """One more; what was quiet for longest is forgotten when there are too many keys."""
        self._times.setdefault(key, deque(maxlen=self._most)).append(self._clock.now())
        self._times.move_to_end(key)
        while len(self._times) > self._max_kept:
            self._times.popitem(last=False)

    def forget(self, key: str) -> None:
        self._times.pop(key, None)

    def take_back(self, key: str) -> None:
        """The last one does not count."""
        times = self._times.get(key)
        if times:
            times.pop()


class LoginLimits:
    """Failed logins by name and by address; one that is under way counts as failed until it is known better."""

    def __init__(self, clock: Clock) -> None:
        self._names = Attempts(clock, most=NAME_MOST)
        self._addresses = Attempts(clock, most=ADDRESS_MOST)

    def begin(self, name: str, client: str) -> float:
        """Seconds to wait before a try, or 0: then it counts from now on, so that many at once are no way around."""
        network = network_of(client)
        wait_s = max(self._names.wait_s(name), self._addresses.wait_s(network))
        if not wait_s:
            self._names.note(name)
            self._addresses.note(network)
        return wait_s

    def succeeded(self, name: str, client: str) -> None:
        self._names.forget(name)
        self._addresses.take_back(network_of(client))
