"""`python -m catalog3d.standin`: a stand-in as a process of its own."""

from __future__ import annotations

import argparse
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path

from catalog3d.standin.app import create_app
from catalog3d.standin.config import DEFAULT_KEY, SLOTS, StandinConfig
from catalog3d.standin.making import make_in_worker
from catalog3d.standin.profiles import PROFILES, unknown_names
from catalog3d.standin.server import StandinServer, announce, end_with_parent


def main(arguments: list[str] | None = None) -> None:
    """Serve until stopped; prints `{"url": ...}` when it is ready."""
    given = _parser().parse_args(arguments)
    if given.with_parent:
        end_with_parent()
    slots = {
        "H": given.slots or SLOTS["H"],
        "P": min(given.slots or SLOTS["P"], SLOTS["P"]),
        "processing": min(given.slots or SLOTS["processing"], SLOTS["processing"]),
    }
    config = StandinConfig(
        state=given.state.resolve(),
        keys=tuple(given.key or [DEFAULT_KEY]),
        balance=given.balance,
        time_scale=given.time_scale,
        url_ttl_s=given.url_ttl,
        slots=slots,
        creations_per_minute=given.creations_per_minute or None,
        uploads_per_minute=given.uploads_per_minute or None,
        profile=given.profile,
        seed=given.seed,
    )
    app = create_app(config, make_in_worker)
    StandinServer(app, host=given.host, port=given.port, on_ready=announce).serve_here()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m catalog3d.standin", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 = any free one")
    parser.add_argument("--state", type=Path, required=True, help="folder of tasks, files and balance")
    parser.add_argument("--key", action="append", help=f"accepted API key, may be repeated (default {DEFAULT_KEY})")
    parser.add_argument("--time-scale", type=float, default=0.02, help="seconds here per second at Tripo")
    parser.add_argument("--balance", type=_credits, default=Decimal("10000.00"), help="credits of a new state")
    parser.add_argument("--url-ttl", type=float, default=300.0, help="seconds a result address lives")
    parser.add_argument("--slots", type=int, default=0, help="tasks at once (default 10 H, 5 P, 5 processing)")
    parser.add_argument("--creations-per-minute", type=int, default=200, help="scaled with time; 0 = no limit")
    parser.add_argument("--uploads-per-minute", type=int, default=0, help="scaled with time; 0 = no limit")
    parser.add_argument("--profile", type=_profile, help="account profile, or several with commas; see --profiles")
    parser.add_argument("--profiles", action=_Profiles, nargs=0, help="list the account profiles and end")
    parser.add_argument("--seed", type=int, default=0, help="of what happens by chance")
    parser.add_argument("--with-parent", action="store_true", help="end when the starting process ends")
    return parser


class _Profiles(argparse.Action):
    """Prints name and sentence of every profile."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        width = max(map(len, PROFILES))
        sys.stdout.writelines(f"{name:<{width}}  {profile.sentence}\n" for name, profile in PROFILES.items())
        parser.exit()


def _profile(text: str) -> str:
    if unknown := unknown_names(text):
        raise argparse.ArgumentTypeError(f"no profile {unknown[0]!r}; see --profiles")
    return text


def _credits(text: str) -> Decimal:
    try:
        credits_ = Decimal(text)
    except InvalidOperation as exc:
        raise argparse.ArgumentTypeError("not a number") from exc
    if not credits_.is_finite() or credits_ < 0:
        raise argparse.ArgumentTypeError("not a number of credits")
    return credits_


if __name__ == "__main__":
    main()
