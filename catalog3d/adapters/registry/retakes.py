"""Retakes in the database: who asked for another model of what, who allowed it, and whether anybody heard of its end."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from catalog3d.adapters.registry.chain import Said, append, entry_about
from catalog3d.adapters.registry.engine import read, serialise, write
from catalog3d.adapters.registry.tables import AssetRow, DecisionRow, RetakeRow
from catalog3d.asset import Choice
from catalog3d.brief import Brief
from catalog3d.errors import ProductError
from catalog3d.learning import Route
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
        return {sku: retakes[-1] for sku, retakes in self.all().items()}

    def all(self, sku: str | None = None) -> dict[str, list[Retake]]:
        """SKU -> all its retakes, the oldest first; of one SKU or of all."""
        query = (
            select(RetakeRow, AssetRow, DecisionRow)
            .join(AssetRow, AssetRow.id == RetakeRow.asset_id)
            .join(DecisionRow, DecisionRow.id == RetakeRow.decision_id)
            .where(RetakeRow.catalog == self._catalog)
            .order_by(RetakeRow.id)
        )
        if sku is not None:
            query = query.where(RetakeRow.sku == sku)
        found: dict[str, list[Retake]] = defaultdict(list)
        with read(self._engine) as session:
            for row, asset, decision in session.execute(query):
                found[row.sku].append(_retake(row, asset, decision))
        return dict(found)

    def ask(self, wish: Retake, *, person: str, reason: str, note: str, within: Decimal | None = None) -> Retake:
        """Record a retake and the decision behind it; one that is open already is given instead, and only allowed.

        Args:
            within: Credits that a day's retakes may cost without an operator: beyond them it waits for one. None if the
                person who asks is one.

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
                self._allow(session, open_one, person, within)
                asset = session.get_one(AssetRow, open_one.asset_id)
                return _retake(open_one, asset, session.get_one(DecisionRow, open_one.decision_id))
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
                brief=wish.brief.canonical() if wish.brief is not None else "",
                asked=wish.asked,
                reasons=list(wish.reasons or (reason,)),
                route=wish.route.value,
                why=wish.why,
                credits=wish.credits,
            )
            self._allow(session, row, person, within)
            session.add(row)
            session.flush()
            return _retake(row, asset, decision)

    def left_today(self, within: Decimal) -> Decimal:
        """What is left of a day's budget of retakes."""
        with read(self._engine) as session:
            return max(within - self._used_today(session), Decimal(0))

    def close(self, retake_id: int) -> None:
        """Somebody was told what came of it: the next wish is another retake. Repeating it changes nothing."""
        with write(self._engine) as session:
            session.execute(
                update(RetakeRow)
                .where(RetakeRow.id == retake_id, RetakeRow.closed_at.is_(None))
                .values(closed_at=self._clock.now())
            )

    def _allow(self, session: Session, row: RetakeRow, person: str, within: Decimal | None) -> None:
        """Let it be ordered, unless the budget of today does not pay for it; "" is in whose name the budget allows."""
        if row.allowed_at is not None:
            return
        if within is not None and self._used_today(session) + row.credits > within:
            return
        row.allowed_by, row.allowed_at = person if within is None else "", self._clock.now()

    def _used_today(self, session: Session) -> Decimal:
        midnight: datetime = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        query = select(func.sum(RetakeRow.credits)).where(
            RetakeRow.catalog == self._catalog, RetakeRow.allowed_by == "", RetakeRow.allowed_at >= midnight
        )
        return session.scalar(query) or Decimal(0)

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


def _retake(row: RetakeRow, asset: AssetRow, decision: DecisionRow) -> Retake:
    return Retake(
        id=row.id,
        sku=row.sku,
        version=asset.version,
        generation_id=asset.generation_id,
        realm=row.realm,
        digest=row.digest,
        after_attempt=row.after_attempt,
        is_open=row.closed_at is None,
        brief=Brief.parse(row.brief) if row.brief else None,
        asked=row.asked,
        route=Route(row.route) if row.route else Route.SAME,
        why=row.why,
        credits=row.credits,
        person=decision.person,
        reasons=tuple(row.reasons),
        note=decision.note,
        is_allowed=row.allowed_at is not None,
    )
