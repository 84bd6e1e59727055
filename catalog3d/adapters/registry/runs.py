"""Runs in the database: what was asked, what was planned, what became of each SKU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, select

from catalog3d.adapters.registry.engine import read, write
from catalog3d.adapters.registry.tables import RunRow, RunSkuRow
from catalog3d.errors import RunError
from catalog3d.ports import Clock
from catalog3d.status import Stage, Status


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run.

    Attributes:
        request: What was asked, as JSON values.
        state: running, finished, stopped.
        report: Path of report.html, "" until it is written.
    """

    run_id: str
    realm: str
    sheet: str
    request: dict[str, Any]
    state: str
    message: str
    estimated_credits: Decimal
    budget_credits: Decimal
    report: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class RunSku:
    """What a run did, or had nothing to do, about one SKU.

    Attributes:
        planned: Whether the run had something to do about it.
        digest: Of the brief that was planned, "" if it was not known beforehand.
        credits: Charged in this run.
    """

    sku: str
    position: int
    planned: bool
    digest: str
    status: Status
    stage: str
    reason: str
    message: str
    generation_id: int | None
    asset_id: int | None
    credits: Decimal


class RunRecord:
    """The runs of one catalog."""

    def __init__(self, engine: Engine, catalog: str, clock: Clock) -> None:
        self._engine = engine
        self._catalog = catalog
        self._clock = clock

    def start(
        self,
        run_id: str,
        *,
        realm: str,
        sheet: str,
        request: dict[str, Any],
        estimated_credits: Decimal,
        budget_credits: Decimal,
        skus: Sequence[RunSku],
    ) -> None:
        """Write a run and its plan down; the same run id again changes nothing."""
        with write(self._engine) as session:
            if session.get(RunRow, run_id) is not None:
                return
            session.add(
                RunRow(
                    run_id=run_id,
                    catalog=self._catalog,
                    realm=realm,
                    sheet=sheet,
                    request=request,
                    state="running",
                    estimated_credits=estimated_credits,
                    budget_credits=budget_credits,
                    started_at=self._clock.now(),
                )
            )
            session.flush()
            session.add_all(
                RunSkuRow(
                    run_id=run_id,
                    sku=item.sku,
                    position=item.position,
                    planned=item.planned,
                    digest=item.digest,
                    status=item.status.value,
                    stage=item.stage,
                    reason=item.reason,
                    message=item.message,
                    generation_id=item.generation_id,
                    asset_id=item.asset_id,
                    credits=item.credits,
                )
                for item in skus
            )

    def get(self, run_id: str) -> Run:
        with read(self._engine) as session:
            row = session.get(RunRow, run_id)
            if row is None:
                raise RunError(f"The registry has no run {run_id}.", code="RUN_UNKNOWN")
            return _run(row)

    def latest(self) -> Run | None:
        """The newest run of this catalog."""
        with read(self._engine) as session:
            query = select(RunRow).where(RunRow.catalog == self._catalog).order_by(RunRow.started_at.desc()).limit(1)
            row = session.scalars(query).first()
            return _run(row) if row else None

    def skus(self, run_id: str) -> list[RunSku]:
        """The SKUs of a run in the sheet's order."""
        with read(self._engine) as session:
            rows = session.scalars(select(RunSkuRow).where(RunSkuRow.run_id == run_id).order_by(RunSkuRow.position))
            return [_run_sku(row) for row in rows]

    def sku(self, run_id: str, sku: str) -> RunSku:
        """One SKU of a run."""
        with read(self._engine) as session:
            return _run_sku(session.get_one(RunSkuRow, (run_id, sku)))

    def billed_to(self, run_id: str, generation_id: int) -> str:
        """The SKU of a run that a generation's credits were noted for, or ""."""
        with read(self._engine) as session:
            query = select(RunSkuRow.sku).where(
                RunSkuRow.run_id == run_id, RunSkuRow.generation_id == generation_id, RunSkuRow.credits != Decimal(0)
            )
            return session.scalars(query).first() or ""

    def note(self, run_id: str, sku: str, **values: Any) -> None:
        """Record what a stage found: any of digest, status, stage, reason, message, generation_id, asset_id, credits."""
        with write(self._engine) as session:
            row = session.get_one(RunSkuRow, (run_id, sku))
            for name, value in values.items():
                setattr(row, name, value.value if isinstance(value, Status | Stage) else value)

    def break_off(self, run_id: str, message: str) -> None:
        """Close a run that could not go on; one that is closed or was never written down stays as it is."""
        with write(self._engine) as session:
            row = session.get(RunRow, run_id)
            if row is not None and row.ended_at is None:
                row.state, row.message, row.ended_at = "stopped", message, self._clock.now()

    def finish(self, run_id: str, *, state: str, message: str, report: str) -> None:
        """Close a run."""
        with write(self._engine) as session:
            row = session.get_one(RunRow, run_id)
            row.state, row.message, row.report, row.ended_at = state, message, report, self._clock.now()


def _run(row: RunRow) -> Run:
    return Run(
        run_id=row.run_id,
        realm=row.realm,
        sheet=row.sheet,
        request=dict(row.request),
        state=row.state,
        message=row.message or "",
        estimated_credits=row.estimated_credits,
        budget_credits=row.budget_credits,
        report=row.report or "",
        started_at=row.started_at,
        ended_at=row.ended_at,
    )


def _run_sku(row: RunSkuRow) -> RunSku:
    return RunSku(
        sku=row.sku,
        position=row.position,
        planned=row.planned,
        digest=row.digest,
        status=Status(row.status),
        stage=row.stage,
        reason=row.reason,
        message=row.message,
        generation_id=row.generation_id,
        asset_id=row.asset_id,
        credits=row.credits,
    )
