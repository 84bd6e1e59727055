"""Prefect's server may go away: a run whose models are made ends as one whose models are made."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.pipeline.slow_provider import slow_provider
from tests.pipeline.team import make_team, with_tripo
from tests.processes.processes import eventually, is_running

pytestmark = pytest.mark.server

PATIENCE_S = 60.0
"""Prefect's client alone tries for minutes."""


def test_a_run_whose_prefect_server_goes_away_finishes_says_so_and_ends(tmp_path: Path) -> None:
    (tmp_path / "provider").mkdir()
    with slow_provider(tmp_path / "provider") as provider:
        team = make_team(tmp_path / "team" / "catalog", **with_tripo(provider.seen.url))
        running = team.start("run", "sheet.csv", "--only", "00412,MG017", "--json")
        assert eventually(lambda: running.poll() is not None or provider.seen.stats()["open"] == 2, within_s=90)
        record = json.loads((team.folder / ".catalog3d" / "server.json").read_text())
        os.kill(record["pid"], signal.SIGTERM)
        assert eventually(lambda: not is_running(record["pid"]), within_s=15)
        provider.clock.let_go()
        began = time.monotonic()
        stdout, stderr = running.communicate(timeout=200)
        assert time.monotonic() - began < PATIENCE_S
        assert running.returncode == 0, stderr
        assert {line["sku"]: line["version"] for line in json.loads(stdout)["skus"]} == {"00412": 1, "MG017": 1}
        assert provider.seen.stats()["create_posts"] == 2
