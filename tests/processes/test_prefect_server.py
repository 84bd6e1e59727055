"""The Prefect server that we own: shared by runs of one home, silent, and gone with its last user.

One scenario, played once, gives the evidence for most claims: two runs begin at the same moment in a fresh home; then the
first is killed with SIGKILL, then the second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from catalog3d.adapters.local_servers import prefect_server
from catalog3d.adapters.owned_server import free_port, health_of
from catalog3d.errors import RunError
from catalog3d.home import Home
from tests.processes.isolation import NO_ATTEMPT, metered
from tests.processes.processes import ROOT, eventually, processes_naming

PROMISED_S = 10.0
START_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What was seen in the scenario."""

    answers: list[dict[str, Any]]
    stderr: list[str]
    home: Home
    users_home: Path
    survived_first_kill: bool
    gone_after_second_kill: bool
    left: list[str]


def _start_user(home: Path, users_home: Path, name: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.processes.prefect_user", str(home), name],
        cwd=ROOT,
        env={
            **environment,
            "HOME": str(users_home),
            "PREFECT_PROFILE": "their-own",
            "HTTP_PROXY": "http://127.0.0.1:9",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    # a dollar sign and a blank: Prefect reads its logging configuration as a template
    home = tmp_path_factory.mktemp("team $HOME folder")
    users_home = tmp_path_factory.mktemp("users-home")
    users = [_start_user(home, users_home, name) for name in ("first", "second")]
    try:
        answers = [json.loads(_line(user)) for user in users]
        health = f"{answers[0]['api_url']}/health"
        users[0].kill()
        users[0].wait()
        # two polls of the guard and its grace time are over
        survived = not eventually(lambda: health_of(health) != 200, within_s=4.5)
        users[1].kill()
        users[1].wait()
        gone = eventually(lambda: not processes_naming(str(home)) and health_of(health) == 0, within_s=PROMISED_S)
        yield Evidence(
            answers=answers,
            stderr=[user.communicate()[1] for user in users],
            home=Home(root=home, catalog="live"),
            users_home=users_home,
            survived_first_kill=survived,
            gone_after_second_kill=gone,
            left=processes_naming(str(home)),
        )
    finally:
        for user in users:
            user.kill()
            user.communicate()


def _line(user: subprocess.Popen[str]) -> str:
    assert user.stdout is not None
    watchdog = threading.Timer(START_S, user.kill)
    watchdog.start()
    line = user.stdout.readline()
    watchdog.cancel()
    return line or pytest.fail(user.communicate()[1] or "the program ended without a word")


@pytest.mark.server
def test_two_runs_that_start_at_once_in_a_fresh_home_share_one_server(evidence):
    first, second = evidence.answers
    assert first["api_url"] == second["api_url"]
    assert first["api_url"].startswith("http://127.0.0.1:")


@pytest.mark.server
@pytest.mark.parametrize("user", [0, 1], ids=["starter", "joiner"])
def test_client_lists_flow_runs_task_runs_deployments_and_logs(evidence, user):
    answer, name = evidence.answers[user], ("first", "second")[user]
    assert "Completed" in answer["flow_runs"]
    assert name in answer["flows"]
    assert answer["deployments"] == 0
    assert answer["task_runs"] == {f"{name} CH1": "Completed", f"{name} CH2": "Completed", f"{name} BAD": "Failed"}
    assert {"making CH1", "making CH2", "making BAD"} <= set(answer["logs"])


@pytest.mark.server
def test_nothing_of_prefect_reaches_the_terminal_and_its_log_is_in_the_home(evidence):
    assert evidence.stderr == ["", ""]
    assert "making BAD" in (evidence.home.logs / "prefect.log").read_text()


@pytest.mark.server
def test_the_users_own_prefect_home_is_not_touched(evidence):
    assert list(evidence.users_home.iterdir()) == []
    assert (evidence.home.prefect / "prefect.db").exists()


@pytest.mark.server
def test_kill_9_of_one_of_two_runs_leaves_the_server_to_the_other(evidence):
    assert evidence.survived_first_kill


@pytest.mark.server
def test_kill_9_of_the_last_run_leaves_no_process_within_ten_seconds(evidence):
    assert evidence.gone_after_second_kill
    assert evidence.left == []


@pytest.mark.server
def test_run_with_its_own_server_attempts_no_connection_beyond_this_machine(evidence):
    isolated = metered(
        "import tests.processes.prefect_user as user; user.main()",
        str(evidence.home.root),
        "third",
        environment={**os.environ, "HOME": str(evidence.users_home)},
        timeout_s=START_S,
    )

    assert isolated.stderr == ""
    answer, meter = isolated.stdout.splitlines()
    assert json.loads(answer)["task_runs"]["third BAD"] == "Failed"
    assert meter == NO_ATTEMPT


class _Prefect(BaseHTTPRequestHandler):
    """Answers as a Prefect API elsewhere would."""

    statuses: ClassVar = {"/api/health": 200, "/locked/health": 401, "/other/health": 404}

    def do_GET(self) -> None:
        self.send_response(self.statuses[self.path])
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def elsewhere() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Prefect) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("path", ["/api", "/locked"])
def test_given_server_is_used_as_it_is_and_nothing_is_started(elsewhere, path, tmp_path):
    with prefect_server(Home(root=tmp_path, catalog="live"), given_url=elsewhere + path) as api_url:
        assert api_url == elsewhere + path
    assert list(tmp_path.iterdir()) == []


def test_given_server_that_does_not_answer_stops_the_run_without_showing_its_password(tmp_path):
    url = f"http://user:secret@127.0.0.1:{free_port()}/api"
    with pytest.raises(RunError) as stopped, prefect_server(Home(root=tmp_path, catalog="live"), given_url=url):
        pass
    assert stopped.value.code == "PREFECT_UNREACHABLE"
    assert "secret" not in str(stopped.value)


def test_given_address_of_something_else_stops_the_run(elsewhere, tmp_path):
    with (
        pytest.raises(RunError, match="HTTP 404"),
        prefect_server(Home(root=tmp_path, catalog="live"), given_url=f"{elsewhere}/other"),
    ):
        pass
