"""The provider's bytes of a finished generation: fetched once, kept in the library, verified."""

from __future__ import annotations

import asyncio
from pathlib import Path

from catalog3d.errors import NeedsPersonError, ProductError, TransientError, UrlExpiredError
from catalog3d.ledger import Generation, Lease
from catalog3d.ports import Downloaded, TaskDetail
from catalog3d.stages.context import RunContext
from catalog3d.stages.leases import held
from catalog3d.stages.usage import details_of

# Tripo's own cap for models is 150 to 200 MB (v3 docs and migration guide, 2026); a larger answer is not a model.
MAX_MODEL_BYTES = 200_000_000

_TRIES = 4


async def fetch_raw(context: RunContext, generation: Generation, sku: str) -> tuple[Generation, Path]:
    """The provider's file of a successful generation, on local disk.

    Returns:
        The generation, with its raw key, and the file.

    Raises:
        ProductError: WRONG_FILE, FILE_TOO_LARGE, TASK_LOST; RUN_STOPPED if somebody asked to stop meanwhile.
        TransientError: It could not be fetched now; the paid task is kept.
    """
    target = context.catalog.home.work / "raw" / f"{generation.realm.replace(':', '-')}-{generation.id}.glb"
    if not generation.raw_key:
        async with held(context, generation.id, sku) as lease:
            generation = await context.record(context.catalog.registry.ledger.get, generation.id)
            if not generation.raw_key:
                return await _download_and_keep(context, generation, lease, target, sku), target
    if not target.exists():
        await asyncio.to_thread(_fetch, context, generation, target)
    return generation, target


async def _download_and_keep(
    context: RunContext, generation: Generation, lease: Lease, target: Path, sku: str
) -> Generation:
    got = await context.unless_braked(_download(context, generation, target), sku)
    key = await asyncio.to_thread(
        context.catalog.library.keep_raw, generation.realm, generation.digest, generation.attempt, target, got.sha256
    )
    return await context.record(context.catalog.registry.ledger.keep_raw, lease, key, got.sha256, got.size_bytes)


async def _download(context: RunContext, generation: Generation, target: Path) -> Downloaded:
    """Fetch with a fresh URL each time: URLs live for minutes, and a new one costs nothing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    last: TransientError | None = None
    for attempt in range(_TRIES):
        detail = await _task(context, generation)
        if not detail.model_url:
            raise ProductError(
                "The provider says the model is finished but gives no file for it.",
                code="WRONG_FILE",
                fix="Run again later; nothing is billed again.",
                details={"task_id": generation.task_id},
            )
        try:
            return await context.link.client.download(detail.model_url, target, MAX_MODEL_BYTES)
        except UrlExpiredError as error:
            last = error
        except TransientError as error:
            last = error
            await asyncio.sleep(min(10.0, error.retry_after_s or 0.5 * 2**attempt))
    raise last or TransientError("The model could not be fetched.")


async def _task(context: RunContext, generation: Generation) -> TaskDetail:
    """The finished task, by the key that made it, or by any other of ours that sees it."""
    try:
        return await context.link.client_of(generation).task(generation.task_id)
    except NeedsPersonError:
        found = await details_of(context.link.clients, [generation.task_id])
        if generation.task_id not in found:
            raise
        return found[generation.task_id]


def _fetch(context: RunContext, generation: Generation, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    context.catalog.store.fetch(generation.raw_key, target, sha256=generation.raw_sha256)
