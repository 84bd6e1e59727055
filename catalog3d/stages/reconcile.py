"""After a run: the account's usage beside the ledger, so that nothing that was paid is forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from catalog3d.adapters.registry.lookups import Reconciliation
from catalog3d.errors import Catalog3DError
from catalog3d.ledger import Generation, LedgerState, Outcome
from catalog3d.lookup import CLOCK_GRAIN, WINDOW, Scan, claims
from catalog3d.ports import TaskDetail
from catalog3d.stages.context import RunContext
from catalog3d.stages.lookup import note_orphan, sent_of
from catalog3d.stages.usage import details_of, read_usage

log = logging.getLogger(__name__)

_PATIENCE_S = 120.0


async def reconcile(context: RunContext) -> None:
    """Compare usage and ledger for all requests since the last comparison, and list what is ours but unrecorded.

    Asks nothing if no request left since then. What cannot be compared now is compared after the next run.
    """
    if context.braked:
        return
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await _reconcile(context)
    except (Catalog3DError, TimeoutError) as error:
        log.warning("The account's usage could not be compared with the ledger.", exc_info=True)
        context.notes.append(f"The account's usage was not compared with the ledger; the next run does: {error}")


async def _reconcile(context: RunContext) -> None:
    realm, record = context.catalog.realm, context.catalog.registry.lookups
    since = await context.record(record.unreconciled_since, realm)
    if since is None:
        return
    scan = await read_usage(context.link.client, since - WINDOW)
    held = await context.record(record.by_task, realm, scan.rows.keys())
    held = {task_id: generation for task_id, generation in held.items() if not _closed_as_nothing(generation)}
    strangers = await details_of(context.link.clients, _strangers(scan, held, since))
    sent = await context.record(record.sent, realm, since - WINDOW, scan.ended_at + WINDOW)
    for task, generation in _orphans(strangers, sent):
        await note_orphan(context, task, generation.id)
    until = await _covered_until(context, scan)
    result = compared(scan, held, context.run_id, since, until)
    if until > since:
        await context.record(record.note_reconciliation, realm, result)
    if result.charged != result.recorded:
        context.notes.append(
            f"The account was charged {result.charged} credits for {result.tasks} tasks of ours, and the ledger has "
            f"{result.recorded} for them: look at the usage page of the Tripo account."
        )


async def _covered_until(context: RunContext, scan: Scan) -> datetime:
    """Up to when a reading shows everything: not what is too new, nor what is still looked for."""
    rules, record = context.lookups.rules, context.catalog.registry.lookups
    lag_s = rules.absent_after_s if context.lookups.running_shown else max(rules.absent_after_s, rules.unseen_after_s)
    until = scan.began_at - timedelta(seconds=lag_s)
    oldest = await context.record(record.unanswered_since, context.catalog.realm)
    return until if oldest is None else min(until, oldest - CLOCK_GRAIN)


def _closed_as_nothing(generation: Generation) -> bool:
    return generation.outcome is Outcome.WITHDRAWN


def compared(
    scan: Scan, held: Mapping[str, Generation], run_id: str, since: datetime, until: datetime
) -> Reconciliation:
    """What account and ledger say about the tasks that both have ended."""
    both = {
        task_id: generation
        for task_id, generation in held.items()
        if generation.credits_consumed is not None and scan.rows[task_id].credits_consumed is not None
        if scan.rows[task_id].state.is_final
    }
    return Reconciliation(
        run_id=run_id,
        since=since,
        until=until,
        whole=scan.whole,
        tasks=len(both),
        charged=sum((scan.rows[task_id].credits_consumed or Decimal(0) for task_id in both), Decimal(0)),
        recorded=sum((generation.credits_consumed or Decimal(0) for generation in both.values()), Decimal(0)),
    )


def _strangers(scan: Scan, held: Mapping[str, Generation], since: datetime) -> set[str]:
    return {
        task_id
        for task_id, row in scan.rows.items()
        if task_id not in held and (row.created_at is None or row.created_at >= since - WINDOW)
    }


def _orphans(strangers: Mapping[str, TaskDetail], sent: list[Generation]) -> list[tuple[TaskDetail, Generation]]:
    """Tasks that a request of ours made and that it does not hold; one that is still looked for is left to that."""
    wanted = [(sent_of(generation), generation) for generation in sent]
    looked_for = (LedgerState.SENDING, LedgerState.UNKNOWN)
    return [
        (task, generation)
        for task in strangers.values()
        for request, generation in wanted
        if claims(request, task) and generation.state not in looked_for
    ]
