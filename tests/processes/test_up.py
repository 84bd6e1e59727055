"""`catalog3d up`: everything for a team in one foreground command, and nothing of it afterwards.

One scenario gives the evidence: up in a fresh home, what Prefect then knows, `kill -9`; up again, Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from catalog3d.adapters.owned_server import free_port
from tests.processes.prefect_api import ask_prefect
from tests.processes.processes import ROOT, eventually, processes_naming

PROMISED_S = 10.0
START_S = 150.0
UP = "import typer; from catalog3d.cli.up import up; typer.run(up)"

pytestmark = pytest.mark.server


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What was seen in the scenario."""

    deployments: dict[str, dict[str, Any]]
    pools: list[dict[str, Any]]
    words: str
    left_after_kill: list[str]
    exit_code_of_ctrl_c: int
    ctrl_c_took_s: float
    left_after_ctrl_c: list[str]
    users_home: list[Path]


@contextmanager
def _up(home: Path, users_home: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    with (home / "words.txt").open("wb") as words:
        up = subprocess.Popen(
            [sys.executable, "-c", UP, "--port", str(port)],
            cwd=ROOT,
            env={**kept, "HOME": str(users_home), "CATALOG3D_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            start_new_session=True,
        )
    try:
        eventually(lambda: up.poll() is not None or "Ctrl-C stops" in _words(home), within_s=START_S)
        assert up.poll() is None, _words(home)
        yield up
    finally:
        up.kill()
        up.wait()


def _words(home: Path) -> str:
    return (home / "words.txt").read_text()


def _left(home: Path) -> list[str]:
    """Our processes of this home that still live when the promised time is over."""
    eventually(lambda: not processes_naming(str(home)), within_s=PROMISED_S)
    return processes_naming(str(home))


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    home, users_home = tmp_path_factory.mktemp("team"), tmp_path_factory.mktemp("users-home")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with _up(home, users_home, port) as up:
        deployments = ask_prefect(url, "deployments/filter", {})
        pools = ask_prefect(url, "work_pools/filter", {})
        assert processes_naming(str(home))
        up.kill()
        up.wait()
        left_after_kill = _left(home)
    words = _words(home)
    with _up(home, users_home, port) as up:
        began = time.monotonic()
        os.killpg(up.pid, signal.SIGINT)
        exit_code = up.wait(timeout=60)
        took_s = time.monotonic() - began
        left_after_ctrl_c = processes_naming(str(home))
    return Evidence(
        deployments={found["name"]: found for found in deployments},
        pools=pools,
        words=words,
        left_after_kill=left_after_kill,
        exit_code_of_ctrl_c=exit_code,
        ctrl_c_took_s=took_s,
        left_after_ctrl_c=left_after_ctrl_c,
        users_home=list(users_home.iterdir()),
    )


def test_the_deployments_are_made_without_prompts(evidence):
    assert sorted(evidence.deployments) == ["catalog-nightly", "catalog-run", "publish", "rerun-failed"]
    assert [pool["name"] for pool in evidence.pools] == ["catalog3d"]
    assert all(found["work_pool_name"] == "catalog3d" for found in evidence.deployments.values())


@pytest.mark.parametrize("name", ["catalog-nightly", "catalog-run", "publish", "rerun-failed"])
def test_every_field_of_a_form_is_described(evidence, name):
    found = evidence.deployments[name]
    assert len(found["description"]) > 60
    fields = found["parameter_openapi_schema"]["properties"]
    assert [field for field, schema in fields.items() if not schema.get("description")] == []


def test_nightly_runs_at_two_utc_and_never_twice_at_once(evidence):
    nightly = evidence.deployments["catalog-nightly"]
    (schedule,) = nightly["schedules"]
    assert (schedule["schedule"]["cron"], schedule["schedule"]["timezone"]) == ("0 2 * * *", "UTC")
    assert (schedule["slug"], schedule["active"]) == ("every-night", True)
    assert nightly["global_concurrency_limit"]["limit"] == 1
    assert nightly["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"


def test_people_are_told_where_everything_is(evidence):
    for expected in ("Prefect's pages", "Stand-in", "catalog-run", "catalog3d run SHEET"):
        assert expected in evidence.words


def test_kill_9_leaves_no_process_within_ten_seconds(evidence):
    assert evidence.left_after_kill == []


def test_ctrl_c_stops_everything_within_seconds(evidence):
    assert evidence.exit_code_of_ctrl_c == 0
    assert evidence.left_after_ctrl_c == []
    assert evidence.ctrl_c_took_s < PROMISED_S


def test_the_users_own_prefect_home_is_not_touched(evidence):
    assert evidence.users_home == []
