"""Uploads at the account's rate: ten a minute are used to the last, in the order of coming."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr

from catalog3d.adapters.tripo.answers import FileAnswer
from catalog3d.adapters.tripo.channel import UPLOADS_AT_ONCE, Channel, Patience, World
from tests.adapters.tripo.fakes import API, KEY, ok, refusal
from tests.virtual_time import run_virtually

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class RateLimited:
    """An upload address: so many in any 60 s, the wait told in whole seconds, an answer after a while."""

    def __init__(self, per_minute: int | None, *, latency_s: float = 0.5) -> None:
        self.per_minute = per_minute
        self.latency_s = latency_s
        self.taken: list[tuple[float, str]] = []
        self.refused = 0
        self.under_way = 0
        self.most_under_way = 0
        self._recent: deque[float] = deque()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return await self._answer((await request.aread()).split(b'filename="')[1].split(b'"')[0].decode())
        finally:
            self.under_way -= 1

    async def _answer(self, name: str) -> httpx.Response:
        now = asyncio.get_running_loop().time()
        while self._recent and self._recent[0] + 60 <= now:
            self._recent.popleft()
        if self.per_minute is not None and len(self._recent) >= self.per_minute:
            self.refused += 1
            wait_s = max(1, math.ceil(self._recent[0] + 60 - now))
            return refusal(429, 1007, headers={"Retry-After": str(wait_s)})
        self._recent.append(now)
        self.taken.append((now, name))
        await asyncio.sleep(self.latency_s)
        return ok({"file_token": f"file_{name}"})


def wall() -> datetime:
    return NOON + timedelta(seconds=asyncio.get_running_loop().time())


def uploaded(server: RateLimited, count: int, chance: float = 0.5) -> list[str]:
    """Tokens of so many uploads, all asked for at once."""

    async def story() -> list[str]:
        world = World(now=wall, chance=lambda: chance, transport=httpx.MockTransport(server))
        channel = Channel(API, SecretStr(KEY), world=world, patience=Patience())
        try:
            return await asyncio.gather(
                *(
                    channel.upload(
                        "/v3/files", (f"{n}.png", b"pixels", "image/png"), lambda data: FileAnswer(**data).file_token
                    )
                    for n in range(count)
                )
            )
        finally:
            await channel.close()

    return run_virtually(story())


def test_each_upload_gets_its_own_token() -> None:
    assert uploaded(RateLimited(10), 25) == [f"file_{n}.png" for n in range(25)]


def test_the_rate_is_used_up_and_hardly_anything_is_refused() -> None:
    server = RateLimited(10)
    uploaded(server, 100)
    last_s, _ = server.taken[-1]
    assert last_s <= 9 * 60 * 1.03  # ten at once, then nine minutes for ninety
    assert server.refused <= 9 + UPLOADS_AT_ONCE


def test_first_come_is_first_served_when_the_rate_binds() -> None:
    server = RateLimited(10)
    uploaded(server, 60)
    order = [int(name.removesuffix(".png")) for _, name in server.taken]
    assert max(abs(place - number) for place, number in enumerate(order)) < UPLOADS_AT_ONCE


def test_without_a_limit_a_few_go_at_once() -> None:
    server = RateLimited(None)
    uploaded(server, 40)
    assert server.most_under_way == UPLOADS_AT_ONCE


@pytest.mark.parametrize("chance", [0.0, 0.999])
def test_a_wait_is_hardly_longer_than_told(chance: float) -> None:
    server = RateLimited(1)
    uploaded(server, 11, chance)
    assert server.taken[-1][0] <= 10 * 61.5
