"""The paid check: one text model without texture, ordered through the ledger like any other, and watched closely.

Killed anywhere, the next one goes on with the same task: a check is found again by its prompt, which names it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

import catalog3d
from catalog3d.adapters.prefect_environment import write_atomically
from catalog3d.adapters.registry.ledger import Intent
from catalog3d.adapters.tripo.answers import BalanceAnswer
from catalog3d.adapters.tripo.probe import Probe
from catalog3d.adapters.wiring import new_run_id, open_run
from catalog3d.diagnosis.evidence import Evidence
from catalog3d.diagnosis.facts import Facts
from catalog3d.diagnosis.judging import PROOF_S
from catalog3d.errors import ProductError, RunError, SubmissionUnknown
from catalog3d.ledger import Generation, Lease, LedgerState, Outcome
from catalog3d.plan import Plan
from catalog3d.product import SheetReading
from catalog3d.request import RunRequest
from catalog3d.settings import key_fingerprint
from catalog3d.stages.context import OpenCatalog, RunContext
from catalog3d.stages.doctor.observe import Observer
from catalog3d.stages.doctor.offer import Offer, evidence_files
from catalog3d.stages.leases import held
from catalog3d.stages.lookup import looked_up
from catalog3d.stages.open_tasks import settle_cut_off, settle_when_done
from catalog3d.stages.order import close_unmade, order_when_free
from catalog3d.stages.planning import Planned
from catalog3d.wording import credits_text

NAME = "account check"
"""Where messages name a SKU."""

_SEED_LIMIT = 2**31


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to look.

    Attributes:
        look_s: Between two looks.
        proof_s: How long usage is read for a task that it does not list.
        ages_s: When the first result address is tried again, in seconds after it was given.
    """

    look_s: float = 2.0
    proof_s: float = PROOF_S
    ages_s: tuple[float, ...] = ()


async def perform(catalog: OpenCatalog, offer: Offer, patience: Patience) -> Evidence:
    """Order the model, or go on with it; watch what the account does; say what was seen.

    Raises:
        RunError: NO_CREDITS, KEY_REFUSED and the like: nothing was bought.
        ProductError: OVER_BUDGET, or the provider refused it: nothing was bought.
        SubmissionUnknown: Nobody knows what became of the request: parked, and not sent again.
    """
    key = catalog.settings.tripo_key
    if key is None:
        raise RunError("There is no Tripo key.", code="KEY_MISSING", fix="Set CATALOG3D_TRIPO__API_KEY.")
    key = _key_of(catalog, offer, key)
    run_id = f"doctor-{new_run_id()}"  # another each time, so that an intent of yesterday must fit today's budget
    request = RunRequest(sheet="doctor --live")
    async with (
        open_run(catalog, request, _nothing_planned(), run_id) as context,
        Probe(catalog.settings.tripo.base_url, key) as probe,
    ):
        known = offer.known or await _reserve(context, probe, offer)
        facts = Facts(
            model_seed=known.model_seed,
            prompt=offer.brief.prompt,
            price=offer.price,
            deadline_s=catalog.settings.tripo.deadline_s,
            resumed=not offer.pays,
        )
        observer = Observer(probe=probe, facts=facts, look_s=patience.look_s, proof_s=patience.proof_s)
        async with held(context, known.id, NAME) as lease:
            current = await context.record(context.catalog.registry.ledger.get, known.id)
            settled = await _bring_home(context, observer, current, lease)
        await observer.look_back(
            settled.task_id, context.link.client_of(settled), catalog.home.work / run_id, patience.ages_s
        )
    return Evidence(
        check_id=offer.check_id,
        made_at=catalog.clock.now(),
        program=catalog3d.__version__,
        base_url=catalog.settings.tripo.base_url,
        realm=catalog.realm,
        key_fingerprint=key_fingerprint(key),
        facts=facts,
    )


def write_evidence(catalog: OpenCatalog, evidence: Evidence, text: str) -> tuple[Path, Path]:
    """Write both files, each whole or not at all.

    Args:
        text: The JSON document.
    """
    document, page = evidence_files(catalog, evidence.check_id)
    document.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(page, evidence.as_markdown(), mode=0o644)
    write_atomically(document, text, mode=0o644)
    return document, page


def _key_of(catalog: OpenCatalog, offer: Offer, key: SecretStr) -> SecretStr:
    """The key that made an interrupted check, if it is among ours: a task is shown to no other."""
    keys = (key, *catalog.settings.tripo.previous_api_keys)
    made_by = offer.known.key_fingerprint if offer.known else ""
    return next((one for one in keys if key_fingerprint(one) == made_by), key)


async def _reserve(context: RunContext, probe: Probe, offer: Offer) -> Generation:
    """Write the intent down, its price reserved in the budgets of this run and of the day."""
    answer = (await probe.look("GET", "/v3/account/balance")).answer
    if answer.is_success:
        available = BalanceAnswer.model_validate(answer.data).balance
        if available < offer.price:
            raise RunError(
                f"The Tripo wallet holds {credits_text(available)} credits; this check costs {credits_text(offer.price)}.",
                code="NO_CREDITS",
                fix="Buy API credits (credits of Tripo Studio are not API credits), then ask again.",
            )
    intent = Intent(
        realm=context.catalog.realm,
        brief=offer.brief,
        pool=offer.brief.pool,
        base_url=context.link.base_url,
        key_fingerprint=context.link.key_fingerprint,
        model_seed=context.random.randrange(_SEED_LIMIT),
        expected_credits=offer.price,
        run_id=context.run_id,
    )
    return await context.record(context.catalog.registry.ledger.open_intent, intent, context.caps)


async def _bring_home(context: RunContext, observer: Observer, current: Generation, lease: Lease) -> Generation:
    """From whatever state it is in to its end, as a run does it.

    Raises:
        RunError: CHECK_NEVER_MADE: it was proven that its order made nothing.
    """
    ledger = context.catalog.registry.ledger
    while current.is_open:
        if current.state is LedgerState.INTENT:
            await _order(context, observer, current, lease)
        elif current.state is LedgerState.SENDING:
            await settle_cut_off(context, current, lease)
        elif current.state is LedgerState.UNKNOWN:
            observer.facts.resumed = True
            observer.facts.adopted = (await _found(context, current, lease)).state is LedgerState.SUBMITTED
        else:
            await _watched(context, observer, current, lease)
        current = await context.record(ledger.get, current.id)
    if current.outcome in (Outcome.WITHDRAWN, Outcome.REFUSED):
        raise RunError(
            "The account proves that the order of an interrupted check made nothing, so nothing was paid for it.",
            code="CHECK_NEVER_MADE",
            fix="Ask again for a new check.",
        )
    return current


async def _found(context: RunContext, current: Generation, lease: Lease) -> Generation:
    """Look an order without an answer up, as runs do.

    Raises:
        SubmissionUnknown: The account does not tell; nothing else is bought for this check.
    """
    try:
        return await looked_up(context, current, lease)
    except SubmissionUnknown as error:
        fix = "Look in the Tripo account. Every run, and this command, looks again; "
        error.fix = f"{fix}`catalog3d doctor --live --new` leaves it and buys another check."
        raise


async def _watched(context: RunContext, observer: Observer, current: Generation, lease: Lease) -> None:
    """Wait for the task, and watch what the account shows of it meanwhile."""
    settling = asyncio.create_task(_settle(context, observer, current, lease))
    watching = asyncio.create_task(observer.watch(current.task_id))
    try:
        await asyncio.wait((settling, watching), return_when=asyncio.FIRST_EXCEPTION)
        if not settling.done():
            await watching  # it has failed
        await settling
    finally:
        for task in (settling, watching):
            task.cancel()
        await asyncio.gather(settling, watching, return_exceptions=True)


async def _settle(context: RunContext, observer: Observer, current: Generation, lease: Lease) -> None:
    await settle_when_done(context, current, lease)
    observer.note_end()


async def _order(context: RunContext, observer: Observer, current: Generation, lease: Lease) -> None:
    """Send the one paid request; an answer that never came is left to be looked up."""
    await observer.note_wallet_before()
    try:
        await order_when_free(context, NAME, current, lease, {})
    except SubmissionUnknown:
        return
    except (ProductError, RunError) as error:
        await close_unmade(context, lease, error)
        raise
    ordered = await context.record(context.catalog.registry.ledger.get, current.id)
    await observer.note_answer(ordered.task_id)


def _nothing_planned() -> Planned:
    reading = SheetReading(sheet="", dialect="", mapping={}, rows=0, products=(), invalid=(), problems=())
    return Planned(reading=reading, plan=Plan(items=()))
