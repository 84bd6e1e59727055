"""`make demo` on a machine without a network: the whole job, and nothing asked of the world."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.processes.isolation import NO_ATTEMPT, metered
from tests.processes.processes import ROOT, eventually, processes_naming

pytestmark = pytest.mark.server

DEMO = """
import runpy, sys
try:
    runpy.run_path("examples/demo.py", run_name="__main__")
except SystemExit as ended:
    print("ended with", ended.code, flush=True)
"""


def test_the_demo_ends_well_and_no_connection_leaves_this_machine(tmp_path: Path) -> None:
    folder, users_home = tmp_path / "demo", tmp_path / "users-home"
    users_home.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(users_home), "PYTHONPATH": str(ROOT)}
    played = metered(DEMO, str(folder), environment=environment, timeout_s=280)
    lines = played.stdout.splitlines()
    assert "ended with 0" in lines, played.stdout + played.stderr
    assert lines[-1] == NO_ATTEMPT
    assert "What to do next" in played.stderr
    assert next((folder / "rehearsal" / "reports").glob("*/report.html")).stat().st_size > 10_000
    assert list(users_home.iterdir()) == []
    assert eventually(lambda: not processes_naming(str(folder)), within_s=10)
