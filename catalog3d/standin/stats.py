"""What a stand-in has seen, for tests and benchmarks: requests, tasks, and who paid for what."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from catalog3d.lookup import seed_name
from catalog3d.standin.store import Counter, Store, TaskRow
from catalog3d.standin.strangers import STRANGER

_CREATES = ("POST /v3/generation/", "POST /v3/models/")
_UPLOADS = ("POST /v3/files",)
_POLLS = ("POST /v3/tasks/list", "GET /v3/tasks/")
_API = "/v3/"
_FAULT = "fault "


def stats(store: Store) -> dict[str, Any]:
    """Requests by route and how fast they came, and tasks by brief and by SKU; those of strangers do not count.

    A brief whose `paid + open` (`most`) is above one was bought twice.
    """
    counters = store.counters()
    requests = [counter for counter in counters if counter.name.partition(" ")[0].isupper()]
    briefs = [_brief(entry) for entry in store.briefs()]
    tasks = [task for task in store.tasks() if not task.stranger]
    spent = sum((Decimal(task.price) for task in tasks if task.status == "success"), Decimal(0))
    return {
        "requests": {counter.name: counter.value for counter in requests},
        **_pace(requests),
        "created": len(tasks),
        "paid": sum(entry["paid"] for entry in briefs),
        "open": sum(entry["open"] for entry in briefs),
        "most_per_brief": max((entry["most"] for entry in briefs), default=0),
        "credits_spent": float(spent),
        "briefs": briefs,
        "skus": _by_sku(tasks, store.skus()),
        "faults_struck": {c.name.removeprefix(_FAULT): c.value for c in counters if c.name.startswith(_FAULT)},
        "foreign_tasks": store.strangers(),
    }


def shown_task(task: TaskRow, skus: Mapping[str, str], status: str) -> dict[str, Any]:
    """One task with everything that a reconciliation asks for.

    Args:
        skus: SKU -> the picture or prompt that it goes by.
        status: The word of the API.
    """
    echo = json.loads(task.echo)
    return {
        "task_id": task.task_id,
        "digest": _digest(task.brief) if task.brief else "",
        "brief": json.loads(task.brief) if task.brief else None,
        "skus": _skus_of(task, skus),
        "endpoint": task.endpoint,
        "model": task.model,
        "pool": task.pool,
        "status": status,
        "plan": task.plan,
        "price": float(task.price),
        "credits_consumed": float(task.price) if status == "success" else 0.0,
        "model_seed": echo.get(seed_name(task.endpoint)),
        "input": echo.get("input", echo.get("inputs")),
        "lost_answer": task.answer,
        "other_key": task.owner == STRANGER,
        "foreign": bool(task.stranger),
        "created_at": task.created_at,
        "starts_at": task.starts_at,
        "ends_at": task.ends_at,
        "completed_at": task.completed_at,
    }


def is_request(counter: Counter) -> bool:
    """Whether a counter counts requests of the API, and not of the stand-in's own pages or of faults."""
    method, _, path = counter.name.partition(" ")
    return method.isupper() and path.startswith((_API, "/cdn/", "/upload/"))


def _pace(requests: list[Counter]) -> dict[str, Any]:
    polls = [counter for counter in requests if counter.name.startswith(_POLLS)]
    first, last = _span([counter for counter in requests if _API in counter.name])
    polled_from, polled_to = _span(polls)
    count, seconds = sum(counter.value for counter in polls), polled_to - polled_from
    return {
        "create_posts": _sum(requests, _CREATES),
        "uploads": _sum(requests, _UPLOADS),
        "polls": count,
        "polls_per_s": round((count - 1) / seconds, 3) if seconds > 0 else None,
        "first_request_at": _iso(first),
        "last_request_at": _iso(last),
        "span_s": round(last - first, 3),
    }


def _sum(requests: list[Counter], prefixes: tuple[str, ...]) -> int:
    return sum(counter.value for counter in requests if counter.name.startswith(prefixes))


def _span(counters: list[Counter]) -> tuple[float, float]:
    first = min((c.first_at for c in counters if c.first_at is not None), default=0.0)
    return first, max((c.last_at for c in counters if c.last_at is not None), default=first)


def _by_sku(tasks: list[TaskRow], skus: Mapping[str, str]) -> dict[str, dict[str, int]]:
    counts = {sku: {"created": 0, "paid": 0, "open": 0} for sku in skus}
    for task in tasks:
        for sku in _skus_of(task, skus):
            counts[sku]["created"] += 1
            counts[sku]["paid"] += task.status == "success"
            counts[sku]["open"] += task.status == "open"
    return counts


def _skus_of(task: TaskRow, skus: Mapping[str, str]) -> list[str]:
    work = json.loads(task.work)
    marks = {*work.get("pictures", {}).values(), work.get("prompt", "")} - {""}
    return [sku for sku, mark in skus.items() if mark in marks]


def _brief(entry: dict[str, Any]) -> dict[str, Any]:
    brief = json.loads(entry["brief"])
    return {**entry, "brief": brief, "digest": _digest(entry["brief"]), "most": entry["paid"] + entry["open"]}


def _digest(brief: str) -> str:
    return hashlib.sha256(brief.encode()).hexdigest()


def _iso(moment: float) -> str | None:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds") if moment else None
