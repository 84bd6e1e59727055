"""The ledger in the database: every change of a generation goes through here, under its lease."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog3d.adapters.registry.engine import serialise, write
from catalog3d.adapters.registry.generation_rows import (
    LONGEST_TASK,
    committed_credits,
    generation_of,
    generation_row,
    lease_lost,
    slots_by_state,
)
from catalog3d.adapters.registry.ledger_reads import LedgerReads, paid_for_at
from catalog3d.adapters.registry.tables import GenerationRow
from catalog3d.brief import Brief
from catalog3d.errors import NotSentError, ProductError
from catalog3d.ledger import (
    Generation,
    Lease,
    LedgerState,
    Outcome,
    require_legal,
)
from catalog3d.ports import Submitted

LEASE_S = 60
"""A holder that was not heard of for this long may be taken over; heartbeats come every quarter of it."""


@contextmanager
def _one_owner_each(task_id: str) -> Iterator[None]:
    try:
        yield
    except IntegrityError as exc:
        raise ProductError(
            f"The task {task_id} belongs to another model already.",
            code="TASK_TAKEN",
            fix="Look for another task in the account, or have this model made again.",
        ) from exc


def _task_of(answer: Submitted, now: datetime) -> dict[str, Any]:
    return {
        "task_id": answer.task_id,
        "request_id": answer.request_id,
        "trace_id": answer.trace_id,
        "accepted_at": answer.server_date,
        "submitted_at": now,
        "error_code": "",
        "error_message": "",
    }


@dataclass(frozen=True, kw_only=True)
class Intent:
    """What is written down before anything is sent.

    Attributes:
        after_attempt: A success of an attempt up to this number does not count: a retake asks for another one.
    """

    realm: str
    brief: Brief
    pool: str
    base_url: str
    key_fingerprint: str
    model_seed: int
    expected_credits: Decimal
    run_id: str
    after_attempt: int = 0


@dataclass(frozen=True, kw_only=True)
class Caps:
    """Budgets that an intent must fit into, in credits."""

    run: Decimal
    day: Decimal


class Ledger(LedgerReads):
    """All generations of all realms in one database, and how they change."""

    def open_intent(self, intent: Intent, caps: Caps) -> Generation:
        """Write an intent down, its price reserved; or give the generation that is already there: open, or successful.

        A retake counts only later successes than those it was asked after, so the same one again finds its own.

        Asked inside the transaction: another run may have paid and finished it since the caller looked.

        Raises:
            ProductError: OVER_BUDGET, nothing was written.
        """
        digest = intent.brief.digest
        try:
            with write(self._engine) as session:
                serialise(session, f"intent:{intent.realm}")
                there = session.scalars(
                    select(GenerationRow)
                    .where(
                        GenerationRow.realm == intent.realm,
                        GenerationRow.digest == digest,
                        or_(
                            GenerationRow.state != LedgerState.SETTLED,
                            (GenerationRow.outcome == Outcome.SUCCESS.value)
                            & (GenerationRow.attempt > intent.after_attempt),
                        ),
                    )
                    .order_by(GenerationRow.outcome != Outcome.SUCCESS.value)
                ).first()
                if there:
                    return generation_of(there)
                self._require_budget(session, intent.realm, intent.run_id, intent.expected_credits, caps)
                last = session.scalar(
                    select(func.max(GenerationRow.attempt)).where(
                        GenerationRow.realm == intent.realm, GenerationRow.digest == digest
                    )
                )
                row = self._new_row(intent, digest, (last or 0) + 1)  # a recovered registry may lack earlier ones
                session.add(row)
                session.flush()
                return generation_of(row)
        except IntegrityError:
            # another process was faster: join its generation
            there_now = self.latest(intent.realm, digest, after_attempt=intent.after_attempt)
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
        if not fence:
            return None
        return Lease(generation_id=generation_id, fence=fence, holder=holder, sole=bool(instead_of))

    def renew_lease(self, lease: Lease) -> bool:
        """Push the expiry out; False if it was taken over."""
        with write(self._engine) as session:
            return self._update(session, lease, lease_expires_at=self._clock.now() + timedelta(seconds=LEASE_S))

    def drop_lease(self, lease: Lease) -> None:
        """Let others move it on; a lease that is already lost stays lost."""
        with write(self._engine) as session:
            self._update(session, lease, lease_holder="", lease_expires_at=None)

    def start_sending(
        self,
        lease: Lease,
        *,
        slots: int,
        file_tokens: Mapping[str, str],
        run_id: str,
        caps: Caps,
        sent_at: datetime | None = None,
        longest_task: timedelta = LONGEST_TASK,
        key_fingerprint: str = "",
        base_url: str = "",
    ) -> None:
        """Intent -> sending, if a slot of the pool is free: committed immediately before the request leaves.

        An intent that another run left is taken over into this run's budget.

        Args:
            slots: How many generations of this realm and pool may be at the provider at once.
            sent_at: Now, by the provider's clock; None = by ours.
            longest_task: For how long an unknown request keeps its slot.
            key_fingerprint, base_url: Of the key that sends it: only that one sees its task. "" = as intended.

        Raises:
            NotSentError: NO_FREE_SLOT, try again when one is free.
            ProductError: OVER_BUDGET.
        """
        sent_at = sent_at or self._clock.now()
        with write(self._engine) as session:
            row = generation_row(session, lease.generation_id)
            serialise(session, f"slots:{row.realm}:{row.pool}")
            if sum(slots_by_state(session, row.realm, row.pool, sent_at, longest_task).values()) >= slots:
                raise NotSentError("All slots of the account are in use.", code="NO_FREE_SLOT")
            if row.run_id != run_id:
                serialise(session, f"intent:{row.realm}")
                self._require_budget(session, row.realm, run_id, row.expected_credits, caps, but_for=row.id)
            self._move(
                session,
                lease,
                LedgerState.SENDING,
                sending_at=self._clock.now(),
                sent_at=sent_at,
                file_tokens=dict(file_tokens),
                run_id=run_id,
                key_fingerprint=key_fingerprint or row.key_fingerprint,
                base_url=base_url or row.base_url,
            )

    def back_to_intent(self, lease: Lease) -> None:
        """Sending -> intent: the answer proves that nothing was created. Repeating it changes nothing."""
        with write(self._engine) as session:
            if generation_row(session, lease.generation_id).state != LedgerState.INTENT:
                self._move(session, lease, LedgerState.INTENT)

    def submitted(self, lease: Lease, answer: Submitted) -> None:
        """Sending or unknown -> submitted: the task id, the moment it is known. Repeating it changes nothing.

        Raises:
            ProductError: TASK_TAKEN, another generation has this task; LEASE_LOST.
        """
        with _one_owner_each(answer.task_id), write(self._engine) as session:
            row = generation_row(session, lease.generation_id)
            if row.state == LedgerState.SUBMITTED and row.task_id == answer.task_id:
                return
            self._move(session, lease, LedgerState.SUBMITTED, **_task_of(answer, self._clock.now()))

    def keep_answer(self, generation_id: int, answer: Submitted) -> bool:
        """Keep a task id that came back after the lease was lost: it is proof of what became of the request.

        Returns:
            Whether it was kept; False if the generation has a task already, or is closed.
        """
        with _one_owner_each(answer.task_id), write(self._engine) as session:
            kept = session.execute(
                update(GenerationRow)
                .where(
                    GenerationRow.id == generation_id,
                    GenerationRow.task_id == "",
                    GenerationRow.state.in_((LedgerState.SENDING.value, LedgerState.UNKNOWN.value)),
                )
                .values(state=LedgerState.SUBMITTED.value, **_task_of(answer, self._clock.now()))
                .returning(GenerationRow.id)
            )
            return kept.first() is not None

    def park(self, lease: Lease, code: str, message: str, *, given_up_at: datetime | None = None) -> None:
        """Sending -> unknown: no answer says what became of it.

        Repeating it changes nothing, also after an answer came that another worker kept.

        Args:
            given_up_at: When the request was surely over, by the provider's clock; None = now, by ours.
        """
        with write(self._engine) as session:
            if generation_row(session, lease.generation_id).state in (LedgerState.UNKNOWN, LedgerState.SUBMITTED):
                return
            self._move(
                session,
                lease,
                LedgerState.UNKNOWN,
                error_code=code,
                error_message=message,
                given_up_at=given_up_at or self._clock.now(),
            )

    def settle(
        self,
        lease: Lease,
        outcome: Outcome,
        *,
        credits_consumed: Decimal | None,
        code: str = "",
        message: str = "",
        only_from: LedgerState | None = None,
    ) -> Generation:
        """Close the generation with what it cost. Repeating it with the same outcome changes nothing.

        Args:
            only_from: The state that it must still be in; if another worker kept an answer meanwhile, LEASE_LOST.
        """
        with write(self._engine) as session:
            row = generation_row(session, lease.generation_id)
            if row.state == LedgerState.SETTLED and row.outcome == outcome:
                return generation_of(row)
            if only_from is not None and row.state != only_from:
                raise lease_lost(lease)
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
                raise lease_lost(lease)
        return self.get(lease.generation_id)

    def _require_budget(
        self, session: Session, realm: str, run_id: str, price: Decimal, caps: Caps, *, but_for: int = 0
    ) -> None:
        midnight = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        others = GenerationRow.id != but_for
        in_run = committed_credits(session, others, GenerationRow.run_id == run_id)
        today = committed_credits(session, others, GenerationRow.realm == realm, paid_for_at >= midnight)
        for name, used, cap in (("run", in_run, caps.run), ("day", today, caps.day)):
            if used + price > cap:
                raise ProductError(
                    f"The budget of this {name} is used up: {used} of {cap} credits are spent or reserved, "
                    f"this model costs {price}.",
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
        row = generation_row(session, lease.generation_id)
        if row.lease_fence != lease.fence:
            raise lease_lost(lease)
        current = LedgerState(row.state)
        require_legal(current, wanted)
        if not self._update(session, lease, current=current, state=wanted.value, **values):
            raise lease_lost(lease)

    def _update(self, session: Session, lease: Lease, current: LedgerState | None = None, **values: Any) -> bool:
        condition = [
            GenerationRow.id == lease.generation_id,
            GenerationRow.lease_fence == lease.fence,
            GenerationRow.lease_holder == lease.holder,  # a late renewal must not revive a lease that was dropped
        ]
        if current is not None:
            condition.append(GenerationRow.state == current.value)
        touched = session.execute(update(GenerationRow).where(*condition).values(**values).returning(GenerationRow.id))
        return touched.first() is not None
