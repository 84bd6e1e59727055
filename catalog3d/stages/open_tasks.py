"""Tasks under way at the provider: waited for, settled, and tended for runs that no longer can."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from catalog3d.adapters.registry.ledger import LEASE_S
from catalog3d.errors import Catalog3DError, NeedsPersonError, RunError, SubmissionUnknown, TransientError
from catalog3d.ledger import Generation, Lease, LedgerState, Outcome
from catalog3d.ports import TaskDetail, TaskState
from catalog3d.stages.context import RunContext, Watcher
from catalog3d.stages.early_stops import note_charged
from catalog3d.stages.leases import take_over
from catalog3d.stages.lookup import looked_up
from catalog3d.stages.telling import surely

log = logging.getLogger(__name__)

CUT_OFF = "The program stopped while it was asking for this model, and no answer was kept."

_LOOK_S = 15.0


async def settle_when_done(context: RunContext, generation: Generation, lease: Lease) -> Generation:
    """Wait for a submitted task and close its generation with what it cost.

    Raises:
        NeedsPersonError: TASK_STUCK, TASK_LOST.
        ProductError: RUN_STOPPED; the paid task is kept.
    """
    detail = await _detail(context, generation)
    success = detail.state is TaskState.SUCCESS
    code, message = ("", "") if success else _failure(detail)
    consumed = detail.credits_consumed if success else detail.credits_consumed or Decimal(0)
    note_charged(context, replace(generation, credits_consumed=consumed))  # before its slot is free for the next order
    settled = await surely(
        context,
        context.catalog.registry.ledger.settle,
        lease,
        Outcome.SUCCESS if success else Outcome.FAILED,
        credits_consumed=consumed,
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
    tended: dict[int, asyncio.Task[None]] = {}
    parked: set[int] = set()
    try:
        while not context.braked:
            tended = {number: task for number, task in tended.items() if not task.done()}
            try:
                ledger = context.catalog.registry.ledger
                for generation in await context.record(ledger.open_tasks, context.catalog.realm):
                    if generation.id not in tended and generation.id not in parked | context.holding:
                        tended[generation.id] = asyncio.create_task(_tend_one(context, generation, parked))
            except Catalog3DError as error:
                log.warning("Open tasks could not be looked up: %s", error)
            await asyncio.sleep(_LOOK_S)
    finally:
        for task in tended.values():
            task.cancel()
        await asyncio.gather(*tended.values(), return_exceptions=True)


async def _tend_one(context: RunContext, generation: Generation, parked: set[int]) -> None:
    """Move a task on that nobody holds: to its end, or until a person is asked."""
    ledger = context.catalog.registry.ledger
    try:
        async with take_over(context, generation.id) as lease:
            if lease is None:
                return
            current = await context.record(ledger.get, generation.id)
            if current.state is LedgerState.SENDING:
                await settle_cut_off(context, current, lease)
                current = await context.record(ledger.get, generation.id)
            if current.state is LedgerState.UNKNOWN:
                current = await looked_up(context, current, lease)
            if current.state is LedgerState.SUBMITTED:
                await settle_when_done(context, current, lease)
    except NeedsPersonError as error:
        parked.add(generation.id)
        log.warning("The request %s of an earlier run stays open: %s", generation.id, error)
    except Catalog3DError as error:
        log.warning("The task %s of an earlier run stays open: %s", generation.task_id, error)


async def settle_cut_off(context: RunContext, generation: Generation, lease: Lease) -> None:
    """A request whose worker is gone: its answer if this process still has it, else `unknown`."""
    ledger = context.catalog.registry.ledger
    answer = context.answers.get(generation.id)
    if answer is not None:
        await surely(context, ledger.submitted, lease, answer)
        del context.answers[generation.id]
        return
    given_up_at = context.link.client.server_now()
    if not lease.sole:  # its worker may only have been paused, and send it yet
        given_up_at += timedelta(seconds=LEASE_S)
    await surely(context, ledger.park, lease, SubmissionUnknown.default_code, CUT_OFF, given_up_at=given_up_at)


async def _detail(context: RunContext, generation: Generation) -> TaskDetail:
    asked = context.link.watcher_of(generation)
    try:
        return await asked.wait(generation.task_id)
    except NeedsPersonError as error:
        other = await _watcher_that_sees(context, generation, asked) if error.code == "TASK_LOST" else None
        if other is not None:
            return await other.wait(generation.task_id)
        ours = {context.link.key_fingerprint, *context.link.earlier}
        if error.code != "TASK_LOST" or generation.key_fingerprint in ours:
            raise
        raise NeedsPersonError(
            "This model was ordered with another API key, and Tripo shows a task only to the key that made it.",
            code="OTHER_KEY",
            fix="Add the former key to CATALOG3D_TRIPO__PREVIOUS_API_KEYS, then run again: nothing is paid again.",
            details={"task_id": generation.task_id, "key": generation.key_fingerprint, "host": generation.base_url},
        ) from error


async def _watcher_that_sees(context: RunContext, generation: Generation, asked: Watcher) -> Watcher | None:
    """Whichever of our other keys sees a task: it may have been sent with another one than was written down."""
    link = context.link
    for client, watcher in ((link.client, link.watcher), *link.earlier.values()):
        if watcher is asked:
            continue
        try:
            if generation.task_id in await client.tasks([generation.task_id]):
                return watcher
        except (RunError, TransientError) as error:
            log.warning("The task %s could not be asked for with another key: %s", generation.task_id, error)
    return None


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
