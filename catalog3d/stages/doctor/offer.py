"""What a paid check would buy, or which interrupted one it would go on with for nothing."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from catalog3d.brief import Brief
from catalog3d.diagnosis.account_check import check_brief, check_of
from catalog3d.errors import RunError
from catalog3d.ledger import Generation, LedgerState, Outcome
from catalog3d.prices import price_of
from catalog3d.stages.context import OpenCatalog

FORGOTTEN_AFTER = timedelta(hours=24)
"""A finished task without evidence is looked at again for so long; Tripo names no time after which results go."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a check would buy, or which interrupted one it would go on with.

    Attributes:
        known: What the ledger has of an interrupted check, or None.
    """

    check_id: str
    brief: Brief
    price: Decimal
    known: Generation | None

    @property
    def pays(self) -> bool:
        """Whether something may be ordered now."""
        return self.known is None or self.known.state is LedgerState.INTENT


def make_offer(catalog: OpenCatalog, *, new: bool = False) -> Offer:
    """What `perform` would do; nothing is written or sent.

    Args:
        new: Leave a check as it is whose order got no answer; one whose task is known costs nothing to go on with.

    Raises:
        RunError: NOT_PAYING if runs of this home do not go to Tripo.
    """
    if catalog.is_rehearsal:
        raise RunError(
            "There is no real account to look at: runs of this home go to the stand-in.",
            code="NOT_PAYING",
            fix="Set CATALOG3D_TRIPO__API_KEY; `catalog3d doctor` alone needs no key.",
        )
    known = _unfinished(catalog, lost_too=not new)
    check_id = check_of(known.brief) if known else f"{catalog.clock.now():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    brief = known.brief if known else check_brief(check_id, catalog.rules.tripo.model)
    return Offer(check_id=check_id, brief=brief, price=price_of(brief), known=known)


def evidence_files(catalog: OpenCatalog, check_id: str) -> tuple[Path, Path]:
    """(JSON, page); the JSON is written last, so that it says that a check is complete."""
    stem = catalog.home.reports / f"doctor-{check_id}"
    return stem.with_suffix(".json"), stem.with_suffix(".md")


def _unfinished(catalog: OpenCatalog, *, lost_too: bool) -> Generation | None:
    """A check that was interrupted: its task is open, or ended lately without evidence.

    Args:
        lost_too: Also one whose order got no answer.
    """
    now = catalog.clock.now()
    ours = [
        generation
        for generation in catalog.registry.ledger.outcomes(catalog.realm).values()
        if check_of(generation.brief)
    ]
    waiting = [one for one in ours if one.is_open and (lost_too or one.state is not LedgerState.UNKNOWN)]
    ended = [
        generation
        for generation in ours
        if generation.outcome in (Outcome.SUCCESS, Outcome.FAILED)
        and generation.settled_at is not None
        and now - generation.settled_at < FORGOTTEN_AFTER
        and not evidence_files(catalog, check_of(generation.brief))[0].exists()
    ]
    return next(iter(sorted(waiting or ended, key=lambda generation: generation.id)), None)
