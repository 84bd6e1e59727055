"""validate_mesh: measure and judge the model, and draw its picture, in a bounded child process."""

from __future__ import annotations

from catalog3d.errors import RunError
from catalog3d.quality import MeshReport
from catalog3d.stages.context import RunContext
from catalog3d.stages.early_stops import note_judged
from catalog3d.status import Stage


async def judge(context: RunContext, sku: str) -> MeshReport:
    """The mesh report of a SKU's model. A failed check is a finding, never an exception.

    Raises:
        ProductError: RUN_STOPPED; the inspector's end ends the check that nobody waits for.
    """
    work = context.work[sku]
    if work.raw is None:
        raise RunError(f"{sku} reached validate_mesh without a model.", code="STAGE_ORDER")
    quality = context.catalog.rules.quality
    picture = work.raw.with_name(f"{work.raw.stem}.png")
    checking = context.with_meshes(
        context.inspector.inspect, work.raw, quality.profile, work.product, limits=quality.limits, picture=picture
    )
    work.report = await context.unless_braked(checking, sku)
    note_judged(context, work, work.report)
    work.picture = picture if picture.exists() else None
    await context.record(context.catalog.registry.runs.note, context.run_id, sku, stage=Stage.VALIDATE_MESH)
    return work.report
