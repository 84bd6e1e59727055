"""The observer sees what an account does, whatever that is."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import catalog3d.stages.doctor.observe
from catalog3d.diagnosis.judging import Verdict, in_flight_judged, visible_judged
from catalog3d.stages.doctor.observe import Observer
from tests.doctor.accounts import TASK, Account, observed


async def watch(observer: Observer) -> None:
    await observer.note_answer(TASK)
    await observer.watch(TASK)


async def look_back(observer: Observer) -> None:
    await observer.look_back(TASK, client=None, folder=Path("unused"), ages_s=())  # type: ignore[arg-type]


def test_a_task_that_is_listed_at_once_is_seen_in_flight_with_its_credits_held() -> None:
    facts = observed(Account(made_after=10), watch)
    assert facts.found_at_once
    assert facts.seen_in_flight
    assert facts.seen_after_s is not None
    assert facts.frozen_in_flight == 10


def test_a_task_that_is_hidden_while_it_runs_is_seen_once_it_has_ended() -> None:
    facts = observed(Account(hide_in_flight=True, made_after=5), watch)
    assert in_flight_judged(facts)[0] is Verdict.BROKEN
    assert visible_judged(facts)[0] is Verdict.HOLDS


def test_a_task_that_appears_late_is_seen_late_and_still_in_flight() -> None:
    facts = observed(Account(hidden_reads=4, made_after=50), watch)
    assert facts.seen_in_flight
    assert facts.in_flight_reads == 5
    assert facts.seen_after_s is not None
    assert facts.seen_after_s >= 4 * 0.005


def test_a_task_that_never_appears_is_looked_for_as_long_as_a_proof_of_absence_takes() -> None:
    facts = observed(Account(hidden_reads=10**6), watch, proof_s=0.1)
    assert facts.seen_after_s is None
    assert facts.looked_s >= 0.1


def test_a_resumed_check_does_not_wait_for_what_it_can_not_measure() -> None:
    facts = observed(Account(hidden_reads=10**6), lambda observer: observer.watch(TASK), proof_s=60, resumed=True)
    assert facts.looked_s < 5
    assert visible_judged(facts)[0] is Verdict.UNSEEN


@pytest.mark.parametrize(
    ("habits", "fact", "value"),
    [
        ({"others": 3}, "order", "newest first"),
        ({"others": 3, "oldest_first": True}, "order", "oldest first"),
        ({}, "order", ""),
        ({"others": 3}, "pages_agree", True),
        ({}, "rate_headers", ("x-ratelimit-limit",)),
        ({"rate_limits": False}, "rate_headers", ()),
        ({}, "listed", True),
        ({}, "differs", ()),
        ({"echo": {"model_seed": 1}}, "echo", {"model_seed": "1"}),
    ],
)
def test_a_settled_task_shows_the_habits_of_its_account(habits: dict[str, Any], fact: str, value: object) -> None:
    assert getattr(observed(Account(made_after=0, **habits), look_back), fact) == value


def test_the_refusal_of_an_unknown_task_is_noted_with_status_code_and_words() -> None:
    facts = observed(Account(made_after=0, not_found=(400, 1004)), look_back)
    assert facts.not_found is not None
    assert (facts.not_found.status, facts.not_found.code, facts.not_found.words) == (400, 1004, "Task not found")


@pytest.mark.parametrize("minutes", [-5, 0, 5])
def test_the_servers_clock_is_measured_to_a_second(minutes: int) -> None:
    facts = observed(Account(made_after=0, clock_offset=timedelta(minutes=minutes)), look_back)
    assert facts.clock_offset_s == pytest.approx(60 * minutes, abs=1.0)


def test_a_task_at_the_end_of_a_long_account_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog3d.stages.doctor.observe, "USAGE_PAGE", 12)
    facts = observed(Account(made_after=10, others=40), watch)
    assert facts.seen_in_flight


def test_one_page_proves_an_absence_only_where_it_is_newest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog3d.stages.doctor.observe, "USAGE_PAGE", 12)
    found: list[object] = []

    async def look(observer: Observer) -> None:
        await observer.detail(TASK)
        found.append(await observer.find(TASK))

    habits: dict[str, Any] = {"others": 40, "hidden_reads": 10**6, "made_at": "2026-11-22T13:00:00Z"}
    reads = []
    for oldest_first in (False, True):
        account = Account(oldest_first=oldest_first, **habits)
        observed(account, look)
        reads.append(account.asked.count("/v3/account/usage"))
    assert reads == [1, 16]
    assert found == [(None, True), (None, True)]
