"""From `kill -9` of a run to the moment when the next one asks for the tasks that are paid: nothing is ordered again.

The whole process group is killed while all slots are full, and the same command is started at once: with a Prefect
server of its own, which it has to start, and with one that was running all the time.

Run: python -m bench.resume [REPEATS]
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.slots import ROOT, Case, environment, provider
from bench.slots_catalog import Item, write_catalog
from bench.slots_provider import KEY
from catalog3d.adapters.local_servers import prefect_server
from catalog3d.home import Home

SLOTS = 10
LONG_S = 3600.0
"""No task of this benchmark ends."""
WAIT_S = 120.0
_LOOK_S = 0.02


@contextmanager
def run_of(folder: Path, url: str, prefect_url: str) -> Iterator[subprocess.Popen[bytes]]:
    """`catalog3d run` as a process group of its own, killed at the end."""
    settings = {"HOME": str(folder), "TRIPO__BASE_URL": url, "TRIPO__API_KEY": KEY, "BUDGET__DAY": "1000000"}
    variables = environment(**settings) | ({"PREFECT_API_URL": prefect_url} if prefect_url else {})
    command = [sys.executable, "-m", "catalog3d.cli.app", "run", str(folder / "products.csv"), "--budget", "1000000"]
    running = subprocess.Popen(
        command, cwd=ROOT, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield running
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def count(state: Path, query: str) -> int:
    with sqlite3.connect(state / "standin.db") as database:
        return int(database.execute(query).fetchone()[0] or 0)


def ordered(state: Path) -> int:
    return count(state, "select count(*) from tasks")


def polls(state: Path) -> int:
    return count(state, "select sum(value) from counters where name = 'POST /v3/tasks/list'")


def wait_for(claim: Callable[[], bool], running: subprocess.Popen[bytes]) -> float:
    """Seconds until it is true."""
    began = time.monotonic()
    while not claim():
        if running.poll() is not None or time.monotonic() - began > WAIT_S:
            sys.exit(f"The run ended with {running.poll()} after {time.monotonic() - began:.0f} s.")
        time.sleep(_LOOK_S)
    return time.monotonic() - began


def resumed_s(folder: Path, url: str, state: Path, prefect_url: str) -> float:
    """Kill a run with full slots, start it again, and measure until the first question about its tasks."""
    with run_of(folder, url, prefect_url) as first:
        wait_for(lambda: ordered(state) == SLOTS and polls(state) > 0, first)
    asked, began = polls(state), time.monotonic()
    with run_of(folder, url, prefect_url) as second:
        wait_for(lambda: polls(state) > asked, second)
        took_s = time.monotonic() - began
    if ordered(state) != SLOTS:
        sys.exit(f"{ordered(state) - SLOTS} tasks were ordered again.")
    return took_s


def measure(*, shared: bool) -> float:
    """One kill in a new home."""
    items = [Item(number=number, views=1, seconds=LONG_S) for number in range(SLOTS)]
    case = Case(items=items, seed=0, slots=SLOTS, setting=SLOTS, scale=1.0)
    with tempfile.TemporaryDirectory(prefix="resume-", ignore_cleanup_errors=True) as given:
        folder, state = Path(given) / "team", Path(given) / "provider"
        folder.mkdir()
        write_catalog(folder, items)
        with provider(case, state, folder / "seconds.json", uploads_per_minute=10**6) as url:
            if not shared:
                return resumed_s(folder, url, state, "")
            with prefect_server(Home(root=Path(given) / "server", catalog="live"), ui=False) as prefect_url:
                return resumed_s(folder, url, state, prefect_url)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repeats", nargs="?", type=int, default=3)
    repeats = parser.parse_args().repeats
    print("python -m bench.resume " + " ".join(sys.argv[1:]))
    print(f"  kill -9 with {SLOTS} tasks under way, until the next run asks for them; 0 of them ordered again")
    for name, shared in (("own Prefect server", False), ("running Prefect server", True)):
        times = [measure(shared=shared) for _ in range(repeats)]
        print(f"  {name:<24} {statistics.median(times):6.1f} s  ({min(times):.1f} to {max(times):.1f})", flush=True)


if __name__ == "__main__":
    main()
