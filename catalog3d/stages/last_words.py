"""What a run says at its end about money, and where it leaves the SKUs that it did not come to."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from catalog3d.ledger import SLOT_STATES, Generation, Outcome
from catalog3d.stages.context import RunContext
from catalog3d.stop_rules import price_note
from catalog3d.wording import credits_text, plural


def cost_notes(context: RunContext) -> Iterator[str]:
    """Sentences about prices above the estimate, and about what is missing for the rest of the plan."""
    stopped = context.stopped_by.code if context.stopped_by else ""
    note = price_note(context.charges.values())
    if note and stopped != "PRICE_DRIFT":  # it says so itself
        yield note
    if stopped == "NO_CREDITS":
        yield _missing(context)


def _missing(context: RunContext) -> str:
    """How many credits are missing for the rest of the plan."""
    prices = _unpaid(context)
    rest = sum(prices.values(), Decimal(0))
    what = f"{plural(len(prices), 'model')} of this plan {'is' if len(prices) == 1 else 'are'} not paid yet"
    cost = f"{'it costs' if len(prices) == 1 else 'they cost'} {credits_text(rest)} credits"
    if context.balance is None:
        return f"{what}: {cost}, and what the wallet holds is not known."
    missing = rest - context.balance
    lacks = f", so {credits_text(missing)} are missing" if missing > 0 else ""
    return f"{what}: {cost}, the wallet holds {credits_text(context.balance)}{lacks}."


def _unpaid(context: RunContext) -> dict[str, Decimal]:
    """Brief or price group -> what it costs, of what the plan would pay for and nobody has paid."""
    catalog, prices = context.catalog, context.plan.prices
    outcomes = catalog.registry.ledger.outcomes(catalog.realm)
    unpaid: dict[str, Decimal] = {}
    for item in context.plan.todo:
        work = context.work.get(item.sku)
        digest = work.brief.digest if work and work.brief else item.price_group
        if item.credits and not _is_paid(outcomes.get(digest), context.run_id):
            unpaid[digest] = prices[item.price_group]
    return unpaid


def _is_paid(generation: Generation | None, run_id: str) -> bool:
    """Whether it costs this plan nothing more: made, perhaps being made, or tried by this run and not to be had."""
    if generation is None:
        return False
    if generation.state in SLOT_STATES or generation.succeeded:
        return True
    return generation.run_id == run_id and generation.outcome in (Outcome.FAILED, Outcome.REFUSED)
