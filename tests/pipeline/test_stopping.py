"""Runs that are stopped, kindly or not: nothing is left behind, nothing is lost, nothing is paid twice."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.pipeline.team import BRIEFS, WITH_MODEL, Provider, Said, Team, make_team, with_tripo
from tests.processes.processes import eventually, processes_naming

pytestmark = pytest.mark.server

PROMISED_S = 10.0
SLOW = 0.3
"""Seconds here per second at Tripo: a model takes 13 s and more, time enough to stop in its middle."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """A run killed while models were being made, one stopped with Ctrl-C, and the one that finished.

    Attributes:
        seen_at_kill: The provider's counts when the first run was killed.
        seen_at_stop: The same when the second was stopped.
    """

    seen_at_kill: dict[str, Any]
    left_after_kill: list[str]
    seen_at_stop: dict[str, Any]
    stopped: Said
    stop_took_s: float
    left_after_stop: list[str]
    last: Said
    paid: dict[str, Any]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, new_provider: Callable[..., Provider]) -> Story:
    tripo = new_provider(time_scale=SLOW)
    tripo.fault("reject:2008", times=0, prompt="refuses")
    team = make_team(tmp_path_factory.mktemp("team") / "catalog", **with_tripo(tripo.url))

    killed = team.start("run", "sheet.csv", "--json")
    assert eventually(lambda: _ledger(team, "state = 'submitted'") == BRIEFS, within_s=120)
    killed.kill()
    killed.communicate()
    seen_at_kill = tripo.stats()
    left_after_kill = _left(team)

    running = team.start("run", "sheet.csv", "--json")
    assert eventually(lambda: _works(team), within_s=90)
    began = time.monotonic()
    running.send_signal(signal.SIGINT)
    stdout, stderr = running.communicate(timeout=60)
    took_s = time.monotonic() - began
    seen_at_stop = tripo.stats()
    left_after_stop = _left(team)

    last = team("run", "sheet.csv", "--json")
    return Story(
        seen_at_kill=seen_at_kill,
        left_after_kill=left_after_kill,
        seen_at_stop=seen_at_stop,
        stopped=Said(code=running.returncode, stdout=stdout, stderr=stderr),
        stop_took_s=took_s,
        left_after_stop=left_after_stop,
        last=last,
        paid=tripo.stats(),
    )


def _left(team: Team) -> list[str]:
    """Processes of the team's home that still live when the promised time is over."""
    eventually(lambda: not processes_naming(str(team.folder)), within_s=PROMISED_S)
    return processes_naming(str(team.folder))


def _works(team: Team) -> bool:
    """Whether the run under way has taken up the models that the killed one left."""
    return _ledger(team, "state = 'submitted' and lease_fence > 1") == BRIEFS


def _ledger(team: Team, condition: str) -> int:
    """How many generations are so; 0 as long as there is no registry."""
    file = team.folder / ".catalog3d" / "registry.db"
    if not file.exists():
        return 0
    with sqlite3.connect(file) as registry:
        try:
            (count,) = registry.execute(f"select count(*) from generations where {condition}").fetchone()
        except sqlite3.OperationalError:  # its schema is being made
            return 0
    return int(count)


def test_kill_9_leaves_no_process_within_ten_seconds(story: Story) -> None:
    assert story.left_after_kill == []
    assert story.seen_at_kill["open"] == BRIEFS


def test_ctrl_c_ends_within_seconds_with_a_summary_and_keeps_what_is_paid(story: Story) -> None:
    assert story.stopped.code == 1, story.stopped.stderr
    assert story.stop_took_s < PROMISED_S
    waiting = [line for line in story.stopped.json["skus"] if line["reason"] == "RUN_STOPPED"]
    assert waiting
    assert {line["status"] for line in waiting} <= {"generating", "ready"}
    assert "kept for the next run" in story.stopped.stderr
    assert story.left_after_stop == []


def test_the_next_run_finishes_all_of_it_and_nothing_was_bought_twice(story: Story) -> None:
    assert {line["sku"] for line in story.last.json["skus"] if line["version"] == 1} == WITH_MODEL
    assert (story.paid["created"], story.paid["most_per_brief"]) == (BRIEFS, 1)
    assert story.paid["create_posts"] == BRIEFS + 1
