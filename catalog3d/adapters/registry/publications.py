"""Publications in the database: written down before a channel is asked, and again when it has answered."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from catalog3d.adapters.registry.alone import alone
from catalog3d.adapters.registry.engine import read, serialise, write
from catalog3d.adapters.registry.tables import AssetRow, PublicationRow
from catalog3d.asset import Asset
from catalog3d.channels import Placed
from catalog3d.ports import Clock
from catalog3d.publication import Publication, PublicationState
from catalog3d.recovery import FoundPublication

_BEGUN = (PublicationState.PLACING, PublicationState.REMOVING, PublicationState.REFUSED)
_STRIPES = 16
"""Places at a channel that are asked side by side: a lock file each, and no more of them than that."""


class PublicationRecord:
    """The publications of one catalog (live or rehearsal)."""

    def __init__(self, engine: Engine, catalog: str, clock: Clock) -> None:
        self._engine = engine
        self._catalog = catalog
        self._clock = clock

    @contextmanager
    def alone_at(self, channel: str, sku: str) -> Iterator[None]:
        """Keep others from publishing this SKU there meanwhile, in all processes that share this registry."""
        stripe = int.from_bytes(hashlib.sha256(sku.encode()).digest()[:2]) % _STRIPES
        with alone(self._engine, f"publish:{self._catalog}:{channel}:{stripe}"):
            yield

    @contextmanager
    def alone_with_lists(self, channel: str) -> Iterator[None]:
        """Keep others from writing this channel's lists meanwhile: the last one to write has read last."""
        with alone(self._engine, f"publish:{self._catalog}:{channel}:lists"):
            yield

    def of(self, sku: str | None = None, *, channel: str | None = None) -> list[Publication]:
        """Publications of one SKU or of all, at one channel or at all, oldest first."""
        query = select(PublicationRow, AssetRow).join(AssetRow, AssetRow.id == PublicationRow.asset_id)
        query = query.where(PublicationRow.catalog == self._catalog)
        if sku is not None:
            query = query.where(PublicationRow.sku == sku)
        if channel is not None:
            query = query.where(PublicationRow.channel == channel)
        with read(self._engine) as session:
            return [_publication(row, asset) for row, asset in session.execute(query.order_by(PublicationRow.id))]

    def get(self, publication_id: int) -> Publication:
        with read(self._engine) as session:
            row = session.get_one(PublicationRow, publication_id)
            return _publication(row, session.get_one(AssetRow, row.asset_id))

    def begin(self, asset: Asset, channel: str) -> Publication:
        """Write down that an asset is about to be put somewhere; the same again goes on with what was begun."""
        with write(self._engine) as session:
            serialise(session, self._name)
            row = session.scalars(
                select(PublicationRow).where(PublicationRow.asset_id == asset.id, PublicationRow.channel == channel)
            ).first()
            if row is None:
                row = PublicationRow(
                    catalog=self._catalog,
                    asset_id=asset.id,
                    sku=asset.sku,
                    channel=channel,
                    version=asset.version,
                    sha256=asset.sha256,
                    state=PublicationState.REFUSED.value,
                    at=self._clock.now(),
                )
                session.add(row)
                session.flush()
                self._remember_before(session, row)
            if row.state != PublicationState.PLACING:
                # A live one that is put there again, after a kill left the channel in doubt, stays live meanwhile.
                row.serial = (row.serial or 0) + 1
                if row.state != PublicationState.LIVE:
                    row.state = PublicationState.PLACING.value
            row.message, row.at = "", self._clock.now()
            return _publication(row, session.get_one(AssetRow, row.asset_id))

    def done(
        self,
        publication: Publication,
        placed: Placed,
        *,
        instead: PublicationState = PublicationState.REPLACED,
        extents_m: tuple[float, float, float] | None = None,
    ) -> Publication:
        """The channel has it: whatever was there of the SKU is not any more.

        Args:
            instead: What becomes of the version that was live.
        """
        with write(self._engine) as session:
            serialise(session, self._name)
            row = session.get_one(PublicationRow, publication.id)
            self._remember_before(session, row)
            self._end_others(session, row, instead)
            row.state, row.told, row.message = PublicationState.LIVE.value, False, ""
            row.destination, row.link, row.remote = placed.destination, placed.link, dict(placed.remote)
            row.extents_m, row.at = list(extents_m or row.extents_m or ()), self._clock.now()
            return _publication(row, session.get_one(AssetRow, row.asset_id))

    def refused(self, publication: Publication, message: str) -> None:
        """The channel does not take it: what was live there before still is."""
        self._move(publication, PublicationState.PLACING, PublicationState.REFUSED, message)

    def begin_removal(self, publication: Publication) -> None:
        """Write down that an asset is about to be taken away."""
        with write(self._engine) as session:
            row = session.get_one(PublicationRow, publication.id)
            row.state, row.at = PublicationState.REMOVING.value, self._clock.now()

    def removed(self, publication: Publication) -> None:
        """The channel does not have it any more."""
        with write(self._engine) as session:
            row = session.get_one(PublicationRow, publication.id)
            row.state, row.told, row.at = PublicationState.REMOVED.value, False, self._clock.now()

    def untold(self) -> list[Publication]:
        """Publications that not everything says yet: what follows from them was cut off."""
        return [found for found in self.of() if not found.told and found.state not in _BEGUN]

    def note_told(self, publications: Collection[Publication]) -> None:
        """Everything says now what these publications said; one that has changed since stays to be told."""
        with write(self._engine) as session:
            serialise(session, self._name)
            for publication in publications:
                session.execute(
                    update(PublicationRow)
                    .where(
                        PublicationRow.id == publication.id,
                        PublicationRow.state == publication.state.value,
                        PublicationRow.serial == publication.serial,
                        PublicationRow.at == publication.at,
                    )
                    .values(told=True)
                )

    @property
    def _name(self) -> str:
        return f"publications:{self._catalog}"

    def _move(
        self, publication: Publication, before: PublicationState, after: PublicationState, message: str = ""
    ) -> None:
        with write(self._engine) as session:
            session.execute(
                update(PublicationRow)
                .where(PublicationRow.id == publication.id, PublicationRow.state == before.value)
                .values(state=after.value, message=message, at=self._clock.now())
            )

    def _others(self, row: PublicationRow) -> tuple[Any, ...]:
        return (
            PublicationRow.catalog == row.catalog,
            PublicationRow.sku == row.sku,
            PublicationRow.channel == row.channel,
            PublicationRow.id != row.id,
        )

    def _remember_before(self, session: Session, row: PublicationRow) -> None:
        """What was live when it first came is what a rollback puts back, for good: going back twice goes further back."""
        if row.previous_id is None:
            row.previous_id = session.scalars(
                select(PublicationRow.id).where(
                    *self._others(row), PublicationRow.state == PublicationState.LIVE.value, PublicationRow.id < row.id
                )
            ).first()

    def _end_others(self, session: Session, row: PublicationRow, instead: PublicationState) -> None:
        live = (PublicationState.LIVE.value, PublicationState.REMOVING.value)
        others = update(PublicationRow).where(*self._others(row))
        now = self._clock.now()
        session.execute(others.where(PublicationRow.state.in_(live)).values(state=instead.value, told=False, at=now))
        begun = others.where(PublicationRow.state == PublicationState.PLACING.value)
        session.execute(begun.values(state=PublicationState.REPLACED.value, at=now))


def put_publication(session: Session, asset: AssetRow, found: FoundPublication) -> bool:
    """Restore where an asset is live; False if the registry knows that another version came there later.

    What follows from it is told by the next publication run.
    """
    there = session.scalars(
        select(PublicationRow).where(
            PublicationRow.catalog == asset.catalog,
            PublicationRow.sku == asset.sku,
            PublicationRow.channel == found.channel,
            PublicationRow.state == PublicationState.LIVE.value,
        )
    ).first()
    if there is not None and there.at >= found.at:
        return False
    if there is not None:  # two records say so: a kill came between them, and the later one holds
        there.state = PublicationState.REPLACED.value
        session.flush()
    session.add(
        PublicationRow(
            catalog=asset.catalog,
            asset_id=asset.id,
            sku=asset.sku,
            channel=found.channel,
            version=asset.version,
            sha256=asset.sha256,
            destination=found.destination,
            link=found.link,
            remote=dict(found.remote),
            extents_m=list(found.extents_m or ()),
            state=PublicationState.LIVE.value,
            previous_id=there.id if there is not None else None,
            serial=1,
            at=found.at,
        )
    )
    session.flush()
    return True


def _publication(row: PublicationRow, asset: AssetRow) -> Publication:
    extents = tuple(float(value) for value in row.extents_m or ())
    return Publication(
        id=row.id,
        asset_id=row.asset_id,
        placed=Placed(
            channel=row.channel,
            sku=row.sku,
            version=row.version,
            sha256=row.sha256,
            destination=row.destination or "",
            link=row.link or "",
            remote=dict(row.remote or {}),
        ),
        state=PublicationState(row.state),
        previous_id=row.previous_id,
        extents_m=(extents[0], extents[1], extents[2]) if len(extents) == 3 else None,
        size_bytes=asset.size_bytes,
        format=asset.format,
        told=bool(row.told),
        serial=row.serial or 0,
        message=row.message or "",
        at=row.at,
    )
