"""Faults on demand: what may go wrong at Tripo, as data.

A fault is registered with what it must match and how often it may strike. Its name is a kind, with an
argument after a colon where the kind takes one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from catalog3d.standin.answers import CODES, Refusal
from catalog3d.standin.chance import Chance
from catalog3d.standin.orders import Order
from catalog3d.standin.store import Store, TaskRow


class Strikes(StrEnum):
    """Where a fault takes effect."""

    BEFORE = "the request is answered with it and nothing is done"
    WALLET = "the wallet is empty from here on"
    AFTER = "the task is made and paid, and its answer is replaced"
    TASK = "the task ends so"
    OWNER = "the task belongs to another key: usage lists it, its detail is 404/2001"
    POLLS = "the first queries of the task are answered `not found`; argument: how many (default 1)"
    DOWNLOAD = "the first downloads of the result go wrong; argument: how many (default 1, -1 = all)"


_ANSWERS = ("drop", "http_500", "http_502", "http_503", "http_504", "html", "bad_json", "no_id", "hang")
STORMS = ("storm", "storm_reset", "storm_2000")
"""The first of so many 429 in a row: with Retry-After; with X-RateLimit-Reset alone; 2000 instead of 1007."""
KINDS: dict[str, Strikes] = {
    **dict.fromkeys((*_ANSWERS, "http_429", "reject", *STORMS), Strikes.BEFORE),
    "empty_wallet": Strikes.WALLET,
    **{f"{name}_after_create": Strikes.AFTER for name in _ANSWERS},
    **dict.fromkeys(("fail", "async_1004", "banned", "expired", "cancelled", "stuck", "status"), Strikes.TASK),
    "other_key": Strikes.OWNER,
    "hidden": Strikes.POLLS,
    **dict.fromkeys(
        (
            "truncate_download", "short_download", "long_download", "slow_download", "stalled_download",
            "oversized_download", "oversized_length", "wrong_file", "wrong_type", "url_403", "url_404", "url_503",
        ),
        Strikes.DOWNLOAD,
    ),
}  # fmt: skip
ROUTES = ("create", "upload", "task", "tasks_list", "usage", "balance", "download")
"""What `on` may name; without it a fault is one of creates."""
_NEEDS_CODE = frozenset({"reject", "fail"})
_ANY_ROUTE = frozenset({"on", "nth", "every", "rate"})
MATCHES = _ANY_ROUTE | {"picture_sha256", "sku", "prompt", "model", "endpoint", "model_seed"}
MAX_FAULTS = 10_000
_VALID_CREATES = "valid creates"


@dataclass(frozen=True, kw_only=True)
class Struck:
    """The faults that strike one create, by where they take effect.

    Attributes:
        ids: Of the entries that are used up by it.
    """

    ids: tuple[int, ...] = ()
    before: str = ""
    empties_wallet: bool = False
    after: str = ""
    plan: str = "success"
    other_key: bool = False
    hidden_polls: int = 0
    downloads: Mapping[str, int] = field(default_factory=dict)


class Faults:
    """The registered faults, kept with the state.

    Args:
        chance: Decides about faults with a rate.
        clock: Seconds since the epoch.
    """

    def __init__(self, store: Store, chance: Chance, clock: Callable[[], float]) -> None:
        self._store = store
        self._chance = chance
        self._clock = clock

    def add(self, body: Mapping[str, Any], origin: str = "request") -> int:
        """Register `{"match": {...}, "fault": "kind:argument", "times": n}`.

        Times defaults to 1, or to 0 = always for a fault with a rate.

        Raises:
            Refusal: 1004 naming what is wrong.
        """
        match, fault = body.get("match", {}), body.get("fault", "")
        _check_fault(fault)
        _check_match(match, KINDS[_kind(fault)])
        times = body.get("times", 0 if "rate" in match else 1)
        if isinstance(times, bool) or not isinstance(times, int) or times < 0:
            raise Refusal(1004, "times must be a whole number, 0 = always")
        if len(self._store.faults()) >= MAX_FAULTS:
            raise Refusal(1004, f"there are {MAX_FAULTS} faults already")
        return self._store.add_fault(match, fault, times or None, origin)

    def on_create(self, order: Order) -> Struck:
        """The faults that hit the next valid create; `spend` says that they took effect."""
        nth = self._store.count(_VALID_CREATES, self._clock())
        facts = {"nth": nth, "on": "create", **self._facts_of(order)}
        hits = [entry for entry in self._store.faults() if self._fits(entry, facts)]
        places = {place: [entry for entry in hits if KINDS[_kind(entry["fault"])] is place] for place in Strikes}
        for place in (Strikes.BEFORE, Strikes.WALLET):
            for entry in places[place]:
                return Struck(
                    ids=(entry["id"],),
                    before=entry["fault"] if place is Strikes.BEFORE else "",
                    empties_wallet=place is Strikes.WALLET,
                )
        first = {place: places[place][:1] for place in (Strikes.AFTER, Strikes.TASK, Strikes.OWNER)}
        after, task = ("".join(entry["fault"] for entry in first[place]) for place in (Strikes.AFTER, Strikes.TASK))
        chosen = [*(entry for found in first.values() for entry in found)]
        chosen += places[Strikes.POLLS] + places[Strikes.DOWNLOAD]
        return Struck(
            ids=tuple(entry["id"] for entry in chosen),
            after=after.replace("_after_create", ""),
            plan=_plan(task),
            other_key=bool(first[Strikes.OWNER]),
            hidden_polls=max([_number(entry["fault"], 1) for entry in places[Strikes.POLLS]], default=0),
            downloads={_kind(e["fault"]): _number(e["fault"], 1) for e in places[Strikes.DOWNLOAD]},
        )

    def on_request(self, route: str) -> str:
        """The fault that hits the next request of a route other than creates, "" for none; it is used up by one."""
        nth = self._store.count(f"nth {route}", self._clock())
        facts = {"nth": nth, "on": route}
        entry = next((entry for entry in self._store.faults() if self._fits(entry, facts)), None)
        if entry is None:
            return ""
        self.spend((entry["id"],), route)
        return str(entry["fault"])

    def spend(self, ids: tuple[int, ...], route: str = "create") -> None:
        """Count faults as struck and use each up by one; a storm goes on with the next requests of its route."""
        for entry in self._store.faults():
            if entry["id"] not in ids:
                continue
            kind = _kind(entry["fault"])
            self._store.count(f"fault {kind}" + (f" on {route}" if route != "create" else ""), self._clock())
            self._store.spend_fault(entry["id"])
            more = _number(entry["fault"], 1) - 1 if kind in STORMS else 0
            if more > 0:
                self._store.add_fault({"on": route}, kind, more, entry["origin"])

    def take_download(self, task: TaskRow) -> str:
        """The fault of the next download of a task's result, "" for none; it is used up by one."""
        left: dict[str, int] = json.loads(task.downloads)
        kind = next((name for name, count in left.items() if count), "")
        if kind and left[kind] > 0:
            left[kind] -= 1
            self._store.change_task(task.task_id, downloads=json.dumps(left))
        return kind

    def _facts_of(self, order: Order) -> dict[str, Any]:
        marks = {*order.pictures.values(), order.prompt} - {""}
        return {
            "picture_sha256": set(order.pictures.values()),
            "sku": {sku for sku, mark in self._store.skus().items() if mark in marks},
            "prompt": order.prompt,
            "model": order.model,
            "endpoint": order.endpoint,
            "model_seed": order.seed,
        }

    def _fits(self, entry: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
        match = {"on": "create", **entry["match"]}
        return all(self._agrees(name, wanted, facts, entry["id"]) for name, wanted in match.items())

    def _agrees(self, name: str, wanted: Any, facts: Mapping[str, Any], entry_id: int) -> bool:
        if name == "every":
            return int(facts["nth"]) % int(wanted) == 0
        if name == "rate":
            return self._chance.share("fault", entry_id, facts["on"], facts["nth"]) < float(wanted)
        if name in {"picture_sha256", "sku", "prompt"}:
            return wanted in facts[name]
        return bool(facts[name] == wanted)


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
    elif argument and not (argument.removeprefix("-").isdecimal() and len(argument) < 8):
        raise Refusal(1004, f"{kind} takes a whole number")


def _check_match(match: Any, place: Strikes) -> None:
    if not isinstance(match, dict) or not set(match) <= MATCHES:
        raise Refusal(1004, f"match may name {', '.join(sorted(MATCHES))}")
    route = match.get("on", "create")
    if route not in ROUTES:
        raise Refusal(1004, f"on must be one of {', '.join(ROUTES)}")
    if route != "create" and not (set(match) <= _ANY_ROUTE and place is Strikes.BEFORE):
        raise Refusal(1004, f"a fault on {route} is an answer, and matches {', '.join(sorted(_ANY_ROUTE))} only")
    every, rate = match.get("every", 1), match.get("rate", 0.5)
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise Refusal(1004, "every must be a whole number from 1 on")
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
        raise Refusal(1004, "rate must be a share from 0 to 1")
    for name in ("prompt", "sku", "picture_sha256"):
        if not isinstance(match.get(name, ""), str):
            raise Refusal(1004, f"{name} must be a text")


def _plan(fault: str) -> str:
    if fault == "async_1004":
        return "failed:1004"
    return fault.replace("fail:", "failed:") or "success"
