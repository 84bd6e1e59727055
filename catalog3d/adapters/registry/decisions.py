"""Decisions in the database: who decided what about which version, after having seen what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from catalog3d.adapters.registry import undoing
from catalog3d.adapters.registry.alone import alone
from catalog3d.adapters.registry.chain import Said, Trail, append, entry_about, entry_of, trail
from catalog3d.adapters.registry.engine import read, serialise, write
from catalog3d.adapters.registry.tables import AssetRow, DecisionRow
from catalog3d.adapters.registry.versions import VersionRecord, asset_of
from catalog3d.asset import Approval, Asset, Choice, Decision, decisions_in_effect
from catalog3d.audit import Entry
from catalog3d.errors import ProductError


class DecisionRecord(VersionRecord):
    """The versions of one catalog, and the decisions about them."""

    @contextmanager
    def one_decision_at_a_time(self) -> Iterator[None]:
        """Keep other decisions out, in all processes that share this registry: library and registry stay agreed."""
        with alone(self._engine, f"decisions:{self._catalog}"):
            yield

    @contextmanager
    def one_index_at_a_time(self) -> Iterator[None]:
        """Keep others from writing the list of all assets, in all processes that share this registry."""
        with alone(self._engine, f"index:{self._catalog}"):
            yield

    def last_sequence(self) -> int:
        """The number of the last decision, 0 without any."""
        query = select(func.max(DecisionRow.sequence)).where(DecisionRow.catalog == self._catalog)
        with read(self._engine) as session:
            return session.scalar(query) or 0

    def decide(
        self,
        asset: Asset,
        decision: Approval,
        *,
        person: str,
        reason: str,
        note: str,
        checklist: Mapping[str, bool | None] | None = None,
        seen: int | None = None,
    ) -> Asset:
        """Record a decision: appended, never edited; the same again while it still holds changes nothing.

        An approval takes the place of the SKU's earlier one, and of newer versions that nobody has decided about:
        at most one version of a SKU and format is approved.

        Args:
            seen: The revision of the asset that the person looked at; None = decide whatever it is.

        Raises:
            ProductError: ALREADY_DECIDED if somebody decided since; nothing is written.
        """
        said = Said(
            decision=Choice(decision.value),
            person=person,
            reason=reason,
            note=note,
            checklist=dict(checklist or {}),
            seen=seen,
        )
        with write(self._engine) as session:
            serialise(session, f"versions:{self._catalog}")
            row = session.get_one(AssetRow, asset.id)
            last = undoing.last_about(session, row)
            if last is not None and row.approval == decision and _repeats(last, row, said):
                return asset_of(row)
            _require_seen(session, row, seen)
            changes = {row.version: (row.approval, decision.value)}
            row.approval = decision.value
            if decision is Approval.APPROVED:
                changes |= self._supersede_others(session, row)
            append(session, self._catalog, row, entry_about(row, said, self._clock.now(), changes))
            return asset_of(row)

    def way_back(self, asset: Asset) -> dict[int, Approval]:
        """Version -> its approval, of all that would change if the last decision about an asset were undone.

        Raises:
            ProductError: NOTHING_TO_UNDO, UNDO_REFUSED.
        """
        with read(self._engine) as session:
            row = session.get_one(AssetRow, asset.id)
            last = undoing.last_about(session, row)
            if last is not None and last.decision == Choice.UNDONE:
                return {}
            return undoing.way_back(session, row, last)

    def undo(self, asset: Asset, *, person: str, note: str = "", seen: int | None = None) -> Asset:
        """Take the last decision about an asset back: appended like any other, never removed.

        The same again by the same person changes nothing.

        Args:
            seen: As for `decide`.

        Raises:
            ProductError: ALREADY_DECIDED; NOTHING_TO_UNDO; UNDO_REFUSED where it would undo more than that decision.
        """
        said = Said(decision=Choice.UNDONE, person=person, note=note, seen=seen)
        with write(self._engine) as session:
            serialise(session, f"versions:{self._catalog}")
            row = session.get_one(AssetRow, asset.id)
            last = undoing.last_about(session, row)
            if last is not None and last.decision == Choice.UNDONE and _repeats(last, row, said):
                return asset_of(row)
            _require_seen(session, row, seen)
            back = undoing.way_back(session, row, last)
            changes = {}
            for version in undoing.versions_of(session, row):
                if version.version in back:
                    changes[version.version] = (version.approval, back[version.version].value)
                    version.approval = back[version.version].value
                    version.revision += version.id != row.id
            append(session, self._catalog, row, entry_about(row, said, self._clock.now(), changes))
            return asset_of(row)

    def decisions(self, sku: str) -> list[Decision]:
        """Every decision about a SKU, oldest first."""
        query = select(DecisionRow).where(DecisionRow.catalog == self._catalog, DecisionRow.sku == sku)
        with read(self._engine) as session:
            return [decision_of(row) for row in session.scalars(query.order_by(DecisionRow.sequence))]

    def entries(self, sku: str) -> list[Entry]:
        """The same decisions as entries of the audit trail: with all that they were made from."""
        query = select(DecisionRow).where(DecisionRow.catalog == self._catalog, DecisionRow.sku == sku)
        with read(self._engine) as session:
            return [entry_of(row) for row in session.scalars(query.order_by(DecisionRow.sequence))]

    def trail(self) -> Trail:
        """The whole audit trail, to be verified."""
        return trail(self._engine, self._catalog)

    def rejections(self, sku: str | None = None) -> dict[int, Decision]:
        """Asset id -> its last rejection, for the assets that are rejected now; of one SKU or of all."""
        query = (
            select(DecisionRow)
            .join(AssetRow, AssetRow.id == DecisionRow.asset_id)
            .where(AssetRow.catalog == self._catalog, AssetRow.approval == Approval.REJECTED)
            .order_by(DecisionRow.asset_id, DecisionRow.sequence)
        )
        if sku is not None:
            query = query.where(AssetRow.sku == sku)
        with read(self._engine) as session:
            by_asset = groupby(session.scalars(query), lambda row: row.asset_id)
            found = {asset_id: last_rejection(list(rows)) for asset_id, rows in by_asset}
        return {asset_id: decision for asset_id, decision in found.items() if decision is not None}

    def _supersede_others(self, session: Session, approved: AssetRow) -> dict[int, tuple[str, str]]:
        """Version -> its approval before and after, of those that an approval takes the place of."""
        passed_over = and_(AssetRow.approval == Approval.PENDING, AssetRow.version > approved.version)
        others = session.scalars(
            select(AssetRow).where(
                AssetRow.catalog == self._catalog,
                AssetRow.sku == approved.sku,
                AssetRow.format == approved.format,
                AssetRow.id != approved.id,
                AssetRow.stored,
                or_(AssetRow.approval == Approval.APPROVED, passed_over),
            )
        )
        changes = {}
        for other in others:
            changes[other.version] = (other.approval, Approval.SUPERSEDED.value)
            other.approval, other.revision = Approval.SUPERSEDED.value, other.revision + 1
        return changes


def last_rejection(rows: list[DecisionRow]) -> Decision | None:
    """Why an asset is rejected: the last rejection of its decisions (oldest first) that was not taken back."""
    said = decisions_in_effect(decision_of(row) for row in rows)
    return next((decision for decision in reversed(said) if decision.decision is Choice.REJECTED), None)


def decision_of(row: DecisionRow) -> Decision:
    return Decision(
        sku=row.sku,
        version=row.version,
        decision=Choice(row.decision),
        person=row.person,
        reason=row.reason,
        note=row.note,
        asset_sha256=row.asset_sha256,
        at=row.at,
        checklist=dict(row.checklist),
    )


def _repeats(last: DecisionRow, asset: AssetRow, said: Said) -> bool:
    """Whether somebody says what he said last, also when he says again what he thought out from an older revision."""
    before = (last.decision, last.person, last.reason, last.note, last.asset_sha256, last.checklist)
    same = before == (said.decision, said.person, said.reason, said.note, asset.sha256, dict(said.checklist))
    return same and said.seen in {None, last.seen, asset.revision}


def _require_seen(session: Session, row: AssetRow, seen: int | None) -> None:
    """Refuse a decision that was thought out from an older revision, naming what came in between."""
    if seen is None or seen == row.revision:
        return
    last = undoing.last_touching(session, row)
    if last is None:
        message, details = f"V{row.version} is not as you saw it any more.", {}
    else:
        message = f"{undoing.who_did_what(last)}, after you had opened V{row.version}."
        details = {"person": last.person, "decision": last.decision, "at": last.at.isoformat()}
    raise ProductError(
        message,
        code="ALREADY_DECIDED",
        fix="Yours was not recorded: look at it as it is now, and decide again if you still see it differently.",
        sku=row.sku,
        details=details | {"revision": str(row.revision)},
    )
