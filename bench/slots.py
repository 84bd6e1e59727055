"""How full the slots of an account stay: the whole `catalog3d run`, Tripo's SDK in a plain loop, and the ideal.

One stand-in for each, with the same times for the same products: 40 to 210 s, 30 % of them from four views, ten
uploads a minute, all of it scaled. Ours is the real command line with its Prefect server, mesh checks, pictures,
library and sheet; the SDK's loop only downloads. The ideal keeps every limit exactly and does nothing else.

Run: python -m bench.slots [--skus 200] [--slots 10,3] [--scale 0.25] [--together]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.slots_catalog import Item, make_items, write_catalog
from bench.slots_ideal import Ideal, ideal
from bench.slots_provider import KEY

OURS, THEIRS = "catalog3d run", "SDK loop"
ROOT = Path(__file__).resolve().parents[1]
UPLOADS_PER_MINUTE = 10
CPU_BOUND = 0.85
"""Share of the machine's time in use beyond which the processors are part of what is measured."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One measurement."""

    items: list[Item]
    seed: int
    slots: int
    setting: int
    scale: float

    def ideal(self) -> Ideal:
        return ideal(self.items, self.slots, UPLOADS_PER_MINUTE)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Seconds of the wall clock, counted from the start of the process.

    Attributes:
        first_upload_s: The first picture arrives at the provider: start-up ends.
        last_end_s: The last task ends at the provider.
        over_s: The process is over.
        polls: Questions about tasks under way; not ours for the address of a finished model.
        refused: Orders answered with 2000 or 1007.
        machine_busy: Share of all processors' time that anybody used meanwhile.
    """

    name: str
    case: Case
    first_upload_s: float
    last_end_s: float
    over_s: float
    polls: int
    refused: int
    used_s: float
    machine_busy: float

    @property
    def makespan_s(self) -> float:
        return self.last_end_s - self.first_upload_s

    @property
    def ratio(self) -> float:
        return self.makespan_s / (self.case.ideal().makespan_s * self.case.scale)


@contextmanager
def provider(case: Case, state: Path, seconds: Path, **more: int) -> Iterator[str]:
    """The stand-in as a process of its own; gives its address.

    Args:
        more: Further arguments of `bench.slots_provider`.
    """
    given = {
        "state": state,
        "seconds": seconds,
        "scale": case.scale,
        "slots": case.slots,
        "uploads_per_minute": UPLOADS_PER_MINUTE,
        **more,
    }
    command = [sys.executable, "-m", "bench.slots_provider"]
    command += [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield str(json.loads(running.stdout.readline())["url"])
        finally:
            running.kill()


def environment(**settings: str) -> dict[str, str]:
    """Ours, without any setting of the person who measures."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("CATALOG3D_", "PREFECT_", "TRIPO_"))
    }
    return {**kept, "PYTHONPATH": str(ROOT), **{f"CATALOG3D_{name}": value for name, value in settings.items()}}


def ours(case: Case, url: str, folder: Path) -> None:
    """The real command line, to its end."""
    settings = {
        "HOME": str(folder),
        "TRIPO__BASE_URL": url,
        "TRIPO__API_KEY": KEY,
        "TRIPO__CONCURRENCY": str(case.setting),
        "TRIPO__POLL_S": str(2 * case.scale),
        "BUDGET__DAY": "1000000",
    }
    sheet = str(folder / "products.csv")
    command = [sys.executable, "-m", "catalog3d.cli.app", "run", sheet, "--budget", "1000000", "--json"]
    finish(command, environment(**settings))


def sdk(case: Case, url: str, folder: Path) -> None:
    """Tripo's SDK in a loop, to its end."""
    command = [sys.executable, "-m", "bench.slots_sdk", "--skus", str(len(case.items)), "--seed", str(case.seed)]
    command += ["--slots", str(case.slots), "--scale", str(case.scale), "--url", url, "--key", KEY]
    finish([*command, "--folder", str(folder)], environment())


def finish(command: list[str], variables: dict[str, str]) -> None:
    ended = subprocess.run(command, cwd=ROOT, env=variables, check=False, capture_output=True, text=True)
    if ended.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}")


def measure(name: str, case: Case) -> Measured:
    """One run against a stand-in of its own, and what that saw."""
    with tempfile.TemporaryDirectory(prefix="slots-") as given:
        folder, state = Path(given) / "team", Path(given) / "provider"
        folder.mkdir()
        write_catalog(folder, case.items)
        with provider(case, state, folder / "seconds.json") as url:
            before, began = processor_times(), time.time()
            (ours if name == OURS else sdk)(case, url, folder)
            over = time.time()
            busy, spent = (after - earlier for after, earlier in zip(processor_times(), before, strict=True))
        with sqlite3.connect(state / "standin.db") as database:
            (first_upload,) = database.execute("select min(created_at) from files").fetchone()
            tasks = database.execute("select created_at, ends_at, status from tasks").fetchall()
            counters = dict(database.execute("select name, value from counters").fetchall())
    if [status for *_, status in tasks] != ["success"] * len(case.items):
        sys.exit(f"{name}: {len(tasks)} tasks for {len(case.items)} products, or not all of them a success")
    return Measured(
        name=name,
        case=case,
        first_upload_s=first_upload - began,
        last_end_s=max(end for _, end, _ in tasks) - began,
        over_s=over - began,
        polls=counters.get("POST /v3/tasks/list", 0) if name == OURS else counters.get("GET /v3/tasks/*", 0),
        refused=creates(counters) - len(tasks),
        used_s=sum(end - start for start, end, _ in tasks),
        machine_busy=busy / spent,
    )


def creates(counters: dict[str, int]) -> int:
    """Orders that reached the provider, those it refused included."""
    return sum(count for name, count in counters.items() if name.startswith("POST /v3/generation/"))


def processor_times() -> tuple[float, float]:
    """Ticks of all processors: in use, and all there were."""
    ticks = [float(part) for part in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def show(case: Case, found: list[Measured]) -> None:
    """One table for one number of slots; times of the provider, so that the scale does not show."""
    best = case.ideal()
    setting = "" if case.setting == case.slots else f", the setting says {case.setting}"
    print(
        f"\n{case.slots} slots{setting}; {len(case.items)} products, "
        f"{sum(item.views for item in case.items)} uploads at {UPLOADS_PER_MINUTE} a minute; "
        f"the {best.binds} bind (slots {best.by_slots_s:.0f} s, uploads {best.by_uploads_s:.0f} s); "
        f"1 s here is {1 / case.scale:g} s there"
    )
    print(
        f"  {'at the provider':<14} {'makespan':>10} {'x ideal':>8} {'slots used':>11} {'polls/s':>8} {'refused':>8}",
        end="",
    )
    print(f"   {'here: start':>11} {'after':>7} {'polls/s':>8} {'machine busy':>13}")
    print(f"  {'ideal':<14} {best.makespan_s:>8.0f} s {1:>8.3f} {best.by_slots_s / best.makespan_s:>11.1%}")
    for one in found:
        span = one.makespan_s / case.scale
        print(
            f"  {one.name:<14} {span:>8.0f} s {one.ratio:>8.3f} {one.used_s / one.makespan_s / case.slots:>11.1%}"
            f" {one.polls / span:>8.2f} {one.refused:>8}   {one.first_upload_s:>9.1f} s"
            f" {one.over_s - one.last_end_s:>5.1f} s {one.polls / one.makespan_s:>8.2f} {one.machine_busy:>13.0%}"
            f"{'  processors bind' if one.machine_busy > CPU_BOUND else ''}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skus", type=int, default=200)
    parser.add_argument("--slots", default="10,3", help="one measurement for each, with commas")
    parser.add_argument("--setting", type=int, default=0, help="CATALOG3D_TRIPO__CONCURRENCY (default: the slots)")
    parser.add_argument("--scale", type=float, default=0.25, help="seconds here per second at Tripo")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", choices=("ours", "sdk"), help="leave the other out")
    parser.add_argument("--together", action="store_true", help="all at once: quicker, but they share the processors")
    given = parser.parse_args()
    items = make_items(given.skus, given.seed)
    cases = [
        Case(items=items, seed=given.seed, slots=slots, setting=given.setting or slots, scale=given.scale)
        for slots in map(int, given.slots.split(","))
    ]
    names = {"ours": [OURS], "sdk": [THEIRS]}.get(given.only, [OURS, THEIRS])
    with ThreadPoolExecutor(len(cases) * len(names) if given.together else 1) as pool:
        found = {case.slots: [pool.submit(measure, name, case) for name in names] for case in cases}
        print("python -m bench.slots " + " ".join(sys.argv[1:]))
        for case in cases:
            show(case, [one.result() for one in found[case.slots]])
    taken = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"\n  processor time of all processes here: {taken.ru_utime + taken.ru_stime:.0f} s")


if __name__ == "__main__":
    main()
