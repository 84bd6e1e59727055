"""Where a SKU rests between runs, from what the registry knows at this moment."""

from __future__ import annotations

from catalog3d.adapters.registry.catalog import Change, Standing
from catalog3d.plan import Rest, rest_of
from catalog3d.publication import is_published
from catalog3d.stages.context import OpenCatalog
from catalog3d.status import Stage


def resting(catalog: OpenCatalog, sku: str) -> Rest | None:
    """Where a SKU stands by its stored versions and the decisions about them; None without a stored version.

    Read anew each time: somebody may decide about a version while a run works on the SKU.
    """
    record = catalog.registry.catalog
    asset = record.assets_in_force(sku).get(sku)
    if asset is None:
        return None
    published = is_published(asset, channels_of(record.standing(sku)), catalog.registry.publications.of(sku))
    return rest_of(asset, record.rejections(sku).get(asset.id), published=published)


def come_to_rest(catalog: OpenCatalog, sku: str) -> None:
    """Say in the registry where a SKU rests, after somebody decided about it; nothing without a stored version."""
    rest = resting(catalog, sku)
    if rest is not None:
        stage = Stage.UPDATE_STATUS.value
        change = Change(sku=sku, status=rest.status, stage=stage, reason=rest.reason, message=rest.message)
        catalog.registry.catalog.change([change])


def channels_of(standing: Standing | None) -> tuple[str, ...]:
    """The channels that the sheet named for a SKU when it was last read."""
    return tuple(standing.fields.get("channels") or ()) if standing is not None else ()
