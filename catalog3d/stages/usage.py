"""The account's usage, read whole: page over page, so that a row that moves meanwhile is not missed."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from catalog3d.errors import RunError
from catalog3d.lookup import Scan, follows, goes_back_to
from catalog3d.ports import MOST_LISTED_TASKS, MOST_USAGE_ROWS, Generator, TaskDetail, UsageRow

log = logging.getLogger(__name__)

_MOST_PAGES = 250
_OVERLAP = 10
"""Every tenth row of a page is read twice."""


async def read_usage(client: Generator, horizon: datetime) -> Scan:
    """Read the account's usage to its end, or as far back as `horizon` where it is surely sorted newest first.

    No order is assumed: pages overlap, and if a page does not surely go on where the last one ended, the reading is
    not whole. A short page is the end only if nothing comes after it, since a server may give less than it is asked.
    """
    began_at = client.server_now()
    reading = _Reading(horizon=horizon)
    for _ in range(_MOST_PAGES):
        if not reading.take(await client.usage(reading.limit, reading.offset)):
            break
    else:
        reading.whole = False
    return Scan(began_at=began_at, ended_at=client.server_now(), rows=reading.rows, whole=reading.whole)


@dataclass(kw_only=True)
class _Reading:
    """Where a reading is: which page is asked for next, and whether anything may have been missed."""

    horizon: datetime
    limit: int = MOST_USAGE_ROWS
    offset: int = 0
    whole: bool = True
    newest_first: bool = True
    rows: dict[str, UsageRow] = field(default_factory=dict)
    before: Sequence[UsageRow] = ()
    at_end: bool = False

    def take(self, page: Sequence[UsageRow]) -> bool:
        """Take one page; False if it was the last."""
        if not page:
            self.whole = self.whole and (self.at_end or not self.before)
            return False
        if self.at_end and len(page) < self.limit and all(row.task_id in self.rows for row in page):
            return False  # rows arrived meanwhile and pushed the last ones on
        if self.at_end:  # something came after a short page: the server's pages are shorter than asked
            self.limit, self.at_end = len(self.before), False
            self.offset += _step(len(self.before)) - len(self.before)
            return True
        self.whole = self.whole and (not self.before or follows(page, self.before))
        self.rows |= {row.task_id: row for row in page}
        self.newest_first = self.newest_first and _newest_first(page)
        if self.newest_first and goes_back_to(page, self.horizon):
            return False
        self.before, self.at_end = page, len(page) < self.limit
        self.offset += len(page) if self.at_end else _step(len(page))
        return True


async def details_of(clients: Sequence[Generator], task_ids: Collection[str]) -> Mapping[str, TaskDetail]:
    """What the provider tells of tasks; those that none of the clients' keys may see are left out.

    A previous key (any but the first) that is refused by now sees none.
    """
    found: dict[str, TaskDetail] = {}
    for place, client in enumerate(clients):
        ids = sorted(set(task_ids) - found.keys())
        try:
            for start in range(0, len(ids), MOST_LISTED_TASKS):
                found |= await client.tasks(ids[start : start + MOST_LISTED_TASKS])
        except RunError as error:
            if place == 0:
                raise
            log.warning("A previous key sees no tasks any more: %s", error)
    return found


def _step(rows: int) -> int:
    return rows - max(1, rows // _OVERLAP) if rows > 1 else rows


def _newest_first(page: Sequence[UsageRow]) -> bool:
    times = [row.created_at for row in page]
    known = [time for time in times if time is not None]
    return len(known) == len(times) and known == sorted(known, reverse=True)
