"""The ledger in the database: every change of a generation goes through here, under its lease."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, case, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog3d.adapters.registry.engine import read, serialise, write
from catalog3d.adapters.registry.tables import GenerationRow
from catalog3d.brief import Brief
from catalog3d.errors import NotSentError, ProductError, RunError
from catalog3d.ledger import (
    OPEN_STATES,
    SLOT_STATES,
    Generation,
    Lease,
    LedgerState,
    Outcome,
    require_legal,
)
from catalog3d.ports import Clock, Submitted

LEASE_S = 60
"""A holder that was not heard of for this long may be taken over; heartbeats come every quarter of it."""


@dataclass(frozen=True, kw_only=True)
class Intent:
    """What is written down before anything is sent."""

    realm: str
    brief: Brief
    pool: str
    base_url: str
    key_fingerprint: str
    model_seed: int
    expected_credits: Decimal
    run_id: str


@dataclass(frozen=True, kw_only=True)
class Caps:
    """Budgets that an intent must fit into, in credits."""

    run: Decimal
    day: Decimal


class Ledger:
    """All generations of all realms in one database."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def get(self, generation_id: int) -> Generation:
        with read(self._engine) as session:
            return _value(_row(session, generation_id))

    def latest(self, realm: str, digest: str) -> Generation | None:
        """The open generation of a brief, else its last success, else its last attempt."""
        rank = case(
            (GenerationRow.state != LedgerState.SETTLED, 0),
            (GenerationRow.outcome == Outcome.SUCCESS, 1),
            else_=2,
        )
        with read(self._engine) as session:
            row = session.scalars(
                select(GenerationRow)
                .where(GenerationRow.realm == realm, GenerationRow.digest == digest)
                .order_by(rank, GenerationRow.attempt.desc())
                .limit(1)
            ).first()
            return _value(row) if row else None

    def outcomes(self, realm: str) -> dict[str, Generation]:
        """The generation that `latest` would give, for every brief of a realm, in one query."""
        rank = {LedgerState.SETTLED: 1}
        best: dict[str, tuple[tuple[int, int], Generation]] = {}
        with read(self._engine) as session:
            for row in session.scalars(select(GenerationRow).where(GenerationRow.realm == realm)):
                value = _value(row)
                order = (0 if value.is_open else rank[value.state] + (not value.succeeded), -value.attempt)
                if value.digest not in best or order < best[value.digest][0]:
                    best[value.digest] = (order, value)
        return {digest: value for digest, (_, value) in best.items()}

    def open_intent(self, intent: Intent, caps: Caps) -> Generation:
        """Write an intent down, its price reserved; or give the open generation that is already there.

        Raises:
            ProductError: OVER_BUDGET, nothing was written.
        """
        digest = intent.brief.digest
        try:
            with write(self._engine) as session:
                serialise(session, f"intent:{intent.realm}")
                there = session.scalars(
                    select(GenerationRow).where(
                        GenerationRow.realm == intent.realm,
                        GenerationRow.digest == digest,
                        GenerationRow.state != LedgerState.SETTLED,
                    )
                ).first()
                if there:
                    return _value(there)
                self._require_budget(session, intent, caps)
                attempts = session.scalar(
                    select(func.count()).where(GenerationRow.realm == intent.realm, GenerationRow.digest == digest)
                )
                row = self._new_row(intent, digest, (attempts or 0) + 1)
                session.add(row)
                session.flush()
                return _value(row)
        except IntegrityError:
            there_now = self.latest(intent.realm, digest)  # another process was faster: join its generation
            if there_now is None:
                raise
            return there_now

    def take_lease(self, generation_id: int, holder: str, *, instead_of: str = "") -> Lease | None:
        """Become the one who moves this generation on, or None while somebody else is.

        Args:
            instead_of: A holder that surely lives no more, so its lease need not expire first.
        """
        now = self._clock.now()
        with write(self._engine) as session:
            fence = session.scalar(
                update(GenerationRow)
                .where(
                    GenerationRow.id == generation_id,
                    or_(
                        GenerationRow.lease_expires_at.is_(None),
                        GenerationRow.lease_expires_at < now,
                        (GenerationRow.lease_holder == instead_of) & (GenerationRow.lease_holder != ""),
                    ),
                )
                .values(
                    lease_holder=holder,
                    lease_fence=GenerationRow.lease_fence + 1,
                    lease_expires_at=now + timedelta(seconds=LEASE_S),
                )
                .returning(GenerationRow.lease_fence)
            )
        return Lease(generation_id=generation_id, fence=fence, holder=holder) if fence else None

    def lease_holder(self, generation_id: int) -> str:
        """Who moves a generation on, or did so last; "" for nobody."""
        with read(self._engine) as session:
            return _row(session, generation_id).lease_holder

    def renew_lease(self, lease: Lease) -> bool:
        """Push the expiry out; False if it was taken over."""
        with write(self._engine) as session:
            return self._update(session, lease, lease_expires_at=self._clock.now() + timedelta(seconds=LEASE_S))

    def drop_lease(self, lease: Lease) -> None:
        """Let others move it on; a lease that is already lost stays lost."""
        with write(self._engine) as session:
            self._update(session, lease, lease_holder="", lease_expires_at=None)

    def start_sending(self, lease: Lease, slots: int, file_tokens: Mapping[str, str]) -> None:
        """Intent -> sending, if a slot of the pool is free: committed immediately before the request leaves.

        Args:
            slots: How many generations of this realm and pool may be at the provider at once.

        Raises:
            NotSentError: SLOTS_FULL, try again when one is free.
        """
        with write(self._engine) as session:
            row = _row(session, lease.generation_id)
            serialise(session, f"slots:{row.realm}:{row.pool}")
            used = session.scalar(
                select(func.count()).where(
                    GenerationRow.realm == row.realm,
                    GenerationRow.pool == row.pool,
                    GenerationRow.state.in_(SLOT_STATES),
                )
            )
            if (used or 0) >= slots:
                raise NotSentError("All slots of the account are in use.", code="SLOTS_FULL")
            self._move(session, lease, LedgerState.SENDING, sending_at=self._clock.now(), file_tokens=dict(file_tokens))

    def back_to_intent(self, lease: Lease) -> None:
        """Sending -> intent: the answer proves that nothing was created."""
        with write(self._engine) as session:
            self._move(session, lease, LedgerState.INTENT)

    def submitted(self, lease: Lease, answer: Submitted) -> None:
        """Sending -> submitted: the task id, the moment it returns."""
        with write(self._engine) as session:
            self._move(
                session,
                lease,
                LedgerState.SUBMITTED,
                task_id=answer.task_id,
                request_id=answer.request_id,
                trace_id=answer.trace_id,
                submitted_at=self._clock.now(),
            )

    def park(self, lease: Lease, code: str, message: str) -> None:
        """Sending -> unknown: no answer says what became of it."""
        with write(self._engine) as session:
            self._move(session, lease, LedgerState.UNKNOWN, error_code=code, error_message=message)

    def settle(
        self, lease: Lease, outcome: Outcome, *, credits_consumed: Decimal | None, code: str = "", message: str = ""
    ) -> Generation:
        """Close the generation with what it cost. Repeating it with the same outcome changes nothing."""
        with write(self._engine) as session:
            row = _row(session, lease.generation_id)
            if row.state == LedgerState.SETTLED and row.outcome == outcome:
                return _value(row)
            self._move(
                session,
                lease,
                LedgerState.SETTLED,
                outcome=outcome.value,
                credits_consumed=credits_consumed,
                error_code=code,
                error_message=message,
                settled_at=self._clock.now(),
            )
        return self.get(lease.generation_id)

    def keep_raw(self, lease: Lease, key: str, sha256: str, size_bytes: int) -> Generation:
        """Record where the provider's bytes lie in the library."""
        with write(self._engine) as session:
            if not self._update(session, lease, raw_key=key, raw_sha256=sha256, raw_size_bytes=size_bytes):
                raise _lost(lease)
        return self.get(lease.generation_id)

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
            return _committed(session, GenerationRow.realm == realm, GenerationRow.created_at >= since)

    def of_sku(self, generation_ids: list[int]) -> list[Generation]:
        """Generations by id, oldest first."""
        with read(self._engine) as session:
            rows = session.scalars(
                select(GenerationRow).where(GenerationRow.id.in_(generation_ids)).order_by(GenerationRow.id)
            )
            return [_value(row) for row in rows]

    def _require_budget(self, session: Session, intent: Intent, caps: Caps) -> None:
        now = self._clock.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        in_run = _committed(session, GenerationRow.run_id == intent.run_id)
        today = _committed(session, GenerationRow.realm == intent.realm, GenerationRow.created_at >= midnight)
        for name, used, cap in (("run", in_run, caps.run), ("day", today, caps.day)):
            if used + intent.expected_credits > cap:
                raise ProductError(
                    f"The budget of this {name} is used up: {used} of {cap} credits are spent or reserved, "
                    f"this model costs {intent.expected_credits}.",
                    code="OVER_BUDGET",
                    fix=f"Raise it (--budget, CATALOG3D_BUDGET__{name.upper()}) or go on in the next run.",
                )

    def _new_row(self, intent: Intent, digest: str, attempt: int) -> GenerationRow:
        return GenerationRow(
            realm=intent.realm,
            digest=digest,
            attempt=attempt,
            state=LedgerState.INTENT.value,
            brief=intent.brief.canonical(),
            pool=intent.pool,
            base_url=intent.base_url,
            key_fingerprint=intent.key_fingerprint,
            model_seed=intent.model_seed,
            expected_credits=intent.expected_credits,
            run_id=intent.run_id,
            created_at=self._clock.now(),
        )

    def _move(self, session: Session, lease: Lease, wanted: LedgerState, **values: Any) -> None:
        current = LedgerState(_row(session, lease.generation_id).state)
        require_legal(current, wanted)
        if not self._update(session, lease, current=current, state=wanted.value, **values):
            raise _lost(lease)

    def _update(self, session: Session, lease: Lease, current: LedgerState | None = None, **values: Any) -> bool:
        condition = [GenerationRow.id == lease.generation_id, GenerationRow.lease_fence == lease.fence]
        if current is not None:
            condition.append(GenerationRow.state == current.value)
        touched = session.execute(update(GenerationRow).where(*condition).values(**values).returning(GenerationRow.id))
        return touched.first() is not None


def _row(session: Session, generation_id: int) -> GenerationRow:
    row = session.get(GenerationRow, generation_id, populate_existing=True)
    if row is None:
        raise RunError(
            f"The registry has no generation {generation_id}.",
            code="REGISTRY_DAMAGED",
            fix="Restore the registry from a backup.",
        )
    return row


def _committed(session: Session, *conditions: Any) -> Decimal:
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


def _lost(lease: Lease) -> ProductError:
    return ProductError(
        "Another worker took this model over while we were away.",
        code="LEASE_LOST",
        fix="Nothing to do: the other worker finishes it.",
        details={"generation": str(lease.generation_id), "fence": str(lease.fence)},
    )


def _value(row: GenerationRow) -> Generation:
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
