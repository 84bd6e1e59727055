"""generate_model: one paid task for a brief, however often it is asked for.

Every step is written into the ledger before it is taken, so a run that is killed anywhere goes on
from there: a finished model is fetched, a running one is waited for, an unanswered request is parked.
"""

from __future__ import annotations

import asyncio
import logging
from copy import copy
from decimal import Decimal

from catalog3d.adapters.registry.ledger import Intent
from catalog3d.brief import Brief
from catalog3d.errors import ProductError, RunError, SubmissionUnknown
from catalog3d.ledger import SOURCE, Generation, Lease, LedgerState, Outcome, may_try_again
from catalog3d.prices import price_of
from catalog3d.stages.context import RunContext, SkuWork
from catalog3d.stages.download import fetch_raw
from catalog3d.stages.leases import held
from catalog3d.stages.lookup import looked_up
from catalog3d.stages.open_tasks import settle_cut_off, settle_when_done
from catalog3d.stages.order import close_unmade, order_when_free
from catalog3d.status import Stage

log = logging.getLogger(__name__)

_SEED_LIMIT = 2**31


async def generate(context: RunContext, sku: str) -> Generation:
    """Get the model of a SKU's brief: from the ledger, from a running task, or by one paid request.

    Raises:
        ProductError: The provider refused or failed it, the budget is used up, or it may not be paid for.
        NeedsPersonError: SUBMISSION_UNKNOWN, TASK_STUCK, OTHER_KEY: paid or perhaps paid, never sent again blindly.
        RunError: NO_CREDITS, KEY_REFUSED: the run stops, what is paid goes on.
    """
    work = context.work[sku]
    brief = _brief(work)
    async with context.brief_locks[brief.digest]:
        try:
            generation = await _known(context, work, brief)
            if generation is None or not generation.succeeded:
                generation = await _obtain(context, work, brief, generation)
        finally:
            context.ordered.add(sku)
        await context.record(_link, context, sku, generation)
        work.generation, work.raw = await fetch_raw(context, generation, sku)
    return work.generation


async def _known(context: RunContext, work: SkuWork, brief: Brief) -> Generation | None:
    """The ledger's generation of a brief, as far as it is this SKU's.

    A SKU that has a model of the brief keeps it, whoever made it and whatever retakes of other SKUs gave since.
    """
    ledger, realm = context.catalog.registry.ledger, context.catalog.realm
    if work.retake is not None:
        after = work.retake.after(realm, brief.digest)
        return await context.record(ledger.latest, realm, brief.digest, after_attempt=after)
    if work.own_generation is not None:
        own = await context.record(ledger.get, work.own_generation)
        if brief.digest in (own.digest, work.made_for):
            return own
    return await context.record(ledger.latest, realm, brief.digest)


async def _obtain(context: RunContext, work: SkuWork, brief: Brief, known: Generation | None) -> Generation:
    ledger, sku = context.catalog.registry.ledger, work.product.sku
    while True:
        if known is None or not known.is_open:
            if brief.digest in context.refused:
                refusal, by = context.refused[brief.digest]
                await context.record(_link, context, sku, by)
                raise copy(refusal)
            context.require_running(sku)
            known = await context.record(ledger.open_intent, _intent(context, work, brief), context.caps)
        await context.record(_link, context, sku, known)
        async with held(context, known.id, sku) as lease:
            current = await _advance(context, work, await context.record(ledger.get, known.id), lease)
        if current.succeeded:
            return current
        await context.record(_link, context, sku, current)
        if current.outcome is not Outcome.WITHDRAWN and not may_try_again(current):
            raise _failed(context, current)
        known = None  # never sent, proven absent, or failed in a way that is worth one more attempt


async def _advance(context: RunContext, work: SkuWork, current: Generation, lease: Lease) -> Generation:
    """From whatever state it is in to its end."""
    while current.is_open:
        if current.state is LedgerState.INTENT:
            await _send(context, work, current, lease)
        elif current.state is LedgerState.SENDING:
            await settle_cut_off(context, current, lease)
        elif current.state is LedgerState.UNKNOWN:
            await looked_up(context, current, lease)
        else:
            await settle_when_done(context, current, lease)
        current = await context.record(context.catalog.registry.ledger.get, current.id)
    return current


def _failed(context: RunContext, generation: Generation) -> ProductError:
    """What a brief ended with at the provider; kept for the other SKUs of the brief."""
    refusal = ProductError(
        generation.error_message or "The provider could not make a model of it.",
        code=generation.error_code or "TASK_FAILED",
        details={"task_id": generation.task_id},
    )
    context.refused[generation.digest] = (refusal, generation)
    return copy(refusal)


async def _send(context: RunContext, work: SkuWork, generation: Generation, lease: Lease) -> None:
    """Send the request of an intent; an answer that never came is left to be looked up."""
    sku = work.product.sku
    async with context.lines.place(generation.pool, context.link.slots.most[generation.pool]):
        try:
            _require_may_pay(work)
            tokens = await _inputs(context, work, generation)
            async with context.lines.order(generation.pool):
                await order_when_free(context, sku, generation, lease, tokens)
        except SubmissionUnknown as error:
            log.warning("%s: %s", sku, error)
            return
        except (ProductError, RunError) as error:
            await _withdraw(context, generation, lease, error)
            raise
        current = await context.record(context.catalog.registry.ledger.get, generation.id)
        await settle_when_done(context, current, lease)


async def _inputs(context: RunContext, work: SkuWork, generation: Generation) -> dict[str, str]:
    """What the request names: uploaded pictures, or the task of the model that gets another surface."""
    source = generation.brief.source
    if source is None:
        return await _upload(context, work, generation)
    made = await context.record(context.catalog.registry.ledger.made_as, generation.realm, source)
    if made is None:
        raise ProductError(
            "The registry does not know the task of the model whose surface is to be made anew.",
            code="SOURCE_UNKNOWN",
            fix="Have another model made instead: catalog3d retake SKU --reason CODE --how same.",
            sku=work.product.sku,
        )
    return {SOURCE: made.task_id}


async def _upload(context: RunContext, work: SkuWork, generation: Generation) -> dict[str, str]:
    wanted = {picture.slot for picture in generation.brief.pictures}
    views = [view for view in work.views if view.slot in wanted]
    async with context.lines.upload():
        context.require_running(work.product.sku)
        uploads = [asyncio.ensure_future(context.link.client.upload(view)) for view in views]
        try:
            tokens = await context.unless_stopped(asyncio.gather(*uploads), work.product.sku)
        finally:  # once one is refused the others are worth nothing
            for upload in uploads:
                upload.cancel()
    return {view.slot: token for view, token in zip(views, tokens, strict=True)}


async def _withdraw(context: RunContext, generation: Generation, lease: Lease, error: ProductError | RunError) -> None:
    """Give a reservation back; a refusal is kept for the brief's other SKUs, a RunError stops the run."""
    outcome = await close_unmade(context, lease, error)
    if outcome is Outcome.REFUSED and isinstance(error, ProductError):
        context.refused[generation.digest] = (copy(error), generation)
    if outcome is not None and isinstance(error, RunError):
        context.stop(error)


def _intent(context: RunContext, work: SkuWork, brief: Brief) -> Intent:
    _require_may_pay(work)
    return Intent(
        realm=context.catalog.realm,
        brief=brief,
        pool=brief.pool,
        base_url=context.link.base_url,
        key_fingerprint=context.link.key_fingerprint,
        model_seed=context.random.randrange(_SEED_LIMIT),
        expected_credits=price_of(brief),
        run_id=context.run_id,
        after_attempt=work.retake.after(context.catalog.realm, brief.digest) if work.retake else 0,
    )


def _require_may_pay(work: SkuWork) -> None:
    if not work.may_pay and work.retake is not None:
        raise ProductError(
            "The new model was given up before it was ordered, and another order costs credits.",
            code="RETAKE_ASKED",
            fix="Use `catalog3d retake SKU --reason CODE` to order it.",
            sku=work.product.sku,
        )
    if not work.may_pay:
        raise ProductError(
            "The photo or the rules changed since its model was made, and a new one costs credits.",
            code="PHOTO_CHANGED",
            fix="Use `catalog3d rerun --stale` to order it.",
            sku=work.product.sku,
        )


def _link(context: RunContext, sku: str, generation: Generation) -> None:
    """Note which generation the SKU's model is from; its credits count for the first SKU of the run."""
    runs = context.catalog.registry.runs
    paid_here = generation.run_id == context.run_id and runs.billed_to(context.run_id, generation.id) in {"", sku}
    spent = (generation.credits_consumed or Decimal(0)) if paid_here else Decimal(0)
    runs.note(context.run_id, sku, generation_id=generation.id, credits=spent, stage=Stage.GENERATE_MODEL)


def _brief(work: SkuWork) -> Brief:
    if work.brief is None:
        raise RunError(f"{work.product.sku} reached generate_model without a brief.", code="STAGE_ORDER")
    return work.brief
