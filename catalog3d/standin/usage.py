"""account/usage, as the account in force shows it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from catalog3d.standin.behaviour import Behaviour
from catalog3d.standin.store import Store
from catalog3d.standin.strangers import ANYONE, STRANGER, Strangers
from catalog3d.standin.tasks import Tasks


class Usage:
    """Pages of the account's tasks.

    Args:
        generator: Shuffles them, where the account does.
    """

    def __init__(
        self,
        store: Store,
        tasks: Tasks,
        behaviour: Behaviour,
        strangers: Strangers,
        *,
        clock: Callable[[], float],
        generator: random.Random,
    ) -> None:
        self._store = store
        self._tasks = tasks
        self._behaviour = behaviour
        self._strangers = strangers
        self._clock = clock
        self._random = generator

    def page(self, owner: str, limit: int, offset: int) -> Any:
        """`data` of one answer."""
        conduct = self._behaviour.conduct
        if offset:
            self._strangers.pass_by(conduct.rows_between_pages)
        now = self._clock()
        ids = self._store.listed_ids(
            (owner, ANYONE, STRANGER),
            ours_until=now - self._behaviour.lag_s,
            ended_by=now if conduct.hide_in_flight else None,
            newest_first=conduct.usage_order != "oldest",
        )
        if conduct.usage_order == "shuffled":
            self._random.shuffle(ids)
        found = [self._store.task(task_id) for task_id in ids[offset : offset + limit]]
        rows = [self._tasks.usage_row(task) for task in found if task is not None]
        return {"items": rows} if conduct.usage_shape == "items" else rows
