"""name_version: the team's file name and the next version, allotted once."""

from __future__ import annotations

from catalog3d.asset import Asset, asset_identity
from catalog3d.errors import RunError
from catalog3d.naming import file_name
from catalog3d.stages.context import RunContext
from catalog3d.status import Stage

BASE_FORMAT = "GLB"
"""Tripo's generations are GLB files; other formats are made from it."""


async def name_version(context: RunContext, sku: str) -> Asset:
    """Reserve the version and the file name of a SKU's model; the same model gets the same again.

    Raises:
        ProductError: NAME_TAKEN if another SKU has that file name.
    """
    work = context.work[sku]
    generation = work.generation
    if generation is None:
        raise RunError(f"{sku} reached name_version without a model.", code="STAGE_ORDER")
    rule = context.catalog.rules.naming

    sheet = work.sheet
    asked = sheet.canonical() if sheet is not None and sheet.digest != generation.digest else ""

    def named(version: int) -> str:
        return file_name(rule, sku=sku, name=work.product.name, version=version, format=BASE_FORMAT, extension="glb")

    def allot() -> Asset:
        asset = context.catalog.registry.catalog.allot_version(
            sku,
            format=BASE_FORMAT,
            identity=asset_identity(generation.id, work.product),
            generation_id=generation.id,
            run_id=context.run_id,
            file_name=named,
            asked=asked,
        )
        context.catalog.registry.runs.note(context.run_id, sku, asset_id=asset.id, stage=Stage.NAME_VERSION)
        return asset

    work.asset = await context.record(allot)
    return work.asset
