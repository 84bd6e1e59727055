"""The catalog flows: a product sheet in, a library of named, approvable models out.

    ingest_sheet -> for every SKU that has something to do:
        validate_fields -> generate_model -> validate_mesh -> name_version -> upload_asset -> update_status

A SKU that fails never stops the others; a bad key, an empty wallet or a missing bucket stops new
submits. Started again, a run goes on from what is finished: a retry bills nothing twice.

Requires: CATALOG3D_* in the environment of the process (docs/operators.md); no blocks, no variables.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Annotated, Any

from prefect import flow, get_run_logger
from prefect.runtime import deployment
from prefect.states import Cancelled, Completed, Failed
from pydantic import Field

from catalog3d.adapters.requests import nightly_request, rerun_request, retake_request, sheet_request
from catalog3d.adapters.wiring import new_run_id
from catalog3d.billing import bill_groups
from catalog3d.errors import Catalog3DError, RunError
from catalog3d.request import EndedAt, RunRequest, StageName, StatusName, named_skus
from catalog3d.selection import nothing_selected
from catalog3d.stages.lines import Gate
from catalog3d.stages.reporting import artifact_markdown, finish_run
from tasks.catalog import (
    generate_model,
    ingest_sheet,
    name_version,
    update_status,
    upload_asset,
    validate_fields,
    validate_mesh,
)
from tasks.farewell import show_summary
from tasks.sessions import Session, run_session

Credits = Annotated[float, Field(ge=0)]
Limit = Annotated[int, Field(ge=1)]


@flow(name="catalog-run", flow_run_name="catalog-run {sheet}", retries=0, persist_result=False)
async def catalog_run(
    sheet: str,
    images: str = "",
    only: str = "",
    category: str = "",
    limit: Limit | None = None,
    budget: Credits | None = None,
    rehearse: bool = False,
    failed: bool = False,
    stale: bool = False,
) -> Any:
    """Make, check, name and store a model for every product of a sheet that has none yet.

    Args:
        sheet: Path of the product sheet (CSV, TSV or XLSX) on the worker's machine.
        images: Folder with more photos; the sheet's own is always looked at.
        only: Only these SKUs, with commas between them; empty means all.
        category: Only this category; empty means all.
        limit: Work on at most so many SKUs.
        budget: Cap of this run in credits (30 per model, 1 credit = $0.01).
        rehearse: Use the free local stand-in even though there is a Tripo key.
        failed: Try failed SKUs again, also those the provider refused.
        stale: Order new models where the photo or the rules changed. This pays.
    """
    return await _run(
        sheet_request(
            sheet,
            deployed=_deployed(),
            images=images,
            only=named_skus(only),
            category=category or None,
            limit=limit,
            budget=_credits(budget),
            rehearse=rehearse,
            failed=failed,
            stale=stale,
        )
    )


@flow(name="catalog-nightly", retries=0, persist_result=False)
async def catalog_nightly(budget: Credits | None = None) -> Any:
    """Run the sheet that the rules name under `nightly`, within the budget they give it.

    Args:
        budget: Cap of this night in credits; without it, the rules' nightly budget.
    """
    return await _run(nightly_request(_credits(budget)))


@flow(name="rerun-failed", retries=0, persist_result=False)
async def rerun_failed(
    sheet: str = "",
    images: str = "",
    status: StatusName | None = "failed",
    stale: bool = False,
    reason: str = "",
    stage: EndedAt | None = None,
    category: str = "",
    older_than: str = "",
    newer_than: str = "",
    from_stage: StageName | None = None,
    sku: str = "",
    limit: Limit | None = None,
    budget: Credits | None = None,
) -> Any:
    """Do SKUs again that failed, were flagged or were rejected, from the stage that is needed.

    What chooses SKUs narrows each other; the log says first what each group of them will bill, and why.

    Args:
        sheet: Path of the sheet on the worker's machine; empty means that of the last run.
        images: Folder with more photos; empty means that of the sheet's last run.
        status: Which SKUs: those with this status now. Of SKUs named below, only stale leaves out others.
        stale: Stale SKUs too, beside those of the status above. This pays.
        reason: Only those with this reason code, such as TRIPO_2008.
        stage: Only those that ended at this stage, such as upload_asset.
        category: Only this category; empty means all.
        older_than: Only those that have stood unchanged for so long, such as 7d (m, h, d or w).
        newer_than: Only those that changed within this time, such as 12h for last night's.
        from_stage: Do this stage and the later ones again; a finished model is never paid again.
        sku: Only these SKUs, with commas between them.
        limit: Work on at most so many SKUs.
        budget: Cap of this run in credits (30 per model, 1 credit = $0.01).
    """
    return await _run(
        rerun_request(
            sheet,
            deployed=_deployed(),
            images=images,
            status=status,
            stale=stale,
            reason=reason,
            stage=stage,
            category=category,
            older_than=older_than,
            newer_than=newer_than,
            from_stage=from_stage,
            only=named_skus(sku),
            limit=limit,
            budget=_credits(budget),
        )
    )


@flow(name="retake", flow_run_name="retake {sku}", retries=0, persist_result=False)
async def retake(sheet: str, sku: str, budget: Credits | None = None) -> Any:
    """Make the other model of a SKU that a person has asked for, beside the one that it has.

    Args:
        sheet: Path of the sheet.
        sku: The SKU.
        budget: Cap of this run in credits (30 per model, 1 credit = $0.01).
    """
    return await _run(retake_request(sheet, sku, _credits(budget)))


def _credits(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _deployed() -> bool:
    """Whether a deployment started this flow run, so that its paths came from a form."""
    return deployment.id is not None


async def _run(request: RunRequest) -> Any:
    """One run: plan, fan out, report. Ends Completed with a sentence; Failed when the run itself could not go on."""
    run_id = new_run_id()
    try:
        with run_session(run_id, request) as session:
            skus = await ingest_sheet(run_id)
            _say_bills(session)
            async with session.start() as context:
                gate = Gate(context.link.slots.most)
                await asyncio.gather(*(_product(session, sku, gate) for sku in skus))
                report = await finish_run(context)
    except RunError as error:
        get_run_logger().error("%s", error)
        return Failed(message=str(error), data=error)
    sentence = _none_selected(session) or report.sentence
    await show_summary(artifact_markdown(report), key="catalog-run", description=sentence)
    ended = Cancelled if context.braked else Completed
    return ended(message=sentence, data=run_id)


def _say_bills(session: Session) -> None:
    """Say what the selected SKUs will bill before the first of them is begun."""
    unit = "stand-in credits" if session.catalog.is_rehearsal else "credits"
    for group in bill_groups(session.planned.plan) if session.planned else ():
        get_run_logger().info("%s", group.sentence(unit))


def _none_selected(session: Session) -> str:
    """What there is instead of the SKUs that were asked for; "" if there are some."""
    planned = session.planned
    return nothing_selected(session.request, planned.counts) if planned and not planned.plan.items else ""


async def _product(session: Session, sku: str, gate: Gate) -> None:
    """All stages of one SKU; whatever ends them, the others go on."""
    run_id = session.run_id
    async with gate.place(session.pool_of(sku)) as place:
        if session.is_stopped:
            return
        try:
            await validate_fields(sku, run_id)
            async with place.turn(session.brief_of(sku)):
                await generate_model(sku, run_id)
            await validate_mesh(sku, run_id)
            await name_version(sku, run_id)
            await upload_asset(sku, run_id)
        except Catalog3DError as error:
            get_run_logger().warning("%s", error)
        try:
            await update_status(sku, run_id)
        except Exception as error:  # noqa: BLE001 - the next run sees where this SKU stands, and puts it right
            get_run_logger().exception("%s: its status could not be written", sku)
            session.started.notes.append(f"{sku}: its status could not be written ({error}); run again.")
