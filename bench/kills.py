"""The long kill test: a catalog whose runs are SIGKILLed at random moments until it is done, under each account profile.

Connections are cut besides. At the end registry, library and the account's own list of tasks are compared: no brief may be
paid twice, no SKU lost, no object partial, no paid task unlisted, no lease held. One of them ends this with exit code 1.

Run: python -m bench.kills [--kills 200] [--profiles plain,shuffled] [--registry postgresql] [--store s3] [--processes 2]
"""

from __future__ import annotations

import argparse
import logging
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.kills.judging import Tally, Verdict
from tests.kills.places import laid_siege, shared_prefect
from tests.postgres_server import fresh_database, running_postgres
from tests.s3_server import S3Server, running_s3

PROFILES = (
    *("plain", "oldest-first", "shuffled", "hidden-in-flight", "slow-to-show", "shifting-pages", "no-seed-echo"),
    *("no-token-echo", "silent-echo", "clock-ahead", "clock-behind", "busy-account", "small-account"),
)
_COLUMNS = (
    "kills",
    "lives",
    "wall s",
    "paid",
    "stored",
    "parked",
    "adopted",
    "absent",
    "orphans",
    "unknown",
    "parts",
    "leases",
)


def main() -> None:
    """Besiege under each profile, print the figures, and fail if one of the promises is broken."""
    given = _parser().parse_args()
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # cut connections are what is wanted here
    print("python -m bench.kills", *sys.argv[1:], flush=True)
    profiles = given.profiles.split(",")
    broken = False
    with ExitStack() as stack:
        folder = Path(given.keep or stack.enter_context(tempfile.TemporaryDirectory()))
        prefect_url = stack.enter_context(shared_prefect(folder / "prefect"))
        postgres = stack.enter_context(running_postgres()) if given.registry == "postgresql" else ""
        s3 = stack.enter_context(running_s3()) if given.store == "s3" else None
        print(f"{'profile':<32}" + "".join(f"{name:>9}" for name in _COLUMNS), flush=True)
        left, seen = given.kills, Counter[str]()
        until = time.monotonic() + given.minutes * 60
        for place, profile in enumerate(profiles):
            share = -(-left // (len(profiles) - place))
            siege_folder, seed = folder / f"{place}-{profile}", given.seed + 100 * place
            tally, verdict = _one(given, siege_folder, profile, prefect_url, postgres, s3, share, seed)
            left -= tally.kills
            seen += tally.seen
            broken |= _print(profile, tally, verdict)
            if time.monotonic() > until:
                print(f"stopped after {given.minutes:g} minutes, with {left} kills to go")
                break
    print("what the kills cut off:", ", ".join(f"{what} {count}" for what, count in seen.most_common()))
    print("BROKEN" if broken else "0 paid twice, 0 lost, 0 partial, 0 unlisted, 0 leases held")
    sys.exit(broken)


def _one(
    given: argparse.Namespace,
    folder: Path,
    profile: str,
    prefect_url: str,
    postgres: str,
    s3: S3Server | None,
    kills: int,
    seed: int,
) -> tuple[Tally, Verdict]:
    with (
        _database(postgres) as database,
        laid_siege(
            folder,
            skus=given.skus,
            profile=profile.replace("+", ","),
            prefect_url=prefect_url,
            seed=seed,
            scale=given.scale,
            postgres_url=database,
            s3=s3,
            processes=given.processes,
        ) as siege,
    ):
        verdict = siege.stop_and_take_over(random.Random(seed)) if given.stop else siege.play(kills)
        return siege.tally, verdict


@contextmanager
def _database(server: str) -> Iterator[str]:
    if not server:
        yield ""
        return
    with fresh_database(server) as url:
        yield url


def _print(profile: str, tally: Tally, verdict: Verdict) -> bool:
    """One line of figures, and what is wrong below it; whether anything is."""
    figures = (
        *(tally.kills, tally.lives, round(tally.wall_s), verdict.paid, verdict.stored, verdict.parked.total()),
        *(verdict.adopted, verdict.proven_absent, verdict.orphans, verdict.unknown, verdict.parts, verdict.left_leases),
    )
    print(f"{profile:<32}" + "".join(f"{figure:>9}" for figure in figures))
    print(f"    {_lost_answers(tally, verdict)}; {_money(verdict)}")
    if verdict.parked:
        print("    parked:", ", ".join(f"{reason} {count}" for reason, count in verdict.parked.most_common()))
    for what, cases in {**verdict.defects, "lives that broke": tally.broken}.items():
        print(*(f"    {what}: {case}" for case in cases), sep="\n" if cases else "", end="\n" if cases else "")
    sys.stdout.flush()
    return bool(verdict.defects or tally.broken)


def _lost_answers(tally: Tally, verdict: Verdict) -> str:
    """How long it took to learn what became of lost answers, in seconds of this bench, and what was asked for it."""
    waits = verdict.waits_s
    known = (
        f"known after {statistics.median(waits):.1f} s (longest {max(waits):.1f} s)" if waits else "none became known"
    )
    return f"lost answers: {len(waits)} {known}, {tally.usage_reads} pages of usage read"


def _money(verdict: Verdict) -> str:
    return (
        f"credits: account {verdict.charged:g}, ledger {verdict.recorded:g} (difference "
        f"{verdict.charged - verdict.recorded:g}), estimate {verdict.expected:g}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="in all, shared out over the profiles")
    parser.add_argument("--profiles", default=",".join(PROFILES), help="with commas; a+b combines two")
    parser.add_argument("--registry", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--store", choices=("folder", "s3"), default="folder")
    parser.add_argument("--processes", type=int, choices=(1, 2), default=1, help="runs on one registry at once")
    parser.add_argument("--skus", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=0.03, help="seconds here per second at Tripo")
    parser.add_argument("--minutes", type=float, default=180.0, help="begin no other profile after so long")
    parser.add_argument("--stop", action="store_true", help="SIGSTOP, take-over and SIGCONT instead of kills")
    parser.add_argument("--keep", help="a folder to leave everything in, for a closer look")
    return parser


if __name__ == "__main__":
    main()
