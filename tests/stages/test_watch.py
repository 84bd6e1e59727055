"""The watcher: one call for all tasks, every ending told once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from catalog3d.errors import NeedsPersonError, ProductError, RunError, TransientError
from catalog3d.ports import TaskDetail, TaskState
from catalog3d.stages.watch import MISSES, TaskWatcher


def detail(task_id: str, state: TaskState) -> TaskDetail:
    return TaskDetail(task_id=task_id, type="image_to_model", state=state)


class Script:
    """Answers `tasks` with one prepared round after the other; the last one repeats."""

    def __init__(self, *rounds: Mapping[str, TaskState] | Exception) -> None:
        self.rounds = list(rounds)
        self.asked: list[list[str]] = []

    async def tasks(self, task_ids: Sequence[str]) -> Mapping[str, TaskDetail]:
        self.asked.append(list(task_ids))
        answer = self.rounds.pop(0) if len(self.rounds) > 1 else self.rounds[0]
        if isinstance(answer, Exception):
            raise answer
        return {task_id: detail(task_id, state) for task_id, state in answer.items() if task_id in task_ids}


async def at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


def watcher(script: Script, deadline_s: float = 1800) -> TaskWatcher:
    return TaskWatcher(script, poll_s=2, deadline_s=deadline_s, sleep=at_once)  # type: ignore[arg-type]


def test_a_task_is_waited_for_until_it_ends() -> None:
    script = Script({"a": TaskState.QUEUED}, {"a": TaskState.RUNNING}, {"a": TaskState.SUCCESS})
    assert asyncio.run(watcher(script).wait("a")).state is TaskState.SUCCESS
    assert len(script.asked) == 3


def test_all_tasks_are_asked_for_in_one_call() -> None:
    async def both() -> tuple[TaskDetail, ...]:
        watch = watcher(script)
        return await asyncio.gather(watch.wait("a"), watch.wait("b"))

    script = Script({"a": TaskState.SUCCESS, "b": TaskState.FAILED})
    assert [ended.state for ended in asyncio.run(both())] == [TaskState.SUCCESS, TaskState.FAILED]
    assert script.asked == [["a", "b"]]


def test_more_than_a_page_is_asked_in_pages_of_100() -> None:
    async def many() -> None:
        watch = watcher(script)
        await asyncio.gather(*(watch.wait(f"t{n}") for n in range(150)))

    script = Script({f"t{n}": TaskState.SUCCESS for n in range(150)})
    asyncio.run(many())
    assert [len(ids) for ids in script.asked] == [100, 50]


def test_a_server_that_is_away_for_a_while_costs_nothing() -> None:
    script = Script(*[TransientError("away")] * (MISSES * 3), {"a": TaskState.SUCCESS})
    assert asyncio.run(watcher(script).wait("a")).state is TaskState.SUCCESS


def test_a_task_that_the_provider_does_not_know_is_parked() -> None:
    with pytest.raises(NeedsPersonError) as caught:
        asyncio.run(watcher(Script({})).wait("a"))
    assert caught.value.code == "TASK_LOST"


def test_an_unknown_status_is_polled_until_the_deadline_then_parked() -> None:
    with pytest.raises(NeedsPersonError) as caught:
        asyncio.run(watcher(Script({"a": TaskState.UNKNOWN}), deadline_s=0.05).wait("a"))
    assert caught.value.code == "TASK_STUCK"


def test_a_refused_key_ends_the_waiting_of_all() -> None:
    with pytest.raises(RunError):
        asyncio.run(watcher(Script(RunError("key refused"))).wait("a"))


def test_a_stopped_run_waits_for_nothing() -> None:
    async def stopped() -> None:
        watch = watcher(Script({"a": TaskState.RUNNING}))
        waiting = asyncio.create_task(watch.wait("a"))
        await asyncio.sleep(0.01)
        watch.abandon(ProductError("stopped", code="RUN_STOPPED"))
        with pytest.raises(ProductError, match="stopped"):
            await waiting
        with pytest.raises(ProductError, match="stopped"):
            await watch.wait("b")  # it was sent, and comes to wait only now
        await watch.close()

    asyncio.run(stopped())


def test_each_of_the_abandoned_names_its_own_sku() -> None:
    async def stopped() -> list[BaseException]:
        watch = watcher(Script({"a": TaskState.RUNNING, "b": TaskState.RUNNING}))
        waiting = [asyncio.create_task(watch.wait(task)) for task in ("a", "b")]
        await asyncio.sleep(0.01)
        watch.abandon(ProductError("stopped"))
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        await watch.close()
        return [error for error in ended if isinstance(error, ProductError)]

    first, second = asyncio.run(stopped())
    assert isinstance(first, ProductError)
    assert isinstance(second, ProductError)
    assert (first.for_sku("A").sku, second.for_sku("B").sku) == ("A", "B")


@pytest.mark.parametrize("odd", [ProductError("a gateway's 404"), NeedsPersonError("2001"), ZeroDivisionError()])
def test_one_odd_answer_does_not_end_the_watch(odd: Exception) -> None:
    script = Script(odd, {"a": TaskState.SUCCESS})
    assert asyncio.run(watcher(script).wait("a")).state is TaskState.SUCCESS


def test_answers_that_stay_odd_park_the_task_at_its_deadline() -> None:
    with pytest.raises(NeedsPersonError) as caught:
        asyncio.run(watcher(Script(ZeroDivisionError()), deadline_s=0.05).wait("a"))
    assert caught.value.code == "TASK_STUCK"
