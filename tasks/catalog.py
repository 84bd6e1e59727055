"""The seven tasks of the pipeline, in order. Their run names carry the SKU."""

from __future__ import annotations

import asyncio

from prefect import get_run_logger, task

from catalog3d.stages.generate import generate
from catalog3d.stages.judge import judge
from catalog3d.stages.planning import start_run
from catalog3d.stages.prepare import prepare
from catalog3d.stages.settle_status import settle_status
from catalog3d.stages.upload import upload
from catalog3d.stages.version import name_version as allot_version
from catalog3d.status import Stage
from tasks.policies import TASK_POLICY, written_down
from tasks.sessions import session_of


@task(task_run_name="ingest_sheet", **TASK_POLICY)
async def ingest_sheet(run_id: str) -> list[str]:
    """Read the sheet, check every row and plan the run; returns the SKUs that have something to do."""
    session = session_of(run_id)
    session.planned = await asyncio.to_thread(start_run, session.catalog, session.request, run_id)
    plan, reading = session.planned.plan, session.planned.reading
    get_run_logger().info(
        "%s rows, %s products, %s problems; %s to do, at most %s credits",
        reading.rows,
        len(reading.products),
        len(reading.problems),
        len(plan.todo),
        plan.credits,
    )
    return [item.sku for item in plan.todo]


@task(task_run_name="validate_fields {sku}", **TASK_POLICY)
async def validate_fields(sku: str, run_id: str) -> None:
    """Fetch, check and prepare the views of one product."""
    async with written_down(Stage.VALIDATE_FIELDS, sku, run_id):
        digest = await prepare(session_of(run_id).started, sku)
        get_run_logger().info("%s: brief %s", sku, digest[:12])


@task(task_run_name="generate_model {sku}", **TASK_POLICY)
async def generate_model(sku: str, run_id: str) -> None:
    """Get the model: from the ledger, from a running task, or by one paid request."""
    async with written_down(Stage.GENERATE_MODEL, sku, run_id):
        generation = await generate(session_of(run_id).started, sku)
        get_run_logger().info("%s: task %s, %s credits", sku, generation.task_id, generation.credits_consumed)


@task(task_run_name="validate_mesh {sku}", **TASK_POLICY)
async def validate_mesh(sku: str, run_id: str) -> None:
    """Measure and judge the model, and draw its picture."""
    async with written_down(Stage.VALIDATE_MESH, sku, run_id):
        report = await judge(session_of(run_id).started, sku)
        worst = report.worst
        get_run_logger().info("%s: %s%s", sku, report.verdict, f", {worst.code}: {worst.message}" if worst else "")


@task(task_run_name="name_version {sku}", **TASK_POLICY)
async def name_version(sku: str, run_id: str) -> None:
    """Allot the version and the file name, once."""
    async with written_down(Stage.NAME_VERSION, sku, run_id):
        asset = await allot_version(session_of(run_id).started, sku)
        get_run_logger().info("%s: %s", sku, asset.file)


@task(task_run_name="upload_asset {sku}", **TASK_POLICY)
async def upload_asset(sku: str, run_id: str) -> None:
    """Put model, picture and record into the library."""
    async with written_down(Stage.UPLOAD_ASSET, sku, run_id):
        asset = await upload(session_of(run_id).started, sku)
        get_run_logger().info("%s: %s, %s bytes", sku, asset.key, asset.size_bytes)


@task(task_run_name="update_status {sku}", **TASK_POLICY)
async def update_status(sku: str, run_id: str) -> None:
    """Commit where the product stands; the run's one writer tells the sheet."""
    end = await settle_status(session_of(run_id).started, sku)
    get_run_logger().info("%s: %s %s", sku, end.status, end.message)
