"""What the ledger knows, read only: generations of briefs, slots in use, credits spent and reserved."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Engine, case, func, or_, select

from catalog3d.adapters.registry.engine import read
from catalog3d.adapters.registry.generation_rows import (
    committed_credits,
    generation_of,
    generation_row,
    slots_by_state,
)
from catalog3d.adapters.registry.tables import AssetRow, GenerationRow
from catalog3d.brief import Source
from catalog3d.ledger import SLOT_STATES, Generation, LedgerState, Outcome
from catalog3d.ports import Clock

paid_for_at = func.coalesce(GenerationRow.sending_at, GenerationRow.created_at)
"""The day that a generation is paid on: an intent of yesterday may be sent today."""


class LedgerReads:
    """All generations of all realms in one database."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def get(self, generation_id: int) -> Generation:
        with read(self._engine) as session:
            return generation_of(generation_row(session, generation_id))

    def latest(self, realm: str, digest: str, *, after_attempt: int = 0) -> Generation | None:
        """The last success of a brief, else its open generation, else its last attempt.

        Both can be there while a retake is under way: whoever did not ask for it has the model that there is.

        Args:
            after_attempt: Look at later attempts only.
        """
        rank = case(
            (GenerationRow.outcome == Outcome.SUCCESS, 0),
            (GenerationRow.state != LedgerState.SETTLED, 1),
            else_=2,
        )
        with read(self._engine) as session:
            row = session.scalars(
                select(GenerationRow)
                .where(
                    GenerationRow.realm == realm,
                    GenerationRow.digest == digest,
                    GenerationRow.attempt > after_attempt,
                )
                .order_by(rank, GenerationRow.attempt.desc())
                .limit(1)
            ).first()
            return generation_of(row) if row else None

    def made_as(self, realm: str, source: Source) -> Generation | None:
        """The last success of a brief whose file is this one, with its task; None if no task of it is known."""
        with read(self._engine) as session:
            row = session.scalars(
                select(GenerationRow)
                .where(
                    GenerationRow.realm == realm,
                    GenerationRow.digest == source.digest,
                    GenerationRow.raw_sha256 == source.raw_sha256,
                    GenerationRow.outcome == Outcome.SUCCESS.value,
                    GenerationRow.task_id != "",
                )
                .order_by(GenerationRow.attempt.desc())
            ).first()
            return generation_of(row) if row else None

    def last_used(self, realm: str, digest: str) -> int:
        """The last attempt of a brief that ended without a model or whose model is stored; 0 if there is none.

        A later one, if there is any, is on its way or paid for and not stored yet: nobody needs to pay for another.
        """
        stored = select(AssetRow.id).where(AssetRow.generation_id == GenerationRow.id, AssetRow.stored).exists()
        with read(self._engine) as session:
            query = select(func.max(GenerationRow.attempt)).where(
                GenerationRow.realm == realm,
                GenerationRow.digest == digest,
                GenerationRow.state == LedgerState.SETTLED,
                or_(GenerationRow.outcome != Outcome.SUCCESS.value, stored),
            )
            return session.scalar(query) or 0

    def outcomes(self, realm: str) -> dict[str, Generation]:
        """The generation that `latest` would give, for every brief of a realm, in one query."""
        best: dict[str, tuple[tuple[int, int], Generation]] = {}
        with read(self._engine) as session:
            for row in session.scalars(select(GenerationRow).where(GenerationRow.realm == realm)):
                value = generation_of(row)
                order = (0 if value.succeeded else 1 if value.is_open else 2, -value.attempt)
                if value.digest not in best or order < best[value.digest][0]:
                    best[value.digest] = (order, value)
        return {digest: value for digest, (_, value) in best.items()}

    def lease_holder(self, generation_id: int) -> str:
        """Who moves a generation on, or did so last; "" for nobody."""
        with read(self._engine) as session:
            return generation_row(session, generation_id).lease_holder

    def slots_by_state(self, realm: str, pool: str) -> dict[LedgerState, int]:
        """What occupies the slots of a pool."""
        with read(self._engine) as session:
            return slots_by_state(session, realm, pool, self._clock.now())

    def open_tasks(self, realm: str) -> list[Generation]:
        """Generations that may be running at the provider, oldest first."""
        with read(self._engine) as session:
            query = select(GenerationRow).where(GenerationRow.realm == realm, GenerationRow.state.in_(SLOT_STATES))
            return [generation_of(row) for row in session.scalars(query.order_by(GenerationRow.id))]

    def spent(self, run_id: str) -> Decimal:
        """What the provider charged for the generations that a run opened."""
        with read(self._engine) as session:
            rows = session.scalars(
                select(GenerationRow.credits_consumed).where(
                    GenerationRow.run_id == run_id, GenerationRow.credits_consumed.is_not(None)
                )
            )
            return sum((value for value in rows if value is not None), Decimal(0))

    def committed(self, realm: str, since: datetime) -> Decimal:
        """Credits spent, or reserved by open generations, since a moment."""
        with read(self._engine) as session:
            return committed_credits(session, GenerationRow.realm == realm, paid_for_at >= since)

    def of_sku(self, generation_ids: list[int]) -> list[Generation]:
        """Generations by id, oldest first."""
        with read(self._engine) as session:
            rows = session.scalars(
                select(GenerationRow).where(GenerationRow.id.in_(generation_ids)).order_by(GenerationRow.id)
            )
            return [generation_of(row) for row in rows]
