"""generate_model: one paid task for a brief, however often it is asked for.

Every step is written into the ledger before it is taken, so a run that is killed anywhere goes on
from there: a finished model is fetched, a running one is waited for, an unanswered request is parked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from catalog3d.adapters.registry.ledger import Intent
from catalog3d.brief import Brief, pool_of
from catalog3d.errors import (
    NeedsPersonError,
    NotSentError,
    ProductError,
    RunError,
    SubmissionUnknown,
)
from catalog3d.ledger import Generation, Lease, LedgerState, Outcome
from catalog3d.ports import TaskDetail, TaskState
from catalog3d.prices import price
from catalog3d.stages.context import RunContext, SkuWork
from catalog3d.stages.download import fetch_raw
from catalog3d.stages.leases import held
from catalog3d.status import Stage

AHEAD = 4
"""How many SKUs per pool may upload their photos before a slot is free, so that a free slot never waits."""

_SLOT_WAIT_S = 1.0
_MAX_WAIT_S = 60.0
_SEED_LIMIT = 2**31


async def generate(context: RunContext, sku: str) -> Generation:
    """Get the model of a SKU's brief: from the ledger, from a running task, or by one paid request.

    Raises:
        ProductError: The provider refused or failed it, the budget is used up, or it may not be paid for.
        NeedsPersonError: SUBMISSION_UNKNOWN, TASK_STUCK: paid or perhaps paid, never sent again blindly.
        RunError: NO_CREDITS, KEY_REFUSED: the run stops, what is paid goes on.
    """
    work = context.work[sku]
    brief = _brief(work)
    registry = context.catalog.registry
    async with context.brief_locks[brief.digest]:
        generation = await asyncio.to_thread(registry.ledger.latest, context.catalog.realm, brief.digest)
        if generation is None or not generation.succeeded:
            generation = await _obtain(context, work, brief, generation)
        await asyncio.to_thread(_link, context, sku, generation)
        work.generation, work.raw = await fetch_raw(context, generation)
    return work.generation


async def _obtain(context: RunContext, work: SkuWork, brief: Brief, known: Generation | None) -> Generation:
    ledger = context.catalog.registry.ledger
    if known is None or not known.is_open:
        context.require_running(work.product.sku)
        known = await asyncio.to_thread(ledger.open_intent, _intent(context, work, brief), context.caps)
    async with held(context, known.id) as lease:
        current = await asyncio.to_thread(ledger.get, known.id)
        if current.state is LedgerState.INTENT:
            return await _send_and_wait(context, work, current, lease)
        if current.state is LedgerState.SENDING:
            message = "The program stopped while it was asking for this model, and no answer was kept."
            await asyncio.to_thread(ledger.park, lease, SubmissionUnknown.default_code, message)
            raise _unknown(message)
        if current.state is LedgerState.UNKNOWN:
            raise _unknown(current.error_message)
        if current.state is LedgerState.SUBMITTED:
            return await _wait(context, current, lease)
        return _require_success(current)


async def _send_and_wait(context: RunContext, work: SkuWork, generation: Generation, lease: Lease) -> Generation:
    async with _place(context, generation.pool):
        try:
            tokens = {}
            for view in work.views:
                if view.slot in {picture.slot for picture in generation.brief.pictures}:
                    tokens[view.slot] = await context.link.client.upload(view)
            await _send(context, work.product.sku, generation, lease, tokens)
        except (ProductError, RunError) as error:
            await _withdraw(context, lease, error)
            raise
        return await _wait(context, await asyncio.to_thread(_get, context, generation.id), lease)


async def _send(context: RunContext, sku: str, generation: Generation, lease: Lease, tokens: dict[str, str]) -> None:
    ledger = context.catalog.registry.ledger
    slots, tries = context.link.slots[generation.pool], 0
    while True:
        context.require_running(sku)
        try:
            await asyncio.to_thread(ledger.start_sending, lease, slots, tokens)
        except NotSentError:
            await _slot(context)
            continue
        try:
            answer = await context.link.client.submit(generation.brief, tokens, generation.model_seed)
        except NotSentError as error:
            await asyncio.to_thread(ledger.back_to_intent, lease)
            tries += 1
            await asyncio.sleep(_pause_s(context, error, tries))
            continue
        except SubmissionUnknown as error:
            await asyncio.to_thread(ledger.park, lease, error.code, error.message)
            raise
        await asyncio.to_thread(ledger.submitted, lease, answer)
        return


async def _withdraw(context: RunContext, lease: Lease, error: ProductError | RunError) -> None:
    """Close a generation that surely was not created, so that its reservation is given back."""
    ledger = context.catalog.registry.ledger
    state = (await asyncio.to_thread(ledger.get, lease.generation_id)).state
    if state not in (LedgerState.INTENT, LedgerState.SENDING):
        return
    refused = state is LedgerState.SENDING and isinstance(error, ProductError)
    await asyncio.to_thread(
        ledger.settle,
        lease,
        Outcome.REFUSED if refused else Outcome.WITHDRAWN,
        credits_consumed=Decimal(0),
        code=error.code,
        message=error.message,
    )
    if isinstance(error, RunError):
        context.stop(error)


async def _wait(context: RunContext, generation: Generation, lease: Lease) -> Generation:
    detail = await context.link.watcher.wait(generation.task_id)
    success = detail.state is TaskState.SUCCESS
    code, message = ("", "") if success else _failure(detail)
    settled = await asyncio.to_thread(
        context.catalog.registry.ledger.settle,
        lease,
        Outcome.SUCCESS if success else Outcome.FAILED,
        credits_consumed=detail.credits_consumed if success else detail.credits_consumed or Decimal(0),
        code=code,
        message=message,
    )
    async with context.slot_freed:
        context.slot_freed.notify_all()
    return _require_success(settled)


def _require_success(generation: Generation) -> Generation:
    if generation.succeeded:
        return generation
    raise ProductError(
        generation.error_message or "The provider could not make a model of it.",
        code=generation.error_code or "TASK_FAILED",
        details={"task_id": generation.task_id},
    )


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


def _intent(context: RunContext, work: SkuWork, brief: Brief) -> Intent:
    if not work.may_pay:
        raise ProductError(
            "The photo or the rules changed since its model was made, and a new one costs credits.",
            code="PHOTO_CHANGED",
            fix="Use `catalog3d rerun --stale` to order it.",
            sku=work.product.sku,
        )
    return Intent(
        realm=context.catalog.realm,
        brief=brief,
        pool=pool_of(brief.model),
        base_url=context.link.base_url,
        key_fingerprint=context.link.key_fingerprint,
        model_seed=context.random.randrange(_SEED_LIMIT),
        expected_credits=price(brief.endpoint, brief.model, dict(brief.params)),
        run_id=context.run_id,
    )


@asynccontextmanager
async def _place(context: RunContext, pool: str) -> AsyncIterator[None]:
    if pool not in context.at_provider:
        context.at_provider[pool] = asyncio.Semaphore(context.link.slots[pool] + AHEAD)
    async with context.at_provider[pool]:
        yield


async def _slot(context: RunContext) -> None:
    """Wait until a slot of ours is freed, or a moment: another run may have freed one."""
    async with context.slot_freed:
        try:
            await asyncio.wait_for(context.slot_freed.wait(), _SLOT_WAIT_S)
        except TimeoutError:
            return


def _pause_s(context: RunContext, error: NotSentError, tries: int) -> float:
    backoff_s = min(_MAX_WAIT_S, 2.0 ** min(tries, 6))
    asked_s = error.retry_after_s if error.retry_after_s is not None else backoff_s
    return min(_MAX_WAIT_S, asked_s) * (1 + 0.25 * context.random.random())


def _unknown(message: str) -> NeedsPersonError:
    return SubmissionUnknown(
        message, fix="It may have been made and billed: a person must look; it is not sent again by itself."
    )


def _link(context: RunContext, sku: str, generation: Generation) -> None:
    """Note which generation the SKU's model is from; its credits count for the first SKU of the run."""
    runs = context.catalog.registry.runs
    paid_here = generation.run_id == context.run_id and runs.billed_to(context.run_id, generation.id) in {"", sku}
    spent = (generation.credits_consumed or Decimal(0)) if paid_here else Decimal(0)
    runs.note(context.run_id, sku, generation_id=generation.id, credits=spent, stage=Stage.GENERATE_MODEL)


def _get(context: RunContext, generation_id: int) -> Generation:
    return context.catalog.registry.ledger.get(generation_id)


def _brief(work: SkuWork) -> Brief:
    if work.brief is None:
        raise RunError(f"{work.product.sku} reached generate_model without a brief.", code="STAGE_ORDER")
    return work.brief
