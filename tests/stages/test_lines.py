"""Lines: a free slot finds somebody ready, and nobody who waits for another keeps the rest out."""

from __future__ import annotations

import asyncio

import pytest

from catalog3d.stages.lines import FINISHING, MOST_AHEAD, Gate, Lines, ahead_of
from tests.virtual_time import run_virtually


@pytest.mark.parametrize(("slots", "ahead"), [(1, 4), (3, 6), (10, 20), (200, MOST_AHEAD)])
def test_more_are_ready_than_there_are_slots_but_not_a_whole_catalog(slots: int, ahead: int) -> None:
    assert ahead_of(slots) == ahead


def test_a_pool_has_one_line_however_its_slots_change() -> None:
    async def story() -> None:
        lines = Lines()
        assert lines.place("H", 10) is lines.place("H", 3)
        assert lines.order("H") is not lines.order("P")

    run_virtually(story())


async def worked_on(gate: Gate, pool: str, brief: str, seconds: float) -> float:
    """One SKU that shares the model of a brief; when it was through."""
    async with gate.place(pool) as place, place.turn(brief):
        await asyncio.sleep(seconds)
    return asyncio.get_running_loop().time()


def test_variants_of_one_photo_keep_nobody_out() -> None:
    async def story() -> float:
        gate = Gate({"H": 1})
        variants = [worked_on(gate, "H", "one photo", 100) for _ in range(100)]
        *_, other = await asyncio.gather(*variants, worked_on(gate, "H", "another photo", 100))
        return other

    assert run_virtually(story()) == 100


def test_variants_come_one_after_the_other() -> None:
    async def story() -> list[float]:
        gate = Gate({"H": 1})
        return await asyncio.gather(*(worked_on(gate, "H", "one photo", 10) for _ in range(4)))

    assert run_virtually(story()) == [10, 20, 30, 40]


def test_no_more_are_worked_on_than_keep_the_slots_busy() -> None:
    async def story() -> int:
        gate, inside, most = Gate({"H": 3}), 0, 0

        async def one() -> None:
            nonlocal inside, most
            async with gate.place("H"):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(1)
                inside -= 1

        await asyncio.gather(*(one() for _ in range(200)))
        return most

    assert run_virtually(story()) == 3 + ahead_of(3) + FINISHING


def test_a_pool_that_is_full_keeps_no_other_out() -> None:
    async def story() -> float:
        gate = Gate({"H": 10, "P": 1})
        patient = [worked_on(gate, "P", f"p{n}", 100) for n in range(100)]
        *_, other = await asyncio.gather(*patient, worked_on(gate, "H", "h", 100))
        return other

    assert run_virtually(story()) == 100


def test_who_is_cancelled_while_waiting_leaves_no_place_taken_or_given_twice() -> None:
    async def story() -> float:
        gate = Gate({"H": 1})
        first = asyncio.create_task(worked_on(gate, "H", "one photo", 50))
        await asyncio.sleep(0)
        waiting = [asyncio.create_task(worked_on(gate, "H", "one photo", 50)) for _ in range(60)]
        await asyncio.sleep(10)
        for task in waiting:
            task.cancel()
        await asyncio.gather(first, *waiting, return_exceptions=True)
        room = 1 + ahead_of(1) + FINISHING
        ended = await asyncio.gather(*(worked_on(gate, "H", f"{n}", 100) for n in range(room + 1)))
        return max(ended) - min(ended)

    assert run_virtually(story()) == 100  # all but one at once: exactly the room there was before
