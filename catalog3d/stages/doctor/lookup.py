"""Looks in the account for a check whose request had no answer."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from catalog3d.adapters.tripo.answers import UsageRow
from catalog3d.diagnosis.judging import CLOCK_S
from catalog3d.ledger import Generation
from catalog3d.stages.doctor.observe import Observer

MAX_CANDIDATES = 200
"""Of one lookup: a busy account makes about that many tasks within the minutes in question."""


async def find_by_prompt(observer: Observer, generation: Generation) -> str:
    """Id of the task that echoes this check's prompt and seed, or "" if none does for as long as it may take to appear.

    The prompt names the check, so that a task with it is surely ours.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + observer.proof_s
    looked_at: set[str] = set()
    while True:
        for row in await _candidates(observer, generation):
            if row.task_id in looked_at or len(looked_at) >= MAX_CANDIDATES:
                continue
            detail = await observer.detail(row.task_id)
            if detail is None:
                continue
            looked_at.add(row.task_id)
            seed = detail.echo.get("model_seed", str(generation.model_seed))
            if detail.echo.get("prompt") == generation.brief.prompt and seed == str(generation.model_seed):
                return row.task_id
        if loop.time() >= deadline:
            return ""
        await asyncio.sleep(observer.look_s)


async def _candidates(observer: Observer, generation: Generation) -> list[UsageRow]:
    """Tasks that were made after the check was written down, as far as their times say."""
    since = generation.created_at - timedelta(seconds=CLOCK_S)
    found: dict[str, UsageRow] = {}
    async for rows in observer.pages():
        found |= {row.task_id: row for row in rows or () if row.created_at is None or row.created_at >= since}
    return list(found.values())
