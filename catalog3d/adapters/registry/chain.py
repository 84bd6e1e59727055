"""The chain of decisions in the database: how an entry is appended, and how all of it is read for an audit.

Every decision goes through `append`; nothing else writes the table, and nothing in it is ever edited.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import NoneType

from sqlalchemy import Engine, and_, or_, select
from sqlalchemy.orm import Session

from catalog3d.adapters.registry.engine import read, serialise
from catalog3d.adapters.registry.tables import AssetRow, DecisionRow
from catalog3d.asset import Choice
from catalog3d.audit import Entry, Head, Place
from catalog3d.audit_faults import AssetState, Fault

_FORMER = ("catalog", "sequence", "previous", "hash", "recovered")
_TEXTS = ("previous", "hash", "sku", "format", "decision", "person", "reason", "note", "profile", "asset_sha256")
_KINDS: dict[type | tuple[type, ...], tuple[str, ...]] = {
    str: _TEXTS,
    int: ("sequence", "version"),
    (int, NoneType): ("seen",),
    list: ("former",),
}


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a person says about an asset.

    Attributes:
        seen: The revision of the asset that the person looked at, None where nobody said.
    """

    decision: Choice
    person: str
    reason: str = ""
    note: str = ""
    checklist: Mapping[str, bool | None] = field(default_factory=dict)
    seen: int | None = None


@dataclass(frozen=True, kw_only=True)
class Trail:
    """A whole chain and what it is about, as of one moment.

    Attributes:
        faults: Rows that cannot be read, or that hang on another asset than they name.
    """

    entries: list[Entry]
    assets: list[AssetState]
    faults: list[Fault]


def entry_about(
    asset: AssetRow, said: Said, at: datetime, changes: Mapping[int, tuple[str, str]] | None = None
) -> Entry:
    """An entry about an asset as its row is now.

    Args:
        changes: Version -> its approval before and after.
    """
    return Entry(
        sku=asset.sku,
        version=asset.version,
        format=asset.format,
        asset_sha256=asset.sha256,
        decision=said.decision.value,
        person=said.person,
        reason=said.reason,
        note=said.note,
        at=at,
        checklist=dict(said.checklist),
        checks=[[check["code"], check["severity"], check["value"], check["limit"]] for check in asset.checks],
        seen=said.seen,
        profile=asset.profile,
        changes={str(version): list(pair) for version, pair in (changes or {}).items()},
    )


def append(session: Session, catalog: str, asset: AssetRow, entry: Entry, *, recovered: bool = False) -> DecisionRow:
    """Put an entry at the end of a catalog's chain, in the transaction of the caller; its asset has a new revision."""
    serialise(session, f"chain:{catalog}")
    head = session.execute(
        select(DecisionRow.sequence, DecisionRow.hash)
        .where(DecisionRow.catalog == catalog)
        .order_by(DecisionRow.sequence.desc())
        .limit(1)
    ).first()
    placed = entry.placed(catalog, Head(sequence=head[0], hash=head[1]) if head else None, recovered=recovered)
    row = DecisionRow(
        catalog=catalog,
        sequence=placed.place.sequence,
        previous=placed.place.previous,
        hash=placed.place.hash,
        recovered=recovered,
        former=[[getattr(place, name) for name in _FORMER] for place in entry.places],
        asset_id=asset.id,
        sku=entry.sku,
        version=entry.version,
        format=entry.format,
        decision=entry.decision,
        person=entry.person,
        reason=entry.reason,
        note=entry.note,
        checklist=dict(entry.checklist),
        checks=list(entry.checks),
        seen=entry.seen,
        profile=entry.profile,
        changes=dict(entry.changes),
        asset_sha256=entry.asset_sha256,
        at=entry.at,
    )
    asset.revision += 1
    session.add(row)
    session.flush()
    return row


def entry_of(row: DecisionRow) -> Entry:
    """What a row says, whether it makes sense or not.

    Raises:
        ValueError: It holds what was never written there: SQLite takes any value in any column.
    """
    for kind, names in _KINDS.items():
        if not all(isinstance(getattr(row, name), kind) for name in names):
            raise ValueError(f"one of {', '.join(names)} is no {kind}")
    now = Place(
        catalog=row.catalog, sequence=row.sequence, previous=row.previous, hash=row.hash, recovered=row.recovered
    )
    return Entry(
        sku=row.sku,
        version=row.version,
        format=row.format,
        asset_sha256=row.asset_sha256,
        decision=row.decision,
        person=row.person,
        reason=row.reason,
        note=row.note,
        at=row.at,
        checklist=row.checklist,
        checks=row.checks,
        seen=row.seen,
        profile=row.profile,
        changes=row.changes,
        places=(*(Place(**dict(zip(_FORMER, former, strict=True))) for former in row.former), now),
    )


def trail(engine: Engine, catalog: str) -> Trail:
    """The chain of a catalog and the assets that it is about, without being disturbed by who decides meanwhile."""
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with read(engine) as session:
        assets = session.execute(
            select(AssetRow.sku, AssetRow.version, AssetRow.format, AssetRow.sha256, AssetRow.approval).where(
                AssetRow.catalog == catalog, AssetRow.stored
            )
        )
        states = [
            AssetState(sku=sku, version=version, format=format_, sha256=sha256, approval=approval)
            for sku, version, format_, sha256, approval in assets
        ]
        faults = list(_hanging_elsewhere(session, catalog))
        query = select(DecisionRow).where(DecisionRow.catalog == catalog).order_by(DecisionRow.sequence)
        try:
            entries = [entry_of(row) for row in session.scalars(query)]
        except (ValueError, TypeError):
            entries, unreadable = _one_by_one(session, catalog)
            faults += unreadable
        return Trail(entries=entries, assets=states, faults=faults)


def _hanging_elsewhere(session: Session, catalog: str) -> Iterable[Fault]:
    """Rows that point to another asset than they name; the id of an asset is not in the chain, it differs elsewhere."""
    same = and_(
        AssetRow.catalog == DecisionRow.catalog,
        AssetRow.sku == DecisionRow.sku,
        AssetRow.version == DecisionRow.version,
        AssetRow.format == DecisionRow.format,
    )
    query = (
        select(DecisionRow.sequence, DecisionRow.sku, DecisionRow.version)
        .outerjoin(AssetRow, AssetRow.id == DecisionRow.asset_id)
        .where(DecisionRow.catalog == catalog, or_(AssetRow.id.is_(None), ~same))
    )
    for sequence, sku, version in session.execute(query.order_by(DecisionRow.sequence)):
        message = f"Entry {sequence} ({sku} V{version}) was changed: its row points to another asset than it names."
        yield Fault(code="ENTRY_CHANGED", sequence=sequence, sku=sku, message=message)


def _one_by_one(session: Session, catalog: str) -> tuple[list[Entry], list[Fault]]:
    """All that can be read of a chain in which something cannot."""
    entries, faults = [], []
    numbers = select(DecisionRow.id, DecisionRow.sequence, DecisionRow.sku).where(DecisionRow.catalog == catalog)
    for row_id, sequence, sku in session.execute(numbers.order_by(DecisionRow.sequence)).all():
        try:
            entries.append(entry_of(session.scalars(select(DecisionRow).where(DecisionRow.id == row_id)).one()))
        except (ValueError, TypeError):
            message = f"Entry {sequence} ({sku}) was changed: its row holds what cannot be read."
            faults.append(Fault(code="ENTRY_CHANGED", sequence=sequence, sku=sku, message=message))
    return entries, faults
