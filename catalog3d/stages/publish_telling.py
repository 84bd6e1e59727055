"""What follows from publications: the channels' lists, asset records, index, statuses and sheets say so too.

All of it is read anew from the registry and can be repeated: a kill leaves the rest to the next publication run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from catalog3d.adapters.registry.catalog import Change
from catalog3d.asset_record import RecordedPublication
from catalog3d.channels import KeepsLists, Listed
from catalog3d.errors import ProductError
from catalog3d.publication import Publication, PublicationState
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.index import write_index
from catalog3d.stages.publish import Publishing
from catalog3d.stages.resting import resting
from catalog3d.stages.sheet_writer import tell_sheets
from catalog3d.status import Stage, Status


def untold_channels(publishing: Publishing) -> list[str]:
    """Channels of which somebody has to hear something."""
    return sorted({publication.channel for publication in publishing.catalog.registry.publications.untold()})


def write_lists(publishing: Publishing, name: str) -> tuple[str, ...]:
    """Write a channel's lists over all that it has; nothing for a channel without lists.

    Raises:
        RunError, TransientError: They are written by the next run.
    """
    if name not in publishing.catalog.rules.channels_in_force:
        return ()
    channel = publishing.channel(name)
    if not isinstance(channel, KeepsLists):
        return ()
    registry = publishing.catalog.registry
    with registry.publications.alone_with_lists(name):
        names = {sku: standing.name for sku, standing in registry.catalog.standings().items()}
        return channel.write_lists(_listed(registry.publications.of(channel=name), names))


def _listed(publications: Iterable[Publication], names: dict[str, str]) -> list[Listed]:
    """By SKU, what is live; a SKU of which nothing is live any more, without a link."""
    last: dict[str, Publication] = {}
    for found in publications:
        if found.is_live or (found.state is PublicationState.REMOVED and not _is_live(last.get(found.sku))):
            last[found.sku] = found
    return [
        Listed(
            sku=sku,
            name=names.get(sku, ""),
            version=found.placed.version,
            format=found.format,
            sha256=found.placed.sha256,
            size_bytes=found.size_bytes,
            link=found.placed.link if found.is_live else "",
            extents_m=found.extents_m,
        )
        for sku, found in sorted(last.items())
    ]


def _is_live(publication: Publication | None) -> bool:
    return publication is not None and publication.is_live


def tell_everything(publishing: Publishing, unlisted: Sequence[str]) -> None:
    """Bring records, index, statuses and sheets to what the registry says; a kill leaves it to the next run.

    Args:
        unlisted: Channels whose lists could not be written: their publications stay to be told.
    """
    catalog = publishing.catalog
    untold = [found for found in catalog.registry.publications.untold() if found.channel not in unlisted]
    skus = sorted({found.sku for found in untold})
    if not skus:
        return
    told_skus = set()
    for sku in skus:
        try:
            _tell_sku(catalog, sku)
            told_skus.add(sku)
        except ProductError as error:
            publishing.notes.append(f"{sku}: its record could not be written: {error}")
    write_index(catalog)
    publishing.notes.extend(tell_sheets(catalog, skus, kept="What was published"))
    catalog.registry.publications.note_told([found for found in untold if found.sku in told_skus])


def _tell_sku(catalog: OpenCatalog, sku: str) -> None:
    record = catalog.registry.catalog
    with record.one_decision_at_a_time():
        live: dict[int, list[RecordedPublication]] = {}
        for found in catalog.registry.publications.of(sku):
            if found.is_live:
                live.setdefault(found.placed.version, []).append(_recorded(found))
        for asset_record in catalog.library.records_of(sku):
            said = tuple(live.get(asset_record.version, ()))
            catalog.library.set_publications(asset_record, said, at=catalog.clock.now())
        _settle(catalog, sku)


def _recorded(found: Publication) -> RecordedPublication:
    return RecordedPublication(
        channel=found.channel,
        destination=found.placed.destination,
        link=found.placed.link,
        remote=dict(found.placed.remote),
        extents_m=found.extents_m,
        at=found.at,
    )


def _settle(catalog: OpenCatalog, sku: str) -> None:
    """Approved or published; where the SKU stands for another reason, that stays what is said of it."""
    standing, rest = catalog.registry.catalog.standing(sku), resting(catalog, sku)
    if standing is None or rest is None:
        return
    ours = (Status.APPROVED, Status.PUBLISHED)
    if standing.status in ours and rest.status in ours and standing.status is not rest.status:
        change = Change(
            sku=sku, status=rest.status, stage=Stage.UPDATE_STATUS.value, message=rest.message, seen=standing.revision
        )
        catalog.registry.catalog.change([change])
