"""Named accounts: what Tripo leaves open settled one way or another, and days on which much goes wrong.

Data only. A profile is a sentence for people, knobs of `conduct.Conduct`, and faults as `faults.Faults.add` takes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PLAIN = "plain"


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One bundle of behaviours.

    Attributes:
        sentence: What it does, for people.
        knobs: What differs from the plain account.
        faults: Bodies of `POST /standin/faults` that come with it.
    """

    sentence: str
    knobs: Mapping[str, Any] = field(default_factory=dict)
    faults: Sequence[Mapping[str, Any]] = ()


def _share(fault: str, rate: float, **match: Any) -> Mapping[str, Any]:
    """A fault that strikes so often by chance."""
    return {"fault": fault, "match": {"rate": rate, **match}, "times": 0}


_ROUGH_NETWORK = (
    _share("drop_after_create", 0.05),
    _share("http_502_after_create", 0.03),
    _share("drop", 0.02),
    _share("truncate_download", 0.15),
    _share("url_403", 0.05),
    _share("slow_download", 0.05),
    _share("http_502", 0.05, on="upload"),
    _share("http_503", 0.05, on="tasks_list"),
    _share("drop", 0.02, on="tasks_list"),
)
_BAD_DAY = (
    *_ROUGH_NETWORK,
    _share("http_504_after_create", 0.02),
    _share("html", 0.02),
    _share("fail:2018", 0.06),
    _share("fail:2008", 0.03),
    _share("expired", 0.02),
    _share("wrong_file", 0.02),
    _share("short_download", 0.05),
    _share("hidden:2", 0.05),
    _share("storm:3", 0.02),
    _share("storm_2000:2", 0.02),
    _share("storm:2", 0.02, on="upload"),
    _share("http_500", 0.02, on="usage"),
)

PROFILES: Mapping[str, Profile] = {
    PLAIN: Profile(sentence="Usage newest first and at once, the whole request echoed, right clock, nobody else there."),
    "oldest-first": Profile(sentence="Usage lists the oldest tasks first.", knobs={"usage_order": "oldest"}),
    "shuffled": Profile(
        sentence="Usage comes in another order at every request, as an object with items.",
        knobs={"usage_order": "shuffled", "usage_shape": "items"},
    ),
    "hidden-in-flight": Profile(
        sentence="Usage lists a task only once it has ended.", knobs={"hide_in_flight": True}
    ),
    "slow-to-show": Profile(
        sentence="A new task shows up in usage after 120 s (scaled).", knobs={"visible_after_s": 120.0}
    ),
    "slow-to-know": Profile(
        sentence="A new task shows up after 60 s (scaled), in usage as in queries of the task itself.",
        knobs={"visible_after_s": 60.0, "lag_hides_task": True},
    ),
    "shifting-pages": Profile(
        sentence="Tasks of somebody else arrive between the pages of usage, so that rows move while they are read.",
        knobs={"foreign_tasks": 120, "rows_between_pages": 3},
    ),
    "no-seed-echo": Profile(sentence="Tasks do not show their seeds.", knobs={"echo_seed": False}),
    "no-token-echo": Profile(sentence="Tasks do not show their file tokens.", knobs={"echo_token": False}),
    "silent-echo": Profile(
        sentence="Tasks show neither seeds nor file tokens, so that none can be told to be ours.",
        knobs={"echo_seed": False, "echo_token": False},
    ),
    "clock-ahead": Profile(
        sentence="The server's clock is five minutes ahead.", knobs={"clock_offset_s": 300.0}
    ),
    "clock-behind": Profile(
        sentence="The server's clock is five minutes behind.", knobs={"clock_offset_s": -300.0}
    ),
    "busy-account": Profile(
        sentence="Somebody else uses the account too: 300 older tasks, and one more with each of ours.",
        knobs={"foreign_tasks": 300, "foreign_per_create": 1},
    ),
    "small-account": Profile(
        sentence="3 tasks at once instead of 10, and 10 uploads a minute (scaled).",
        knobs={"slots": 3, "uploads_per_minute": 10},
    ),
    "poor": Profile(
        sentence="The wallet holds 100 credits, so that it is empty in the middle of a run.", knobs={"credits": "100"}
    ),
    "hurried-urls": Profile(
        sentence="Addresses of results live for two seconds.", knobs={"url_ttl_s": 2.0}
    ),
    "rough-network": Profile(
        sentence="One create in ten loses its answer, one download in four breaks, uploads and queries fail at times.",
        faults=_ROUGH_NETWORK,
    ),
    "bad-day": Profile(
        sentence="The rough network, and one task in ten fails, wrong files come, and rate limits come in storms.",
        faults=_BAD_DAY,
    ),
}  # fmt: skip


def combined(names: str) -> Profile:
    """The profile of a name, or of several with commas between them; the later ones win.

    Raises:
        KeyError: An unknown name.
    """
    chosen = [(name, PROFILES[name]) for name in map(str.strip, names.split(","))]
    return Profile(
        sentence=" ".join(profile.sentence for _, profile in chosen),
        knobs={name: value for _, profile in chosen for name, value in profile.knobs.items()},
        faults=[fault for _, profile in chosen for fault in profile.faults],
    )


def unknown_names(names: str) -> list[str]:
    """Those of a comma list that are no profile."""
    return [name for name in map(str.strip, names.split(",")) if name not in PROFILES]
