"""Sums and durations over the ledger and the library: read-only, one query each."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Engine, func, select

from catalog3d.adapters.registry.engine import read
from catalog3d.adapters.registry.tables import AssetRow, GenerationRow
from catalog3d.asset import Approval
from catalog3d.brief import Brief
from catalog3d.ledger import LedgerState, Outcome

_NEWEST = 500
"""Durations looked at: enough for a steady figure, few enough to be read at every plan."""


def durations_s(engine: Engine, realm: str) -> dict[tuple[str, str], list[float]]:
    """(endpoint, model version) -> seconds from order to end of the newest models of a realm."""
    query = (
        select(GenerationRow.brief, GenerationRow.submitted_at, GenerationRow.settled_at)
        .where(
            GenerationRow.realm == realm,
            GenerationRow.outcome == Outcome.SUCCESS.value,
            GenerationRow.submitted_at.is_not(None),
            GenerationRow.settled_at.is_not(None),
        )
        .order_by(GenerationRow.id.desc())
        .limit(_NEWEST)
    )
    seen: dict[tuple[str, str], list[float]] = defaultdict(list)
    with read(engine) as session:
        for canonical, submitted_at, settled_at in session.execute(query):
            brief = Brief.parse(canonical)
            if submitted_at is not None and settled_at is not None:
                seen[brief.endpoint, brief.model].append((settled_at - submitted_at).total_seconds())
    return dict(seen)


def reserved_credits(engine: Engine, realm: str, since: datetime) -> dict[str, Decimal]:
    """Digest -> credits reserved by an order that was written down since a moment and never sent."""
    query = select(GenerationRow.digest, GenerationRow.expected_credits).where(
        GenerationRow.realm == realm,
        GenerationRow.state == LedgerState.INTENT.value,
        GenerationRow.created_at >= since,
    )
    with read(engine) as session:
        return {row.digest: row.expected_credits for row in session.execute(query)}


def credits_spent(engine: Engine, realm: str) -> Decimal:
    """What the provider charged in a realm so far."""
    query = select(func.sum(GenerationRow.credits_consumed)).where(GenerationRow.realm == realm)
    with read(engine) as session:
        return session.scalar(query) or Decimal(0)


def approved_assets(engine: Engine, catalog: str) -> int:
    """How many assets are approved now, of a catalog by its name in the registry."""
    query = select(func.count()).where(AssetRow.catalog == catalog, AssetRow.approval == Approval.APPROVED.value)
    with read(engine) as session:
        return session.scalar(query) or 0
