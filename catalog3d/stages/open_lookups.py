"""The unknown requests that a run looks for, and what it has read of the account so far."""

from __future__ import annotations

import asyncio
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime

from catalog3d.errors import Catalog3DError
from catalog3d.ledger import Lease
from catalog3d.lookup import LookupRules, Scan, Sent
from catalog3d.ports import TaskDetail


@dataclass(kw_only=True)
class Case:
    """One unknown request that somebody waits for.

    Attributes:
        done: Set when it is known what became of it, or when nobody waits any longer.
        looks: How many readings were compared with it.
        unsure: Tasks of the account that may be it and cannot be told apart.
        witnesses: Our tasks that were accepted later.
    """

    digest: str
    sent: Sent
    lease: Lease
    waits_since: datetime
    done: asyncio.Future[None]
    looks: int = 0
    unsure: tuple[str, ...] = ()
    witnesses: frozenset[str] = frozenset()


@dataclass(kw_only=True)
class Lookups:
    """What the lookups of a run have seen so far.

    Attributes:
        waiting: Generation id -> its case.
        readings: How many readings of the usage there were.
        running_shown: Whether the usage was ever seen to list a task of ours while it ran.
    """

    rules: LookupRules = field(default_factory=LookupRules)
    waiting: dict[int, Case] = field(default_factory=dict)
    readings: int = 0
    running_shown: bool = False
    scans: list[Scan] = field(default_factory=list)
    details: dict[str, TaskDetail] = field(default_factory=dict)
    cycle: asyncio.Task[None] | None = None

    def abandon(self, error: Catalog3DError) -> None:
        """Let nobody wait any longer."""
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
