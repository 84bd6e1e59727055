"""One paid request: sent when a slot is free, its answer kept whatever happens to the program meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

from catalog3d.adapters.registry.ledger import LEASE_S
from catalog3d.errors import Catalog3DError, NotSentError, ProductError, RunError, SubmissionUnknown, TransientError
from catalog3d.ledger import Generation, Lease, LedgerState, Outcome
from catalog3d.ports import Submitted
from catalog3d.stages.context import RunContext
from catalog3d.stages.telling import surely

log = logging.getLogger(__name__)

NO_FREE_SLOT = "NO_FREE_SLOT"
SLOTS_FULL = "SLOTS_FULL"
HELD_UP = "HELD_UP"
WAIT_IS_NORMAL = frozenset({SLOTS_FULL, "RATE_LIMITED"})
"""Answers of a provider that works: they never fail a SKU."""
MOST_TRIES = 8
"""Of requests that never left: with the pauses below that is five minutes without a connection."""

_SEND_WITHIN_S = LEASE_S / 4
"""A request that would leave later is not sent: a program that was paused so long may have been taken over."""

_SLOT_WAIT_S = 1.0
_MAX_WAIT_S = 60.0


async def order_when_free(
    context: RunContext, sku: str, generation: Generation, lease: Lease, tokens: dict[str, str]
) -> None:
    """Send the request of an intent once a slot is free.

    Raises:
        ProductError: The provider refused it, the budget is used up, or the run was stopped.
        SubmissionUnknown: No answer says what became of it; it is `unknown` in the ledger.
        RunError: NO_CREDITS, KEY_REFUSED, GENERATOR_UNREACHABLE, HELD_UP, SLOTS_STUCK.
    """
    loop, tries, waiting_since = asyncio.get_running_loop(), 0, None
    while True:
        context.require_running(sku)
        try:
            await _in_one_piece(context, lease, _order(context, generation, lease, tokens))
        except NotSentError as error:
            if error.code == NO_FREE_SLOT:
                waiting_since = waiting_since or loop.time()
                await _await_slot(context, loop.time() - waiting_since)
                continue
            tries, waiting_since = tries + 1, None
            if error.code == SLOTS_FULL and await _slots_full(context, generation, error):
                continue
            if tries >= MOST_TRIES and error.code not in WAIT_IS_NORMAL:
                raise _given_up(error) from error
            await context.pause(_pause_s(context, error, tries), sku)
        else:
            await _slot_taken(context, generation)
            return


def _given_up(error: NotSentError) -> RunError:
    if error.code == HELD_UP:
        return RunError(
            f"{MOST_TRIES} times in a row this program was too slow to send an order safely, so none was sent.",
            code=HELD_UP,
            fix="Look at what else this machine or the registry's database does, then run again: nothing was paid.",
        )
    return RunError(
        f"The server that makes the models cannot be reached: {error.message}",
        code="GENERATOR_UNREACHABLE",
        fix="Check the network, then run again: nothing was sent.",
    )


async def _in_one_piece(context: RunContext, lease: Lease, work: Coroutine[Any, Any, None]) -> None:
    """Run a step that a cancellation must not cut in two: the answer to a paid request is worth the wait.

    A refusal that comes meanwhile is written down here, since nobody else hears of it.
    """
    step = asyncio.ensure_future(work)
    try:
        await asyncio.shield(step)
    except asyncio.CancelledError:
        await asyncio.wait([step])
        if not step.cancelled() and (error := step.exception()) is not None:
            log.warning("A request ended with %s while its run was cancelled.", error)
            await asyncio.wait([asyncio.ensure_future(_keep_refusal(context, lease, error))])
        raise


async def close_unmade(context: RunContext, lease: Lease, error: ProductError | RunError) -> Outcome | None:
    """Close a generation whose request surely made nothing, so that its reservation is given back.

    Returns:
        How it was closed; None if it may have been made, is closed, or is another worker's by now.
    """
    ledger = context.catalog.registry.ledger
    current = await surely(context, ledger.get, lease.generation_id)
    unmade = current.state in (LedgerState.INTENT, LedgerState.SENDING) and current.id not in context.answers
    if not unmade or current.lease_fence != lease.fence:
        return None
    refused = current.state is LedgerState.SENDING and isinstance(error, ProductError)
    outcome = Outcome.REFUSED if refused else Outcome.WITHDRAWN
    await surely(
        context,
        ledger.settle,
        lease,
        outcome,
        credits_consumed=Decimal(0),
        code=error.code,
        message=error.message,
        only_from=current.state,
    )
    return outcome


async def _keep_refusal(context: RunContext, lease: Lease, error: BaseException) -> None:
    if not isinstance(error, ProductError | RunError) or isinstance(error, SubmissionUnknown):
        return
    try:
        await close_unmade(context, lease, error)
    except Catalog3DError:
        log.exception("The refusal of generation %s could not be written down.", lease.generation_id)


async def _order(context: RunContext, generation: Generation, lease: Lease, tokens: dict[str, str]) -> None:
    ledger = context.catalog.registry.ledger
    began_s = context.elapsed_s()
    await context.record(
        ledger.start_sending,
        lease,
        slots=context.link.slots[generation.pool],
        file_tokens=tokens,
        run_id=context.run_id,
        caps=context.caps,
        sent_at=context.link.client.server_now(),
        longest_task=timedelta(seconds=context.lookups.rules.unseen_after_s),
        key_fingerprint=context.link.key_fingerprint,
        base_url=context.link.base_url,
    )
    try:
        _require_still_wanted(context, began_s)
        answer = await context.link.client.submit(generation.brief, tokens, generation.model_seed)
    except NotSentError:
        await surely(context, ledger.back_to_intent, lease)
        raise
    except SubmissionUnknown as error:
        now = context.link.client.server_now()
        await surely(context, ledger.park, lease, error.code, error.message, given_up_at=now)
        raise
    await _keep(context, generation, lease, answer)


def _require_still_wanted(context: RunContext, began_s: float) -> None:
    """Not sent once the run is stopped; nor after a pause, however long the commit before it took: somebody else may
    have taken it over.
    """
    if context.stopped_by is not None:
        raise NotSentError("The run was stopped right before it sent this request.", code=context.stopped_by.code)
    if context.elapsed_s() - began_s > _SEND_WITHIN_S:
        raise NotSentError("The program was held up right before it sent this request.", code=HELD_UP)


async def _keep(context: RunContext, generation: Generation, lease: Lease, answer: Submitted) -> None:
    """Write the task id down; also when the lease was lost meanwhile, since the task is paid for."""
    ledger = context.catalog.registry.ledger
    context.answers[generation.id] = answer
    try:
        await surely(context, ledger.submitted, lease, answer)
        del context.answers[generation.id]
    except ProductError:
        log.warning("generation %s is task %s, and its lease is lost", generation.id, answer.task_id)
        await surely(context, ledger.keep_answer, generation.id, answer)
        raise
    except Exception:
        log.exception("generation %s is task %s, and it could not be written down", generation.id, answer.task_id)
        raise


async def _await_slot(context: RunContext, waited_s: float) -> None:
    """Wait until a slot of ours is freed, or a moment: another run may have freed one.

    Raises:
        RunError: SLOTS_STUCK: none will be.
    """
    async with context.slot_freed:
        with suppress(TimeoutError):
            await asyncio.wait_for(context.slot_freed.wait(), _SLOT_WAIT_S)
    if waited_s > context.slot_patience_s:
        raise RunError(
            f"No slot became free in {waited_s:.0f} s.",
            code="SLOTS_STUCK",
            fix="Look in the Tripo account what is running there, then run again.",
        )


async def _slots_full(context: RunContext, generation: Generation, error: NotSentError) -> bool:
    """Use fewer slots for a while; whether the next request goes out when one of our own tasks ends.

    Raises:
        RunError: SLOTS_STUCK: the provider has accepted nothing for too long.
    """
    there, parked = await _at_provider(context, generation)
    slots = context.link.slots.of(generation.pool)
    return slots.refused(there + parked, parked=parked, told_s=error.retry_after_s)


async def _slot_taken(context: RunContext, generation: Generation) -> None:
    """Tell the estimate how many slots surely work."""
    with suppress(TransientError):  # the order is through, whatever the registry says to this
        there, _ = await _at_provider(context, generation)
        context.link.slots.of(generation.pool).accepted(there)


async def _at_provider(context: RunContext, generation: Generation) -> tuple[int, int]:
    """Tasks surely at the provider, and requests of which nobody knows; those just being sent are neither yet."""
    ledger = context.catalog.registry.ledger
    used = await context.record(ledger.slots_by_state, context.catalog.realm, generation.pool)
    return used.get(LedgerState.SUBMITTED, 0), used.get(LedgerState.UNKNOWN, 0)


def _pause_s(context: RunContext, error: NotSentError, tries: int) -> float:
    backoff_s = min(_MAX_WAIT_S, 2.0 ** min(tries, 6))
    asked_s = error.retry_after_s if error.retry_after_s is not None else backoff_s
    return min(_MAX_WAIT_S, asked_s) * (1 + 0.25 * context.random.random())
