"""How full the slots of the account stay over a whole run, with Prefect, downloads, checks, pictures and write-back.

The ideal is a provider that is never idle: the sum of all task times by the number of slots. What is above it is ours.

Run: python bench/slots.py [SKUS] [--time-scale S]
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
from PIL import Image

from catalog3d.settings import TripoSettings

KEY = "tsk_benchmark"
SLOTS = TripoSettings().concurrency


def write_catalog(folder: Path, skus: int) -> Path:
    """A sheet with a photo of its own for every SKU: a disc of another color."""
    photos = folder / "photos"
    photos.mkdir(parents=True)
    yy, xx = np.mgrid[0:256, 0:256] - 128
    disc = xx**2 + yy**2 < 90**2
    with (folder / "products.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("SKU", "Name", "Image"))
        for number in range(skus):
            pixels = np.full((256, 256, 3), 245, np.uint8)
            pixels[disc] = (number % 200, (number * 7) % 200, (number * 13) % 200)
            Image.fromarray(pixels).save(photos / f"P{number:04d}.png")
            writer.writerow((f"P{number:04d}", f"Disc {number}", f"P{number:04d}.png"))
    return folder / "products.csv"


@contextmanager
def provider(state: Path, time_scale: float) -> Iterator[str]:
    """A stand-in that plays Tripo, as a process of its own; gives its address."""
    command = [sys.executable, "-m", "catalog3d.standin", "--state", str(state), "--key", KEY, "--with-parent"]
    with subprocess.Popen([*command, "--time-scale", str(time_scale)], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield str(json.loads(running.stdout.readline())["url"])
        finally:
            running.kill()


def run(sheet: Path, environment: dict[str, str]) -> None:
    """The real command line, to its end."""
    command = [sys.executable, "-m", "catalog3d.cli.app", "run", str(sheet), "--budget", "1000000", "--json"]
    ended = subprocess.run(command, env={**os.environ, **environment}, check=False, capture_output=True, text=True)
    if ended.returncode != 0:
        sys.exit(ended.stdout[-2000:] + ended.stderr[-2000:])


def moments(registry: Path) -> list[tuple[float, float]]:
    """(submitted, settled) of every task, in seconds."""
    with sqlite3.connect(registry) as database:
        rows = database.execute("select submitted_at, settled_at from generations").fetchall()
    return [(datetime.fromisoformat(start).timestamp(), datetime.fromisoformat(end).timestamp()) for start, end in rows]


def provider_seconds(state: Path) -> list[float]:
    """How long each task really took at the provider."""
    with sqlite3.connect(next(state.glob("*.db"))) as database:
        database.row_factory = sqlite3.Row
        return [float(row["ends_at"] - row["created_at"]) for row in database.execute("select * from tasks")]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("skus", nargs="?", type=int, default=40)
    parser.add_argument("--time-scale", type=float, default=0.1, help="seconds here per second at Tripo")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        team, state = Path(name) / "team", Path(name) / "provider"
        sheet = write_catalog(team, given.skus)
        with provider(state, given.time_scale) as url:
            settings = {"HOME": str(team), "TRIPO__BASE_URL": url, "TRIPO__API_KEY": KEY}
            run(sheet, {f"CATALOG3D_{setting}": value for setting, value in settings.items()})
        spans = moments(team / ".catalog3d" / "registry.db")
        busy = provider_seconds(state)
    wall = max(end for _, end in spans) - min(start for start, _ in spans)
    ideal = sum(busy) / SLOTS
    print(f"python bench/slots.py {given.skus} --time-scale {given.time_scale}")
    print(f"  models made                            {len(spans):>8}")
    print(f"  first submit to last result            {wall:8.1f} s")
    print(f"  ideal: task times / {SLOTS} slots           {ideal:8.1f} s")
    print(f"  slots kept full                        {100 * ideal / wall:8.0f} %")


if __name__ == "__main__":
    main()
