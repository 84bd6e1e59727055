"""Tasks under way at the provider: waited for, settled, and tended for runs that no longer can."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import ParamSpec, TypeVar

from catalog3d.errors import Catalog3DError, SubmissionUnknown, TransientError
from catalog3d.ledger import Generation, Lease, LedgerState, Outcome
from catalog3d.ports import TaskDetail, TaskState
from catalog3d.stages.context import RunContext
from catalog3d.stages.leases import take_over

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

CUT_OFF = "The program stopped while it was asking for this model, and no answer was kept."

_LOOK_S = 15.0
_COMMIT_TRIES = 60
_COMMIT_PAUSE_S = 5.0


async def surely(context: RunContext, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Tell the registry what the provider said, however long it is away: five minutes, then it is a TransientError."""
    for attempt in range(_COMMIT_TRIES):
        try:
            return await context.record(call, *args, **kwargs)
        except TransientError as error:
            log.warning("The registry could not be told yet: %s", error)
            await asyncio.sleep(min(_COMMIT_PAUSE_S, 0.2 * 2**attempt))
    return await context.record(call, *args, **kwargs)


async def settle_when_done(context: RunContext, generation: Generation, lease: Lease) -> Generation:
    """Wait for a submitted task and close its generation with what it cost.

    Raises:
        NeedsPersonError: TASK_STUCK, TASK_LOST.
        ProductError: RUN_STOPPED; the paid task is kept.
    """
    detail = await context.link.watcher.wait(generation.task_id)
    success = detail.state is TaskState.SUCCESS
    code, message = ("", "") if success else _failure(detail)
    settled = await surely(
        context,
        context.catalog.registry.ledger.settle,
        lease,
        Outcome.SUCCESS if success else Outcome.FAILED,
        credits_consumed=detail.credits_consumed if success else detail.credits_consumed or Decimal(0),
        code=code,
        message=message,
    )
    async with context.slot_freed:
        context.slot_freed.notify_all()
    return settled


@asynccontextmanager
async def tending_open_tasks(context: RunContext) -> AsyncIterator[None]:
    """Settle what other runs left at the provider while this one lasts: their slots would never be free again."""
    tending = asyncio.create_task(_tend(context))
    try:
        yield
    finally:
        tending.cancel()
        await asyncio.gather(tending, return_exceptions=True)


async def _tend(context: RunContext) -> None:
    ours = {item.price_group for item in context.plan.todo}
    tended: dict[int, asyncio.Task[None]] = {}
    try:
        while not context.braked:
            try:
                for generation in await context.record(
                    context.catalog.registry.ledger.open_tasks, context.catalog.realm
                ):
                    if generation.digest not in ours and generation.id not in tended:
                        tended[generation.id] = asyncio.create_task(_tend_one(context, generation))
            except Catalog3DError as error:
                log.warning("Open tasks could not be looked up: %s", error)
            await asyncio.sleep(_LOOK_S)
    finally:
        for task in tended.values():
            task.cancel()
        await asyncio.gather(*tended.values(), return_exceptions=True)


async def _tend_one(context: RunContext, generation: Generation) -> None:
    ledger = context.catalog.registry.ledger
    async with take_over(context, generation.id) as lease:
        if lease is None:
            return
        try:
            current = await context.record(ledger.get, generation.id)
            if current.state is LedgerState.SENDING:
                await context.record(ledger.park, lease, SubmissionUnknown.default_code, CUT_OFF)
            elif current.state is LedgerState.SUBMITTED:
                await settle_when_done(context, current, lease)
        except Catalog3DError as error:
            log.warning("The task %s of an earlier run stays open: %s", generation.task_id, error)


def _failure(detail: TaskDetail) -> tuple[str, str]:
    if detail.error_code:
        words = detail.error_message or "without saying why"
        return (
            f"TRIPO_{detail.error_code}",
            f"The provider could not make this model (code {detail.error_code}): {words}",
        )
    return (
        f"TASK_{detail.state.name}",
        f"The provider ended this task as {detail.state}. {detail.error_message}".strip(),
    )
