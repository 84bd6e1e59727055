"""Rows of the ledger's table, and what is read off many of them in one query."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog3d.adapters.registry.tables import GenerationRow
from catalog3d.brief import Brief
from catalog3d.errors import ProductError, RunError
from catalog3d.ledger import OPEN_STATES, SLOT_STATES, Generation, Lease, LedgerState, Outcome
from catalog3d.ports import Submitted


def generation_row(session: Session, generation_id: int) -> GenerationRow:
    row = session.get(GenerationRow, generation_id, populate_existing=True)
    if row is None:
        raise RunError(
            f"The registry has no generation {generation_id}.",
            code="REGISTRY_DAMAGED",
            fix="Restore the registry from a backup.",
        )
    return row


def slots_by_state(session: Session, realm: str, pool: str) -> dict[LedgerState, int]:
    rows = session.execute(
        select(GenerationRow.state, func.count())
        .where(GenerationRow.realm == realm, GenerationRow.pool == pool, GenerationRow.state.in_(SLOT_STATES))
        .group_by(GenerationRow.state)
    )
    return {LedgerState(state): count for state, count in rows}


def task_columns(answer: Submitted) -> dict[str, str]:
    return {"task_id": answer.task_id, "request_id": answer.request_id, "trace_id": answer.trace_id}


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
        settled_at=row.settled_at,
    )
