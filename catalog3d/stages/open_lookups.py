"""The unknown requests that a run looks for, and what it has read of the account so far."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime

from catalog3d.errors import Catalog3DError
from catalog3d.ledger import Lease
from catalog3d.lookup import LookupRules, Scan, Sent
from catalog3d.ports import TaskDetail


def elapsed_s() -> float:
    """A clock that nobody sets and that counts sleep, where there is one; else the machine's."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.time()


@dataclass(kw_only=True)
class Case:
    """One unknown request that somebody waits for.

    Attributes:
        done: Set when it is known what became of it, or when nobody waits any longer.
        seen_s: The same as `waits_since`, by our own clock.
        looks: How many readings were compared with it.
        candidates: Every task of any reading that may be it. None is forgotten: each must be seen to be another's.
        unsure: Tasks of the account that may be it and cannot be told apart.
        witnesses: Our tasks that were accepted later.
    """

    digest: str
    sent: Sent
    lease: Lease
    waits_since: datetime
    seen_s: float
    done: asyncio.Future[None]
    looks: int = 0
    candidates: set[str] = field(default_factory=set)
    unsure: tuple[str, ...] = ()
    witnesses: frozenset[str] = frozenset()


@dataclass(kw_only=True)
class Lookups:
    """What the lookups of a run have seen so far.

    Attributes:
        waiting: Generation id -> its case.
        readings: How many readings of the usage there were.
        running_shown: Whether the usage was ever seen to list a task of ours while it ran.
        asked: Tasks whose details were asked for.
        abandoned: Why nobody is to wait any longer.
    """

    rules: LookupRules = field(default_factory=LookupRules)
    waiting: dict[int, Case] = field(default_factory=dict)
    readings: int = 0
    running_shown: bool = False
    scans: list[Scan] = field(default_factory=list)
    details: dict[str, TaskDetail] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    abandoned: Catalog3DError | None = None
    elapsed_s: Callable[[], float] = elapsed_s
    cycle: asyncio.Task[None] | None = None

    def abandon(self, error: Catalog3DError) -> None:
        """Let nobody wait any longer, now or later."""
        self.abandoned = error
        for case in list(self.waiting.values()):
            end_case(case, copy(error))

    async def close(self) -> None:
        """Stop looking."""
        if self.cycle is not None:
            self.cycle.cancel()
            await asyncio.gather(self.cycle, return_exceptions=True)


def end_case(case: Case, error: Catalog3DError | None = None) -> None:
    """Wake whoever waits for a case."""
    if case.done.done():
        return
    if error is None:
        case.done.set_result(None)
    else:
        case.done.set_exception(error)
