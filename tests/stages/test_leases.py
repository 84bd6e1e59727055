"""Who may go on with a SKU that somebody else held."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from catalog3d.adapters.holders import HolderFiles
from tests.processes.processes import ROOT

HOLD = """
import sys, time
from pathlib import Path
from catalog3d.adapters.holders import HolderFiles
files = HolderFiles(Path(sys.argv[1]))
name = files.name_of("20261124-abcdef")
with files.living(name):
    print(name, flush=True)
    time.sleep(60)
"""


def test_a_holder_lives_until_its_process_is_killed(tmp_path: Path) -> None:
    files = HolderFiles(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        name = worker.stdout.readline().strip()
        assert files.lives(name) is True
        worker.kill()
        worker.wait()
        assert files.lives(name) is False


def test_a_run_that_ended_in_order_lives_no_more(tmp_path: Path) -> None:
    files = HolderFiles(tmp_path)
    name = files.name_of("20261124-abcdef")
    with files.living(name):
        assert files.lives(name) is True
    assert files.lives(name) is False


def test_many_who_ask_at_once_hear_the_same(tmp_path: Path) -> None:
    files = HolderFiles(tmp_path)
    name = files.name_of("20261124-abcdef")
    with files.living(name):
        pass
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: files.lives(name), range(500))) == {False}


def test_nothing_is_said_about_a_holder_of_another_machine(tmp_path: Path) -> None:
    there = HolderFiles(tmp_path, machine="there")
    name = there.name_of("20261124-abcdef")
    with there.living(name):
        assert HolderFiles(tmp_path, machine="here").lives(name) is None


def test_nothing_is_said_about_a_holder_without_a_file(tmp_path: Path) -> None:
    files = HolderFiles(tmp_path)
    assert files.lives(files.name_of("20261124-abcdef")) is None
