"""generate_model: one paid request for a brief, whatever goes wrong around it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalog3d.adapters.registry.ledger import Caps
from catalog3d.brief import Brief, Source, texture_brief
from catalog3d.errors import (
    NeedsPersonError,
    NotSentError,
    ProductError,
    RunError,
    SubmissionUnknown,
    TransientError,
)
from catalog3d.ledger import LedgerState, Outcome
from catalog3d.ports import TaskState
from catalog3d.retake import Retake
from catalog3d.stages import order
from catalog3d.stages.context import RunContext
from catalog3d.stages.generate import generate
from catalog3d.stages.open_tasks import tending_open_tasks
from tests.stages.tripo import ScriptedTripo, a_run

Story = Callable[[RunContext, ScriptedTripo], Awaitable[None]]


def play(folder: Path, story: Story, photos: dict[str, str] | None = None, **options: Any) -> ScriptedTripo:
    tripo = options.pop("tripo", None) or ScriptedTripo()

    async def main() -> None:
        async with a_run(folder, tripo, photos or {"A": "a"}, **options) as context:
            await asyncio.wait_for(story(context, tripo), 20)

    asyncio.run(main())
    return tripo


async def latest(context: RunContext, sku: str = "A") -> Any:
    brief = context.work[sku].brief
    assert brief is not None
    return await context.record(context.catalog.registry.ledger.latest, context.catalog.realm, brief.digest)


def test_a_brief_is_ordered_settled_fetched_and_kept(tmp_path: Path) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        generation = await generate(context, "A")
        assert (generation.outcome, generation.credits_consumed) == (Outcome.SUCCESS, Decimal(30))
        assert context.work["A"].raw is not None
        noted = context.catalog.registry.runs.sku(context.run_id, "A")
        assert (noted.generation_id, noted.credits) == (generation.id, Decimal(30))

    assert play(tmp_path, story).submits == 1


def test_skus_of_one_brief_pay_once_and_share_it(tmp_path: Path) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        made = await asyncio.gather(*(generate(context, sku) for sku in ("A", "B", "C")))
        assert len({generation.id for generation in made}) == 1

    assert play(tmp_path, story, {"A": "a", "B": "a", "C": "a"}).submits == 1


def test_skus_of_one_refused_brief_ask_once_and_all_hear_why(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.on_submit = refuse
        ended = await asyncio.gather(*(generate(context, sku) for sku in ("A", "B", "C")), return_exceptions=True)
        assert [getattr(error, "code", "") for error in ended] == ["TRIPO_2008"] * 3
        assert (await latest(context)).outcome is Outcome.REFUSED

    def refuse(_number: int) -> float:
        raise ProductError("content rules", code="TRIPO_2008")

    assert play(tmp_path, story, {"A": "a", "B": "a", "C": "a"}).submits == 1


def wish(context: RunContext, sku: str, after_attempt: int = 1) -> Retake:
    brief = context.work[sku].brief
    assert brief is not None
    return Retake(
        id=1, sku=sku, version=1, generation_id=1, realm=context.catalog.realm, digest=brief.digest,
        after_attempt=after_attempt,
    )  # fmt: skip


def test_a_retake_orders_once_more_and_the_same_again_finds_it(tmp_path: Path) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        first = await generate(context, "A")
        context.work["A"].retake = wish(context, "A")
        made = [await generate(context, "A") for _ in range(3)]
        assert {(generation.attempt, generation.id) for generation in made} == {(2, made[0].id)}
        assert made[0].model_seed != first.model_seed

    assert play(tmp_path, story).submits == 2


def test_a_sku_that_asked_for_no_retake_keeps_its_model(tmp_path: Path) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        first = await generate(context, "B")
        context.work["A"].retake = wish(context, "A")
        context.work["B"].own_generation = first.id
        both = await asyncio.gather(generate(context, "A"), generate(context, "B"))
        assert [generation.attempt for generation in both] == [2, 1]

    assert play(tmp_path, story, {"A": "a", "B": "a"}).submits == 2


def test_a_retake_that_the_provider_refuses_leaves_the_model_of_the_others_alone(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        first = await generate(context, "B")
        tripo.on_submit = refuse
        context.work["A"].retake = wish(context, "A")
        with pytest.raises(ProductError, match="content rules"):
            await generate(context, "A")
        assert (await latest(context)).id == first.id
        assert (await generate(context, "B")).id == first.id

    def refuse(_number: int) -> float:
        raise ProductError("content rules", code="TRIPO_2008")

    assert play(tmp_path, story, {"A": "a", "B": "a"}).submits == 2


def test_a_retake_that_may_not_pay_is_not_ordered(tmp_path: Path) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        await generate(context, "A")
        context.work["A"].retake, context.work["A"].may_pay = wish(context, "A"), False
        with pytest.raises(ProductError) as refused:
            await generate(context, "A")
        assert refused.value.code == "RETAKE_ASKED"

    assert play(tmp_path, story).submits == 1


def test_a_failed_task_shows_its_id_in_the_run(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.new_state = TaskState.FAILED
        with pytest.raises(ProductError, match="2008"):
            await generate(context, "A")
        assert context.catalog.registry.runs.sku(context.run_id, "A").generation_id is not None
        assert (await latest(context)).task_id == "task-1"

    play(tmp_path, story)


def test_a_registry_that_is_away_when_the_answer_comes_loses_no_task_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        ledger, away = context.catalog.registry.ledger, [True, True]
        told = ledger.submitted

        def busy_twice(*arguments: Any) -> None:
            if away:
                away.pop()
                raise TransientError("busy", code="REGISTRY_BUSY")
            told(*arguments)

        monkeypatch.setattr(ledger, "submitted", busy_twice)
        assert (await generate(context, "A")).task_id == "task-1"

    assert play(tmp_path, story).submits == 1


def test_a_cancelled_run_still_writes_the_answer_to_its_request_down(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.on_submit = lambda _number: 0.3
        running = asyncio.create_task(generate(context, "A"))
        await tripo.arrived.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        found = await latest(context)
        assert (found.state, found.task_id) == (LedgerState.SUBMITTED, "task-1")

    play(tmp_path, story)


def test_a_request_without_an_answer_is_parked_and_never_sent_again(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.on_submit = lose
        for _ in range(2):
            with pytest.raises(NeedsPersonError):
                await generate(context, "A")
        assert (await latest(context)).state is LedgerState.UNKNOWN

    def lose(_number: int) -> float:
        raise SubmissionUnknown("no answer")

    assert play(tmp_path, story).submits == 1


def test_a_request_that_surely_created_nothing_is_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy_once(number: int) -> float:
        if number == 1:
            raise NotSentError("429", code="RATE_LIMITED", retry_after_s=0.01)
        return 0.0

    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.on_submit = busy_once
        assert (await generate(context, "A")).succeeded

    assert play(tmp_path, story).submits == 2


def test_a_provider_that_cannot_be_reached_stops_the_run(tmp_path: Path) -> None:
    def unreachable(_number: int) -> float:
        raise NotSentError("no connection", retry_after_s=0.0)

    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.on_submit = unreachable
        with pytest.raises(RunError) as stopped:
            await generate(context, "A")
        assert stopped.value.code == "GENERATOR_UNREACHABLE"
        assert (await latest(context)).outcome is Outcome.WITHDRAWN

    assert play(tmp_path, story).submits == order.MOST_TRIES


def test_a_program_that_is_always_too_slow_to_send_safely_sends_nothing_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order, "_MAX_WAIT_S", 0.0)
    hours = itertools.count(step=3600)

    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        context.elapsed_s = lambda: float(next(hours))
        with pytest.raises(RunError, match="too slow to send an order safely") as stopped:
            await generate(context, "A")
        assert stopped.value.code == "HELD_UP"
        assert (await latest(context)).outcome is Outcome.WITHDRAWN

    assert play(tmp_path, story).submits == 0


def test_a_stop_ends_pauses_uploads_and_waits_for_a_slot_at_once(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.upload_takes_s = 60
        tripo.new_state = TaskState.RUNNING
        waiting = [asyncio.create_task(generate(context, sku)) for sku in ("A", "B", "C")]
        await asyncio.sleep(0.3)
        began = asyncio.get_running_loop().time()
        context.brake()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert asyncio.get_running_loop().time() - began < 2
        assert [getattr(error, "code", "") for error in ended] == ["RUN_STOPPED"] * 3

    assert play(tmp_path, story, {"A": "a", "B": "b", "C": "c"}, slots=1).submits == 0


def test_a_tasks_slot_is_freed_for_the_next_one(tmp_path: Path) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        await asyncio.gather(*(generate(context, sku) for sku in "ABCDE"))

    assert play(tmp_path, story, {sku: sku.lower() for sku in "ABCDE"}, slots=1).submits == 5


def test_the_slot_of_an_unanswered_request_is_free_when_a_task_of_it_would_have_ended(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.never_made = {1}
        with pytest.raises(NeedsPersonError):
            await generate(context, "A")
        assert (await generate(context, "B")).succeeded
        assert tripo.server_now() - tripo.made["task-2"].created_at < timedelta(hours=3)  # type: ignore[operator]

    play(tmp_path, story, {"A": "a", "B": "b"}, slots=1)


def test_a_task_that_an_earlier_run_left_is_settled_and_its_slot_freed(tmp_path: Path) -> None:
    tripo = ScriptedTripo()
    tripo.new_state = TaskState.RUNNING

    async def left(context: RunContext, tripo: ScriptedTripo) -> None:
        running = asyncio.create_task(generate(context, "A"))
        await tripo.arrived.wait()
        await asyncio.sleep(0.2)
        context.brake()
        with pytest.raises(ProductError, match="stopped"):
            await running

    async def next_run(context: RunContext, _tripo: ScriptedTripo) -> None:
        async with tending_open_tasks(context):
            assert (await generate(context, "B")).succeeded

    play(tmp_path, left, tripo=tripo)
    tripo.states["task-1"] = TaskState.SUCCESS
    tripo.new_state = TaskState.SUCCESS
    play(tmp_path, next_run, {"B": "b"}, tripo=tripo, slots=1, run_id="20261124-130000-bcdefa")
    assert tripo.submits == 2


def test_an_intent_left_by_a_killed_run_needs_room_in_this_runs_budget(tmp_path: Path) -> None:
    async def killed(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.upload_takes_s = 60
        running = asyncio.create_task(generate(context, "A"))
        await asyncio.sleep(0.2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert (await latest(context)).state is LedgerState.INTENT

    async def without_budget(context: RunContext, _tripo: ScriptedTripo) -> None:
        with pytest.raises(ProductError) as caught:
            await generate(context, "A")
        assert caught.value.code == "OVER_BUDGET"

    play(tmp_path, killed)
    nothing = Caps(run=Decimal(0), day=Decimal(100))
    again = play(tmp_path, without_budget, run_id="20261124-130000-bcdefa", caps=nothing)
    assert again.submits == 0


def test_a_product_that_may_not_pay_uses_the_model_it_has_under_another_realm(tmp_path: Path) -> None:
    async def paid(context: RunContext, _tripo: ScriptedTripo) -> None:
        await generate(context, "A")

    async def renamed(context: RunContext, _tripo: ScriptedTripo) -> None:
        object.__setattr__(context.catalog, "realm", "tripo:renamed")
        context.work["A"].may_pay, context.work["A"].own_generation = False, 1
        assert (await generate(context, "A")).realm == "tripo:test"

    tripo = play(tmp_path, paid)
    play(tmp_path, renamed, tripo=tripo, run_id="20261124-130000-bcdefa")
    assert tripo.submits == 1


def test_a_product_that_may_not_pay_never_pays(tmp_path: Path) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        context.work["A"].may_pay = False
        with pytest.raises(ProductError) as caught:
            await generate(context, "A")
        assert caught.value.code == "PHOTO_CHANGED"

    assert play(tmp_path, story).submits == 0


def test_a_run_that_is_stopped_right_before_it_sends_a_request_does_not_send_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        ledger = context.catalog.registry.ledger
        start_sending = ledger.start_sending

        def stopped_meanwhile(*arguments: Any, **options: Any) -> None:
            start_sending(*arguments, **options)
            context.stopped_by = RunError("Dearer.", code="PRICE_DRIFT")

        monkeypatch.setattr(ledger, "start_sending", stopped_meanwhile)
        with pytest.raises(ProductError) as caught:
            await generate(context, "A")
        assert caught.value.code == "PRICE_DRIFT"
        assert (await latest(context)).outcome is Outcome.WITHDRAWN

    assert play(tmp_path, story).submits == 0


async def a_surface(context: RunContext) -> tuple[Any, Brief]:
    """The model of A, and a brief that gives it another surface."""
    model = await generate(context, "A")
    source = Source(digest=model.digest, raw_sha256=model.raw_sha256)
    brief = texture_brief(source, "dark walnut")
    context.work["A"].brief = brief
    return model, brief


def test_a_texture_names_the_task_of_its_model_as_the_ledger_knows_it_and_uploads_nothing(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        model, brief = await a_surface(context)
        made = await generate(context, "A")
        assert (made.pool, made.expected_credits, made.brief) == ("processing", Decimal(10), brief)
        assert made.file_tokens == {"source": model.task_id}
        assert tripo.echoes[made.task_id]["texture_seed"] == str(made.model_seed)
        assert (await generate(context, "A")).id == made.id

    tripo = play(tmp_path, story)
    assert (tripo.submits, tripo.uploads) == (2, 1)


def test_a_texture_of_a_model_whose_task_is_not_known_is_not_sent(tmp_path: Path) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        await a_surface(context)
        context.work["A"].brief = texture_brief(Source(digest="d" * 64, raw_sha256="e" * 64), "dark walnut")
        with pytest.raises(ProductError) as refused:
            await generate(context, "A")
        assert refused.value.code == "SOURCE_UNKNOWN"
        assert (await latest(context)).outcome is Outcome.WITHDRAWN

    assert play(tmp_path, story).submits == 1


def test_a_lost_answer_of_a_texture_is_found_by_its_seed_and_not_paid_again(tmp_path: Path) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        _, brief = await a_surface(context)
        tripo.lost_answers = {2}
        made = await generate(context, "A")
        assert (made.brief, made.outcome, made.task_id) == (brief, Outcome.SUCCESS, "task-2")

    assert play(tmp_path, story).submits == 2


def test_a_new_name_keeps_the_model_that_a_retake_made_from_another_brief(tmp_path: Path) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        sheet = context.work["A"].brief
        assert sheet is not None
        await a_surface(context)
        repainted = await generate(context, "A")
        work = context.work["A"]
        work.brief, work.own_generation, work.made_for = sheet, repainted.id, sheet.digest
        assert (await generate(context, "A")).id == repainted.id
        work.made_for = ""
        assert (await generate(context, "A")).digest == sheet.digest

    assert play(tmp_path, story).submits == 2


def test_a_source_that_the_provider_does_not_know_any_more_ends_the_texture_without_a_second_request(
    tmp_path: Path,
) -> None:
    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        await a_surface(context)
        tripo.on_submit = unknown
        for _ in range(2):
            with pytest.raises(ProductError) as refused:
                await generate(context, "A")
            assert refused.value.code == "TASK_NOT_FOUND"
        ended = await latest(context)
        assert (ended.outcome, ended.credits_consumed) == (Outcome.REFUSED, Decimal(0))

    def unknown(_number: int) -> float:
        raise ProductError("Tripo does not know this task.", code="TASK_NOT_FOUND")

    assert play(tmp_path, story).submits == 2
