"""A person settles a lost request; and what the account has beside the ledger is listed."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from catalog3d.adapters.registry.catalog import Change
from catalog3d.errors import NeedsPersonError, ProductError
from catalog3d.ledger import LedgerState, Outcome
from catalog3d.ports import TaskState, UsageRow
from catalog3d.stages.context import RunContext
from catalog3d.stages.generate import generate
from catalog3d.stages.reconcile import reconcile
from catalog3d.stages.resolve import adopt, resubmit
from catalog3d.status import Status
from tests.stages.test_lookup import NEXT_RUN, play
from tests.stages.tripo import QUICK, ScriptedTripo

AGES_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def lose(context: RunContext, tripo: ScriptedTripo, *, made: bool = True) -> None:
    """SKU A's request loses its answer, and the run gives up."""
    (tripo.lost_answers if made else tripo.never_made).add(1)
    tripo.usage_shows = lambda _row: False
    with pytest.raises(NeedsPersonError):
        await generate(context, "A")
    change = Change(
        sku="A", status=Status.FAILED, stage="generate_model", reason="SUBMISSION_UNKNOWN", message="",
        generation_id=1,
    )  # fmt: skip
    context.catalog.registry.catalog.change([change])


async def refused(doing: Awaitable[object]) -> str:
    with pytest.raises(ProductError) as caught:
        await doing
    return caught.value.code


def test_a_person_names_the_task_and_the_next_run_pays_nothing(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        await lose(context, tripo)
        done = await adopt(context.catalog, context.link, "A", "task-1", person="maria")
        assert (done.generation.state, done.generation.task_id) == (LedgerState.SUBMITTED, "task-1")

    async def next_run(context: RunContext, _tripo: ScriptedTripo) -> None:
        assert (await generate(context, "A")).task_id == "task-1"

    tripo = play(tmp_path, story)
    play(tmp_path, next_run, tripo=tripo, run_id=NEXT_RUN)
    assert tripo.submits == 1


def test_a_task_of_another_request_is_refused(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        await lose(context, tripo)
        tripo.states["foreign"], tripo.echoes["foreign"] = TaskState.SUCCESS, {"model_seed": "5", "input": "file_x"}
        assert await refused(adopt(context.catalog, context.link, "A", "foreign", person="m")) == "TASK_DIFFERS"
        assert context.catalog.registry.ledger.get(1).state is LedgerState.UNKNOWN

    play(tmp_path, story)


def test_a_person_says_that_nothing_was_made_and_the_next_run_orders_anew(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        await lose(context, tripo, made=False)
        tripo.hours_a_second = 20_000.0
        done = await resubmit(context.catalog, context.link, "A", person="maria", rules=QUICK)
        assert (done.generation.outcome, done.generation.credits_consumed) == (Outcome.WITHDRAWN, Decimal(0))
        assert "maria" in done.generation.error_message

    async def next_run(context: RunContext, _tripo: ScriptedTripo) -> None:
        assert (await generate(context, "A")).attempt == 2

    tripo = play(tmp_path, story)
    play(tmp_path, next_run, tripo=tripo, run_id=NEXT_RUN)
    assert tripo.submits == 2


def test_what_the_account_has_is_not_ordered_again_whatever_a_person_says(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        await lose(context, tripo)
        tripo.usage_shows = lambda _row: True
        assert await refused(resubmit(context.catalog, context.link, "A", person="maria", rules=QUICK)) == "TASK_FOUND"

    play(tmp_path, story)


def test_a_request_whose_task_may_not_show_yet_is_not_closed_unless_forced(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        await lose(context, tripo, made=False)
        with pytest.raises(ProductError, match=r"not be listed before 2026-11-22 1\d:\d\d UTC") as caught:
            await resubmit(context.catalog, context.link, "A", person="maria", rules=QUICK)
        assert caught.value.code == "TOO_EARLY"
        done = await resubmit(context.catalog, context.link, "A", person="maria", rules=QUICK, force=True)
        assert done.generation.outcome is Outcome.WITHDRAWN

    play(tmp_path, story)


def test_tasks_that_may_be_it_are_named_before_it_is_ordered_again(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        await lose(context, tripo)
        tripo.usage_shows = lambda _row: True
        tripo.echoes["task-1"] = {}
        tripo.hours_a_second = 20_000.0
        with pytest.raises(ProductError, match="task-1") as caught:
            await resubmit(context.catalog, context.link, "A", person="maria", rules=QUICK)
        assert caught.value.code == "TASK_UNSURE"
        assert "--adopt" in caught.value.fix

    play(tmp_path, story)


def test_a_reading_that_may_have_missed_a_task_closes_nothing(tmp_path: Path) -> None:
    class Endless(ScriptedTripo):
        async def usage(self, limit: int = 50, offset: int = 0) -> list[UsageRow]:
            rows = await super().usage(limit, offset)
            if self.hours_a_second == 1.0:
                return list(rows)
            return [
                UsageRow(
                    task_id=f"t{number}", type="", state=TaskState.SUCCESS, credits_consumed=None,
                    created_at=AGES_AGO + timedelta(seconds=number),
                )
                for number in (offset, offset + 1)
            ]  # fmt: skip

    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        await lose(context, tripo, made=False)
        tripo.hours_a_second = 20_000.0
        assert await refused(resubmit(context.catalog, context.link, "A", person="m", rules=QUICK)) == "USAGE_NOT_WHOLE"

    play(tmp_path, story, tripo=Endless())


def test_the_comparison_goes_no_further_than_what_is_still_looked_for(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        await generate(context, "B")
        tripo.lost_answers = {2}
        tripo.usage_shows = lambda row: row.task_id != "task-2"
        with pytest.raises(NeedsPersonError):
            await generate(context, "A")
        tripo.hours_a_second = 20_000.0
        await reconcile(context)
        lost = context.catalog.registry.ledger.get(2).sent_at
        assert context.catalog.registry.lookups.unreconciled_since(context.catalog.realm) == lost

    play(tmp_path, story, "AB")


def test_a_task_of_a_request_that_was_closed_as_nothing_is_listed_when_it_shows_late(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        await lose(context, tripo)
        await reconcile(context)
        await resubmit(context.catalog, context.link, "A", person="maria", rules=QUICK, force=True)
        tripo.usage_shows = lambda _row: True
        await reconcile(context)
        orphans = context.catalog.registry.lookups.orphans(context.catalog.realm)
        assert [(orphan.task_id, orphan.generation_id) for orphan in orphans] == [("task-1", 1)]

    play(tmp_path, story)


def test_there_must_be_something_to_resolve(tmp_path: Path) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        await generate(context, "A")
        assert (
            await refused(resubmit(context.catalog, context.link, "A", person="m", rules=QUICK)) == "NOTHING_TO_RESOLVE"
        )
        assert await refused(resubmit(context.catalog, context.link, "Z", person="m", rules=QUICK)) == "SKU_UNKNOWN"

    play(tmp_path, story)


def test_a_request_that_a_run_is_looking_for_is_left_to_it(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        await lose(context, tripo)
        assert context.catalog.registry.ledger.take_lease(1, context.holder) is not None
        assert await refused(resubmit(context.catalog, context.link, "A", person="m", rules=QUICK)) == "TAKEN"

    play(tmp_path, story)


def test_a_paid_task_that_no_model_uses_is_listed_once(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        await generate(context, "A")
        made = tripo.made["task-1"]
        assert made.created_at is not None
        tripo.made["twin"] = replace(made, task_id="twin", created_at=made.created_at + timedelta(seconds=1))
        tripo.states["twin"], tripo.echoes["twin"] = TaskState.SUCCESS, tripo.echoes["task-1"]
        tripo.made["foreign"] = replace(made, task_id="foreign")
        tripo.states["foreign"], tripo.echoes["foreign"] = TaskState.SUCCESS, {"model_seed": "5"}
        await reconcile(context)
        await reconcile(context)
        orphans = context.catalog.registry.lookups.orphans(context.catalog.realm)
        assert [(orphan.task_id, orphan.credits) for orphan in orphans] == [("twin", Decimal(30))]
        assert sum("twin" in note for note in context.notes) == 1

    play(tmp_path, story)


def test_what_the_account_was_charged_is_compared_with_the_ledger(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        await generate(context, "A")
        tripo.made["task-1"] = replace(tripo.made["task-1"], credits_consumed=Decimal(50))
        await reconcile(context)
        assert any("charged 50 credits for 1 tasks of ours, and the ledger has 30" in note for note in context.notes)

    play(tmp_path, story)


def test_a_catalog_whose_requests_are_all_compared_asks_nothing(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        await reconcile(context)
        assert tripo.usage_reads == 0
        await generate(context, "A")
        tripo.hours_a_second = 20_000.0  # by the server's clock it is days later
        await reconcile(context)
        reads = tripo.usage_reads
        assert reads > 0
        await reconcile(context)
        assert tripo.usage_reads == reads

    play(tmp_path, story)
