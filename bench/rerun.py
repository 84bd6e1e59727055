"""A finished catalog run again: what is asked of the provider, how long it takes, and whether memory grows with it.

The first run is a real one, against a stand-in that makes every model at once; the second is what is measured.

Run: python -m bench.rerun [--skus 100,1000]
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.slots import ROOT, Case, environment, provider
from bench.slots_catalog import Item, write_catalog
from bench.slots_provider import KEY

SLOTS = 100
SCALE = 0.001
FACES = 500
"""Small models: the first run is only there to finish the catalog."""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """One run of the command line.

    Attributes:
        peak_bytes: Most memory that its process, or the largest of its children, had at once.
        posts: Requests that the provider saw, other than reads, and `reads`.
    """

    seconds: float
    peak_bytes: int
    posts: int
    reads: int


def ran(folder: Path, url: str, state: Path) -> Ran:
    """`catalog3d run`, to its end."""
    settings = {
        "HOME": str(folder),
        "TRIPO__BASE_URL": url,
        "TRIPO__API_KEY": KEY,
        "TRIPO__CONCURRENCY": str(SLOTS),
        "BUDGET__DAY": "100000000",
    }
    command = [sys.executable, "-m", "catalog3d.cli.app", "run", str(folder / "products.csv"), "--json"]
    before, began = requests(state), time.monotonic()
    with subprocess.Popen(
        [*command, "--budget", "100000000"],
        cwd=ROOT,
        env=environment(**settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode != 0:
        sys.exit(f"The run ended with {running.returncode}.")
    after = requests(state)
    return Ran(
        seconds=time.monotonic() - began,
        peak_bytes=used.ru_maxrss * 1024,
        posts=after[0] - before[0],
        reads=after[1] - before[1],
    )


def requests(state: Path) -> tuple[int, int]:
    """Requests that change something or may, and reads, that a stand-in has seen of the API."""
    with sqlite3.connect(state / "standin.db") as database:
        counters = database.execute("select name, value from counters where name like '%/v3/%'").fetchall()
    posts = sum(count for name, count in counters if not name.startswith("GET "))
    return posts, sum(count for _, count in counters) - posts


def measure(skus: int) -> tuple[Ran, Ran]:
    """The first run of a catalog and the second."""
    items = [Item(number=number, views=1, seconds=40.0) for number in range(skus)]
    case = Case(items=items, seed=0, slots=SLOTS, setting=SLOTS, scale=SCALE)
    with tempfile.TemporaryDirectory(prefix="rerun-") as given:
        folder, state = Path(given) / "team", Path(given) / "provider"
        folder.mkdir()
        write_catalog(folder, items)
        with provider(case, state, folder / "seconds.json", uploads_per_minute=10**6, faces=FACES) as url:
            return ran(folder, url, state), ran(folder, url, state)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skus", default="100,1000", help="sizes, with commas")
    sizes = [int(size) for size in parser.parse_args().skus.split(",")]
    print("python -m bench.rerun " + " ".join(sys.argv[1:]))
    for size in sizes:
        for name, one in zip(("first run", "run again"), measure(size), strict=True):
            print(
                f"  {size:>6} SKUs, {name}: {one.seconds:7.1f} s, {one.peak_bytes / 1e6:6.0f} MB at most,"
                f" {one.posts} POSTs, {one.reads} reads",
                flush=True,
            )


if __name__ == "__main__":
    main()
