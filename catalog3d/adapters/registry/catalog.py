"""Products in the database: where each SKU stands, and who works on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog3d.adapters.registry.decisions import DecisionRecord
from catalog3d.adapters.registry.engine import read, serialise, write
from catalog3d.adapters.registry.ledger import LEASE_S
from catalog3d.adapters.registry.tables import AssetRow, PictureRow, ProductRow, RunRow
from catalog3d.errors import RunError
from catalog3d.ports import Clock
from catalog3d.status import HAS_MODEL, Status


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a SKU stands.

    Attributes:
        fields: The product's fields as last read, as JSON values.
        generation_id: The generation of its newest model, or None.
        revision: Grows with every change of the standing; 0 until there was one.
    """

    sku: str
    name: str
    status: Status
    stage: str
    reason: str
    message: str
    row: int
    sheet: str
    fields: dict[str, Any]
    generation_id: int | None
    revision: int
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Change:
    """A new standing of one SKU.

    Attributes:
        seen: The revision of the standing that this one was thought out from: it changes nothing if another has come
            since. None where it holds whatever there is.
    """

    sku: str
    status: Status
    stage: str = ""
    reason: str = ""
    message: str = ""
    generation_id: int | None = None
    seen: int | None = None


class CatalogRecord(DecisionRecord):
    """The products of one catalog (live or rehearsal), beside their versions and the decisions about them."""

    def standings(self) -> dict[str, Standing]:
        with read(self._engine) as session:
            rows = session.scalars(select(ProductRow).where(ProductRow.catalog == self._catalog))
            return {row.sku: _standing(row) for row in rows}

    def standing(self, sku: str) -> Standing | None:
        with read(self._engine) as session:
            row = session.get(ProductRow, (self._catalog, sku))
            return _standing(row) if row else None

    def note_products(self, products: Iterable[tuple[str, str, int, str, dict[str, Any]]]) -> None:
        """Take over the fields of (sku, name, row, sheet, fields) as last read; statuses stay."""
        now = self._clock.now()
        with write(self._engine) as session:
            serialise(session, self._products)
            there = {
                row.sku: row for row in session.scalars(select(ProductRow).where(ProductRow.catalog == self._catalog))
            }
            for sku, name, row_number, sheet, fields in products:
                row = there.get(sku)
                if row is None:
                    row = ProductRow(catalog=self._catalog, sku=sku, status=Status.READY.value, updated_at=now)
                    session.add(row)
                    there[sku] = row
                if (row.name, row.row, row.sheet, row.fields) != (name, row_number, sheet, fields):
                    row.name, row.row, row.sheet, row.fields = name, row_number, sheet, fields

    def leave_sheet(self, sheet: str, skus: Iterable[str]) -> None:
        """These SKUs are no longer in a sheet: it is told nothing more about them. What they have stays."""
        gone = set(skus)
        with write(self._engine) as session:
            serialise(session, self._products)
            query = select(ProductRow).where(ProductRow.catalog == self._catalog, ProductRow.sheet == sheet)
            for row in session.scalars(query):
                if row.sku in gone:
                    row.sheet = ""

    def change(self, changes: Sequence[Change], *, done_by: str = "") -> list[str]:
        """Move SKUs to new standings in one transaction.

        Args:
            done_by: A holder whose work on them ends with it: its leases go in the same transaction.

        Returns:
            The SKUs that were moved: all but those whose standing is no longer the one that was seen.

        Raises:
            RunError: STATUS_ILLEGAL where only a stored model stands and there is none; nothing is written.
        """
        now, moved = self._clock.now(), []
        with write(self._engine) as session:
            serialise(session, self._products)
            with_model = self._with_model(session, changes)
            for change in changes:
                row = session.get(ProductRow, (self._catalog, change.sku))
                if row is None:
                    raise RunError(f"The registry does not know {change.sku}.", code="SKU_UNKNOWN", sku=change.sku)
                if change.seen not in {None, row.revision}:
                    continue
                if change.status in HAS_MODEL and change.sku not in with_model:
                    raise RunError(
                        f"{change.sku} cannot become {change.status}: no model of it is stored.",
                        code="STATUS_ILLEGAL",
                        sku=change.sku,
                    )
                row.status, row.stage = change.status.value, change.stage
                row.reason, row.message = change.reason, change.message
                row.generation_id = change.generation_id or row.generation_id
                row.revision, row.updated_at = row.revision + 1, now
                if done_by and row.lease_holder == done_by:
                    row.lease_holder, row.lease_expires_at = "", None
                moved.append(change.sku)
        return moved

    def take(self, sku: str, holder: str, *, instead_of: str = "") -> bool:
        """Become the one worker of a SKU; False while somebody else is.

        Args:
            instead_of: A holder that surely lives no more, so its lease need not expire first.
        """
        now = self._clock.now()
        with write(self._engine) as session:
            row = session.scalar(
                update(ProductRow)
                .where(
                    ProductRow.catalog == self._catalog,
                    ProductRow.sku == sku,
                    or_(
                        ProductRow.lease_expires_at.is_(None),
                        ProductRow.lease_expires_at < now,
                        ProductRow.lease_holder.in_([holder, instead_of or holder]),
                    ),
                )
                .values(
                    lease_holder=holder,
                    lease_fence=ProductRow.lease_fence + 1,
                    lease_expires_at=now + timedelta(seconds=LEASE_S),
                )
                .returning(ProductRow.lease_fence)
            )
            return row is not None

    def worker_of(self, sku: str) -> tuple[str, datetime] | None:
        """(holder, expiry) of a SKU's lease, or None if nobody holds it."""
        with read(self._engine) as session:
            row = session.get(ProductRow, (self._catalog, sku))
            return (row.lease_holder, row.lease_expires_at) if row and row.lease_expires_at else None

    def renew(self, holder: str) -> None:
        """Push out the expiry of everything a worker holds."""
        with write(self._engine) as session:
            serialise(session, self._products)
            session.execute(
                update(ProductRow)
                .where(ProductRow.catalog == self._catalog, ProductRow.lease_holder == holder)
                .values(lease_expires_at=self._clock.now() + timedelta(seconds=LEASE_S))
            )

    def release(self, sku: str, holder: str) -> None:
        """Let other workers have the SKU."""
        with write(self._engine) as session:
            session.execute(
                update(ProductRow)
                .where(ProductRow.catalog == self._catalog, ProductRow.sku == sku, ProductRow.lease_holder == holder)
                .values(lease_holder="", lease_expires_at=None)
            )

    def last_request(self, sheet: str) -> dict[str, Any] | None:
        """What the last run of a sheet was asked, as JSON values; None if there was none."""
        query = select(RunRow.request).where(RunRow.catalog == self._catalog, RunRow.sheet == sheet)
        with read(self._engine) as session:
            request = session.scalars(query.order_by(RunRow.started_at.desc()).limit(1)).first()
            return dict(request) if request is not None else None

    @property
    def _products(self) -> str:
        """What changes of several products serialise on: two of them never wait for each other's rows."""
        return f"products:{self._catalog}"

    def _with_model(self, session: Session, changes: Sequence[Change]) -> set[str]:
        """Those of the changed SKUs that have a stored model."""
        query = select(AssetRow.sku).where(AssetRow.catalog == self._catalog, AssetRow.stored).distinct()
        if len(changes) == 1:
            query = query.where(AssetRow.sku == changes[0].sku)
        return set(session.scalars(query))


class PixelDigestRecord:
    """The permanent memory of which file has which pixels: a new decoder must not change a brief."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def get(self, file_sha256: str) -> str | None:
        with read(self._engine) as session:
            row = session.get(PictureRow, file_sha256)
            return row.pixels_sha256 if row else None

    def put(self, file_sha256: str, pixels_sha256: str) -> str:
        """Keep a digest for good; the first one wins. Returns the one that is kept."""
        try:
            with write(self._engine) as session:
                row = session.get(PictureRow, file_sha256)
                if row is None:
                    row = PictureRow(file_sha256=file_sha256, pixels_sha256=pixels_sha256, seen_at=self._clock.now())
                    session.add(row)
                return row.pixels_sha256
        except IntegrityError:
            kept = self.get(file_sha256)  # another process was faster
            if kept is None:
                raise
            return kept


def _standing(row: ProductRow) -> Standing:
    return Standing(
        sku=row.sku,
        name=row.name,
        status=Status(row.status),
        stage=row.stage,
        reason=row.reason,
        message=row.message,
        row=row.row,
        sheet=row.sheet,
        fields=dict(row.fields),
        generation_id=row.generation_id,
        revision=row.revision,
        updated_at=row.updated_at,
    )
