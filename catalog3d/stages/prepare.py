"""validate_fields: fetch, check and prepare the views of one planned SKU; the brief follows from them."""

from __future__ import annotations

import asyncio

from catalog3d.adapters.registry.catalog import Change
from catalog3d.brief import Picture, make_brief
from catalog3d.stages.context import RunContext
from catalog3d.stages.leases import take_product
from catalog3d.status import Stage, Status


async def prepare(context: RunContext, sku: str) -> str:
    """Prepare the views of a SKU.

    Returns:
        The digest of its brief.

    Raises:
        ProductError: TAKEN while another run works on the SKU; PHOTO_* and URL_REFUSED for unusable views.
        TransientError: A picture's server did not answer.
    """
    work = context.work[sku]
    registry = context.catalog.registry
    await take_product(context, sku)
    await context.record(_begin, context, sku)
    fetching = [context.with_pictures(context.catalog.pictures.prepare, view) for view in work.product.sides]
    work.views = tuple(await context.unless_braked(asyncio.gather(*fetching), sku))
    pictures = tuple(Picture(slot=view.slot, pixels_sha256=view.pixels_sha256) for view in work.views)
    work.sheet = make_brief(context.catalog.rules.tripo_for(work.product.category), pictures, work.product.prompt)
    work.brief = (work.retake.brief_for(work.sheet) if work.retake is not None else None) or work.sheet
    await context.record(registry.runs.note, context.run_id, sku, digest=work.brief.digest, stage=Stage.VALIDATE_FIELDS)
    return work.brief.digest


def _begin(context: RunContext, sku: str) -> None:
    context.catalog.registry.catalog.change(
        [Change(sku=sku, status=Status.GENERATING, stage=Stage.VALIDATE_FIELDS.value)]
    )
