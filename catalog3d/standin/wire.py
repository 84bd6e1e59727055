"""What surrounds every request: ids, limits of size, rate headers; and connections that are dropped on purpose."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from contextlib import suppress

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from catalog3d.standin.answers import Refusal
from catalog3d.standin.config import MAX_JSON_BYTES, MAX_UPLOAD_BYTES

_FORM_OVERHEAD_BYTES = 100_000
_CONNECTIONS: dict[tuple[str, int], asyncio.Transport] = {}


class BodyTooLarge(Exception):  # noqa: N818 - becomes an answer
    """The request has more bytes than its kind may have."""


class Wire:
    """ASGI middleware: request and trace ids, rate headers, a bound on every body.

    Args:
        headers: What every answer has that does not say otherwise: Date, X-RateLimit-*.
        seen: Told of every request with its method and path.
    """

    def __init__(
        self, app: ASGIApp, *, headers: Callable[[], dict[str, str]], seen: Callable[[str, str], None]
    ) -> None:
        self._app = app
        self._headers = headers
        self._seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._seen(scope["method"], scope["path"])
        request_id = str(uuid.uuid4())
        scope.setdefault("state", {})["request_id"] = request_id
        trace = Headers(scope=scope).get("x-tripo-trace-id", "")[:128]

        async def send_with_ids(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers["X-Tripo-Trace-ID"] = trace or str(uuid.uuid4())
                for name, value in self._headers().items():
                    headers.setdefault(name, value)
            await send(message)

        limit = MAX_UPLOAD_BYTES + _FORM_OVERHEAD_BYTES if _is_upload(scope["path"]) else MAX_JSON_BYTES
        bounded = _bounded(receive, limit)
        declared = Headers(scope=scope).get("content-length", "")
        try:
            if declared.isdecimal() and int(declared[:18]) > limit:
                raise BodyTooLarge  # noqa: TRY301 - one way out for declared and for counted sizes
            await self._app(scope, bounded, send_with_ids)
        except BodyTooLarge:
            answer = Refusal(2021, f"at most {limit} bytes").answer(request_id)
            answer.headers["Connection"] = "close"
            await answer(scope, receive, send_with_ids)


def _is_upload(path: str) -> bool:
    return path == "/v3/files" or path.startswith("/upload/")


def _bounded(receive: Receive, limit: int) -> Receive:
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise BodyTooLarge
        return message

    return counted


class TrackedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, which lets the app find the connection of a request by its peer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is not None:
            _CONNECTIONS[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.client is not None:
            _CONNECTIONS.pop(self.client, None)
        super().connection_lost(exc)


class Dropped(Response):
    """No answer at all: the connection is cut, after a part of a body if one is given.

    Args:
        declared_bytes: Content-Length to claim for `part`.
    """

    def __init__(self, part: bytes = b"", declared_bytes: int = 0) -> None:
        super().__init__()
        self._part = part
        self._declared_bytes = declared_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._declared_bytes:
            headers = [(b"content-length", str(self._declared_bytes).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": self._part, "more_body": True})
            await asyncio.sleep(0.05)  # let the part leave before the cut
        connection = _CONNECTIONS.get(tuple(scope["client"] or ()))
        if connection is None:
            raise ConnectionAbortedError("the connection is cut by a fault")
        connection.abort()
        while (await receive())["type"] != "http.disconnect":
            pass


class Hanging(Response):
    """No answer for so long, or until the client gives up; then the connection is cut."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                while (await receive())["type"] != "http.disconnect":
                    pass
                return
        await Dropped()(scope, receive, send)


def request_id(request: Request) -> str:
    return str(request.state.request_id)


def base_of(request: Request) -> str:
    """This server's address as the client reached it, for addresses that are handed out.

    Some clients (Tripo's SDK 1.0.0 without aiohttp) leave the port out of `Host`: it is that of the socket then.
    """
    url, server = request.base_url, request.scope.get("server")
    if url.port is None and server is not None and server[1]:
        url = url.replace(port=server[1])
    return str(url).rstrip("/")
