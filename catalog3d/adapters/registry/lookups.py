"""What the ledger knows about lost answers: the unknown ones, their witnesses, and what the account showed beside."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Engine, func, or_, select

from catalog3d.adapters.registry.engine import read, serialise, write
from catalog3d.adapters.registry.generation_rows import generation_of
from catalog3d.adapters.registry.tables import GenerationRow, OrphanRow, ReconciliationRow
from catalog3d.ledger import CLOSED_AS_NOTHING, Generation, LedgerState, Outcome
from catalog3d.ports import Clock

_AT_ONCE = 500
"""Most values in one IN clause: below every database's limit."""


@dataclass(frozen=True, kw_only=True)
class Orphan:
    """A paid task of the account that is surely ours and that no generation holds.

    Attributes:
        generation_id: Whose request made it.
        credits: What the account was charged; None if it does not say.
        found_by: The run that found it.
    """

    task_id: str
    generation_id: int
    credits: Decimal | None
    found_by: str
    found_at: datetime


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """The account's usage beside the ledger, for the tasks of one stretch of time (the provider's clock).

    Attributes:
        whole: Whether surely no row of the usage was missed.
        tasks: How many of its tasks are ours.
        charged, recorded: Credits of those by the account, and by the ledger.
    """

    run_id: str
    since: datetime
    until: datetime
    whole: bool
    tasks: int
    charged: Decimal
    recorded: Decimal


class LookupRecord:
    """Lost answers of one database."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def unknown(self, realm: str) -> list[Generation]:
        """Generations whose request nobody answered, oldest first."""
        with read(self._engine) as session:
            query = select(GenerationRow).where(
                GenerationRow.realm == realm, GenerationRow.state == LedgerState.UNKNOWN.value
            )
            return [generation_of(row) for row in session.scalars(query.order_by(GenerationRow.id))]

    def by_task(self, realm: str, task_ids: Collection[str]) -> dict[str, Generation]:
        """The generations that hold some of these tasks, by task id."""
        found: dict[str, Generation] = {}
        ids = sorted(task_ids)
        with read(self._engine) as session:
            for start in range(0, len(ids), _AT_ONCE):
                query = select(GenerationRow).where(
                    GenerationRow.realm == realm, GenerationRow.task_id.in_(ids[start : start + _AT_ONCE])
                )
                found |= {row.task_id: generation_of(row) for row in session.scalars(query)}
        return found

    def accepted(self, realm: str, after: datetime) -> Mapping[str, datetime]:
        """Tasks that the provider accepted after a moment of its clock, as answers said: task id -> when."""
        with read(self._engine) as session:
            rows = session.execute(
                select(GenerationRow.task_id, GenerationRow.accepted_at).where(
                    GenerationRow.realm == realm, GenerationRow.task_id != "", GenerationRow.accepted_at > after
                )
            )
            return {task_id: accepted_at for task_id, accepted_at in rows if accepted_at is not None}

    def sent(self, realm: str, since: datetime, until: datetime) -> list[Generation]:
        """Every generation whose request left in a stretch of the provider's time."""
        with read(self._engine) as session:
            query = select(GenerationRow).where(
                GenerationRow.realm == realm, GenerationRow.sent_at >= since, GenerationRow.sent_at <= until
            )
            return [generation_of(row) for row in session.scalars(query.order_by(GenerationRow.id))]

    def unreconciled_since(self, realm: str) -> datetime | None:
        """When the first request left that no whole reconciliation covers; None if all are covered.

        One that was closed as having made nothing is covered by readings of after that: its task may show late.
        """
        with read(self._engine) as session:
            until = session.scalar(
                select(func.max(ReconciliationRow.until)).where(
                    ReconciliationRow.realm == realm, ReconciliationRow.whole.is_(True)
                )
            )
            query = select(func.min(GenerationRow.sent_at)).where(GenerationRow.realm == realm)
            if until is None:
                return session.scalar(query)
            closed_since = GenerationRow.error_code.in_(CLOSED_AS_NOTHING) & (GenerationRow.settled_at > until)
            return session.scalar(query.where(or_(GenerationRow.sent_at > until, closed_since)))

    def unanswered_since(self, realm: str) -> datetime | None:
        """When the oldest request left whose answer is not known yet."""
        with read(self._engine) as session:
            return session.scalar(
                select(func.min(GenerationRow.sent_at)).where(
                    GenerationRow.realm == realm,
                    GenerationRow.state.in_((LedgerState.SENDING.value, LedgerState.UNKNOWN.value)),
                )
            )

    def note_reconciliation(self, realm: str, result: Reconciliation) -> None:
        """Write a comparison down."""
        with write(self._engine) as session:
            session.add(
                ReconciliationRow(
                    realm=realm,
                    run_id=result.run_id,
                    since=result.since,
                    until=result.until,
                    whole=result.whole,
                    tasks=result.tasks,
                    charged=result.charged,
                    recorded=result.recorded,
                    at=self._clock.now(),
                )
            )

    def note_orphan(self, realm: str, orphan: Orphan) -> bool:
        """List a task; False if it is listed, or held by a generation meanwhile."""
        with write(self._engine) as session:
            serialise(session, f"orphans:{realm}")
            held = session.scalar(
                select(func.count()).where(
                    GenerationRow.realm == realm,
                    GenerationRow.task_id == orphan.task_id,
                    func.coalesce(GenerationRow.outcome, "") != Outcome.WITHDRAWN.value,
                )
            )
            if held or session.get(OrphanRow, (realm, orphan.task_id)) is not None:
                return False
            session.add(
                OrphanRow(
                    realm=realm,
                    task_id=orphan.task_id,
                    generation_id=orphan.generation_id,
                    credits=orphan.credits,
                    found_by=orphan.found_by,
                    found_at=self._clock.now(),
                )
            )
            return True

    def orphans(self, realm: str) -> list[Orphan]:
        """Everything that is listed, oldest first."""
        with read(self._engine) as session:
            rows = session.scalars(select(OrphanRow).where(OrphanRow.realm == realm).order_by(OrphanRow.found_at))
            return [
                Orphan(
                    task_id=row.task_id,
                    generation_id=row.generation_id,
                    credits=row.credits,
                    found_by=row.found_by,
                    found_at=row.found_at,
                )
                for row in rows
            ]
