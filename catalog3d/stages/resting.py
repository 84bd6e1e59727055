"""Where a SKU rests between runs, from what the registry knows at this moment."""

from __future__ import annotations

from catalog3d.plan import Rest, rest_of
from catalog3d.stages.context import OpenCatalog
from catalog3d.status import Status


def resting(catalog: OpenCatalog, sku: str) -> Rest | None:
    """Where a SKU stands by its stored versions and the decisions about them; None without a stored version.

    Read anew each time: somebody may decide about a version while a run works on the SKU.
    """
    record = catalog.registry.catalog
    asset = record.assets_in_force(sku).get(sku)
    if asset is None:
        return None
    standing = record.standing(sku)
    published = standing is not None and standing.status is Status.PUBLISHED
    return rest_of(asset, record.rejections(sku).get(asset.id), published=published)
