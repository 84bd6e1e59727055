"""Faults on demand: what may go wrong at Tripo, as data.

A fault is registered with what it must match and how often it may strike. Its name is a kind, with an
argument after a colon where the kind takes one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from catalog3d.standin.answers import CODES, Refusal
from catalog3d.standin.orders import Order
from catalog3d.standin.store import Store


class Strikes(StrEnum):
    """Where a fault takes effect."""

    BEFORE = "the create is answered with it and nothing is made"
    AFTER = "the task is made and paid, and its answer is replaced"
    TASK = "the task ends so"
    POLLS = "the first queries of the task are answered `not found`"
    DOWNLOAD = "the first downloads of the result go wrong; argument: how many (default 1, -1 = all)"


_ANSWERS = ("drop", "http_500", "http_502", "http_503", "http_504", "html", "bad_json")
KINDS: dict[str, Strikes] = {
    **dict.fromkeys(_ANSWERS, Strikes.BEFORE),
    "reject": Strikes.BEFORE,
    **{f"{name}_after_create": Strikes.AFTER for name in _ANSWERS},
    **dict.fromkeys(("fail", "async_1004", "banned", "expired", "cancelled", "stuck", "status"), Strikes.TASK),
    "hidden": Strikes.POLLS,
    **dict.fromkeys(
        (
            "truncate_download", "short_download", "slow_download", "stalled_download", "wrong_file",
            "url_403", "url_404",
        ),
        Strikes.DOWNLOAD,
    ),
}  # fmt: skip
_NEEDS_CODE = frozenset({"reject", "fail"})
MATCHES = frozenset({"picture_sha256", "nth", "every", "prompt", "model", "endpoint", "model_seed"})
MAX_FAULTS = 10_000


@dataclass(frozen=True, kw_only=True)
class Struck:
    """The faults that strike one create, by where they take effect."""

    before: str = ""
    after: str = ""
    plan: str = "success"
    hidden_polls: int = 0
    downloads: Mapping[str, int] = field(default_factory=dict)


class Faults:
    """The registered faults, kept with the state."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, body: Mapping[str, Any]) -> int:
        """Register `{"match": {...}, "fault": "kind:argument", "times": n}`; times defaults to 1, 0 = always.

        Raises:
            Refusal: 1004 naming what is wrong.
        """
        match, fault, times = body.get("match", {}), body.get("fault", ""), body.get("times", 1)
        if not isinstance(match, dict) or not set(match) <= MATCHES:
            raise Refusal(1004, f"match may name {', '.join(sorted(MATCHES))}")
        _check_fault(fault)
        if isinstance(times, bool) or not isinstance(times, int) or times < 0:
            raise Refusal(1004, "times must be a whole number, 0 = always")
        if len(self._store.faults()) >= MAX_FAULTS:
            raise Refusal(1004, f"there are {MAX_FAULTS} faults already")
        return self._store.add_fault(match, fault, times or None)

    def strike(self, order: Order, nth: int) -> Struck:
        """The faults that hit this create, which is the nth valid one; each is used up by one."""
        hits = [entry for entry in self._store.faults() if _fits(entry["match"], order, nth)]
        by_place: dict[Strikes, list[str]] = {place: [] for place in Strikes}
        for entry in hits:
            by_place[KINDS[_kind(entry["fault"])]].append(entry["fault"])
            self._store.spend_fault(entry["id"])
        return Struck(
            before=next(iter(by_place[Strikes.BEFORE]), ""),
            after=next(iter(by_place[Strikes.AFTER]), "").removesuffix("_after_create"),
            plan=_plan(next(iter(by_place[Strikes.TASK]), "")),
            hidden_polls=max([_number(fault, 1) for fault in by_place[Strikes.POLLS]], default=0),
            downloads={_kind(fault): _number(fault, 1) for fault in by_place[Strikes.DOWNLOAD]},
        )

    def take_download(self, task_id: str) -> str:
        """The fault of the next download of a task's result, "" for none; it is used up by one."""
        task = self._store.task(task_id)
        left: dict[str, int] = json.loads(task.downloads) if task else {}
        kind = next((name for name, count in left.items() if count), "")
        if kind and left[kind] > 0:
            left[kind] -= 1
            self._store.change_task(task_id, downloads=json.dumps(left))
        return kind


def _kind(fault: str) -> str:
    return fault.partition(":")[0]


def _number(fault: str, default: int) -> int:
    text = fault.partition(":")[2]
    return int(text) if text else default


def _check_fault(fault: Any) -> None:
    if not isinstance(fault, str) or _kind(fault) not in KINDS:
        raise Refusal(1004, f"fault must be one of {', '.join(KINDS)}")
    kind, _, argument = fault.partition(":")
    if kind in _NEEDS_CODE and not (argument.isdecimal() and int(argument) in CODES):
        raise Refusal(1004, f"{kind} needs a code of Tripo, such as {kind}:2008")
    if kind == "status":
        if not argument.isidentifier() or len(argument) > 40:
            raise Refusal(1004, "status needs a word, such as status:unknown")
    elif argument and not argument.removeprefix("-").isdecimal():
        raise Refusal(1004, f"{kind} takes a whole number")


def _plan(fault: str) -> str:
    if fault == "async_1004":
        return "failed:1004"
    return fault.replace("fail:", "failed:") or "success"


def _fits(match: Mapping[str, Any], order: Order, nth: int) -> bool:
    facts: dict[str, bool] = {
        "picture_sha256": match.get("picture_sha256") in order.pictures.values(),
        "nth": match.get("nth") == nth,
        "every": isinstance(match.get("every"), int) and match["every"] > 0 and nth % match["every"] == 0,
        "prompt": str(match.get("prompt", "")) in order.prompt,
        "model": match.get("model") == order.model,
        "endpoint": match.get("endpoint") == order.endpoint,
        "model_seed": match.get("model_seed") == order.seed,
    } if match else {}  # fmt: skip
    return all(facts[name] for name in match)
