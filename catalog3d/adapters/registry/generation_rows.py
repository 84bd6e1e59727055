"""Rows of the ledger's table, and what is read off many of them in one query."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog3d.adapters.registry.tables import GenerationRow
from catalog3d.brief import Brief
from catalog3d.errors import ProductError, RunError
from catalog3d.ledger import OPEN_STATES, SLOT_STATES, Generation, Lease, LedgerState, Outcome


def generation_row(session: Session, generation_id: int) -> GenerationRow:
    row = session.get(GenerationRow, generation_id, populate_existing=True)
    if row is None:
        raise RunError(
            f"The registry has no generation {generation_id}.",
            code="REGISTRY_DAMAGED",
            fix="Restore the registry from a backup.",
        )
    return row


LONGEST_TASK = timedelta(minutes=30)
"""Tripo's guide waits 1800 s for a task at most: what an unanswered request made has ended by then."""


def slots_by_state(
    session: Session, realm: str, pool: str, now: datetime, longest_task: timedelta = LONGEST_TASK
) -> dict[LedgerState, int]:
    """What may occupy the slots of a pool at a moment of the provider's clock.

    An unknown request counts until a task of it would have ended; a task that nobody saw end, for twice that time.
    """
    began_at = func.coalesce(GenerationRow.accepted_at, GenerationRow.submitted_at)
    unknown_over = (GenerationRow.state == LedgerState.UNKNOWN.value) & (GenerationRow.given_up_at < now - longest_task)
    task_over = (GenerationRow.state == LedgerState.SUBMITTED.value) & (began_at < now - 2 * longest_task)
    rows = session.execute(
        select(GenerationRow.state, func.count())
        .where(
            GenerationRow.realm == realm,
            GenerationRow.pool == pool,
            GenerationRow.state.in_(SLOT_STATES),
            func.coalesce(~unknown_over, True),
            func.coalesce(~task_over, True),
        )
        .group_by(GenerationRow.state)
    )
    return {LedgerState(state): count for state, count in rows}


def committed_credits(session: Session, *conditions: Any) -> Decimal:
    rows = session.execute(
        select(
            GenerationRow.state, GenerationRow.outcome, GenerationRow.credits_consumed, GenerationRow.expected_credits
        ).where(*conditions)
    )
    total = Decimal(0)
    for state, outcome, consumed, expected in rows:
        if state in OPEN_STATES or (consumed is None and outcome == Outcome.SUCCESS):
            total += expected
        else:
            total += consumed or Decimal(0)
    return total


def lease_lost(lease: Lease) -> ProductError:
    return ProductError(
        "Another worker took this model over while we were away.",
        code="LEASE_LOST",
        fix="Nothing to do: the other worker finishes it.",
        details={"generation": str(lease.generation_id), "fence": str(lease.fence)},
    )


def generation_of(row: GenerationRow) -> Generation:
    return Generation(
        id=row.id,
        realm=row.realm,
        digest=row.digest,
        attempt=row.attempt,
        state=LedgerState(row.state),
        outcome=Outcome(row.outcome) if row.outcome else None,
        brief=Brief.parse(row.brief),
        pool=row.pool,
        base_url=row.base_url,
        key_fingerprint=row.key_fingerprint,
        model_seed=row.model_seed,
        file_tokens={str(slot): str(token) for slot, token in (row.file_tokens or {}).items()},
        expected_credits=row.expected_credits,
        credits_consumed=row.credits_consumed,
        task_id=row.task_id or "",
        error_code=row.error_code or "",
        error_message=row.error_message or "",
        raw_key=row.raw_key or "",
        raw_sha256=row.raw_sha256 or "",
        raw_size_bytes=row.raw_size_bytes or 0,
        lease_fence=row.lease_fence or 0,
        run_id=row.run_id,
        created_at=row.created_at,
        sent_at=row.sent_at,
        given_up_at=row.given_up_at,
        accepted_at=row.accepted_at,
        submitted_at=row.submitted_at,
        settled_at=row.settled_at,
    )
