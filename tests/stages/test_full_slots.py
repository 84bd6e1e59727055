"""Slots stay full: pictures are there before a slot is, and waiting for one thing blocks no thread of another."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from catalog3d.brief import Brief
from catalog3d.errors import NotSentError, ProductError, RunError
from catalog3d.ledger import Lease
from catalog3d.ports import PreparedView, Submitted, TaskState
from catalog3d.quality import MeshReport
from catalog3d.stages.generate import generate
from catalog3d.stages.judge import judge
from catalog3d.stages.lines import ORDERING, UPLOADING, ahead_of
from tests.stages.tripo import ScriptedTripo, a_run

PHOTOS = {sku: f"{n:x}" for n, sku in enumerate([f"SKU{n:02}" for n in range(16)])}


async def until(claim: Any, seconds: float = 10.0) -> None:
    ends_at = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < ends_at, "it did not come to that"
        await asyncio.sleep(0.01)


def test_pictures_are_uploaded_before_a_slot_is_free_but_not_of_the_whole_catalog(tmp_path: Path) -> None:
    async def story() -> tuple[int, int]:
        tripo = ScriptedTripo()
        tripo.new_state = TaskState.RUNNING
        async with a_run(tmp_path, tripo, PHOTOS, slots=1) as context:
            work = [asyncio.create_task(generate(context, sku)) for sku in PHOTOS]
            await until(lambda: tripo.uploads == 1 + ahead_of(1) and tripo.submits == 1)
            await asyncio.sleep(0.2)
            seen = tripo.uploads, tripo.submits
            context.brake()
            await asyncio.gather(*work, return_exceptions=True)
            return seen

    assert asyncio.run(story()) == (1 + ahead_of(1), 1)


def test_few_skus_upload_at_once(tmp_path: Path) -> None:
    class Watched(ScriptedTripo):
        now = most = 0

        async def upload(self, view: PreparedView) -> str:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.01)
            self.now -= 1
            return await super().upload(view)

    async def story() -> int:
        tripo = Watched()
        async with a_run(tmp_path, tripo, PHOTOS) as context:
            await asyncio.gather(*(generate(context, sku) for sku in PHOTOS))
        return tripo.most

    assert asyncio.run(story()) == UPLOADING


def test_of_those_who_wait_for_a_slot_only_the_first_ask_for_it(tmp_path: Path) -> None:
    async def story() -> int:
        tripo, asked = ScriptedTripo(), set()
        tripo.new_state = TaskState.RUNNING
        async with a_run(tmp_path, tripo, PHOTOS, slots=6) as context:
            start = context.catalog.registry.ledger.start_sending

            def noted(lease: Lease, **options: Any) -> None:
                asked.add(lease.generation_id)
                start(lease, **options)

            context.catalog.registry.ledger.start_sending = noted  # type: ignore[method-assign]
            work = [asyncio.create_task(generate(context, sku)) for sku in PHOTOS]
            await until(lambda: tripo.submits == 6 and tripo.uploads == len(PHOTOS))
            await asyncio.sleep(0.3)
            context.brake()
            await asyncio.gather(*work, return_exceptions=True)
        return len(asked)

    assert asyncio.run(story()) == 6 + ORDERING


def test_a_view_that_is_refused_ends_the_other_uploads_of_its_sku(tmp_path: Path) -> None:
    class Refusing(ScriptedTripo):
        ended = 0

        async def upload(self, view: PreparedView) -> str:
            if view.slot == "front":
                raise ProductError("no picture", code="TRIPO_2004")
            try:
                await asyncio.sleep(60)
            finally:
                self.ended += 1
            return "never"

    async def story() -> tuple[str, int, int]:
        tripo = Refusing()
        async with a_run(tmp_path, tripo, {"A": "a"}, sides=("front", "back")) as context:
            with pytest.raises(ProductError) as caught:
                await generate(context, "A")
            await asyncio.sleep(0)
            return caught.value.code, tripo.ended, tripo.submits

    assert asyncio.run(story()) == ("TRIPO_2004", 1, 0)


def test_slow_mesh_checks_keep_no_thread_from_the_others(tmp_path: Path) -> None:
    class Slow:
        """An inspector whose children are all busy."""

        def __init__(self) -> None:
            self.go_on = threading.Event()
            self.waiting = 0

        def inspect(self, *_arguments: Any, **_options: Any) -> MeshReport:
            self.waiting += 1
            self.go_on.wait(20)
            raise RunError("enough", code="MESH_CHILD_FAILED")

        def close(self) -> None: ...

    async def story() -> bool:
        async with a_run(tmp_path, ScriptedTripo(), PHOTOS) as context:
            slow = context.inspector = Slow()
            for sku in PHOTOS:
                context.work[sku].raw = tmp_path / f"{sku}.glb"
            checks = [asyncio.create_task(judge(context, sku)) for sku in PHOTOS]
            await until(lambda: slow.waiting > 0)
            generation = await asyncio.wait_for(generate(context, "SKU00"), 5)  # it downloads and writes in threads
            slow.go_on.set()
            await asyncio.gather(*checks, return_exceptions=True)
            return generation.succeeded

    assert asyncio.run(story())


class Busy(ScriptedTripo):
    """An account with fewer slots than the settings say; a task of it takes a moment."""

    def __init__(self, slots: int) -> None:
        super().__init__()
        self.slots = slots
        self.new_state = TaskState.RUNNING
        self.refusals = 0

    async def submit(self, brief: Brief, tokens: Mapping[str, str], model_seed: int) -> Submitted:
        if sum(state is TaskState.RUNNING for state in self.states.values()) >= self.slots:
            self.refusals += 1
            raise NotSentError("2000", code="SLOTS_FULL", retry_after_s=0.05)
        answer = await super().submit(brief, tokens, model_seed)
        asyncio.get_running_loop().call_later(0.3, self.states.update, {answer.task_id: TaskState.SUCCESS})
        return answer


def test_an_account_with_fewer_slots_than_the_settings_say_is_hardly_ever_asked_in_vain(tmp_path: Path) -> None:
    async def story() -> tuple[int, int, int]:
        tripo = Busy(3)
        async with a_run(tmp_path, tripo, PHOTOS) as context:
            await asyncio.gather(*(generate(context, sku) for sku in PHOTOS))
            return tripo.submits, tripo.refusals, context.link.slots["H"]

    made, refusals, usable = asyncio.run(story())
    assert made == len(PHOTOS)
    assert usable in (2, 3)  # 2 where a task ended between the refusal and the count
    assert refusals <= 2 * ORDERING


def test_an_account_whose_slots_are_never_free_ends_the_run_with_a_sentence_and_fails_no_sku(tmp_path: Path) -> None:
    async def story() -> tuple[list[Any], str]:
        tripo = Busy(0)
        async with a_run(tmp_path, tripo, {"A": "a", "B": "b"}, slot_patience_s=0.3) as context:
            ended = await asyncio.gather(*(generate(context, sku) for sku in "AB"), return_exceptions=True)
            assert context.stopped_by is not None
            return ended, context.stopped_by.code

    ended, code = asyncio.run(story())
    assert code == "SLOTS_STUCK"
    assert [getattr(error, "code", error) for error in ended] == ["SLOTS_STUCK", "SLOTS_STUCK"]
