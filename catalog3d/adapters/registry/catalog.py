"""Products and assets in the database: where each SKU stands, which versions it has, who decided what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, func, or_, select, update
from sqlalchemy.orm import Session

from catalog3d.adapters.registry.engine import read, serialise, write
from catalog3d.adapters.registry.ledger import LEASE_S
from catalog3d.adapters.registry.tables import AssetRow, DecisionRow, PictureRow, ProductRow
from catalog3d.asset import Approval, Asset, Decision
from catalog3d.errors import ProductError, RunError
from catalog3d.home import Catalog
from catalog3d.ports import Clock
from catalog3d.product import Severity
from catalog3d.quality import Check, MeshReport
from catalog3d.status import Status, may_follow


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a SKU stands.

    Attributes:
        fields: The product's fields as last read, as JSON values.
        generation_id: The generation of its newest model, or None.
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
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Change:
    """A new standing of one SKU."""

    sku: str
    status: Status
    stage: str = ""
    reason: str = ""
    message: str = ""
    generation_id: int | None = None


class CatalogRecord:
    """The products, assets and decisions of one catalog (live or rehearsal)."""

    def __init__(self, engine: Engine, catalog: Catalog, clock: Clock) -> None:
        self._engine = engine
        self._catalog = catalog
        self._clock = clock

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

    def change(self, changes: Sequence[Change]) -> None:
        """Move SKUs to new standings in one transaction.

        Raises:
            RunError: STATUS_ILLEGAL for a jump that the status table does not allow; nothing is written.
        """
        now = self._clock.now()
        with write(self._engine) as session:
            for change in changes:
                row = session.get(ProductRow, (self._catalog, change.sku))
                if row is None:
                    raise RunError(f"The registry does not know {change.sku}.", code="SKU_UNKNOWN", sku=change.sku)
                if not may_follow(Status(row.status), change.status):
                    raise RunError(
                        f"{change.sku} cannot go from {row.status} to {change.status}.",
                        code="STATUS_ILLEGAL",
                        sku=change.sku,
                    )
                row.status, row.stage = change.status.value, change.stage
                row.reason, row.message = change.reason, change.message
                row.generation_id = change.generation_id or row.generation_id
                row.updated_at = now

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

    def assets(self, sku: str | None = None) -> list[Asset]:
        """Assets of one SKU, or of all, by SKU and version."""
        query = select(AssetRow).where(AssetRow.catalog == self._catalog)
        if sku is not None:
            query = query.where(AssetRow.sku == sku)
        with read(self._engine) as session:
            return [_asset(row) for row in session.scalars(query.order_by(AssetRow.sku, AssetRow.version))]

    def newest_assets(self) -> dict[str, Asset]:
        """The highest stored version of each SKU."""
        return {asset.sku: asset for asset in self.assets() if asset.stored}

    def allot_version(
        self,
        sku: str,
        *,
        format: str,  # noqa: A002 - the field's word
        identity: str,
        generation_id: int | None,
        run_id: str,
        file_name: Callable[[int], str],
    ) -> Asset:
        """Reserve the next version of a SKU, once: the same identity gets the same version, two runs never share one.

        Args:
            file_name: Makes the file's name from the version.

        Raises:
            ProductError: NAME_TAKEN if another SKU already uses that file name.
        """
        with write(self._engine) as session:
            serialise(session, f"version:{self._catalog}:{sku}")
            mine = (AssetRow.catalog == self._catalog, AssetRow.sku == sku)
            row = session.scalars(select(AssetRow).where(*mine, AssetRow.identity == identity)).first()
            if row is None:
                newest = session.scalar(select(func.max(AssetRow.version)).where(*mine)) or 0
                version = newest + 1
                row = AssetRow(
                    catalog=self._catalog,
                    sku=sku,
                    version=version,
                    format=format,
                    identity=identity,
                    generation_id=generation_id,
                    file=self._free_name(session, file_name(version), sku),
                    run_id=run_id,
                    approval=Approval.PENDING.value,
                    created_at=self._clock.now(),
                )
                session.add(row)
                session.flush()
            return _asset(row)

    def _free_name(self, session: Session, file: str, sku: str) -> str:
        taken = session.scalars(
            select(AssetRow.sku).where(AssetRow.catalog == self._catalog, func.lower(AssetRow.file) == file.lower())
        ).first()
        if taken is not None:
            raise ProductError(
                f"The file name {file} already belongs to {taken}.",
                code="NAME_TAKEN",
                fix="Put {sku} into the naming rule.",
                sku=sku,
            )
        return file

    def note_stored(
        self, asset: Asset, *, key: str, picture_key: str, sha256: str, size_bytes: int, report: MeshReport
    ) -> Asset:
        """The asset lies in the library."""
        with write(self._engine) as session:
            row = session.get_one(AssetRow, asset.id)
            row.key, row.picture_key, row.sha256, row.size_bytes = key, picture_key, sha256, size_bytes
            row.verdict = report.verdict.value
            row.checks = [asdict(check) for check in report.checks]
            row.stored = True
            return _asset(row)

    def decide(self, asset: Asset, decision: Approval, *, person: str, reason: str, note: str) -> Asset:
        """Record a decision: appended, never edited; an approval takes the place of the SKU's earlier one."""
        with write(self._engine) as session:
            row = session.get_one(AssetRow, asset.id)
            session.add(
                DecisionRow(
                    catalog=self._catalog,
                    asset_id=row.id,
                    sku=row.sku,
                    decision=decision.value,
                    person=person,
                    reason=reason,
                    note=note,
                    asset_sha256=row.sha256,
                    at=self._clock.now(),
                )
            )
            row.approval = decision.value
            return _asset(row)

    def decisions(self, sku: str) -> list[Decision]:
        """Every decision about a SKU, oldest first."""
        with read(self._engine) as session:
            rows = session.execute(
                select(DecisionRow, AssetRow.version)
                .join(AssetRow, AssetRow.id == DecisionRow.asset_id)
                .where(DecisionRow.catalog == self._catalog, DecisionRow.sku == sku)
                .order_by(DecisionRow.id)
            )
            return [
                Decision(
                    sku=row.sku,
                    version=version,
                    decision=Approval(row.decision),
                    person=row.person,
                    reason=row.reason,
                    note=row.note,
                    asset_sha256=row.asset_sha256,
                    at=row.at,
                )
                for row, version in rows
            ]


class PixelDigestRecord:
    """The permanent memory of which file has which pixels: a new decoder must not change a brief."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def get(self, file_sha256: str) -> str | None:
        with read(self._engine) as session:
            row = session.get(PictureRow, file_sha256)
            return row.pixels_sha256 if row else None

    def put(self, file_sha256: str, pixels_sha256: str) -> None:
        with write(self._engine) as session:
            if session.get(PictureRow, file_sha256) is None:
                session.add(PictureRow(file_sha256=file_sha256, pixels_sha256=pixels_sha256, seen_at=self._clock.now()))


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
        updated_at=row.updated_at,
    )


def _asset(row: AssetRow) -> Asset:
    return Asset(
        id=row.id,
        sku=row.sku,
        version=row.version,
        format=row.format,
        identity=row.identity,
        generation_id=row.generation_id,
        file=row.file,
        key=row.key or "",
        picture_key=row.picture_key or "",
        sha256=row.sha256 or "",
        size_bytes=row.size_bytes or 0,
        stored=bool(row.stored),
        approval=Approval(row.approval),
        verdict=row.verdict or "",
        checks=tuple(
            Check(
                code=check["code"],
                severity=Severity(check["severity"]),
                message=check["message"],
                value=check["value"],
                limit=check["limit"],
            )
            for check in row.checks or []
        ),
        created_at=row.created_at,
    )
