"""Unknown requests, looked for together: one reading of the account's usage a cycle, whoever waits.

A lookup holds its slot in the count and nothing else. `catalog3d.lookup` decides; here is what is
read, how often, and how long before a person is asked.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from decimal import Decimal

from catalog3d.adapters.registry.lookups import Orphan
from catalog3d.errors import ProductError, RunError, SubmissionUnknown
from catalog3d.ledger import Generation, Lease, Outcome
from catalog3d.lookup import (
    HORIZON,
    Fit,
    Scan,
    Sent,
    first_made,
    fit,
    later_than,
    may_be,
    provable_from,
    proven_absent,
)
from catalog3d.ports import Submitted, TaskDetail, UsageRow
from catalog3d.stages.context import RunContext
from catalog3d.stages.open_lookups import Case, Lookups, end_case
from catalog3d.stages.telling import surely
from catalog3d.stages.usage import details_of, read_usage

log = logging.getLogger(__name__)

PROVEN_ABSENT = "PROVEN_ABSENT"
_SCANS_KEPT = 4
_DETAILS_KEPT = 20_000


async def looked_up(context: RunContext, generation: Generation, lease: Lease) -> Generation:
    """Wait until it is known what became of an unknown request.

    Returns:
        The generation: submitted, with the task that was found, or settled as withdrawn, because it was proven that
        nothing was made.

    Raises:
        SubmissionUnknown: It cannot be told; a person must look. The next run looks again.
        ProductError: RUN_STOPPED, LEASE_LOST.
    """
    lookups, loop = context.lookups, asyncio.get_running_loop()
    case = Case(
        digest=generation.digest,
        sent=sent_of(generation),
        lease=lease,
        waits_since=context.link.client.server_now(),
        done=loop.create_future(),
    )
    lookups.waiting[generation.id] = case
    if lookups.cycle is None or lookups.cycle.done():
        lookups.cycle = loop.create_task(_cycle(context))
    try:
        await case.done
    finally:
        lookups.waiting.pop(generation.id, None)
    return await context.record(context.catalog.registry.ledger.get, generation.id)


def sent_of(generation: Generation) -> Sent:
    """The request of a generation, as it is looked for."""
    sent_at = generation.sent_at or generation.created_at
    return Sent(
        generation_id=generation.id,
        endpoint=generation.brief.endpoint,
        model=generation.brief.model,
        prompt=generation.brief.prompt,
        model_seed=generation.model_seed,
        tokens=frozenset(generation.file_tokens.values()),
        sent_at=sent_at,
        given_up_at=max(sent_at, generation.given_up_at or sent_at),
    )


async def _cycle(context: RunContext) -> None:
    lookups = context.lookups
    while lookups.waiting:
        try:
            await _look(context)
        except RunError as error:
            lookups.abandon(SubmissionUnknown(error.message, fix=error.fix, details=error.details))
            return
        except Exception:  # a reading that failed proves nothing: the next one may tell
            log.warning("The account's usage could not be read.", exc_info=True)
        for case in list(lookups.waiting.values()):
            _give_up_in_time(context, case)
        if lookups.waiting:
            await asyncio.sleep(lookups.rules.apart_s)


async def _look(context: RunContext) -> None:
    """One reading for all that wait."""
    lookups, registry, realm = context.lookups, context.catalog.registry, context.catalog.realm
    cases = list(lookups.waiting.values())
    scan = await read_usage(context.link.client, min(case.sent.sent_at for case in cases) - HORIZON)
    lookups.readings += 1
    lookups.scans = [*lookups.scans, scan][-_SCANS_KEPT:]
    ours = await context.record(registry.lookups.by_task, realm, scan.rows.keys())
    lookups.running_shown |= any(not scan.rows[task_id].state.is_final for task_id in ours)
    strangers = {task_id for task_id, row in scan.rows.items() if task_id not in ours and _wanted(cases, row)}
    await _read_details(context, strangers)
    for case in cases:
        case.looks += 1
        try:
            await _decide(context, case, scan, strangers)
        except ProductError as error:
            end_case(case, error)


def _wanted(cases: list[Case], row: UsageRow) -> bool:
    return any(may_be(case.sent, row) for case in cases)


async def _read_details(context: RunContext, task_ids: set[str]) -> None:
    lookups = context.lookups
    if len(lookups.details) > _DETAILS_KEPT:
        lookups.details.clear()
    lookups.details |= await details_of(context.link.clients, task_ids - lookups.details.keys())


async def _decide(context: RunContext, case: Case, scan: Scan, strangers: set[str]) -> None:
    lookups, ledger = context.lookups, context.catalog.registry.ledger
    candidates = [task_id for task_id in strangers if may_be(case.sent, scan.rows[task_id])]
    known = {task_id: lookups.details[task_id] for task_id in candidates if task_id in lookups.details}
    found = first_made(task for task in known.values() if fit(case.sent, task) is Fit.OURS)
    if found:
        await _adopt(context, case, found)
        return
    case.unsure = tuple(
        sorted(
            task_id for task_id in candidates if task_id not in known or fit(case.sent, known[task_id]) is Fit.UNSURE
        )
    )
    if case.unsure:
        return
    witnesses = await context.record(
        context.catalog.registry.lookups.accepted, context.catalog.realm, case.sent.given_up_at
    )
    case.witnesses = frozenset(later_than(case.sent, witnesses))
    usable = [reading for reading in lookups.scans if not _doubtful(lookups, case, reading)]
    if proven_absent(case.sent, usable, witnesses, lookups.rules, running_shown=lookups.running_shown):
        log.warning("generation %s: proven that nothing was made, so it may be sent again", case.lease.generation_id)
        await surely(
            context,
            ledger.settle,
            case.lease,
            Outcome.WITHDRAWN,
            credits_consumed=Decimal(0),
            code=PROVEN_ABSENT,
            message="The request got no answer, and the account's usage proves that it made nothing.",
        )
        end_case(case)
        await _free_slot(context)


def _doubtful(lookups: Lookups, case: Case, scan: Scan) -> bool:
    """Whether an earlier reading had a row that could be this request, and that the last one does not show."""
    details = lookups.details
    return any(
        may_be(case.sent, row) and task_id in details and fit(case.sent, details[task_id]) is not Fit.OTHER
        for task_id, row in scan.rows.items()
    )


async def _adopt(context: RunContext, case: Case, found: tuple[TaskDetail, ...]) -> None:
    first, *others = found
    answer = Submitted(task_id=first.task_id, server_date=first.created_at)
    await surely(context, context.catalog.registry.ledger.submitted, case.lease, answer)
    log.warning("generation %s: its lost answer was task %s", case.lease.generation_id, first.task_id)
    for task in others:
        await note_orphan(context, task, case.lease.generation_id)
    end_case(case)


async def note_orphan(context: RunContext, task: TaskDetail, generation_id: int) -> None:
    """List a paid task that is ours and that no model uses."""
    orphan = Orphan(
        task_id=task.task_id,
        generation_id=generation_id,
        credits=task.credits_consumed,
        found_by=context.run_id,
        found_at=context.catalog.clock.now(),
    )
    if await surely(context, context.catalog.registry.lookups.note_orphan, context.catalog.realm, orphan):
        charged = "an unknown number of" if task.credits_consumed is None else task.credits_consumed
        context.notes.append(
            f"ORPHAN_PAID: the account was charged {charged} credits for task {task.task_id}, which is ours and which "
            "no model uses. Look at it in the Tripo account; ask Tripo for the credits if it was made twice."
        )


def _give_up_in_time(context: RunContext, case: Case) -> None:
    """Ask a person when looking on cannot tell any more, or not in time."""
    lookups, now = context.lookups, context.link.client.server_now()
    rules, sent = lookups.rules, case.sent
    shown_by = sent.given_up_at + timedelta(seconds=rules.absent_after_s + rules.apart_s)
    message = ""
    if case.unsure and now > shown_by and case.looks > 1:
        message = f"The account has tasks that may be it ({', '.join(case.unsure[:3])}), and nothing tells them apart."
    elif now > max(sent.given_up_at, case.waits_since) + timedelta(seconds=rules.give_up_after_s):
        message = "The account's usage did not tell in time what became of it."
    elif now > shown_by and case.looks and not context.may_still_order and not _proof_is_near(lookups, case, now):
        message = "The account shows no such task, and no newer one of ours that would prove that none was made."
    if message:
        end_case(case, SubmissionUnknown(message, fix="Look in the Tripo account; the next run looks again too."))


def _proof_is_near(lookups: Lookups, case: Case, now: datetime) -> bool:
    """Whether a run that orders nothing more should stay for a proof: it has its witness, and lacks two readings."""
    rules = lookups.rules
    from_then = provable_from(case.sent, rules, running_shown=lookups.running_shown)
    return bool(case.witnesses) and from_then <= now <= max(from_then, case.waits_since) + timedelta(
        seconds=4 * rules.apart_s
    )


async def _free_slot(context: RunContext) -> None:
    async with context.slot_freed:
        context.slot_freed.notify_all()
