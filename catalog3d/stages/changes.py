"""What changed since a SKU's model was made, old beside new, and what the new one would cost: for a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from catalog3d.adapters.pictures import kept_picture
from catalog3d.errors import ProductError
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.ingest import read_sheet
from catalog3d.stages.looking import look_at_products
from catalog3d.stages.planning import asked_for
from catalog3d.staleness import Difference, differences, what_changed


@dataclass(frozen=True, kw_only=True)
class Changes:
    """A SKU whose model is not what its sheet asks for any more.

    Attributes:
        version: The newest one, which is held against the sheet. What is approved stays live.
        reason, message: As the plan says them.
        differences: What differs.
        credits: Price of the new model.
        pictures: Pixel digest -> the picture, of the old and new ones that are on this machine.
    """

    sku: str
    version: int
    reason: str
    message: str
    differences: tuple[Difference, ...]
    credits: Decimal
    pictures: Mapping[str, Path]


def changes_of(catalog: OpenCatalog, sku: str) -> Changes | None:
    """What changed since the newest version of a SKU was made; None if nothing did, or nobody can know now.

    Raises:
        ProductError: SKU_UNKNOWN; NOT_IN_SHEET where no sheet names it any more.
        RunError: The sheet cannot be read.
    """
    standing = catalog.registry.catalog.standing(sku)
    if standing is None:
        raise ProductError(f"There is no SKU {sku}.", code="SKU_UNKNOWN", fix="catalog3d status lists them.", sku=sku)
    if not standing.sheet:
        raise ProductError(
            f"No sheet names {sku} any more.",
            code="NOT_IN_SHEET",
            fix="What it has stays; `catalog3d publish --unpublish SKU` takes it off the channels.",
            sku=sku,
        )
    asset = catalog.registry.catalog.newest_assets().get(sku)
    images = (catalog.registry.catalog.last_request(standing.sheet) or {}).get("images")
    reading = read_sheet(Path(standing.sheet), catalog.rules, images=Path(str(images)) if images else None)
    product = next((one for one in reading.products if one.sku == sku), None)
    if asset is None or product is None:
        return None
    made = catalog.registry.ledger.get(asset.generation_id) if asset.generation_id is not None else None
    before = asked_for(asset, made)
    look = look_at_products(catalog, replace(reading, products=(product,)), None)[1].get(sku)
    if before is None or look is None or look.brief is None or look.brief.digest == before.digest:
        return None
    reason, message = what_changed(before, look.brief, product)
    found = differences(before, look.brief, product)
    return Changes(
        sku=sku,
        version=asset.version,
        reason=reason,
        message=message,
        differences=found,
        credits=look.price,
        pictures=_pictures(catalog, found),
    )


def _pictures(catalog: OpenCatalog, found: tuple[Difference, ...]) -> dict[str, Path]:
    digests = [digest for one in found if one.kind == "photo" for digest in (one.before, one.after) if digest]
    places = {digest: kept_picture(catalog.home.shared / "pictures", digest) for digest in digests}
    return {digest: place for digest, place in places.items() if place is not None}
