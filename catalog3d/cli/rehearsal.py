"""A rehearsal on a bad day: the stand-in takes on a profile for one run, and says afterwards what it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape

from catalog3d.adapters.local_servers import standin_server
from catalog3d.adapters.standin_desk import StandinDesk, require_profiles
from catalog3d.errors import RunError
from catalog3d.home import Home
from catalog3d.standin.profiles import combined

# What people read of a kind of `faults.KINDS`, and of what: the first whose name part is in it. Of other requests than
# creates it is the request.
_WORDS = (
    ("_after_create", "answer", "lost although the task was made"),
    ("slow_download", "download", "sent slowly"),
    ("_download", "download", "broken off or damaged"),
    ("oversized_", "download", "far too large"),
    ("wrong_", "download", "of a wrong file"),
    ("url_", "download", "refused"),
    ("drop", "order", "cut off"),
    ("hang", "order", "without an answer"),
    ("http_", "order", "answered with a server error"),
    ("html", "order", "answered with a page instead of data"),
    ("storm", "order", "told to wait"),
    ("hidden", "task", "not found at first"),
    ("fail", "task", "failed"),
    ("expired", "task", "expired"),
)
_ROUTES = {"upload": "upload", "tasks_list": "query", "task": "query", "usage": "usage page", "balance": "wallet query"}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the stand-in has counted so far.

    Attributes:
        faults: Kind, with ` on ROUTE` for other requests than creates -> how often it struck.
        bought: Digest of a brief -> its tasks that are paid or under way.
    """

    faults: Counter[str]
    bought: Counter[str]

    @classmethod
    def of(cls, stats: Mapping[str, Any]) -> Seen:
        return cls(
            faults=Counter(stats["faults_struck"]),
            bought=Counter({entry["digest"]: entry["most"] for entry in stats["briefs"]}),
        )


def require_standin(faults: str | None, generator: str) -> None:
    """Faults are for rehearsals, and have names.

    Raises:
        RunError: FAULTS_NEED_STANDIN, PROFILE_UNKNOWN.
    """
    if faults is None:
        return
    if generator != "standin":
        raise RunError(
            "This run would use Tripo, and --faults is for rehearsals with the stand-in.",
            code="FAULTS_NEED_STANDIN",
            fix="Add --rehearse, or leave --faults out.",
        )
    require_profiles(faults)


@contextmanager
def rehearsed_with(home: Home, out: Console, faults: str | None) -> Iterator[None]:
    """The stand-in of this home behaves like this profile meanwhile; None = as it does anyway."""
    if faults is None:
        yield
        return
    with standin_server(home, profile=faults) as address:
        desk = StandinDesk(address.url, address.api_key)
        before = Seen.of(desk.stats())
        out.print(f"[bold]Rehearsing with {escape(faults)}[/]: {escape(combined(faults).sentence)}", soft_wrap=True)
        try:
            yield
        finally:
            _say(out, desk, before, expected=bool(combined(faults).faults))


def what_happened(before: Seen, after: Seen, *, expected: bool = True) -> list[str]:
    """Sentences about what a run met, and whether it paid for anything twice.

    Args:
        expected: Whether faults were to strike at all: some profiles change the account only.
    """
    struck = Counter[tuple[str, str]]()
    for name, count in (after.faults - before.faults).items():
        struck[_worded(name)] += count
    listed = ", ".join(f"{_counted(count, thing)} {words}" for (thing, words), count in struck.most_common())
    bought = after.bought - before.bought
    twice = sum(after.bought[digest] > 1 for digest in bought)
    paid = "Every model was paid once." if bought else "Nothing was paid."
    quiet = ["No fault struck this run by chance; a larger sheet meets more of them."] if expected else []
    return [
        *([f"What the stand-in did: {listed}."] if listed else quiet),
        f"{_counted(twice, 'model')} {'was' if twice == 1 else 'were'} paid more than once." if twice else paid,
    ]


def _worded(name: str) -> tuple[str, str]:
    """Thing and words of a counted fault: `http_502 on upload` is an upload answered with a server error."""
    kind, _, route = name.partition(" on ")
    thing, words = next(((thing, words) for part, thing, words in _WORDS if part in kind), ("order", f"with {kind}"))
    return _ROUTES.get(route, route) or thing, words


def _counted(count: int, thing: str) -> str:
    """1 query, 2 queries."""
    if count == 1:
        return f"1 {thing}"
    return f"{count} {thing[:-1]}ies" if thing.endswith("y") else f"{count} {thing}s"


def _say(out: Console, desk: StandinDesk, before: Seen, *, expected: bool) -> None:
    try:
        sentences = what_happened(before, Seen.of(desk.stats()), expected=expected)
    except RunError as error:  # the run's own end is what counts
        sentences = [str(error)]
    for sentence in sentences:
        out.print(escape(sentence), soft_wrap=True)
