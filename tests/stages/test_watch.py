"""The watcher: few calls for all tasks, every ending told once, soon and whatever else happens."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog3d.errors import NeedsPersonError, ProductError, RunError, TransientError
from catalog3d.ports import MOST_LISTED_TASKS, TaskDetail, TaskState
from catalog3d.stages.durations import Durations
from catalog3d.stages.watch import MISSES, POLLS_PER_S, SLOWEST, TaskWatcher
from tests.virtual_time import run_virtually

T = TypeVar("T")
POLL_S = 2.0
NIGHTFALL = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
KIND = ("image_to_model", "v3.1-20260211")


def detail(task_id: str, state: TaskState, created_at: datetime | None = None) -> TaskDetail:
    return TaskDetail(task_id=task_id, type=KIND[0], state=state, created_at=created_at, echo={"model": KIND[1]})


def wall() -> datetime:
    return NIGHTFALL + timedelta(seconds=asyncio.get_running_loop().time())


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


@dataclass
class Provider:
    """Tasks that end when their time has come; `skew_s` is how far its clock goes before ours."""

    latency_s: float = 0.2
    skew_s: float = 0.0
    says_created: bool = True
    created: dict[str, float] = field(default_factory=dict)
    ends: dict[str, float] = field(default_factory=dict)
    calls: list[tuple[float, int]] = field(default_factory=list)

    def start(self, task_id: str, seconds: float, *, ago_s: float = 0.0) -> None:
        self.created[task_id] = asyncio.get_running_loop().time() - ago_s
        self.ends[task_id] = self.created[task_id] + seconds

    async def tasks(self, task_ids: Sequence[str]) -> Mapping[str, TaskDetail]:
        now = asyncio.get_running_loop().time()
        self.calls.append((now, len(task_ids)))
        assert len(set(task_ids)) == len(task_ids) <= MOST_LISTED_TASKS
        await asyncio.sleep(self.latency_s)
        return {task_id: self._detail(task_id, now) for task_id in task_ids}

    def busiest_second(self) -> int:
        """Most calls that began within any one second."""
        moments = [moment for moment, _ in self.calls]
        return max(bisect_left(moments, start + 0.999) - place for place, start in enumerate(moments))

    def _detail(self, task_id: str, now: float) -> TaskDetail:
        created = NIGHTFALL + timedelta(seconds=self.created[task_id] + self.skew_s)
        state = TaskState.SUCCESS if now >= self.ends[task_id] else TaskState.RUNNING
        return detail(task_id, state, created if self.says_created else None)


def watching(provider: Script | Provider, deadline_s: float = 1800, known: Durations | None = None) -> TaskWatcher:
    return TaskWatcher(provider, poll_s=POLL_S, deadline_s=deadline_s, durations=known, now=wall)  # type: ignore[arg-type]


def told(provider: Script | Provider, story: Callable[[TaskWatcher], Awaitable[T]], deadline_s: float = 1800) -> T:
    """A story about one watcher, in virtual time."""

    async def main() -> T:
        watch = watching(provider, deadline_s)
        try:
            return await story(watch)
        finally:
            await watch.close()

    return run_virtually(main())


async def seen_late_by(provider: Provider, watch: TaskWatcher, task_id: str, seconds: float, ago_s: float = 0) -> float:
    """Start a task and wait for it; how long its ending stayed unseen, from when it could be seen."""
    provider.start(task_id, seconds, ago_s=ago_s)
    began = asyncio.get_running_loop().time()
    await watch.wait(task_id)
    return asyncio.get_running_loop().time() - max(provider.ends[task_id], began)


async def catalog(provider: Provider, watch: TaskWatcher, slots: int, seconds: Sequence[float]) -> list[float]:
    """A run: as many tasks as there are slots, one after the other; how late each ending was seen."""
    free = asyncio.Semaphore(slots)

    async def one(number: int, taken_s: float) -> float:
        async with free:
            return await seen_late_by(provider, watch, f"t{number}", taken_s)

    return await asyncio.gather(*(one(number, taken_s) for number, taken_s in enumerate(seconds)))


def realistic(count: int, seed: int = 1) -> list[float]:
    """Seconds of models at Tripo: 40 to 210."""
    chance = Random(seed)
    return [chance.uniform(40, 210) for _ in range(count)]


def test_a_task_is_waited_for_until_it_ends() -> None:
    script = Script({"a": TaskState.QUEUED}, {"a": TaskState.RUNNING}, {"a": TaskState.SUCCESS})
    assert told(script, lambda watch: watch.wait("a")).state is TaskState.SUCCESS
    assert len(script.asked) == 3


def test_all_tasks_are_asked_for_in_one_call() -> None:
    script = Script({"a": TaskState.SUCCESS, "b": TaskState.FAILED})
    ended = told(script, lambda watch: asyncio.gather(watch.wait("a"), watch.wait("b")))
    assert [one.state for one in ended] == [TaskState.SUCCESS, TaskState.FAILED]
    assert script.asked == [["a", "b"]]


def test_two_who_wait_for_one_task_both_hear_of_its_end() -> None:
    script = Script({"a": TaskState.RUNNING}, {"a": TaskState.SUCCESS})
    first, second = told(script, lambda watch: asyncio.gather(watch.wait("a"), watch.wait("a")))
    assert first == second
    assert script.asked == [["a"], ["a"]]


def test_more_than_a_page_is_asked_in_pages_of_100() -> None:
    script = Script({f"t{n}": TaskState.SUCCESS for n in range(150)})
    told(script, lambda watch: asyncio.gather(*(watch.wait(f"t{n}") for n in range(150))))
    assert [len(ids) for ids in script.asked] == [100, 50]


@pytest.mark.parametrize("slots", [1, 3, 10, 100, 250, 600])
def test_endings_are_seen_after_a_second_with_at_most_two_calls_a_second(slots: int) -> None:
    provider = Provider()
    delays = told(provider, lambda watch: catalog(provider, watch, slots, realistic(max(200, 2 * slots))))
    assert provider.busiest_second() <= POLLS_PER_S
    pages_too_many = max(
        1.0, slots / MOST_LISTED_TASKS / (POLLS_PER_S * POLL_S)
    )  # 2 calls a second name 400 tasks in poll_s
    assert sum(delays) / len(delays) <= pages_too_many * POLL_S / 2 + provider.latency_s + 0.2
    assert max(delays) <= SLOWEST * POLL_S + provider.latency_s


@settings(max_examples=60, deadline=None)
@given(
    seconds=st.lists(st.floats(0.0, 600.0), min_size=1, max_size=300),
    slots=st.integers(1, 300),
    latency_s=st.floats(0.0, 0.9),
    skew_s=st.sampled_from([0.0, 290.0, -290.0]),
    says_created=st.booleans(),
)
def test_whatever_tasks_take_none_stays_unseen_and_the_rate_holds(
    seconds: list[float], slots: int, latency_s: float, skew_s: float, says_created: bool
) -> None:
    provider = Provider(latency_s=latency_s, skew_s=skew_s, says_created=says_created)
    delays = told(provider, lambda watch: catalog(provider, watch, slots, seconds))
    assert provider.busiest_second() <= POLLS_PER_S
    pages = 1 + min(slots, len(seconds)) // MOST_LISTED_TASKS
    assert max(delays) <= SLOWEST * POLL_S + pages * max(1 / POLLS_PER_S, latency_s) + latency_s


def test_nothing_is_asked_while_nothing_can_have_ended() -> None:
    provider = Provider()

    async def story(watch: TaskWatcher) -> tuple[float, int]:
        await catalog(provider, watch, 10, [100.0] * 10)
        before = len(provider.calls)
        return await seen_late_by(provider, watch, "next", 100.0), len(provider.calls) - before

    late_s, calls = told(provider, story)
    assert late_s <= POLL_S + provider.latency_s
    assert calls < 100 / POLL_S / 2  # against one every poll_s


def test_what_earlier_runs_saw_spares_the_first_calls_too() -> None:
    provider = Provider()

    async def story(known: Durations) -> int:
        watch = watching(provider, known=known)
        await seen_late_by(provider, watch, "a", 100.0)
        return len(provider.calls)

    unknowing = run_virtually(story(Durations()))
    provider = Provider()
    assert run_virtually(story(Durations({KIND: [100.0] * 9}))) < unknowing / 2


def test_one_kind_that_is_quick_says_nothing_about_another() -> None:
    known = Durations({KIND: [100.0] * 9})
    assert known.earliest_s(KIND) == pytest.approx(90)
    assert known.earliest_s(("multiview_to_model", KIND[1])) == 0.0


def test_tasks_that_became_quicker_are_seen_within_the_bound() -> None:
    provider = Provider()

    async def story() -> float:
        watch = watching(provider, known=Durations({KIND: [200.0] * 9}))
        return await seen_late_by(provider, watch, "a", 5.0)

    assert run_virtually(story()) <= SLOWEST * POLL_S + provider.latency_s


def test_a_task_of_an_earlier_run_is_looked_at_closely_from_the_start() -> None:
    provider = Provider()

    async def story() -> float:
        watch = watching(provider, known=Durations({KIND: [100.0] * 9}))
        return await seen_late_by(provider, watch, "a", 130.0, ago_s=120.0)

    assert run_virtually(story()) <= POLL_S + provider.latency_s


def test_a_stuck_task_costs_fewer_and_fewer_calls() -> None:
    provider = Provider()

    async def story() -> None:
        watch = watching(provider, known=Durations({KIND: [100.0] * 9}))
        provider.start("a", 10_000.0)
        with pytest.raises(NeedsPersonError) as caught:
            await watch.wait("a")
        assert caught.value.code == "TASK_STUCK"

    run_virtually(story())
    assert len(provider.calls) < 1800 / POLL_S / 2
    assert provider.calls[-1][0] == pytest.approx(1800, abs=SLOWEST * POLL_S)


def test_a_task_that_another_run_left_stuck_is_looked_at_once_and_gets_no_new_deadline() -> None:
    provider = Provider()

    async def story(watch: TaskWatcher) -> float:
        provider.start("a", 100_000.0, ago_s=3 * 3600)
        with pytest.raises(NeedsPersonError) as caught:
            await watch.wait("a")
        assert caught.value.code == "TASK_STUCK"
        return asyncio.get_running_loop().time()

    assert told(provider, story) < 10
    assert len(provider.calls) == 1


def test_a_task_that_ended_in_the_night_is_taken_however_old_it_is() -> None:
    provider = Provider()

    async def story(watch: TaskWatcher) -> TaskDetail:
        provider.start("a", 60.0, ago_s=8 * 3600)
        return await watch.wait("a")

    assert told(provider, story).state is TaskState.SUCCESS


@pytest.mark.parametrize("skew_s", [-290.0, 290.0])
def test_a_clock_five_minutes_off_does_not_shorten_the_deadline(skew_s: float) -> None:
    provider = Provider(skew_s=skew_s)
    assert told(provider, lambda watch: seen_late_by(provider, watch, "a", 1790.0)) < 3


def test_a_server_that_is_away_for_a_while_costs_nothing() -> None:
    script = Script(*[TransientError("away")] * (MISSES * 3), {"a": TaskState.SUCCESS})
    assert told(script, lambda watch: watch.wait("a")).state is TaskState.SUCCESS


def test_a_task_that_the_provider_does_not_know_is_parked() -> None:
    with pytest.raises(NeedsPersonError) as caught:
        told(Script({}), lambda watch: watch.wait("a"))
    assert caught.value.code == "TASK_LOST"


def test_a_task_that_is_missed_now_and_then_is_not_lost() -> None:
    missed: list[Mapping[str, TaskState]] = [{}] * (MISSES - 1)
    script = Script(*missed, {"a": TaskState.RUNNING}, *missed, {"a": TaskState.SUCCESS})
    assert told(script, lambda watch: watch.wait("a")).state is TaskState.SUCCESS


def test_an_unknown_status_is_polled_until_the_deadline_then_parked() -> None:
    with pytest.raises(NeedsPersonError) as caught:
        told(Script({"a": TaskState.UNKNOWN}), lambda watch: watch.wait("a"))
    assert caught.value.code == "TASK_STUCK"


def test_a_refused_key_ends_the_waiting_of_all() -> None:
    with pytest.raises(RunError):
        told(Script(RunError("key refused")), lambda watch: watch.wait("a"))


def test_a_stopped_run_waits_for_nothing() -> None:
    async def stopped(watch: TaskWatcher) -> None:
        waiting = asyncio.create_task(watch.wait("a"))
        await asyncio.sleep(10)
        watch.abandon(ProductError("stopped", code="RUN_STOPPED"))
        with pytest.raises(ProductError, match="stopped"):
            await waiting
        with pytest.raises(ProductError, match="stopped"):
            await watch.wait("b")  # it was sent, and comes to wait only now

    told(Script({"a": TaskState.RUNNING}), stopped)


def test_each_of_the_abandoned_names_its_own_sku() -> None:
    async def stopped(watch: TaskWatcher) -> list[BaseException]:
        waiting = [asyncio.create_task(watch.wait(task)) for task in ("a", "b")]
        await asyncio.sleep(10)
        watch.abandon(ProductError("stopped"))
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        return [error for error in ended if isinstance(error, ProductError)]

    first, second = told(Script({"a": TaskState.RUNNING, "b": TaskState.RUNNING}), stopped)
    assert isinstance(first, ProductError)
    assert isinstance(second, ProductError)
    assert (first.for_sku("A").sku, second.for_sku("B").sku) == ("A", "B")


@pytest.mark.parametrize("odd", [ProductError("a gateway's 404"), NeedsPersonError("2001"), ZeroDivisionError()])
def test_one_odd_answer_does_not_end_the_watch(odd: Exception) -> None:
    script = Script(odd, {"a": TaskState.SUCCESS})
    assert told(script, lambda watch: watch.wait("a")).state is TaskState.SUCCESS


def test_answers_that_stay_odd_park_the_task_at_its_deadline() -> None:
    with pytest.raises(NeedsPersonError) as caught:
        told(Script(ZeroDivisionError()), lambda watch: watch.wait("a"))
    assert caught.value.code == "TASK_STUCK"


def test_one_who_comes_while_all_sleep_is_not_kept_waiting() -> None:
    provider = Provider()

    async def story() -> float:
        watch = watching(provider, known=Durations({KIND: [500.0] * 9}))
        provider.start("long", 500.0)
        long = asyncio.create_task(watch.wait("long"))
        await asyncio.sleep(21)
        late_s = await seen_late_by(provider, watch, "short", 1.0)
        long.cancel()
        await asyncio.gather(long, return_exceptions=True)
        return late_s

    assert run_virtually(story()) <= POLL_S + provider.latency_s
