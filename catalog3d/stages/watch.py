"""One watcher polls all tasks under way with one call, whoever waits for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from dataclasses import dataclass

from catalog3d.errors import Catalog3DError, NeedsPersonError, RunError
from catalog3d.ports import Generator, TaskDetail

log = logging.getLogger(__name__)

PAGE = 100
"""Most ids in one `tasks/list` call (Tripo v3 documentation)."""

MISSES = 5
"""A task may be missed for a moment after it was created; that often in a row it is lost."""


@dataclass
class _Waiting:
    future: asyncio.Future[TaskDetail]
    deadline: float
    missed: int = 0


class TaskWatcher:
    """Polls while somebody waits, and only then.

    Args:
        poll_s: Time between two rounds.
        deadline_s: How long one task may take before its SKU is parked.
    """

    def __init__(
        self,
        generator: Generator,
        *,
        poll_s: float,
        deadline_s: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._generator = generator
        self._poll_s = poll_s
        self._deadline_s = deadline_s
        self._sleep = sleep
        self._waiting: dict[str, _Waiting] = {}
        self._loop: asyncio.Task[None] | None = None
        self._abandoned: Catalog3DError | None = None

    async def wait(self, task_id: str) -> TaskDetail:
        """The task's final detail; see `stages.context.Watcher`."""
        if self._abandoned is not None:
            raise copy(self._abandoned)
        loop = asyncio.get_running_loop()
        waiting = self._waiting.get(task_id)
        if waiting is None:
            waiting = _Waiting(loop.create_future(), loop.time() + self._deadline_s)
            self._waiting[task_id] = waiting
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

    async def close(self) -> None:
        """Stop polling."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def _poll(self) -> None:
        while self._waiting:
            await self._sleep(self._poll_s)
            ids = list(self._waiting)
            for start in range(0, len(ids), PAGE):
                await self._round(ids[start : start + PAGE])

    async def _round(self, ids: list[str]) -> None:
        details: Mapping[str, TaskDetail] = {}
        missed_for_sure = False
        try:
            details = await self._generator.tasks(ids)
            missed_for_sure = True
        except RunError as error:
            self.abandon(error)
            return
        except Exception:  # one odd answer must not end the watch over paid tasks: their deadlines bound it
            log.warning("The tasks under way could not be looked at.", exc_info=True)
        for task_id in ids:
            self._take(task_id, details.get(task_id), missed_for_sure)

    def _take(self, task_id: str, detail: TaskDetail | None, missed_for_sure: bool) -> None:
        waiting = self._waiting.get(task_id)
        if waiting is None or waiting.future.done():
            self._waiting.pop(task_id, None)
            return
        if detail is not None and detail.state.is_final:
            waiting.future.set_result(detail)
            del self._waiting[task_id]
            return
        waiting.missed = 0 if detail else waiting.missed + missed_for_sure
        error = self._overdue(task_id, waiting)
        if error is not None:
            waiting.future.set_exception(error)
            del self._waiting[task_id]

    def _overdue(self, task_id: str, waiting: _Waiting) -> NeedsPersonError | None:
        if waiting.missed >= MISSES:
            return NeedsPersonError(
                "The provider does not know this paid task.",
                code="TASK_LOST",
                fix="Is it another account's key? With the key that made it, run again.",
                details={"task_id": task_id},
            )
        if asyncio.get_running_loop().time() > waiting.deadline:
            return NeedsPersonError(
                f"The provider has not finished this model within {self._deadline_s:.0f} s.",
                code="TASK_STUCK",
                fix="Nothing is lost: the next run looks again and pays nothing.",
                details={"task_id": task_id},
            )
        return None
