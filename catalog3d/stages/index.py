"""`assets.csv` of the library, from the registry."""

from __future__ import annotations

from collections.abc import Iterator

from catalog3d.asset import Asset
from catalog3d.asset_index import IndexRow
from catalog3d.stages.context import OpenCatalog


def write_index(catalog: OpenCatalog) -> None:
    """Write the list of all stored assets anew."""
    catalog.library.write_index(_rows(catalog))


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
