"""Bounded HTTP: no redirects, no endless answers, no proxy for this machine."""

from __future__ import annotations

import functools
import json
import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from catalog3d import __version__
from catalog3d.adapters.tripo.channel import without_query
from catalog3d.errors import TransientError

MAX_ANSWER_BYTES = 5_000_000
logging.getLogger("httpx").addFilter(without_query)  # upload addresses may be signed
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, kw_only=True)
class World:
    """Time, as tests replace it: seconds that only grow, and waiting."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait for what.

    Attributes:
        attempts: Of a request that may be repeated, the first included.
        first_wait_s: Doubled from attempt to attempt.
        longest_wait_s: Who is told to wait longer fails with that wait instead.
        connect_s, stall_s, answer_s: For a connection, between two pieces, and for a whole answer.
    """

    attempts: int = 5
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    connect_s: float = 15.0
    stall_s: float = 30.0
    answer_s: float = 60.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One HTTP answer, read whole; header names in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        """The document, or None if it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class Wire:
    """Connections, kept while somebody is in a `session` and closed after the last. Threads may share it."""

    def __init__(self, *, world: World, patience: Patience) -> None:
        self._world = world
        self._patience = patience
        self._lock = threading.Lock()
        self._users = 0
        self._http: httpx.Client | None = None

    @contextmanager
    def session(self) -> Iterator[httpx.Client]:
        """Several requests over the same connections; sessions may be nested."""
        with self._lock:
            self._users += 1
            http = self._http = self._http or _client(self._patience)
        try:
            yield http
        finally:
            with self._lock:
                self._users -= 1
                unused, self._http = (self._http, None) if not self._users else (None, self._http)
            if unused is not None:
                unused.close()

    def send(self, who: str, url: str, **content: Any) -> Answer:
        """POST once and read the answer, whatever it says.

        Args:
            who: What is named when nothing comes back.

        Raises:
            TransientError: SHOPIFY_UNREACHABLE. What was sent may have arrived.
        """
        try:
            with self.session() as http, http.stream("POST", url, **content) as response:
                return Answer(
                    status=response.status_code,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=self._read(response, who),
                )
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as exc:
            raise unreachable(f"{who} did not answer ({type(exc).__name__}).") from exc

    def _read(self, response: httpx.Response, who: str) -> bytes:
        until = self._world.now() + self._patience.answer_s
        pieces: list[bytes] = []
        size_bytes = 0
        for piece in response.iter_bytes():
            size_bytes += len(piece)
            if size_bytes > MAX_ANSWER_BYTES or self._world.now() > until:
                raise unreachable(f"{who} sent an answer that does not end.")
            pieces.append(piece)
        return b"".join(pieces)


def unreachable(message: str) -> TransientError:
    """The one error of an answer that never came."""
    return TransientError(message, code="SHOPIFY_UNREACHABLE", fix="Check the network; publishing again goes on here.")


def _client(patience: Patience) -> httpx.Client:
    return httpx.Client(
        verify=_tls(),
        mounts={f"all://{name}": httpx.HTTPTransport(verify=_tls()) for name in _LOOPBACK},
        timeout=httpx.Timeout(patience.stall_s, connect=patience.connect_s),
        follow_redirects=False,
        headers={"User-Agent": f"catalog3d/{__version__}", "Accept": "application/json"},
    )


@functools.cache
def _tls() -> ssl.SSLContext:
    """One for all clients: reading the certificates takes tens of milliseconds."""
    return httpx.create_ssl_context()
