"""The wire to the API host: which requests may be sent again, and how an answer is read.

The key is put on requests to the API host only, and only here. Proxies of the environment are
honoured for https, where they see a TLS tunnel and never the key; plain http is for loopback,
which is never proxied.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import ssl
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median_low
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr

from catalog3d import __version__
from catalog3d.adapters.tripo.addresses import api_base
from catalog3d.adapters.tripo.answers import parse_json
from catalog3d.adapters.tripo.failures import Answer, error_for, server_date, submission_unknown, unclear
from catalog3d.errors import Catalog3DError, NotSentError, RunError, TransientError

T = TypeVar("T")
USER_AGENT = f"catalog3d/{__version__}"
MAX_ANSWER_BYTES = 5_000_000
UPLOADS_AT_ONCE = 4
"""While nothing says that the account's upload rate binds; after that, one at a time is quick enough."""
_FARTHEST_CLOCK = timedelta(hours=1)
"""A server whose clock lies farther from ours is not believed: leases already assume that clocks are set."""
# The connection was never made, or the proxy never opened its tunnel: not one byte reached the API.
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)

logger = logging.getLogger("catalog3d.tripo")


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait for what.

    Attributes:
        attempts: Of a read, the first included.
        first_wait_s, longest_wait_s: Bounds of the doubling wait between attempts (Tripo's own SDK: 0.5 to 10).
        longest_told_wait_s: A read that is told to wait longer fails with that wait instead.
        uploads_s: All waiting of one upload for the account's upload rate (about 10 a minute).
        connect_s, answer_s: Tripo's own SDK: 30 and 120.
        stall_s, download_s: Between two pieces of a download, and for all of it.
    """

    attempts: int = 4
    first_wait_s: float = 0.5
    longest_wait_s: float = 10.0
    longest_told_wait_s: float = 60.0
    uploads_s: float = 1800.0
    connect_s: float = 30.0
    answer_s: float = 120.0
    stall_s: float = 60.0
    download_s: float = 900.0


@dataclass(frozen=True, kw_only=True)
class World:
    """Time, chance and network, as tests replace them.

    Attributes:
        transport: Instead of the real network, or None.
    """

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    transport: httpx.AsyncBaseTransport | None = None


@functools.cache
def _tls() -> ssl.SSLContext:
    """One for all clients: reading the certificates takes tens of milliseconds."""
    return httpx.create_ssl_context()


def http_client(world: World, limits: httpx.Limits, timeout: httpx.Timeout) -> httpx.AsyncClient:
    """A client without any key: no redirects, no transport retries, no proxy on loopback."""
    direct: dict[str, httpx.AsyncBaseTransport | None] = {}
    if world.transport is None:
        wire = httpx.AsyncHTTPTransport(verify=_tls(), limits=limits, http2=False, retries=0)
        direct = {f"all://{name}": wire for name in ("127.0.0.1", "localhost", "[::1]")}
    return httpx.AsyncClient(
        transport=world.transport,
        mounts=direct,
        verify=_tls(),
        limits=limits,
        timeout=timeout,
        http1=True,
        http2=False,
        follow_redirects=False,
        headers={"User-Agent": USER_AGENT},
    )


class Channel:
    """Requests to one API host with one key."""

    def __init__(self, base_url: str, api_key: SecretStr, *, world: World, patience: Patience) -> None:
        self.base = api_base(base_url)
        self._key = _usable(api_key)
        self._world = world
        self._patience = patience
        timeout = httpx.Timeout(patience.answer_s, connect=patience.connect_s, pool=patience.answer_s)
        self._reads = http_client(world, httpx.Limits(max_connections=20, max_keepalive_connections=10), timeout)
        # A kept-alive connection may be closed by the server just as we send, and then nobody knows what arrived.
        self._pays = http_client(world, httpx.Limits(max_connections=None, max_keepalive_connections=0), timeout)
        self._uploads_open_at: datetime | None = None
        self._uploads = asyncio.Semaphore(UPLOADS_AT_ONCE)
        self._next_upload = asyncio.Lock()
        self._aheads: deque[timedelta] = deque(maxlen=5)

    def __repr__(self) -> str:
        return f"Channel({self.base})"

    async def close(self) -> None:
        await self._reads.aclose()
        await self._pays.aclose()

    def server_now(self) -> datetime:
        """The server's clock by the `Date` of its last answers; our own before there was one."""
        return self._world.now() + (median_low(self._aheads) if self._aheads else timedelta(0))

    def _learn_time(self, answer: Answer) -> None:
        """Take the clock of the API itself: not of a proxy's page, and not one that is plainly wrong."""
        if answer.body is None or "code" not in answer.body or not answer.is_success:
            return
        dated, now = server_date(answer), self._world.now()
        if dated is not None and abs(dated - now) <= _FARTHEST_CLOCK:
            self._aheads.append(dated - now)

    async def pay(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Send one create POST exactly once, on its own connection.

        Returns:
            A successful answer; whether it holds a task id is for the caller to see.
        """
        request = self._request(self._pays, "POST", path, json=dict(body), headers={"Connection": "close"})
        trace = request.headers["X-Tripo-Trace-ID"]
        logger.info("%s is asked, trace %s", path, trace)
        try:
            answer = await self._send(self._pays, request)
        except _NEVER_SENT as exc:
            raise NotSentError(
                f"Tripo could not be reached ({_kind(exc)}): nothing was sent.", details={"trace_id": trace}
            ) from exc
        except (httpx.HTTPError, TimeoutError) as exc:
            raise submission_unknown(
                f"The connection to Tripo was lost before its answer came ({_kind(exc)}).", {"trace_id": trace}
            ) from exc
        if not answer.is_success:
            logger.info("%s was not granted: %s", path, answer.evidence)
            raise error_for(answer, paid=True, now=self._world.now())
        return answer

    async def read(
        self,
        method: str,
        path: str,
        understand: Callable[[Any], T],
        *,
        json: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> T:
        """Send a request that changes nothing, again if need be.

        Args:
            understand: Makes a value of the envelope's `data`; its ValueError means "not understood, ask again".
        """
        for attempt in range(1, self._patience.attempts + 1):
            request = self._request(self._reads, method, path, json=json, params=params)
            outcome = await self._try_read(request, understand)
            if not isinstance(outcome, TransientError):
                return outcome
            wait_s = self._wait_s(attempt, outcome.retry_after_s)
            if attempt == self._patience.attempts or wait_s > self._patience.longest_told_wait_s:
                raise outcome
            await self._world.sleep(wait_s)
        raise AssertionError("unreachable")  # pragma: no cover

    async def upload(self, path: str, file: tuple[str, bytes, str], understand: Callable[[Any], T]) -> T:
        """Send a file as multipart; free of charge, so it may be sent again.

        They are sent in the order they came: a few at once until a 429 shows that the account's rate binds, and
        one at a time from then on, so that a moment's free upload is taken by the first in line and refused to
        nobody. A 429 closes the gate for all uploads of this process until the told moment.

        Args:
            file: Name, content, MIME type.
        """
        async with self._uploads:
            if self._uploads_open_at is None:
                return await self._upload(path, file, understand)
            async with self._next_upload:
                return await self._upload(path, file, understand)

    async def _upload(self, path: str, file: tuple[str, bytes, str], understand: Callable[[Any], T]) -> T:
        waited_s, troubles = 0.0, 0
        while True:
            waited_s += await self._pass_upload_gate()
            request = self._request(self._reads, "POST", path, files={"file": file})
            outcome = await self._try_read(request, understand)
            if not isinstance(outcome, TransientError):
                return outcome
            limited = outcome.code in {"RATE_LIMITED", "SLOTS_FULL"}
            troubles += not limited
            wait_s = (
                self._limited_s(outcome.retry_after_s) if limited else self._wait_s(troubles, outcome.retry_after_s)
            )
            if troubles >= self._patience.attempts or waited_s + wait_s > self._patience.uploads_s:
                raise outcome
            if limited:
                self._uploads_open_at = _later(self._world.now(), wait_s)
            else:
                waited_s += wait_s
                await self._world.sleep(wait_s)

    async def _try_read(self, request: httpx.Request, understand: Callable[[Any], T]) -> T | TransientError:
        """One attempt: the value, the error worth another attempt, or any other error raised."""
        now = self._world.now
        try:
            answer = await self._send(self._reads, request)
        except (httpx.HTTPError, TimeoutError) as exc:
            trouble = TransientError(f"Tripo could not be reached ({_kind(exc)}).", code="UNREACHABLE")
            trouble.__cause__ = exc
            return trouble
        if answer.is_success:
            try:
                return understand(answer.data)
            except ValueError as exc:
                error: Catalog3DError = unclear(answer, paid=False, now=now())
                error.__cause__ = exc
        elif 300 <= answer.status < 400:
            raise RunError(
                "Tripo's address answers with a redirect, which is not followed with a key.",
                code="API_MISMATCH",
                fix="Check CATALOG3D_TRIPO__BASE_URL.",
                details=answer.evidence,
            )
        else:
            error = error_for(answer, paid=False, now=now())
        if isinstance(error, TransientError):
            return error
        raise error

    async def _pass_upload_gate(self) -> float:
        if self._uploads_open_at is None:
            return 0.0
        wait_s = (self._uploads_open_at - self._world.now()).total_seconds()
        if wait_s <= 0:
            return 0.0
        await self._world.sleep(wait_s)
        return wait_s

    def _limited_s(self, told_s: float | None) -> float:
        """Uploads may be what binds a run: no longer than told, but for a moment that tells processes apart."""
        return self._wait_s(5, None) if told_s is None else told_s + 0.2 * self._world.chance()

    def _wait_s(self, attempt: int, told_s: float | None) -> float:
        if told_s is not None:
            return told_s * (1 + 0.1 * self._world.chance())
        doubled = self._patience.first_wait_s * 2.0 ** (attempt - 1)
        return min(doubled, self._patience.longest_wait_s) * (0.5 + 0.5 * self._world.chance())

    def _request(self, client: httpx.AsyncClient, method: str, path: str, **content: Any) -> httpx.Request:
        headers = {
            "Authorization": f"Bearer {self._key.get_secret_value()}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "X-Tripo-Trace-ID": str(uuid.uuid4()),
            **content.pop("headers", {}),
        }
        return client.build_request(method, self.base.copy_with(raw_path=path.encode()), headers=headers, **content)

    async def _send(self, client: httpx.AsyncClient, request: httpx.Request) -> Answer:
        async with asyncio.timeout(self._patience.answer_s):
            response = await client.send(request, stream=True)
            try:
                content = await _bounded(response)
            finally:
                await response.aclose()
        answer = Answer(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=_object(content),
            trace_id=request.headers["X-Tripo-Trace-ID"],
        )
        self._learn_time(answer)
        logger.debug("%s %s -> %s", request.method, request.url.path, answer.evidence)
        return answer


def _usable(api_key: SecretStr) -> SecretStr:
    key = api_key.get_secret_value().strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise RunError(
            "The Tripo API key is empty or holds characters that no key has.",
            code="KEY_REFUSED",
            fix="Copy the key again; it starts with tsk_.",
        )
    return SecretStr(key)


async def _bounded(response: httpx.Response) -> bytes | None:
    content = bytearray()
    async for piece in response.aiter_bytes():
        content += piece
        if len(content) > MAX_ANSWER_BYTES:
            return None
    return bytes(content)


def _object(content: bytes | None) -> dict[str, Any] | None:
    try:
        body = parse_json(content) if content else None
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _kind(exc: BaseException) -> str:
    """The error's class: its words may name a proxy with its password, or a signed URL."""
    return type(exc).__name__


def _later(now: datetime, seconds: float) -> datetime:
    return datetime.fromtimestamp(now.timestamp() + seconds, UTC)


def without_query(record: logging.LogRecord) -> bool:
    """Take query strings out of httpx's own log lines: signed URLs are as good as keys."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            arg.copy_with(query=None) if isinstance(arg, httpx.URL) and arg.query else arg for arg in record.args
        )
    return True


logging.getLogger("httpx").addFilter(without_query)
