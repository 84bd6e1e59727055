"""The tasks of the flow `publish`: one run per SKU and channel, one per channel for its lists."""

from __future__ import annotations

import asyncio
import logging

from prefect import get_run_logger, task

from catalog3d.errors import Catalog3DError, ProductError
from catalog3d.stages.publish import carry_out
from catalog3d.stages.publish_telling import write_lists as write_channel_lists
from tasks.policies import TASK_POLICY
from tasks.publications import publishing_of

log = logging.getLogger(__name__)


@task(task_run_name="publish_asset {sku} {channel}", **TASK_POLICY)
async def publish_asset(sku: str, channel: str, run_id: str) -> None:
    """Publish, roll back or take away one SKU at one channel, as planned."""
    publishing = publishing_of(run_id)
    try:
        line = await asyncio.to_thread(carry_out, publishing, publishing.step(sku, channel))
    except Catalog3DError as error:
        raise error.for_sku(sku)  # noqa: B904 - the same error, named
    except Exception as exc:
        log.exception("publishing %s at %s failed", sku, channel)
        message = f"Something unforeseen happened: {type(exc).__name__}."
        raise ProductError(message, code="UNEXPECTED", fix="See the log of the run.", sku=sku) from exc
    publishing.lines[sku, channel] = line
    get_run_logger().info("%s at %s: %s %s", sku, channel, line.outcome, line.message or line.link)


@task(task_run_name="write_lists {channel}", **TASK_POLICY)
async def write_lists(channel: str, run_id: str) -> None:
    """Write a channel's feeds and import files over everything that it has."""
    publishing = publishing_of(run_id)
    publishing.notes.extend(await asyncio.to_thread(write_channel_lists, publishing, channel))
