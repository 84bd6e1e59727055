"""What a run says at its end about money, and where it leaves the SKUs that it did not come to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from catalog3d.errors import ProductError, RunError
from catalog3d.stages.context import RunContext
from catalog3d.stages.generate import generate
from catalog3d.stages.last_words import cost_notes
from catalog3d.stop_rules import Charge
from tests.stages.tripo import ScriptedTripo, a_run

DRY = RunError("The Tripo wallet has not enough credits.", code="NO_CREDITS", fix="Buy API credits.")


def play(folder: Path, story: Callable[[RunContext, ScriptedTripo], Awaitable[None]]) -> None:
    """A run of A, of B and B2 that share a photo, and of C."""
    tripo = ScriptedTripo()

    async def main() -> None:
        async with a_run(folder, tripo, {"A": "a", "B": "b", "B2": "b", "C": "c"}) as context:
            await asyncio.wait_for(story(context, tripo), 20)

    asyncio.run(main())


def test_a_wallet_that_ran_dry_is_told_with_what_is_missing_for_the_rest_of_the_plan(tmp_path: Path) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        await generate(context, "A")
        context.stop(DRY)
        context.balance = Decimal("12.50")
        (said,) = cost_notes(context)
        assert said.startswith("2 models of this plan are not paid yet: they cost 60 credits, the wallet holds 12.50")
        assert said.endswith("so 47.50 are missing.")
        context.balance = None
        assert next(cost_notes(context)).endswith("they cost 60 credits, and what the wallet holds is not known.")

    play(tmp_path, story)


def test_what_the_provider_refused_is_not_counted_as_waiting_for_money(tmp_path: Path) -> None:
    def refuse_first(number: int) -> float:
        if number == 1:
            raise ProductError("content rules", code="TRIPO_2008")
        raise DRY

    async def story(context: RunContext, tripo: ScriptedTripo) -> None:
        tripo.on_submit = refuse_first
        with pytest.raises(ProductError):
            await generate(context, "A")
        with pytest.raises(RunError):
            await generate(context, "B")
        context.balance = Decimal(0)
        assert next(cost_notes(context)).startswith("2 models of this plan are not paid yet: they cost 60")

    play(tmp_path, story)


def test_a_run_that_was_stopped_for_another_reason_says_nothing_about_the_wallet(tmp_path: Path) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        context.brake()
        assert list(cost_notes(context)) == []

    play(tmp_path, story)


def test_one_price_above_the_estimate_is_noted_and_a_drift_says_it_itself(tmp_path: Path) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        context.charges[1] = Charge(task_id="task-1", expected=Decimal(30), charged=Decimal(31))
        assert ["31 instead of 30" in note for note in cost_notes(context)] == [True]
        context.stop(RunError("Dearer.", code="PRICE_DRIFT"))
        assert list(cost_notes(context)) == []

    play(tmp_path, story)
