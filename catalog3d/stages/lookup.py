"""Unknown requests, looked for together: one reading of the account's usage a cycle, whoever waits.

A lookup holds its slot in the count and nothing else. `catalog3d.lookup` decides; here is what is
read, how often, and how long before a person is asked.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from catalog3d.adapters.registry.generation_rows import lease_lost
from catalog3d.adapters.registry.lookups import Orphan
from catalog3d.errors import ProductError, RunError, SubmissionUnknown
from catalog3d.ledger import PROVEN_ABSENT, SOURCE, Generation, Lease, LedgerState, Outcome
from catalog3d.lookup import (
    HORIZON,
    Fit,
    Sent,
    claims,
    first_made,
    fit,
    later_than,
    may_be,
    provable_from,
    proven_absent,
)
from catalog3d.ports import Submitted, TaskDetail, TaskState
from catalog3d.stages.context import RunContext
from catalog3d.stages.open_lookups import Case, Lookups, end_case
from catalog3d.stages.telling import surely
from catalog3d.stages.usage import details_of, read_usage

log = logging.getLogger(__name__)

_SCANS_KEPT = 4
_DETAILS_KEPT = 20_000
OTHERS_READ = 2000
"""Tasks made at another time that are looked at in one reading, in case one names our seed all the same."""


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
    if lookups.abandoned is not None:
        raise copy(lookups.abandoned)
    case = Case(
        digest=generation.digest,
        sent=sent_of(generation),
        lease=lease,
        waits_since=context.link.client.server_now(),
        seen_s=lookups.elapsed_s(),
        done=loop.create_future(),
    )
    before = lookups.waiting.get(generation.id)
    if before is not None:  # the lease that it looked under was taken over, by us
        end_case(before, lease_lost(before.lease))
    lookups.waiting[generation.id] = case
    if lookups.cycle is None or lookups.cycle.done():
        lookups.cycle = loop.create_task(_cycle(context))
    try:
        await case.done
    finally:
        if lookups.waiting.get(generation.id) is case:
            del lookups.waiting[generation.id]
    return await context.record(context.catalog.registry.ledger.get, generation.id)


def sent_of(generation: Generation) -> Sent:
    """The request of a generation, as it is looked for."""
    sent_at = generation.sent_at or generation.created_at
    tokens = {slot: token for slot, token in generation.file_tokens.items() if slot != SOURCE}
    return Sent(
        generation_id=generation.id,
        endpoint=generation.brief.endpoint,
        model=generation.brief.model,
        prompt=generation.brief.prompt,
        model_seed=generation.model_seed,
        tokens=frozenset(tokens.values()),
        source=generation.file_tokens.get(SOURCE, ""),
        sent_at=sent_at,
        given_up_at=max(sent_at, generation.given_up_at or sent_at),
    )


async def _cycle(context: RunContext) -> None:
    """Look until nobody waits; whatever happens, everybody who waits is told."""
    try:
        await _look_on(context)
    except Exception:
        log.exception("The lookup of lost answers broke off.")
        message = "Looking for its answer in the account broke off."
        context.lookups.abandon(SubmissionUnknown(message, fix="See the run's log; the next run looks again."))


async def _look_on(context: RunContext) -> None:
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
    began_s = lookups.elapsed_s()
    scan = await read_usage(context.link.client, min(case.sent.sent_at for case in cases) - HORIZON)
    scan = replace(scan, began_s=began_s, ended_s=lookups.elapsed_s())
    lookups.readings += 1
    lookups.scans = [*lookups.scans, scan][-_SCANS_KEPT:]
    rows = {task_id: row for reading in lookups.scans for task_id, row in reading.rows.items()}
    kept = {task_id for case in cases for task_id in case.candidates}
    ours = await context.record(registry.lookups.by_task, realm, rows.keys() | kept)
    lookups.running_shown |= any(
        scan.rows[task_id].state in (TaskState.QUEUED, TaskState.RUNNING) for task_id in ours.keys() & scan.rows.keys()
    )
    strangers = {task_id: row for task_id, row in rows.items() if task_id not in ours}
    for case in cases:
        case.candidates |= {task_id for task_id, row in strangers.items() if may_be(case.sent, row)}
        case.candidates -= ours.keys()
    await _read_details(context, {task_id for case in cases for task_id in case.candidates}, strangers.keys())
    for case in cases:
        case.looks += 1
        named = {task_id for task_id in strangers if _names(lookups, case, task_id)}
        case.candidates |= named
        try:
            await _decide(context, case)
        except ProductError as error:
            end_case(case, error)


def _names(lookups: Lookups, case: Case, task_id: str) -> bool:
    """Whether a task, whenever it was made, names the request's seed or tokens."""
    return task_id in lookups.details and claims(case.sent, lookups.details[task_id])


async def _read_details(context: RunContext, wanted: Collection[str], others: Collection[str]) -> None:
    """Read every task that may be it, again until it is seen, and others once, as far as they are few."""
    lookups = context.lookups
    if len(lookups.details) > _DETAILS_KEPT:
        lookups.details.clear()
        lookups.asked.clear()
    further = sorted(set(others) - lookups.asked)[:OTHERS_READ]
    lookups.details |= await details_of(context.link.clients, {*wanted, *further} - lookups.details.keys())
    lookups.asked.update(further)


async def _decide(context: RunContext, case: Case) -> None:
    lookups, ledger = context.lookups, context.catalog.registry.ledger
    current = await context.record(ledger.get, case.lease.generation_id)
    if current.lease_fence != case.lease.fence:
        raise lease_lost(case.lease)
    if current.state is not LedgerState.UNKNOWN:  # its answer came after all, to a worker that had lost its lease
        end_case(case)
        return
    candidates = case.candidates
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
    not_before_s = case.seen_s + lookups.rules.absent_after_s
    if proven_absent(
        case.sent,
        lookups.scans,
        witnesses,
        lookups.rules,
        running_shown=lookups.running_shown,
        not_before_s=not_before_s,
    ):
        log.warning("generation %s: proven that nothing was made, so it may be sent again", case.lease.generation_id)
        await surely(
            context,
            ledger.settle,
            case.lease,
            Outcome.WITHDRAWN,
            credits_consumed=Decimal(0),
            code=PROVEN_ABSENT,
            message="The request got no answer, and the account's usage proves that it made nothing.",
            only_from=LedgerState.UNKNOWN,
        )
        end_case(case)
        await _free_slot(context)


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
    read_late = bool(lookups.scans) and lookups.scans[-1].began_at > shown_by
    message = ""
    if case.unsure and read_late and case.looks > 1:
        message = f"The account has tasks that may be it ({', '.join(case.unsure[:3])}), and nothing tells them apart."
    elif now > max(sent.given_up_at, case.waits_since) + timedelta(seconds=rules.give_up_after_s):
        message = "The account's usage did not tell in time what became of it."
    elif case.unsure:
        pass
    elif read_late and case.looks and not context.may_still_order and not _proof_is_near(lookups, case, now):
        message = "The account shows no such task, and no newer one of ours that would prove that none was made."
    if message:
        end_case(case, SubmissionUnknown(message, fix="Look in the Tripo account; the next run looks again too."))


def _proof_is_near(lookups: Lookups, case: Case, now: datetime) -> bool:
    """Whether a run that orders nothing more should stay for a proof: it has its witness, and lacks two readings."""
    rules = lookups.rules
    from_then = provable_from(case.sent, rules, running_shown=lookups.running_shown)
    seen_long_enough = case.waits_since + timedelta(seconds=rules.absent_after_s)
    last = max(from_then, seen_long_enough) + timedelta(seconds=4 * rules.apart_s)
    return bool(case.witnesses) and from_then <= now <= last


async def _free_slot(context: RunContext) -> None:
    async with context.slot_freed:
        context.slot_freed.notify_all()
