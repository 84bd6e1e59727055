"""`assets.csv` of the library, from the registry: written by one at a time, so that no older list replaces a newer."""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakKeyDictionary

from catalog3d.adapters.registry.catalog import CatalogRecord
from catalog3d.asset import Asset
from catalog3d.asset_index import IndexRow
from catalog3d.stages.context import OpenCatalog

_covered: WeakKeyDictionary[CatalogRecord, int] = WeakKeyDictionary()
"""Catalog -> the last decision that the list knows which was written last from here."""


def write_index(catalog: OpenCatalog) -> None:
    """Write the list of all stored assets anew."""
    with catalog.registry.catalog.one_index_at_a_time():
        catalog.library.write_index(_rows(catalog))


def index_decisions(catalog: OpenCatalog) -> None:
    """Have a list that knows all decisions until now.

    With thousands of assets it takes a second: of many who wait here while one writes it, the next writes it for all.
    """
    record = catalog.registry.catalog
    wanted = record.last_sequence()
    with record.one_index_at_a_time():
        if 0 < wanted <= _covered.get(record, 0):
            return
        known = record.last_sequence()
        catalog.library.write_index(_rows(catalog))
        _covered[record] = known


def _rows(catalog: OpenCatalog) -> Iterator[IndexRow]:
    standings = catalog.registry.catalog.standings()
    for asset in catalog.registry.catalog.assets():
        if asset.stored:
            standing = standings.get(asset.sku)
            channels = tuple(standing.fields.get("channels", ())) if standing else ()
            yield _row(asset, standing.name if standing else "", channels)


def _row(asset: Asset, name: str, channels: tuple[str, ...]) -> IndexRow:
    return IndexRow(
        sku=asset.sku,
        name=name,
        version=asset.version,
        format=asset.format,
        approval=asset.approval,
        file_path=asset.key,
        destinations=channels,
        sha256=asset.sha256,
        size_bytes=asset.size_bytes,
        updated_at=asset.created_at,
    )
