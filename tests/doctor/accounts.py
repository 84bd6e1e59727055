"""An account whose habits a test decides, and observers that look at it: answers as Tripo words them, no network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import httpx
from pydantic import SecretStr

from catalog3d.adapters.tripo.channel import World
from catalog3d.adapters.tripo.probe import Probe
from catalog3d.diagnosis.facts import Facts
from catalog3d.stages.doctor.observe import Observer

TASK = "0196f4ce-82a8-7ddb-970f-6a940e17c830"
SEED, PROMPT = 4711, "A plain cube with sharp edges. Account check test."


@dataclass(kw_only=True)
class Account:
    """One account with one task of ours.

    Attributes:
        made_after: How many reads of the task find it running.
        hide_in_flight: Whether usage leaves out what is running.
        hidden_reads: How many reads of usage miss the task.
        clock_offset: Of the server.
        oldest_first: The order of usage.
        others: Tasks of other people, newer than ours unless `made_at` says otherwise.
    """

    made_after: int = 3
    hide_in_flight: bool = False
    hidden_reads: int = 0
    clock_offset: timedelta = timedelta()
    oldest_first: bool = False
    others: int = 0
    made_at: str = "2026-11-22T12:00:00Z"
    echo: dict[str, Any] = field(default_factory=lambda: {"model_seed": SEED, "prompt": PROMPT})
    rate_limits: bool = True
    url_query: str = ""
    not_found: tuple[int, int] = (404, 2001)
    asked: list[str] = field(default_factory=list)

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    @property
    def running(self) -> bool:
        return self.asked.count(f"/v3/tasks/{TASK}") < self.made_after

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append(path)
        if path == "/v3/account/usage":
            return self._ok(self._usage(int(request.url.params["limit"]), int(request.url.params["offset"])))
        if path == "/v3/account/balance":
            return self._ok({"balance": 90, "frozen": 10 if self.running else 0})
        if path == "/v3/tasks/list":
            ids = json.loads(request.content)["task_ids"]
            return self._ok({"tasks": {one: self._task() for one in ids if one == TASK}, "missed": []})
        if path == f"/v3/tasks/{TASK}":
            return self._ok(self._task())
        status, code = self.not_found
        body = {"code": code, "status": "error", "message": "Task not found"}
        return httpx.Response(status, json=body, headers=self._headers())

    def _ok(self, data: Any) -> httpx.Response:
        return httpx.Response(200, json={"code": 0, "status": "success", "data": data}, headers=self._headers())

    def _headers(self) -> dict[str, str]:
        date = format_datetime(datetime.now(UTC) + self.clock_offset, usegmt=True)
        limits: dict[str, str] = {"X-RateLimit-Limit": "100"} if self.rate_limits else {}
        return limits | {"Date": date}

    def _task(self) -> dict[str, Any]:
        return {
            "task_id": TASK,
            "type": "text_to_model",
            "status": "running" if self.running else "success",
            "progress": 50 if self.running else 100,
            "input": self.echo,
            "output": {},
            "credits_consumed": 0 if self.running else 10,
            "created_at": self.made_at,
        }

    def _usage(self, limit: int, offset: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = [
            {"task_id": f"other-{n}", "created_at": f"2026-11-22T12:{10 + n}:00Z"} for n in range(self.others)
        ]
        missed = self.asked.count("/v3/account/usage") <= self.hidden_reads or (self.hide_in_flight and self.running)
        if not missed:
            ours: dict[str, Any] = {"task_id": TASK, "created_at": self.made_at, "credits_consumed": 10}
            rows.insert(0, ours | {"status": "running" if self.running else "success"})
        return (rows if self.oldest_first else rows[::-1])[offset : offset + limit]


def observed(
    account: Account, story: Callable[[Observer], Awaitable[Any]], *, proof_s: float = 0.2, resumed: bool = False
) -> Facts:
    """What an observer notes while a story is played."""
    facts = Facts(model_seed=SEED, prompt=PROMPT, price=Decimal(10), deadline_s=1800, resumed=resumed)

    async def main() -> None:
        world = World(transport=account.transport())
        async with Probe("https://tripo.test", SecretStr("tsk_doctor_tests"), world=world) as probe:
            await story(Observer(probe=probe, facts=facts, look_s=0.005, proof_s=proof_s))

    asyncio.run(main())
    return facts
