"""The schedule that nothing but the provider's limits holds up: no latency, no work of ours, every wait exact.

It keeps the order of the sheet. Another order may end a few percent sooner, when the last task happens to be short.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from bench.slots_catalog import Item

WINDOW_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Ideal:
    """Seconds at the provider, not scaled.

    Attributes:
        makespan_s: From the first upload to the end of the last task, in the order of the sheet.
        by_slots_s: What the slots alone need at least; `by_uploads_s` what the uploads alone need.
    """

    makespan_s: float
    by_slots_s: float
    by_uploads_s: float

    @property
    def binds(self) -> str:
        return "uploads" if self.by_uploads_s > self.by_slots_s else "slots"


def ideal(items: Sequence[Item], slots: int, uploads_per_minute: int) -> Ideal:
    """Products in the order of the sheet: uploaded as the rate allows, each begun in the first free slot."""
    uploaded: list[float] = []
    free = [0.0] * slots
    last_end = 0.0
    for item in items:
        for _ in range(item.views):
            place = len(uploaded) - uploads_per_minute
            uploaded.append(max(uploaded[-1] if uploaded else 0.0, uploaded[place] + WINDOW_S if place >= 0 else 0.0))
        end = max(uploaded[-1], heapq.heappop(free)) + item.seconds
        heapq.heappush(free, end)
        last_end = max(last_end, end)
    return Ideal(
        makespan_s=last_end,
        by_slots_s=sum(item.seconds for item in items) / slots,
        by_uploads_s=uploaded[-1] + items[-1].seconds,
    )
