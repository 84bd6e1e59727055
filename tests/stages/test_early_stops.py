"""A run that turns out dearer than planned, or makes models nobody can use, orders nothing new."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalog3d.errors import ProductError
from catalog3d.ports import TaskDetail
from catalog3d.product import Severity
from catalog3d.quality import Check, MeshReport
from catalog3d.stages.context import RunContext
from catalog3d.stages.generate import generate
from catalog3d.stages.judge import judge
from catalog3d.stop_rules import MOST_BLOCKED, price_note
from tests.products import a_generation
from tests.stages.tripo import ScriptedTripo, a_run

BLOCKING = Check(code="TOO_MANY_TRIANGLES", severity=Severity.ERROR, message="A phone cannot show it.")
SKUS = {f"S{number:02}": "0123456789abcdef"[number] for number in range(14)}


class DearTripo(ScriptedTripo):
    """Charges 45 credits for a model from its `dear_from`th task on."""

    dear_from = 1

    async def tasks(self, task_ids: Sequence[str]) -> Mapping[str, TaskDetail]:
        found = await super().tasks(task_ids)
        return {
            task_id: replace(detail, credits_consumed=Decimal(45))
            if detail.credits_consumed and int(task_id.removeprefix("task-")) >= self.dear_from
            else detail
            for task_id, detail in found.items()
        }


def play(
    folder: Path, tripo: ScriptedTripo, story: Callable[[RunContext], Awaitable[None]], photos: dict[str, str]
) -> None:
    async def main() -> None:
        async with a_run(folder, tripo, photos, slots=1) as context:
            await asyncio.wait_for(story(context), 20)

    asyncio.run(main())


def test_three_prices_above_the_estimate_stop_new_orders_and_what_is_paid_is_kept(tmp_path: Path) -> None:
    tripo = DearTripo()

    async def story(context: RunContext) -> None:
        for sku in ("S00", "S01", "S02"):
            assert context.stopped_by is None
            assert (await generate(context, sku)).succeeded
        assert context.stopped_by is not None
        assert context.stopped_by.code == "PRICE_DRIFT"
        with pytest.raises(ProductError) as refused:
            await generate(context, "S03")
        assert refused.value.code == "PRICE_DRIFT"
        assert (await generate(context, "S00")).succeeded
        assert "45 instead of 30" in price_note(context.charges.values())

    play(tmp_path, tripo, story, dict(list(SKUS.items())[:4]))
    assert tripo.submits == 3


def test_two_prices_above_the_estimate_stop_nothing(tmp_path: Path) -> None:
    tripo = DearTripo()
    tripo.dear_from = 2

    async def story(context: RunContext) -> None:
        for sku in ("S00", "S01", "S02"):
            await generate(context, sku)
        assert context.stopped_by is None

    play(tmp_path, tripo, story, dict(list(SKUS.items())[:3]))


class Verdicts:
    """An inspector that finds what it was told to."""

    def __init__(self, *checks: Check) -> None:
        self._checks = checks

    def inspect(self, *_arguments: Any, **_options: Any) -> MeshReport:
        return MeshReport(profile="web-ar", checks=self._checks, facts=None)

    def close(self) -> None: ...


def ready_to_judge(context: RunContext, *, own: bool = False, shared: bool = False) -> None:
    for number, work in enumerate(context.work.values()):
        generation = a_generation(id=1 if shared else number + 1)
        work.generation, work.raw = generation, Path("model.glb")
        work.own_generation = generation.id if own else None


async def judge_all(context: RunContext) -> int:
    """How many models were judged before the run was stopped."""
    for number, sku in enumerate(context.work):
        if context.stopped_by is not None:
            return number
        await judge(context, sku)
    return len(context.work)


def test_ten_unusable_models_among_the_first_stop_new_orders(tmp_path: Path) -> None:
    async def story(context: RunContext) -> None:
        context.inspector = Verdicts(BLOCKING)
        ready_to_judge(context)
        assert await judge_all(context) == MOST_BLOCKED
        assert context.stopped_by is not None
        assert context.stopped_by.code == "BAD_BATCH"
        assert "TOO_MANY_TRIANGLES blocks 10 of them" in context.stopped_by.message

    play(tmp_path, ScriptedTripo(), story, SKUS)


@pytest.mark.parametrize("how", [{"own": True}, {"shared": True}])
def test_models_that_the_skus_had_before_and_shared_ones_stop_nothing(tmp_path: Path, how: dict[str, bool]) -> None:
    async def story(context: RunContext) -> None:
        context.inspector = Verdicts(BLOCKING)
        ready_to_judge(context, **how)
        assert await judge_all(context) == len(SKUS)

    play(tmp_path, ScriptedTripo(), story, SKUS)


def test_judging_again_for_nothing_is_not_stopped(tmp_path: Path) -> None:
    async def story(context: RunContext) -> None:
        free = tuple(replace(item, credits=Decimal(0)) for item in context.plan.items)
        context.plan, context.inspector = replace(context.plan, items=free), Verdicts(BLOCKING)
        ready_to_judge(context)
        assert await judge_all(context) == len(SKUS)

    play(tmp_path, ScriptedTripo(), story, SKUS)


def test_warnings_stop_nothing(tmp_path: Path) -> None:
    async def story(context: RunContext) -> None:
        context.inspector = Verdicts(replace(BLOCKING, severity=Severity.WARNING))
        ready_to_judge(context)
        assert await judge_all(context) == len(SKUS)

    play(tmp_path, ScriptedTripo(), story, SKUS)
