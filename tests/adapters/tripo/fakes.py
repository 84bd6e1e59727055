"""A Tripo made of canned answers, a sleep that does not sleep, and a raw TCP server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from pydantic import SecretStr

from catalog3d.adapters.tripo import Patience, TripoClient
from catalog3d.brief import Picture, make_brief
from catalog3d.rules import TripoRules
from tests.clock import HandClock

KEY = "tsk_test0123456789"
API = "https://openapi.tripo3d.ai"
CDN = "tripo-data.rg1.data.tripo3d.com"
FRONT = Picture(slot="front", pixels_sha256="0" * 64)
BRIEF = make_brief(TripoRules(), (FRONT,))
TOKENS = {"front": "file_a"}


def ok(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.Response(status, json={"code": 0, "status": "success", "data": data}, headers=headers)


def refusal(status: int, code: int, message: str = "no", headers: dict[str, str] | None = None) -> httpx.Response:
    body = {"code": code, "status": "error", "message": message, "suggestion": "ask", "request_id": "req-1"}
    return httpx.Response(status, json=body, headers=headers)


class OnePiece(httpx.AsyncByteStream):
    """A body that still has to be read, as from a real connection."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


class CannedTripo:
    """Answers requests in order; the last answer repeats. An exception is raised instead of answered."""

    def __init__(self, *answers: httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            return answer(request)
        return httpx.Response(answer.status_code, headers=answer.headers, stream=OnePiece(answer.content))

    def body(self, number: int = 0) -> Any:
        return json.loads(self.requests[number].content)


class Naps:
    """A sleep that notes how long it was asked for and moves the clock instead."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.asked_s: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked_s.append(seconds)
        self.clock.advance(seconds)


class Bench:
    """A client of a canned Tripo, with its clock and its naps."""

    def __init__(self, *answers: Any, **options: Any) -> None:
        self.tripo = CannedTripo(*answers)
        self.clock = HandClock()
        self.naps = Naps(self.clock)
        self.client = TripoClient(
            **{
                "base_url": API,
                "api_key": SecretStr(KEY),
                "clock": self.clock,
                "sleep": self.naps,
                "chance": lambda: 0.0,
                "transport": httpx.MockTransport(self.tripo),
                **options,
            }
        )

    def run(self, coroutine: Awaitable[Any]) -> Any:
        async def all_of_it() -> Any:
            try:
                return await coroutine
            finally:
                await self.client.close()

        return asyncio.run(all_of_it())


RawHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """One whole HTTP request: head and body by Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return head + await reader.readexactly(int(line.split(b":")[1]))
    return head


@asynccontextmanager
async def raw_server(handler: RawHandler) -> AsyncIterator[str]:
    """A TCP server on loopback; yields its base URL."""
    pending: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        pending.add(task)
        try:
            await handler(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            pending.discard(task)
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for task in list(pending):
            task.cancel()
        server.close()
        await server.wait_closed()


def hasty_client(base_url: str, **patience: float) -> TripoClient:
    """A real-network client that gives up within a second."""
    limits = {"connect_s": 0.5, "answer_s": 0.5, "stall_s": 0.5, "download_s": 2.0, **patience}
    return TripoClient(
        base_url=base_url,
        api_key=SecretStr(KEY),
        patience=Patience(attempts=2, first_wait_s=0.01, longest_wait_s=0.01, **limits),
    )
