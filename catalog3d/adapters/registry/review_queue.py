"""What waits for reviewers, in the order in which they should look: asked for in pages, never read whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Integer, Select, and_, case, func, literal, or_, select, tuple_
from sqlalchemy.sql.elements import ColumnElement

from catalog3d.adapters.registry.engine import read
from catalog3d.adapters.registry.tables import AssetRow, DecisionRow, ProductRow
from catalog3d.adapters.registry.versions import asset_of
from catalog3d.asset import Approval, Asset
from catalog3d.quality import Verdict
from catalog3d.status import Status

WAITING, EVERYTHING = "waiting", "all"
BLOCKED, DOUBTED, WARNED, GREEN = range(4)
"""Ranks of the queue, worst first."""


@dataclass(frozen=True, kw_only=True)
class QueueFilter:
    """Which assets somebody wants to see; "" asks for nothing.

    Attributes:
        status: `waiting` (nobody has decided yet), `all`, or a status of the SKU.
        owner: Whose turn it is, in any capitals; None = anybody's.
        text: Part of a SKU or name.
    """

    status: str = WAITING
    category: str = ""
    owner: str | None = None
    reason: str = ""
    run: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class OwnerRules:
    """Who reviews what the sheet names nobody for: one name, or a name by category.

    Attributes:
        delegates: Who is away -> who reviews in their stead in the end.
    """

    everybody: str = ""
    by_category: Mapping[str, str] = field(default_factory=dict)
    delegates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class QueueItem:
    """The newest version of one SKU, with where that SKU stands.

    Attributes:
        rank: BLOCKED, DOUBTED, WARNED or GREEN.
    """

    asset: Asset
    name: str
    status: Status
    reason: str
    message: str
    category: str
    owner: str
    input: str
    rank: int
    priority: int

    @property
    def seen(self) -> int:
        """What a decision on it is held against: grows with everything that people decide about it."""
        return self.asset.revision

    @property
    def is_green(self) -> bool:
        """Whether it may be approved together with others: nothing found, nothing decided, nothing changed since."""
        fresh = self.asset.approval is Approval.PENDING and self.status is Status.GENERATED and self.seen == 0
        return self.rank == GREEN and fresh and self.asset.verdict == Verdict.PASS and self.input in {"", "photo"}


@dataclass(frozen=True, kw_only=True)
class Facets:
    """How many SKUs with a model there are, by what a filter can ask for.

    Attributes:
        statuses: Over the whole catalog, with `waiting` and `all`; the others count within the chosen status.
        runs: The newest first.
    """

    statuses: Mapping[str, int]
    categories: Mapping[str, int]
    owners: Mapping[str, int]
    reasons: Mapping[str, int]
    runs: Mapping[str, int]


class ReviewQueue:
    """The queue of one catalog.

    Args:
        owners: Whose turn it is where the sheet does not say.
    """

    def __init__(self, engine: Engine, catalog: str, owners: OwnerRules) -> None:
        self._engine = engine
        self._catalog = catalog
        self._category = func.coalesce(ProductRow.fields["category"].as_string(), "")
        self._priority = func.coalesce(ProductRow.fields["priority"].as_integer(), 0)
        self._owner = self._owner_of(owners)
        self._rank = case(
            (AssetRow.verdict == Verdict.FAIL.value, BLOCKED),
            (ProductRow.status == Status.FLAGGED.value, DOUBTED),
            (AssetRow.verdict == Verdict.WARN.value, WARNED),
            else_=GREEN,
        )
        self._key = tuple_(self._rank, -self._priority, AssetRow.id)

    def page(self, wanted: QueueFilter, *, limit: int, offset: int = 0) -> list[QueueItem]:
        """A page of the queue: worst checks first, then by priority, then the oldest."""
        return self._items(self._chosen(wanted).limit(limit).offset(offset))

    def count(self, wanted: QueueFilter) -> int:
        with read(self._engine) as session:
            return session.scalar(self._newest(wanted, func.count())) or 0

    def item(self, asset_id: int) -> QueueItem | None:
        """An asset of this catalog, whichever version it is."""
        return next(iter(self._items(self._stored(*self._columns).where(AssetRow.id == asset_id))), None)

    def items(self, asset_ids: list[int]) -> list[QueueItem]:
        """Assets that are their SKU's newest version, in the order of the queue; others are left out."""
        return self._items(self._chosen(QueueFilter(status=EVERYTHING)).where(AssetRow.id.in_(asset_ids)))

    def is_in(self, wanted: QueueFilter, item: QueueItem) -> bool:
        """Whether an asset is among what is wanted now."""
        with read(self._engine) as session:
            return session.scalar(self._newest(wanted, AssetRow.id).where(AssetRow.id == item.asset.id)) is not None

    def after(self, wanted: QueueFilter, item: QueueItem) -> QueueItem | None:
        """The next one to look at: behind this one, else the first of the queue, and never this one itself."""
        others = self._chosen(wanted).where(AssetRow.id != item.asset.id).limit(1)
        return next(iter(self._items(others.where(self._key > self._key_of(item))) or self._items(others)), None)

    def before(self, wanted: QueueFilter, item: QueueItem) -> QueueItem | None:
        """The one before it, None for the first."""
        others = self._newest(wanted, *self._columns).where(self._key < self._key_of(item))
        backwards = others.order_by(self._rank.desc(), self._priority, AssetRow.id.desc())
        return next(iter(self._items(backwards.limit(1))), None)

    def place(self, wanted: QueueFilter, item: QueueItem) -> int:
        """Its place in the queue, from 1."""
        ahead = self._newest(wanted, func.count()).where(self._key < self._key_of(item))
        with read(self._engine) as session:
            return (session.scalar(ahead) or 0) + 1

    def facets(self, status: str) -> Facets:
        """What a filter can ask for, and how often it is there: one query."""
        # Grouped by names: PostgreSQL does not see that two expressions with parameters are the same one.
        told = self._newest(
            QueueFilter(status=EVERYTHING),
            ProductRow.status.label("stands"),
            AssetRow.approval,
            self._category.label("category"),
            self._owner.label("owner"),
            ProductRow.reason,
            AssetRow.run_id,
            AssetRow.id,
        ).subquery()
        columns = [column for column in told.c if column.key != "id"]
        grouped: Select[Any] = select(*columns, func.count(), func.max(told.c.id)).group_by(*columns)
        statuses: Counter[str] = Counter()
        inner: list[Counter[str]] = [Counter() for _ in range(4)]
        newest: dict[str, int] = {}
        with read(self._engine) as session:
            for stands, approval, category, owner, reason, run, count, last in session.execute(grouped):
                waits = approval == Approval.PENDING.value
                statuses.update({stands: count, EVERYTHING: count, WAITING: count if waits else 0})
                if status not in {EVERYTHING, stands} and not (status == WAITING and waits):
                    continue
                for counter, value in zip(inner, (category, owner, reason, run), strict=True):
                    counter[value] += count if value else 0
                newest[run] = max(newest.get(run, 0), last)
        by_name = [dict(sorted((+counter).items(), key=lambda pair: pair[0].casefold())) for counter in inner]
        runs = {run: by_name[3][run] for run in sorted(by_name[3], key=lambda run: -newest[run])}
        return Facets(statuses=statuses, categories=by_name[0], owners=by_name[1], reasons=by_name[2], runs=runs)

    def decided_since(self, person: str, since: datetime) -> int:
        """How many decisions somebody has made since a moment."""
        mine = select(func.count()).where(
            DecisionRow.catalog == self._catalog, DecisionRow.person == person, DecisionRow.at >= since
        )
        with read(self._engine) as session:
            return session.scalar(mine) or 0

    def _owner_of(self, owners: OwnerRules) -> ColumnElement[str]:
        named = func.coalesce(ProductRow.fields["owner"].as_string(), "")
        # A database may lower ASCII letters only: the rule's own spelling always counts.
        of_category = [
            (or_(self._category == name, func.lower(self._category) == name.lower()), literal(owner))
            for name, owner in owners.by_category.items()
        ]
        owner = case((named != "", named), *of_category, else_=literal(owners.everybody))
        stand_ins = [
            (or_(owner == away, func.lower(owner) == away.lower()), literal(there))
            for away, there in owners.delegates.items()
        ]
        return case(*stand_ins, else_=owner) if stand_ins else owner

    @property
    def _columns(self) -> tuple[Any, ...]:
        """What an item is made of, in the order in which `_items` takes it."""
        kind = func.coalesce(ProductRow.fields["input"].as_string(), "")
        return AssetRow, ProductRow, self._category, self._owner, self._rank, self._priority, kind

    def _stored(self, *columns: Any) -> Select[Any]:
        """Every stored version with its product."""
        product = and_(ProductRow.catalog == AssetRow.catalog, ProductRow.sku == AssetRow.sku)
        found = select(*columns).select_from(AssetRow).join(ProductRow, product)
        return found.where(AssetRow.catalog == self._catalog, AssetRow.stored)

    def _newest(self, wanted: QueueFilter, *columns: Any) -> Select[Any]:
        """The newest stored version of each SKU that is wanted."""
        newest = (
            select(AssetRow.sku, func.max(AssetRow.version).label("version"))
            .where(AssetRow.catalog == self._catalog, AssetRow.stored)
            .group_by(AssetRow.sku)
            .subquery()
        )
        found = self._stored(*columns)
        found = found.join(newest, and_(newest.c.sku == AssetRow.sku, newest.c.version == AssetRow.version))
        return found.where(*self._conditions(wanted))

    def _chosen(self, wanted: QueueFilter) -> Select[Any]:
        return self._newest(wanted, *self._columns).order_by(self._rank, self._priority.desc(), AssetRow.id)

    def _conditions(self, wanted: QueueFilter) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if wanted.status == WAITING:
            found.append(AssetRow.approval == Approval.PENDING.value)
        elif wanted.status != EVERYTHING:
            found.append(ProductRow.status == wanted.status)
        if wanted.category:
            found.append(self._category == wanted.category)
        if wanted.owner is not None:
            found.append(or_(self._owner == wanted.owner, func.lower(self._owner) == wanted.owner.lower()))
        if wanted.reason:
            found.append(ProductRow.reason == wanted.reason)
        if wanted.run:
            found.append(AssetRow.run_id == wanted.run)
        if wanted.text:
            text = wanted.text.lower()
            name = func.lower(ProductRow.name).contains(text, autoescape=True)
            found.append(or_(func.lower(ProductRow.sku).contains(text, autoescape=True), name))
        return found

    def _key_of(self, item: QueueItem) -> ColumnElement[Any]:
        return tuple_(*(literal(part, Integer) for part in (item.rank, -item.priority, item.asset.id)))

    def _items(self, query: Select[Any]) -> list[QueueItem]:
        with read(self._engine) as session:
            return [
                QueueItem(
                    asset=asset_of(asset),
                    name=product.name,
                    status=Status(product.status),
                    reason=product.reason,
                    message=product.message,
                    category=category,
                    owner=owner,
                    input=kind,
                    rank=rank,
                    priority=priority,
                )
                for asset, product, category, owner, rank, priority, kind in session.execute(query)
            ]
