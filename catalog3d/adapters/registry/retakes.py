"""Retakes in the database: who asked for another model of what, and whether it was told what came of it."""

from __future__ import annotations

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from catalog3d.adapters.registry.chain import Said, append, entry_about
from catalog3d.adapters.registry.engine import read, serialise, write
from catalog3d.adapters.registry.tables import AssetRow, RetakeRow
from catalog3d.asset import Choice
from catalog3d.errors import ProductError
from catalog3d.ports import Clock
from catalog3d.retake import Retake


class RetakeRecord:
    """The retakes of one catalog: at most one is open for a SKU."""

    def __init__(self, engine: Engine, catalog: str, clock: Clock) -> None:
        self._engine = engine
        self._catalog = catalog
        self._clock = clock

    def newest(self) -> dict[str, Retake]:
        """SKU -> its last retake, open or closed."""
        query = (
            select(RetakeRow, AssetRow)
            .join(AssetRow, AssetRow.id == RetakeRow.asset_id)
            .where(RetakeRow.catalog == self._catalog)
            .order_by(RetakeRow.id)
        )
        with read(self._engine) as session:
            return {row.sku: _retake(row, asset) for row, asset in session.execute(query)}

    def ask(self, wish: Retake, *, person: str, reason: str, note: str) -> Retake:
        """Record a retake and the decision behind it; one that is open already is given instead, unchanged.

        Raises:
            ProductError: VERSION_CHANGED if the SKU got another version since the wish was priced.
        """
        with write(self._engine) as session:
            serialise(session, f"versions:{self._catalog}")
            open_one = session.scalars(
                select(RetakeRow).where(
                    RetakeRow.catalog == self._catalog, RetakeRow.sku == wish.sku, RetakeRow.closed_at.is_(None)
                )
            ).first()
            if open_one is not None:
                return _retake(open_one, session.get_one(AssetRow, open_one.asset_id))
            asset = self._newest(session, wish)
            said = Said(decision=Choice.RETAKE, person=person, reason=reason, note=note)
            decision = append(session, self._catalog, asset, entry_about(asset, said, self._clock.now()))
            row = RetakeRow(
                catalog=self._catalog,
                sku=wish.sku,
                asset_id=asset.id,
                decision_id=decision.id,
                realm=wish.realm,
                digest=wish.digest,
                after_attempt=wish.after_attempt,
            )
            session.add(row)
            session.flush()
            return _retake(row, asset)

    def close(self, retake_id: int) -> None:
        """Somebody was told what came of it: the next wish is another retake. Repeating it changes nothing."""
        with write(self._engine) as session:
            session.execute(
                update(RetakeRow)
                .where(RetakeRow.id == retake_id, RetakeRow.closed_at.is_(None))
                .values(closed_at=self._clock.now())
            )

    def _newest(self, session: Session, wish: Retake) -> AssetRow:
        """The newest stored version, which must be the one that the wish is about."""
        newest = session.scalars(
            select(AssetRow)
            .where(AssetRow.catalog == self._catalog, AssetRow.sku == wish.sku, AssetRow.stored)
            .order_by(AssetRow.version.desc())
        ).first()
        if newest is None or newest.version != wish.version:
            raise ProductError(
                f"The newest version is not V{wish.version} any more.",
                code="VERSION_CHANGED",
                fix="Look at the new one before you ask for another.",
                sku=wish.sku,
            )
        return newest


def _retake(row: RetakeRow, asset: AssetRow) -> Retake:
    return Retake(
        id=row.id,
        sku=row.sku,
        version=asset.version,
        generation_id=asset.generation_id,
        realm=row.realm,
        digest=row.digest,
        after_attempt=row.after_attempt,
        is_open=row.closed_at is None,
    )
