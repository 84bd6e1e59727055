"""Who may go on with a SKU that somebody else held."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from catalog3d.adapters.holders import HolderFiles
from tests.processes.processes import ROOT

HOLD = """
import sys, time
from pathlib import Path
from catalog3d.adapters.holders import HolderFiles
with HolderFiles(Path(sys.argv[1])).living("worker"):
    print("here", flush=True)
    time.sleep(60)
"""


def test_a_holder_lives_until_its_process_is_killed(tmp_path: Path) -> None:
    files = HolderFiles(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        assert files.lives("worker") is True
        worker.kill()
        worker.wait()
        assert files.lives("worker") is False


def test_a_run_that_ended_in_order_lives_no_more(tmp_path: Path) -> None:
    files = HolderFiles(tmp_path)
    with files.living("worker"):
        assert files.lives("worker") is True
    assert files.lives("worker") is False


def test_nothing_is_said_about_a_holder_of_another_machine(tmp_path: Path) -> None:
    assert HolderFiles(tmp_path).lives("elsewhere-1-abc") is None
