"""The flow `publish`: approved models to the channels that the sheet names, each at most once.

    plan -> for every SKU and channel: publish_asset -> for every channel: write_lists -> records, statuses, sheets

A SKU or a channel that fails never stops the others. Started again, what is live is not published twice.

Requires: CATALOG3D_* in the environment of the process, secrets of channels as CATALOG3D_CHANNELS__NAME__SECRET.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from prefect import flow, get_run_logger
from prefect.states import Completed, Failed

from catalog3d.adapters.wiring import new_run_id
from catalog3d.errors import Catalog3DError, RunError
from catalog3d.publish_gates import PublishWish
from catalog3d.publishing import Step
from catalog3d.request import named_skus
from catalog3d.stages.publish import AT_ONCE, Publishing, note_failure, preview, publish_wish
from catalog3d.stages.publish_report import publish_markdown, publish_sentence
from catalog3d.stages.publish_telling import tell_everything, untold_channels
from tasks.farewell import show_summary
from tasks.publications import ended_listeners, publication_run
from tasks.publish import publish_asset, write_lists


@flow(name="publish", retries=0, persist_result=False)
async def publish(
    sku: str = "",
    channel: str = "",
    dry_run: bool = False,
    rollback: str = "",
    unpublish: str = "",
    concepts: bool = False,
    standin: bool = False,
) -> Any:
    """Publish approved models to the channels that the sheet names. What is live already is not sent again.

    Args:
        sku: Only these SKUs, with commas between them; also what was rolled back or taken away by hand.
        channel: Only this channel.
        dry_run: Say what would be done, and change nothing.
        rollback: Put the version back that was live before, of this SKU.
        unpublish: Take this SKU away from its channels.
        concepts: Also what was made from a sketch or a prompt.
        standin: Rehearse with what the stand-in made, in folders of the rehearsal.
    """
    run_id = new_run_id()
    try:
        wish = publish_wish(
            only=named_skus(sku),
            channel=channel,
            rollback=rollback,
            unpublish=unpublish,
            concepts=concepts,
            standin=standin,
        )
        return await _run(run_id, wish, dry_run=dry_run)
    except RunError as error:
        get_run_logger().error("%s", error)
        return Failed(message=str(error), data=error)


async def _run(run_id: str, wish: PublishWish, *, dry_run: bool) -> Any:
    with publication_run(run_id, wish, dry_run=dry_run) as publishing:
        if dry_run:
            await _preview(publishing)
        else:
            await _carry_out(publishing, run_id)
        for line in publishing.report:
            level = get_run_logger().warning if line.is_refusal else get_run_logger().info
            level("%s at %s: %s. %s %s", line.sku, line.channel, line.outcome, line.message, line.fix)
        for listener in ended_listeners:
            listener(publishing)
        sentence = publish_sentence(publishing)
        await show_summary(publish_markdown(publishing), key="publish", description=sentence)
    return Completed(message=sentence, data=run_id)


async def _preview(publishing: Publishing) -> None:
    for step in publishing.plan.work:
        publishing.lines[step.sku, step.channel] = await asyncio.to_thread(preview, publishing, step)


async def _carry_out(publishing: Publishing, run_id: str) -> None:
    """Channels that hand on the links of others come after those; lists and sheets say so when all is through."""
    places = asyncio.Semaphore(AT_ONCE)
    for wave in publishing.waves:
        await asyncio.gather(*(_one(publishing, step, run_id, places) for step in wave))
    unlisted = await _lists(run_id, publishing, untold_channels(publishing))
    try:
        await asyncio.to_thread(tell_everything, publishing, unlisted)
    except Catalog3DError as error:
        publishing.unwritten["records, index and sheet"] = error


async def _one(publishing: Publishing, step: Step, run_id: str, places: asyncio.Semaphore) -> None:
    """One SKU at one channel; whatever ends it, the others go on."""
    async with places:
        try:
            if (stopped := publishing.stopped.get(step.channel)) is not None:
                raise stopped
            await publish_asset(step.sku, step.channel, run_id)
        except Catalog3DError as error:
            publishing.lines[step.sku, step.channel] = note_failure(publishing, step, error)


async def _lists(run_id: str, publishing: Publishing, channels: Iterable[str]) -> list[str]:
    """Write the lists; the channels whose lists could not be written."""
    unlisted = []
    for name in channels:
        try:
            await write_lists(name, run_id)
        except Catalog3DError as error:
            unlisted.append(name)
            publishing.unwritten[f"lists of {name}"] = error
    return unlisted
