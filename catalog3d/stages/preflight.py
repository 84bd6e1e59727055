"""What a plan may cost, asked before it starts: budgets, what the day has used, and the wallet."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from catalog3d.adapters.registry.figures import reserved_credits
from catalog3d.adapters.registry.ledger import Caps
from catalog3d.errors import Catalog3DError, RunError
from catalog3d.funds import Fit, Funds, Purse, fit
from catalog3d.plan import Plan
from catalog3d.request import RunRequest
from catalog3d.stages.context import OpenCatalog
from catalog3d.wording import credits_text

log = logging.getLogger(__name__)

FREE_PLAN = (
    "Models made on Tripo's free plan carry no commercial rights: use a paid plan or bought API credits for what goes "
    "into a shop (Tripo's terms, 2026-09). This is said once."
)
_UNLIMITED = Decimal(10) ** 9
"""The stand-in costs nothing, so only a budget that somebody names binds it."""


def caps_of(catalog: OpenCatalog, request: RunRequest) -> Caps:
    """The budgets that bind a run."""
    if catalog.is_rehearsal:
        return Caps(run=request.budget if request.budget is not None else _UNLIMITED, day=_UNLIMITED)
    budget = catalog.settings.budget
    return Caps(run=request.budget if request.budget is not None else budget.run, day=budget.day)


def hold_against_funds(catalog: OpenCatalog, request: RunRequest, plan: Plan, *, must_answer: bool = True) -> Fit:
    """Hold a plan against what it may cost. Asks the provider for its wallet only if there is something to pay.

    Args:
        must_answer: Whether a wallet that cannot be read is an error; else it is unknown, and the funds say why.

    Raises:
        RunError: GENERATOR_UNREACHABLE, KEY_REFUSED.
    """
    caps = caps_of(catalog, request)
    funds = Funds(run=caps.run, day=caps.day)
    if plan.credits and not catalog.is_rehearsal:
        midnight = catalog.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        registry = catalog.registry
        funds = replace(
            funds,
            day_used=registry.ledger.committed(catalog.realm, midnight),
            reserved=reserved_credits(registry.engine, catalog.realm, midnight),
        )
        funds = _with_wallet(catalog, funds, must_answer=must_answer)
    return fit(plan, funds)


def stops_over_budget(catalog: OpenCatalog, request: RunRequest, plan: Plan) -> bool:
    """Whether a plan costs more than the standing cap, and nobody named a budget for it."""
    return not catalog.is_rehearsal and request.budget is None and plan.credits > catalog.settings.budget.run


def require_payable(fitted: Fit) -> None:
    """Stop a plan that orders models and has nothing else to do, when the wallet does not pay for a single one.

    Raises:
        RunError: NO_CREDITS.
    """
    if fitted.binds is not Purse.WALLET or fitted.plan.todo:
        return
    raise RunError(
        f"The Tripo wallet holds {credits_text(fitted.funds.wallet)} credits, and this plan costs "
        f"{credits_text(fitted.wanted)}: {credits_text(fitted.missing[Purse.WALLET])} are missing, "
        "and not one model can be paid.",
        code="NO_CREDITS",
        fix="Buy API credits (credits of Tripo Studio are not API credits), then run again: nothing was spent.",
    )


def first_words(catalog: OpenCatalog, plan: Plan) -> tuple[str, ...]:
    """What is said once for an account, before its first run that pays; and never again by any run of this home."""
    marker = _marker(catalog)
    if catalog.is_rehearsal or not plan.credits:
        return ()
    try:
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.open("x").close()
    except FileExistsError:
        return ()
    except OSError as error:
        log.warning("%s could not be written, so the next run says it again: %s", marker, error)
    return (FREE_PLAN,)


def words_to_come(catalog: OpenCatalog, plan: Plan) -> tuple[str, ...]:
    """What the next run would say first; asking changes nothing."""
    said = catalog.is_rehearsal or not plan.credits or _marker(catalog).exists()
    return () if said else (FREE_PLAN,)


def _marker(catalog: OpenCatalog) -> Path:
    return catalog.home.shared / "said" / f"free-plan-{hashlib.sha256(catalog.realm.encode()).hexdigest()[:16]}"


def _with_wallet(catalog: OpenCatalog, funds: Funds, *, must_answer: bool) -> Funds:
    if catalog.wallet is None:
        return replace(funds, wallet_unknown="nobody asked")
    try:
        return replace(funds, wallet=catalog.wallet())
    except Catalog3DError as error:
        if must_answer:
            raise
        return replace(funds, wallet_unknown=str(error))
