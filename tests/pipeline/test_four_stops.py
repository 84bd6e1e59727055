"""The four ways to stop a run, each with a real server, a real worker and paid tasks under way.

One story: a run of the worker is cancelled on Prefect's page, one of the command line is, another gets SIGTERM; then the
worker itself is stopped while paid requests have no answer yet. The last run finishes everything.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from catalog3d.adapters.owned_server import free_port
from tests.pipeline.key_hunt import command_lines, files_with
from tests.pipeline.slow_provider import SlowProvider, slow_provider
from tests.pipeline.team import BRIEFS, KEY, WITH_MODEL, Said, Team, make_team, with_tripo
from tests.processes.prefect_api import ask_prefect
from tests.processes.processes import eventually, processes_naming

pytestmark = pytest.mark.server

PROMISED_S = 10.0
FIRST = 2
"""SKUs of the first three runs; the fourth also asks for the others."""
ANSWER_S = 6.0
"""How long a create takes to be answered in the fourth run: longer than it takes to stop the worker."""


@dataclass(frozen=True, kw_only=True)
class Stop:
    """What was there right after a run was stopped.

    Attributes:
        took_s: Until the run had ended.
        prefect: Its state on Prefect's page.
        run: State and sentence in the registry, and whether its report is there.
        held: Leases of products and generations that somebody still holds.
        states: Of the ledger: state -> count.
        sheet: SKU -> what the team's sheet says.
    """

    took_s: float
    prefect: str
    run: tuple[str, str, bool]
    held: int
    states: dict[str, int]
    sheet: dict[str, str]
    provider: dict[str, Any]
    said: Said | None = None


@dataclass(frozen=True, kw_only=True)
class Story:
    cancelled_worker_run: Stop
    cancelled_cli_run: Stop
    terminated_cli_run: Stop
    stopped_worker: Stop
    unanswered_at_stop: int
    left_after_worker: list[str]
    last: Said
    paid: dict[str, Any]
    lines: set[bytes] = field(repr=False)
    folder: Path


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A team's machine with `catalog3d up`."""

    team: Team
    provider: SlowProvider
    url: str

    def api(self, path: str, **body: Any) -> Any:
        return ask_prefect(self.url, path, body)

    def press_run(self, **parameters: Any) -> str:
        (deployment,) = [it for it in self.api("deployments/filter") if it["name"] == "catalog-run"]
        started = self.api(
            f"deployments/{deployment['id']}/create_flow_run",
            parameters={"sheet": str(self.team.sheet), **parameters},
            state={"type": "SCHEDULED"},
        )
        return str(started["id"])

    def press_cancel(self, run_id: str) -> None:
        self.api(f"flow_runs/{run_id}/set_state", state={"type": "CANCELLING"})

    def state(self, run_id: str) -> str:
        return str(ask_prefect(self.url, f"flow_runs/{run_id}")["state"]["type"])

    def run_of_the_command_line(self) -> str:
        (found,) = [it for it in self.api("flow_runs/filter") if it["deployment_id"] is None and it["end_time"] is None]
        return str(found["id"])

    def seen(self, began: float, prefect: str, said: Said | None = None) -> Stop:
        team, took_s = self.team, time.monotonic() - began
        ((state, message, report),) = _asked(
            team, "select state, message, report from runs order by started_at desc limit 1"
        )
        held = "select count(*) from products where lease_holder != '' union all "
        held += "select count(*) from generations where lease_holder != ''"
        return Stop(
            took_s=took_s,
            prefect=prefect,
            run=(state, message, bool(report) and Path(report).exists()),
            held=sum(count for (count,) in _asked(team, held)),
            states=dict(_asked(team, "select state, count(*) from generations group by state")),
            sheet={sku: row.get("3D Status", "") for sku, row in team.rows().items()},
            provider=self.provider.seen.stats(),
            said=said,
        )


def _asked(team: Team, query: str) -> list[Any]:
    """Rows of the registry; none as long as its schema is not there."""
    file = team.folder / ".catalog3d" / "registry.db"
    if not file.exists():
        return []
    with sqlite3.connect(file) as registry:
        try:
            return registry.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []


@contextmanager
def up(team: Team, provider: SlowProvider) -> Iterator[tuple[Machine, subprocess.Popen[str]]]:
    port = free_port()
    running = team.start("up", "--port", str(port))
    machine = Machine(team=team, provider=provider, url=f"http://127.0.0.1:{port}")

    def ready() -> bool:
        try:
            return len(machine.api("deployments/filter")) == 4
        except httpx.HTTPError:
            return False

    try:
        assert eventually(lambda: running.poll() is not None or ready(), within_s=150)
        assert running.poll() is None, running.communicate()
        yield machine, running
    finally:
        running.terminate()
        running.communicate(timeout=60)


def _taken_up(team: Team) -> bool:
    """Whether the run under way holds the paid tasks that another left."""
    held = "select count(*) from generations where state = 'submitted' and lease_holder != ''"
    return _asked(team, held) == [(FIRST,)]


def _stopped_cli_run(machine: Machine, stop: Callable[[subprocess.Popen[str]], None]) -> Stop:
    running = machine.team.start("run", "sheet.csv", "--limit", str(FIRST), "--json")
    assert eventually(lambda: running.poll() is not None or _taken_up(machine.team), within_s=90)
    assert running.poll() is None, running.communicate()
    run_id = machine.run_of_the_command_line()
    began = time.monotonic()
    stop(running)
    stdout, stderr = running.communicate(timeout=60)
    said = Said(code=running.returncode, stdout=stdout, stderr=stderr)
    return machine.seen(began, machine.state(run_id), said)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    team_folder = tmp_path_factory.mktemp("team") / "catalog"
    with slow_provider(tmp_path_factory.mktemp("provider")) as provider, command_lines() as lines:
        tripo = provider.seen
        tripo.fault("reject:2008", times=0, prompt="refuses")
        team = make_team(team_folder, **with_tripo(tripo.url))
        with up(team, provider) as (machine, running):
            run_id = machine.press_run(limit=FIRST)
            assert eventually(lambda: _taken_up(team), within_s=90)
            began = time.monotonic()
            machine.press_cancel(run_id)
            assert eventually(lambda: machine.state(run_id) == "CANCELLED", within_s=60), machine.state(run_id)
            cancelled_worker_run = machine.seen(began, machine.state(run_id))

            cancelled = _stopped_cli_run(
                machine, lambda _running: machine.press_cancel(machine.run_of_the_command_line())
            )
            terminated = _stopped_cli_run(machine, lambda running: running.send_signal(signal.SIGTERM))

            provider.answer_s = ANSWER_S
            run_id = machine.press_run()
            assert eventually(lambda: provider.unanswered >= BRIEFS - FIRST, within_s=90)
            unanswered = provider.unanswered
            began = time.monotonic()
            running.terminate()
            running.wait(timeout=60)
        stopped = machine.seen(began, _state_in_the_database(team, run_id))
        eventually(lambda: not processes_naming(str(team.folder)), within_s=PROMISED_S)
        left = processes_naming(str(team.folder))
        provider.answer_s = 0.0
        provider.clock.let_go()
        last = team("run", "sheet.csv", "--json")
        yield Story(
            cancelled_worker_run=cancelled_worker_run,
            cancelled_cli_run=cancelled,
            terminated_cli_run=terminated,
            stopped_worker=stopped,
            unanswered_at_stop=unanswered,
            left_after_worker=left,
            last=last,
            paid=tripo.stats(),
            lines=lines,
            folder=team_folder.parent,
        )


def _state_in_the_database(team: Team, run_id: str) -> str:
    with sqlite3.connect(team.folder / ".catalog3d" / "prefect" / "prefect.db") as prefect:
        ((state,),) = prefect.execute("select state_type from flow_run where id = ?", (run_id,)).fetchall()
    return str(state)


def _keeps_what_is_paid(stop: Stop) -> None:
    """The promise: within seconds, paid tasks kept, leases released, the summary written, the sheet told."""
    state, message, has_report = stop.run
    assert (state, has_report) == ("stopped", True)
    assert "not done yet" in message
    assert stop.held == 0
    assert {stop.sheet["00412"], stop.sheet["MG017"]} == {"Generating"}
    assert stop.states.keys() <= {"submitted", "settled"}


def test_cancel_on_the_page_stops_a_run_of_the_worker(story: Story) -> None:
    stop = story.cancelled_worker_run
    _keeps_what_is_paid(stop)
    assert stop.prefect == "CANCELLED"
    assert stop.took_s < 30
    assert (stop.provider["open"], stop.provider["create_posts"]) == (FIRST, FIRST)


@pytest.mark.parametrize("how", ["cancelled_cli_run", "terminated_cli_run"])
def test_cancel_and_sigterm_stop_a_run_of_the_command_line(story: Story, how: str) -> None:
    stop: Stop = getattr(story, how)
    _keeps_what_is_paid(stop)
    assert stop.prefect == "CANCELLED"
    assert stop.took_s < PROMISED_S
    assert (stop.provider["open"], stop.provider["create_posts"]) == (FIRST, FIRST)
    assert stop.said is not None
    assert stop.said.code == 1, stop.said.stderr
    reasons = {line["sku"]: line["reason"] for line in json.loads(stop.said.stdout)["skus"]}
    assert (reasons["00412"], reasons["MG017"]) == ("RUN_STOPPED", "RUN_STOPPED")


def test_sigterm_to_the_worker_lets_its_run_hear_the_answers_it_paid_for(story: Story) -> None:
    stop = story.stopped_worker
    _keeps_what_is_paid(stop)
    assert story.unanswered_at_stop >= BRIEFS - FIRST
    assert stop.states["submitted"] == BRIEFS
    assert stop.prefect == "CANCELLED"
    assert stop.took_s < ANSWER_S + 20
    assert story.left_after_worker == []


def test_the_next_run_finishes_everything_and_no_request_was_repeated(story: Story) -> None:
    assert {line["sku"] for line in story.last.json["skus"] if line["version"] == 1} == WITH_MODEL, story.last.stderr
    assert (story.paid["created"], story.paid["most_per_brief"]) == (BRIEFS, 1)
    assert story.paid["create_posts"] == BRIEFS + 1


def test_neither_a_file_nor_a_command_line_of_server_worker_and_runs_held_the_key(story: Story) -> None:
    assert any(b"_workspace_supervisor" in line or b"prefect.engine" in line for line in story.lines)
    assert [line for line in story.lines if KEY.encode() in line] == []
    assert {"prefect.db", "registry.db"} <= {path.name for path in files_with("00412", story.folder)}
    assert files_with(KEY, story.folder) == []
