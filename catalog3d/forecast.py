"""How long a plan takes at the provider, and which of its limits decides that.

An account has so many slots, and takes so many uploads a minute; everything else of a run is done beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from catalog3d.brief import TEXTURE, Brief, pool_of

# Tripo's migration guide, read 2026-11: about 10 uploads a minute and client.
UPLOADS_PER_MINUTE = 10.0
ENOUGH_SEEN = 5
"""So many finished models of a kind before our own durations say more than the published ones: a decision of ours."""

Kind = tuple[str, str]
"""Endpoint and model version: what the duration of a task depends on most."""

# Seconds from order to model. H: about 40 untextured and 120 textured (Tripo's model page), 210 measured with several
# views (a production scanner, 2026-09). P: about 10 and 60 (Tripo's model page). Options beyond that are not published.
_PUBLISHED_S: Mapping[tuple[str, bool, bool], float] = {
    ("H", False, False): 40.0,
    ("H", True, False): 120.0,
    ("H", False, True): 210.0,
    ("H", True, True): 210.0,
    ("P", False, False): 10.0,
    ("P", True, False): 60.0,
    ("P", False, True): 60.0,
    ("P", True, True): 60.0,
}
_TEXTURE_S = 120.0
"""Not published: as long as a whole textured model takes is surely not too little."""
PUBLISHED = "published durations of 2026-11"


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a plan takes at the provider.

    Attributes:
        limit: Which of the account's limits takes longest.
        at_once: Slots of the pool that takes longest.
        source: Where the durations are from, for people.
    """

    hours: float
    limit: Literal["slots", "uploads"]
    at_once: int
    source: str


def forecast(orders: Sequence[Brief], slots: Mapping[str, int], seen_s: Mapping[Kind, Sequence[float]]) -> Forecast:
    """How long so many orders take.

    Each pool works through its tasks side by side, so it takes tasks x duration / slots, and never less than its
    longest task. Pools work beside each other, and uploads beside both.

    Args:
        orders: The briefs to be paid, one each; the pictures' digests do not matter.
        slots: Pool -> how many tasks may be there at once.
        seen_s: Kind -> seconds that finished models of it took here; used where there are enough.
    """
    total_s: dict[str, float] = {}
    longest_s: dict[str, float] = {}
    for order in orders:
        pool, took_s = order.pool, duration_s(order, seen_s)
        total_s[pool] = total_s.get(pool, 0.0) + took_s
        longest_s[pool] = max(longest_s.get(pool, 0.0), took_s)
    pools_s = {pool: max(total_s[pool] / slots[pool], longest_s[pool]) for pool in total_s}
    slowest = max(pools_s, key=lambda pool: pools_s[pool], default="H")
    slots_s = pools_s.get(slowest, 0.0)
    uploads_s = math.fsum(len(order.pictures) for order in orders) / UPLOADS_PER_MINUTE * 60
    limit: Literal["slots", "uploads"] = "uploads" if uploads_s > slots_s else "slots"
    return Forecast(
        hours=max(slots_s, uploads_s) / 3600, limit=limit, at_once=slots[slowest], source=_source(orders, seen_s)
    )


def duration_s(order: Brief, seen_s: Mapping[Kind, Sequence[float]]) -> float:
    """Seconds from order to model: the middle one of those seen here, else what is published.

    The middle and not the mean, since a task that waited for the next run counts the night between.
    """
    seen = seen_s.get((order.endpoint, order.model), ())
    if len(seen) >= ENOUGH_SEEN:
        return max(median(seen), 0.0)
    if order.endpoint == TEXTURE:
        return _TEXTURE_S
    params = dict(order.params)
    textured = params.get("texture", True) is not False or params.get("pbr", True) is not False
    return _PUBLISHED_S[pool_of(order.model), textured, order.endpoint == "multiview-to-model"]


def _source(orders: Iterable[Brief], seen_s: Mapping[Kind, Sequence[float]]) -> str:
    kinds = {(order.endpoint, order.model) for order in orders}
    known = {kind for kind in kinds if len(seen_s.get(kind, ())) >= ENOUGH_SEEN}
    if not known:
        return PUBLISHED
    models = sum(len(seen_s[kind]) for kind in known)
    measured = f"durations of the last {models} models made here"
    return measured if known == kinds else f"{measured}, and for the others {PUBLISHED}"
