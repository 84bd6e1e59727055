"""What becomes of a request whose answer is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalog3d.brief import Brief
from catalog3d.errors import NeedsPersonError, ProductError, RunError
from catalog3d.ledger import PROVEN_ABSENT, Generation, Lease, LedgerState, Outcome
from catalog3d.lookup import LookupRules
from catalog3d.ports import Submitted, TaskDetail, TaskState, UsageRow
from catalog3d.stages.context import RunContext
from catalog3d.stages.generate import _intent, generate
from catalog3d.stages.lookup import looked_up
from catalog3d.stages.open_tasks import settle_cut_off, tending_open_tasks
from catalog3d.stages.watch import TaskWatcher
from tests.stages.tripo import ScriptedTripo, a_run

Story = Callable[[RunContext, ScriptedTripo], Awaitable[None]]
NEXT_RUN = "20261124-130000-bcdefa"


def play(
    folder: Path, story: Story, skus: str = "A", tripo: ScriptedTripo | None = None, **run: object
) -> ScriptedTripo:
    tripo = tripo or ScriptedTripo()

    async def whole() -> None:
        async with a_run(folder, tripo, {sku: sku.lower() for sku in skus}, **run) as context:  # type: ignore[arg-type]
            await asyncio.wait_for(story(context, tripo), 20)

    asyncio.run(whole())
    return tripo


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0.02)


async def attempts(context: RunContext, sku: str) -> list[tuple[int, LedgerState, Outcome | None, str]]:
    brief = context.work[sku].brief
    assert brief is not None
    ids = list(range(1, 50))
    found = [item for item in context.catalog.registry.ledger.of_sku(ids) if item.digest == brief.digest]
    return [(item.attempt, item.state, item.outcome, item.task_id) for item in found]


def test_a_task_whose_answer_was_lost_is_found_and_adopted(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.lost_answers = {1}
        model = await generate(context, "A")
        assert (model.succeeded, model.task_id, model.attempt) == (True, "task-1", 1)

    assert play(tmp_path, story).submits == 1


def test_a_lost_task_that_shows_late_is_adopted_when_it_shows(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.lost_answers = {1}
        tripo.usage_shows = lambda row: (
            tripo.server_now() - (row.created_at or tripo.server_now()) > timedelta(minutes=2)
        )
        assert (await generate(context, "A")).task_id == "task-1"
        assert tripo.usage_reads > 1

    assert play(tmp_path, story).submits == 1


def test_a_request_that_was_killed_on_the_way_is_adopted_by_the_next_run(tmp_path: Path) -> None:
    tripo = ScriptedTripo()
    tripo.lost_answers = {1}
    tripo.usage_shows = lambda _row: False

    async def parked(context: RunContext, _tripo: ScriptedTripo) -> None:
        with pytest.raises(NeedsPersonError) as caught:
            await generate(context, "A")
        assert caught.value.code == "SUBMISSION_UNKNOWN"

    async def adopted(context: RunContext, _tripo: ScriptedTripo) -> None:
        assert (await generate(context, "A")).task_id == "task-1"

    play(tmp_path, parked, tripo=tripo)
    tripo.usage_shows = lambda _row: True
    play(tmp_path, adopted, tripo=tripo, run_id=NEXT_RUN)
    assert tripo.submits == 1


def test_a_lost_request_of_a_product_that_is_not_in_this_run_is_looked_for_too(tmp_path: Path) -> None:
    tripo = ScriptedTripo()
    tripo.lost_answers = {1}
    tripo.usage_shows = lambda _row: False

    async def parked(context: RunContext, _tripo: ScriptedTripo) -> None:
        with pytest.raises(NeedsPersonError):
            await generate(context, "A")

    async def other(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.usage_shows = lambda _row: True
        async with tending_open_tasks(context):
            await until(lambda: not context.catalog.registry.ledger.get(1).is_open)
        assert context.catalog.registry.ledger.get(1).succeeded

    play(tmp_path, parked, tripo=tripo)
    play(tmp_path, other, "B", tripo=tripo, run_id=NEXT_RUN)


def test_a_request_that_surely_made_nothing_is_sent_again_with_a_seed_of_its_own(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.never_made = {1}
        lost = asyncio.create_task(generate(context, "A"))
        await asyncio.sleep(0.1)
        tripo.new_state = TaskState.RUNNING
        witness = asyncio.create_task(generate(context, "B"))
        model = await lost_but_found(tripo, lost)
        assert (model, await attempts(context, "A")) == (
            "task-3",
            [
                (1, LedgerState.SETTLED, Outcome.WITHDRAWN, ""),
                (2, LedgerState.SETTLED, Outcome.SUCCESS, "task-3"),
            ],
        )
        first, second = (context.catalog.registry.ledger.get(number) for number in (1, 3))
        assert (first.error_code, first.credits_consumed) == (PROVEN_ABSENT, Decimal(0))
        assert first.model_seed != second.model_seed
        await witness

    async def lost_but_found(tripo: ScriptedTripo, lost: asyncio.Task[Generation]) -> str:
        await until(lambda: tripo.submits == 3)
        await asyncio.sleep(0.05)
        tripo.states = dict.fromkeys(tripo.states, TaskState.SUCCESS)
        return (await lost).task_id

    assert play(tmp_path, story, "ABC").submits == 3


def test_without_a_witness_nothing_is_sent_again(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        assert (await generate(context, "B")).succeeded  # accepted before: no witness
        tripo.never_made = {2}
        with pytest.raises(NeedsPersonError, match="no newer one of ours"):
            await generate(context, "A")
        assert (await attempts(context, "A"))[0][1] is LedgerState.UNKNOWN

    assert play(tmp_path, story, "AB").submits == 2


def test_where_running_tasks_are_hidden_nothing_is_sent_again_before_a_task_would_have_ended(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.usage_shows = lambda row: row.state is TaskState.SUCCESS
        tripo.lost_answers = {1}
        tripo.new_state = TaskState.RUNNING
        lost = asyncio.create_task(generate(context, "A"))
        await tripo.arrived.wait()
        await asyncio.sleep(0.05)
        tripo.new_state = TaskState.SUCCESS
        await generate(context, "B")  # a witness that the usage shows, while the lost task is still hidden
        await asyncio.sleep(0.2)  # twelve minutes
        assert (tripo.submits, context.catalog.registry.ledger.get(1).state) == (2, LedgerState.UNKNOWN)
        tripo.states["task-1"] = TaskState.SUCCESS
        assert (await lost).task_id == "task-1"

    assert play(tmp_path, story, "ABC").submits == 2


def test_a_task_that_echoes_neither_seed_nor_token_is_left_to_a_person(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.lost_answers = {1}
        lost = asyncio.create_task(generate(context, "A"))
        await tripo.arrived.wait()
        tripo.echoes["task-1"] = {"model": tripo.echoes["task-1"]["model"]}
        await generate(context, "B")
        with pytest.raises(NeedsPersonError, match="nothing tells them apart"):
            await lost

    assert play(tmp_path, story, "ABC").submits == 2


def test_of_two_tasks_that_one_request_made_the_first_is_adopted_and_the_other_listed(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.lost_answers = {1}
        tripo.usage_shows = lambda _row: len(tripo.made) > 1
        lost = asyncio.create_task(generate(context, "A"))
        await tripo.arrived.wait()
        first = tripo.made["task-1"]
        assert first.created_at is not None
        tripo.echoes["task-0"], tripo.states["task-0"] = tripo.echoes["task-1"], TaskState.SUCCESS
        tripo.made["task-0"] = replace(first, task_id="task-0", created_at=first.created_at + timedelta(seconds=1))
        assert (await lost).task_id == "task-1"
        orphans = context.catalog.registry.lookups.orphans(context.catalog.realm)
        assert [(orphan.task_id, orphan.generation_id) for orphan in orphans] == [("task-0", 1)]
        assert any("ORPHAN_PAID" in note and "task-0" in note for note in context.notes)

    play(tmp_path, story)


def test_tasks_of_somebody_else_are_neither_adopted_nor_in_the_way(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.never_made = {1}
        tripo.made["foreign"] = UsageRow(
            task_id="foreign", type="image_to_model", state=TaskState.RUNNING, created_at=tripo.server_now(),
            credits_consumed=None,
        )  # fmt: skip
        tripo.states["foreign"] = TaskState.RUNNING
        tripo.echoes["foreign"] = {"model_seed": "5", "input": "file_of_somebody"}
        lost = asyncio.create_task(generate(context, "A"))
        await asyncio.sleep(0.1)
        tripo.new_state = TaskState.RUNNING
        witness = asyncio.create_task(generate(context, "B"))
        await until(lambda: tripo.submits == 3)
        await asyncio.sleep(0.05)
        tripo.states = dict.fromkeys(tripo.states, TaskState.SUCCESS)
        await asyncio.gather(lost, witness)

    assert play(tmp_path, story, "ABC").submits == 3


def test_one_reading_of_the_usage_serves_all_lost_answers(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.lost_answers = set(range(1, 9))
        tripo.usage_shows = lambda _row: tripo.submits == 8
        await asyncio.gather(*(generate(context, sku) for sku in "ABCDEFGH"))
        assert tripo.usage_reads <= 2 * context.lookups.readings  # a page, and the proof that none follows
        assert context.lookups.readings <= 3

    rules = LookupRules(absent_after_s=36_000, apart_s=0.7, unseen_after_s=36_000, give_up_after_s=72_000)
    assert play(tmp_path, story, "ABCDEFGH", lookup_rules=rules).submits == 8


async def looked_for(context: RunContext, sku: str) -> asyncio.Task[Generation]:
    """Order a SKU whose answer is lost, until it is looked for."""
    lost = asyncio.create_task(generate(context, sku))
    await until(lambda: bool(context.lookups.waiting))
    return lost


def test_an_answer_that_came_after_all_is_not_closed_as_nothing(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.lost_answers = {1}
        tripo.usage_shows = lambda row: row.task_id != "task-1"
        lost = await looked_for(context, "A")
        assert context.catalog.registry.ledger.keep_answer(1, Submitted(task_id="task-1"))
        await generate(context, "B")
        assert (await lost).task_id == "task-1"

    assert play(tmp_path, story, "ABC").submits == 2


def test_a_program_that_was_paused_right_before_the_request_does_not_send_it(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        ledger = context.catalog.registry.ledger
        commit, now_s = ledger.start_sending, [0.0]
        context.elapsed_s = lambda: now_s[0]

        def paused(lease: Lease, **sending: Any) -> None:
            commit(lease, **sending)
            now_s[0] += 600
            context.catalog.clock.advance(600)  # type: ignore[attr-defined]
            taken = ledger.take_lease(lease.generation_id, "another-machine")
            assert taken is not None
            ledger.park(taken, "SUBMISSION_UNKNOWN", "no answer", given_up_at=tripo.server_now())

        ledger.start_sending = paused  # type: ignore[method-assign]
        with pytest.raises(ProductError) as caught:
            await generate(context, "A")
        assert caught.value.code == "LEASE_LOST"
        assert await attempts(context, "A") == [(1, LedgerState.UNKNOWN, None, "")]

    assert play(tmp_path, story).submits == 0


def test_a_request_that_was_held_up_and_not_taken_over_is_sent_after_all(tmp_path: Path) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        moments = iter([0.0, 16.0])
        context.elapsed_s = lambda: next(moments, 20.0)
        assert (await generate(context, "A")).attempt == 1

    assert play(tmp_path, story).submits == 1


@pytest.mark.parametrize("gone", [True, False])
def test_a_request_of_a_worker_that_may_only_sleep_is_over_a_lease_later(tmp_path: Path, *, gone: bool) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        ledger, work = context.catalog.registry.ledger, context.work["A"]
        assert work.brief is not None
        opened = ledger.open_intent(_intent(context, work, work.brief), context.caps)
        dead = ledger.take_lease(opened.id, "dead")
        assert dead is not None
        ledger.start_sending(dead, slots=1, file_tokens={}, run_id=context.run_id, caps=context.caps)
        context.catalog.clock.advance(61)  # type: ignore[attr-defined]
        lease = ledger.take_lease(opened.id, context.holder, instead_of="dead" if gone else "")
        assert lease is not None
        before = tripo.server_now()
        await settle_cut_off(context, ledger.get(opened.id), lease)
        given_up_at = ledger.get(opened.id).given_up_at
        assert given_up_at is not None
        margin = timedelta(0) if gone else timedelta(seconds=60)
        assert before + margin <= given_up_at <= tripo.server_now() + margin

    play(tmp_path, story)


def test_words_for_a_state_that_we_do_not_know_are_no_running_task(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.lost_answers, tripo.new_state = {1}, TaskState.UNKNOWN
        tripo.usage_shows = lambda row: row.task_id != "task-1"
        lost = await looked_for(context, "A")
        witness = asyncio.create_task(generate(context, "B"))
        await until(lambda: tripo.submits == 2 and context.lookups.readings > 4)
        assert not context.lookups.running_shown
        tripo.states = dict.fromkeys(tripo.states, TaskState.SUCCESS)
        tripo.usage_shows = lambda _row: True
        assert (await lost).task_id == "task-1"
        await witness

    play(tmp_path, story, "ABC")


class OtherClock(ScriptedTripo):
    """Dates the rows of its usage by a clock eight hours ahead."""

    async def usage(self, limit: int = 50, offset: int = 0) -> list[UsageRow]:
        rows = await super().usage(limit, offset)
        return [replace(row, created_at=row.created_at + timedelta(hours=8)) for row in rows if row.created_at]


def test_a_usage_that_tells_time_by_another_clock_proves_nothing(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.never_made = {1}
        lost = await looked_for(context, "A")
        await generate(context, "B")
        with pytest.raises(NeedsPersonError, match="did not tell in time"):
            await lost

    assert play(tmp_path, story, "ABC", tripo=OtherClock()).submits == 2


def test_a_task_that_names_our_seed_is_seen_whatever_its_row_says_of_the_time(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.lost_answers = {1}
        assert (await generate(context, "A")).task_id == "task-1"

    assert play(tmp_path, story, "AB", tripo=OtherClock()).submits == 1


def test_a_doubt_once_seen_is_kept_when_the_usage_shows_it_no_more(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.never_made = {1}
        lost = await looked_for(context, "A")
        row = UsageRow(
            task_id="hidden", type="", state=TaskState.SUCCESS, created_at=tripo.server_now(), credits_consumed=None
        )
        tripo.made["hidden"] = row  # our key may not read it
        readings = context.lookups.readings
        await until(lambda: context.lookups.readings > readings + 1)
        del tripo.made["hidden"]
        await generate(context, "B")
        with pytest.raises(NeedsPersonError, match="hidden"):
            await lost

    rules = LookupRules(absent_after_s=3600, apart_s=0.02, unseen_after_s=3600, give_up_after_s=36_000)
    assert play(tmp_path, story, "ABC", lookup_rules=rules).submits == 2


def test_a_previous_key_that_was_revoked_parks_nobody(tmp_path: Path) -> None:
    class Revoked(ScriptedTripo):
        async def tasks(self, task_ids: Sequence[str]) -> Mapping[str, TaskDetail]:
            raise RunError("The key was refused.", code="KEY_REFUSED")

    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        revoked = Revoked()
        context.link = replace(
            context.link, earlier={"1" * 12: (revoked, TaskWatcher(revoked, poll_s=0.01, deadline_s=30))}
        )
        tripo.lost_answers = {1}
        tripo.made["foreign"] = UsageRow(
            task_id="foreign", type="", state=TaskState.SUCCESS, created_at=None, credits_consumed=None
        )
        assert (await generate(context, "A")).task_id == "task-1"

    play(tmp_path, story)


def test_a_request_is_written_down_with_the_key_that_sends_it(tmp_path: Path) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        work = context.work["A"]
        assert work.brief is not None
        context.catalog.registry.ledger.open_intent(_intent(context, work, work.brief), context.caps)
        context.link = replace(context.link, key_fingerprint="1" * 12)
        await generate(context, "A")
        assert context.catalog.registry.ledger.get(1).key_fingerprint == "1" * 12

    play(tmp_path, story)


def test_a_task_that_one_key_does_not_see_is_asked_for_with_the_others(tmp_path: Path) -> None:
    class Blind(ScriptedTripo):
        async def tasks(self, task_ids: Sequence[str]) -> Mapping[str, TaskDetail]:
            return {}

        async def task(self, task_id: str) -> TaskDetail:
            raise NeedsPersonError("There is no such task.", code="TASK_NOT_FOUND")

    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        blind = Blind()
        watcher = TaskWatcher(blind, poll_s=0.01, deadline_s=30, polls_per_s=1000)
        context.link = replace(context.link, earlier={"0" * 12: (blind, watcher)})
        assert (await generate(context, "A")).succeeded

    play(tmp_path, story)


def test_a_second_lookup_of_one_request_ends_the_first(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.lost_answers = {1}
        tripo.usage_shows = lambda _row: False
        first = await looked_for(context, "A")
        case = context.lookups.waiting[1]
        second = asyncio.create_task(looked_up(context, context.catalog.registry.ledger.get(1), case.lease))
        with pytest.raises(ProductError) as caught:
            await first
        assert caught.value.code == "LEASE_LOST"
        assert context.lookups.waiting[1] is not case
        context.brake()
        with pytest.raises(ProductError):
            await second
        with pytest.raises(ProductError) as later:
            await looked_up(context, context.catalog.registry.ledger.get(1), case.lease)
        assert later.value.code == "RUN_STOPPED"

    play(tmp_path, story, "AB")


def test_a_refusal_that_comes_while_the_run_is_cancelled_is_written_down(tmp_path: Path) -> None:
    class Refuses(ScriptedTripo):
        async def submit(self, brief: Brief, tokens: Mapping[str, str], model_seed: int) -> Submitted:
            self.arrived.set()
            await asyncio.sleep(0.1)
            raise ProductError("It is refused.", code="TRIPO_1004")

    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        order = asyncio.create_task(generate(context, "A"))
        await tripo.arrived.wait()
        order.cancel()
        with pytest.raises(asyncio.CancelledError):
            await order
        assert await attempts(context, "A") == [(1, LedgerState.SETTLED, Outcome.REFUSED, "")]

    play(tmp_path, story, tripo=Refuses())


def test_a_stop_ends_a_lookup_at_once_and_the_next_run_goes_on(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.lost_answers = {1}
        tripo.usage_shows = lambda _row: False
        lost = asyncio.create_task(generate(context, "A"))
        await tripo.arrived.wait()
        await asyncio.sleep(0.02)
        context.brake()
        with pytest.raises(ProductError) as caught:
            await lost
        assert caught.value.code == "RUN_STOPPED"

    play(tmp_path, story, "AB")
