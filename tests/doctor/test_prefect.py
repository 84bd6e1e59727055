"""The doctor and a real Prefect server: what `catalog3d up` runs is found, and known to be able to work."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from catalog3d.adapters.owned_server import free_port, read_record
from catalog3d.cli.app import app
from tests.pipeline.team import Team
from tests.processes.processes import ROOT, eventually

pytestmark = pytest.mark.server
START_S = 150.0


def checks(*, url: str = "", monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, str]]:
    """Check -> (level, what was found) of everything about Prefect."""
    if url:
        monkeypatch.setenv("PREFECT_API_URL", url)
    found = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)["checks"]
    wanted = {"Prefect", "Prefect server", "Prefect version", "Deployments", "Work pool"}
    return {one["check"]: (one["level"], one["found"]) for one in found if one["check"] in wanted}


def test_what_up_runs_is_found_well_and_a_server_that_is_gone_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "catalog.yaml").write_text("")
    monkeypatch.chdir(home)
    environment = Team(folder=home)._environment()
    with (home / "words.txt").open("wb") as words:
        up = subprocess.Popen(
            [sys.executable, "-m", "catalog3d.cli.app", "up", "--port", str(free_port())],
            cwd=home,
            env={**environment, "CATALOG3D_HOME": str(home), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            start_new_session=True,
        )
    try:
        told = home / "words.txt"
        assert eventually(lambda: up.poll() is not None or "Ctrl-C stops" in told.read_text(), within_s=START_S)
        assert up.poll() is None, told.read_text()
        record = read_record(home / ".catalog3d" / "server.json")
        assert record is not None
        by_record = checks(monkeypatch=monkeypatch)
        by_url = checks(url=f"{record.url}/api", monkeypatch=monkeypatch)
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(60)
    afterwards = checks(monkeypatch=monkeypatch)
    assert {level for level, _ in (*by_record.values(), *by_url.values())} == {"ok"}
    assert by_record.keys() == by_url.keys() == {"Prefect server", "Prefect version", "Deployments", "Work pool"}
    assert "of this home" in by_record["Prefect server"][1]
    assert "PREFECT_API_URL" in by_url["Prefect server"][1]
    assert "1 live worker" in by_record["Work pool"][1]
    assert afterwards["Prefect"][0] == "problem"  # the variable still names the server that is gone
