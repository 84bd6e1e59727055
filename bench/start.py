"""How long a run takes to begin: the Prefect server in a new home and in a used one, and the first order.

Run: python -m bench.start [REPEATS]
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.rerun import ran
from bench.slots import Case, provider
from bench.slots_catalog import Item, write_catalog
from catalog3d.adapters.local_servers import prefect_server
from catalog3d.home import Home

ITEM = Item(number=0, views=1, seconds=40.0)


def server_start_s(home: Home) -> float:
    """Until a Prefect server that we own answers; it is ended again."""
    began = time.monotonic()
    with prefect_server(home):
        return time.monotonic() - began


def first_order_s(folder: Path, state: Path, url: str) -> float:
    """From the start of `catalog3d run` to the first order that reaches the provider."""
    before, began = time.time(), time.monotonic()
    ran(folder, url, state)
    with sqlite3.connect(state / "standin.db") as database:
        (ordered,) = database.execute("select min(created_at) from tasks where created_at > ?", (before,)).fetchone()
    if ordered is None:
        sys.exit(f"Nothing was ordered in {time.monotonic() - began:.0f} s.")
    return float(ordered) - before


def measure() -> tuple[float, float, float, float]:
    """Server cold and warm, first order cold and warm."""
    with tempfile.TemporaryDirectory(prefix="start-") as given:
        home = Home(root=Path(given), catalog="live")
        servers = server_start_s(home), server_start_s(home)
    with tempfile.TemporaryDirectory(prefix="start-") as given:
        folder, state = Path(given) / "team", Path(given) / "provider"
        folder.mkdir()
        items = [ITEM, Item(number=1, views=1, seconds=40.0)]
        sheet = write_catalog(folder, items)
        lines = sheet.read_text().splitlines(keepends=True)
        with provider(
            Case(items=items, seed=0, slots=10, setting=10, scale=0.01), state, folder / "seconds.json"
        ) as url:
            sheet.write_text("".join(lines[:2]))
            cold = first_order_s(folder, state, url)
            sheet.write_text("".join(lines))
            return *servers, cold, first_order_s(folder, state, url)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repeats", nargs="?", type=int, default=3)
    found = [measure() for _ in range(parser.parse_args().repeats)]
    print("python -m bench.start " + " ".join(sys.argv[1:]))
    names = ("Prefect server, new home", "Prefect server, used home", "first order, new home", "first order, used home")
    for name, times in zip(names, zip(*found, strict=True), strict=True):
        print(f"  {name:<26} {statistics.median(times):6.1f} s  ({min(times):.1f} to {max(times):.1f})")


if __name__ == "__main__":
    main()
