"""One watcher polls all tasks under way with few calls, whoever waits for them.

A call names up to 100 tasks and costs the same whether one is named or all, so a round asks for everything that
fits. What adapts is when: no call while nothing can have ended, one every `poll_s` once something may, and
with more than a page of tasks the calls are spread over `poll_s` and name first what is due most.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime

from catalog3d.errors import Catalog3DError, NeedsPersonError, RunError
from catalog3d.ports import MOST_LISTED_TASKS, Generator, TaskDetail, TaskState
from catalog3d.stages.durations import Durations, Kind

log = logging.getLogger(__name__)

MISSES = 90
"""A task may be missed for a while after it was created: that often in a row, 3 minutes at 2 s, it is lost."""

POLLS_PER_S = 2.0
"""Most calls, with any number of tasks under way (users of v3: one every 1 to 2 s, not faster)."""

SLOWEST = 5
"""Times `poll_s`: the longest that a task is not asked for, so that a wrong expectation costs no more than that."""

FRESH_S = 15.0
"""A task created that close to the moment we began to wait is ours from its start; of others the age is not known."""

SKEW_S = 600.0
"""How far the provider's clock may be from ours (docs/spend-safety.md): its `created_at` is believed beyond it only."""

_ALMOST = 0.9  # of poll_s since its last look, and a task may be asked for again with those that are due


@dataclass
class _Waiting:
    """One task under way.

    Attributes:
        since, since_utc: When we began to wait, by the loop's clock and by the wall's.
        due_at: When it wants to be asked for, by the loop's clock.
        asked_at: Its last look, None before the first.
        busy_at: Its last look that showed it at work.
        is_fresh: Whether it was created when we began to wait; None until an answer says.
    """

    future: asyncio.Future[TaskDetail]
    since: float
    since_utc: datetime
    due_at: float
    asked_at: float | None = None
    busy_at: float | None = None
    is_fresh: bool | None = None
    missed: int = 0


class TaskWatcher:
    """Polls while somebody waits, and only then.

    Args:
        poll_s: Between two looks at one task, at least: half of it is the mean delay of an ending.
        deadline_s: How long one task may take before its SKU is parked, from its creation; it is looked at first.
        durations: What is known of earlier tasks.
        polls_per_s: Most calls, however many tasks there are.
    """

    def __init__(
        self,
        generator: Generator,
        *,
        poll_s: float,
        deadline_s: float,
        durations: Durations | None = None,
        polls_per_s: float = POLLS_PER_S,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._generator = generator
        self._poll_s = poll_s
        self._deadline_s = deadline_s
        self._durations = durations or Durations()
        self._least_gap_s = 1 / polls_per_s
        self._now = now
        self._waiting: dict[str, _Waiting] = {}
        self._news = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._called_at = -math.inf
        self._failed_rounds = 0
        self._abandoned: Catalog3DError | None = None

    async def wait(self, task_id: str) -> TaskDetail:
        """The task's final detail; see `stages.context.Watcher`."""
        if self._abandoned is not None:
            raise copy(self._abandoned)
        loop = asyncio.get_running_loop()
        waiting = self._waiting.get(task_id)
        if waiting is None:
            now = loop.time()
            waiting = _Waiting(loop.create_future(), now, self._now(), now + self._poll_s)
            self._waiting[task_id] = waiting
            self._news.set()
        if self._loop is None or self._loop.done():
            self._loop = loop.create_task(self._poll())
        return await asyncio.shield(waiting.future)

    def abandon(self, error: Catalog3DError) -> None:
        """Wake everybody who waits, now or later: the paid tasks are kept, and the next run looks again."""
        self._abandoned = error
        for waiting in self._waiting.values():
            if not waiting.future.done():
                waiting.future.set_exception(copy(error))  # each is about another SKU
        self._waiting.clear()
        self._news.set()

    async def close(self) -> None:
        """Stop polling."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            due_at = max(min(waiting.due_at for waiting in self._waiting.values()), self._next_call_at())
            if due_at > loop.time():
                self._news.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(due_at):
                        await self._news.wait()
            else:
                self._called_at = loop.time()
                await self._round(self._page(self._called_at))

    def _next_call_at(self) -> float:
        pages = math.ceil(len(self._waiting) / MOST_LISTED_TASKS)
        return self._called_at + max(self._least_gap_s, self._poll_s / pages)

    def _page(self, now: float) -> list[str]:
        """What to ask for now: what is due, and with it whatever fits."""
        long_ago = now - _ALMOST * self._poll_s
        ids = [
            task_id
            for task_id, waiting in self._waiting.items()
            if waiting.due_at <= now or waiting.asked_at is None or waiting.asked_at <= long_ago
        ]
        return sorted(ids, key=lambda task_id: self._waiting[task_id].due_at)[:MOST_LISTED_TASKS]

    async def _round(self, ids: list[str]) -> None:
        details: Mapping[str, TaskDetail] = {}
        answered = False
        asked_at = asyncio.get_running_loop().time()
        try:
            details = await self._generator.tasks(ids)
            answered = True
        except RunError as error:
            self.abandon(error)
            return
        except Exception:  # one odd answer must not end the watch over paid tasks: their deadlines bound it
            if not self._failed_rounds:
                log.warning("The tasks under way cannot be looked at for now.", exc_info=True)
        self._failed_rounds = 0 if answered else self._failed_rounds + 1
        for task_id in ids:
            self._take(task_id, details.get(task_id), answered, asked_at)

    def _take(self, task_id: str, detail: TaskDetail | None, answered: bool, asked_at: float) -> None:
        waiting = self._waiting.get(task_id)
        if waiting is None or waiting.future.done():
            self._waiting.pop(task_id, None)
            return
        if detail is not None:
            if waiting.is_fresh is None:
                waiting.is_fresh = _is_fresh(waiting, detail)
            if detail.state.is_final:
                self._learn(waiting, detail, asked_at)
                waiting.future.set_result(detail)
                del self._waiting[task_id]
                return
            waiting.busy_at = asked_at
        waiting.missed = 0 if detail else waiting.missed + answered
        error = self._overdue(task_id, waiting, detail)
        if error is not None:
            waiting.future.set_exception(error)
            del self._waiting[task_id]
            return
        waiting.asked_at = asked_at
        waiting.due_at = asked_at + (self._gap_s(waiting, detail, asked_at) if detail else self._poll_s)

    def _gap_s(self, waiting: _Waiting, detail: TaskDetail, asked_at: float) -> float:
        """Until the next look: short once it may end; longer before, and when it takes far longer than any other."""
        if not waiting.is_fresh:
            return self._poll_s
        kind, age_s = _kind(detail), asked_at - waiting.since
        latest_s = self._durations.latest_s(kind)
        gap_s = self._durations.earliest_s(kind) - age_s
        if latest_s is not None and age_s > 2 * latest_s:
            gap_s = (age_s - latest_s) / 10
        return min(max(gap_s, self._poll_s), SLOWEST * self._poll_s)

    def _learn(self, waiting: _Waiting, detail: TaskDetail, asked_at: float) -> None:
        if waiting.is_fresh and detail.state is TaskState.SUCCESS:
            at_least_s = 0.0 if waiting.busy_at is None else waiting.busy_at - waiting.since
            self._durations.learn(_kind(detail), at_least_s=at_least_s, at_most_s=asked_at - waiting.since)

    def _overdue(self, task_id: str, waiting: _Waiting, detail: TaskDetail | None) -> NeedsPersonError | None:
        if waiting.missed >= MISSES:
            return NeedsPersonError(
                "The provider does not know this paid task.",
                code="TASK_LOST",
                fix="Is it another account's key? With the key that made it, run again.",
                details={"task_id": task_id},
            )
        waited_s = asyncio.get_running_loop().time() - waiting.since
        if waited_s > self._deadline_s or self._age_s(detail) > self._deadline_s:
            return NeedsPersonError(
                f"The provider has not finished this model within {self._deadline_s:.0f} s.",
                code="TASK_STUCK",
                fix="Nothing is lost: the next run looks again and pays nothing.",
                details={"task_id": task_id},
            )
        return None

    def _age_s(self, detail: TaskDetail | None) -> float:
        """How old a task surely is by the provider's word: one that is stuck gets no new deadline from each run."""
        if detail is None or detail.created_at is None:
            return 0.0
        return (self._now() - detail.created_at).total_seconds() - SKEW_S


def _kind(detail: TaskDetail) -> Kind:
    return detail.type, detail.echo.get("model", "")


def _is_fresh(waiting: _Waiting, detail: TaskDetail) -> bool:
    if detail.created_at is None:
        return False
    return abs((waiting.since_utc - detail.created_at).total_seconds()) <= FRESH_S
