"""Pictures fetched from http(s) URLs that a sheet names: nobody vouches for them.

The host is resolved once, all its addresses are checked, and the connection goes to the very address that was checked:
a name that answers differently the second time (DNS rebinding) gains nothing. Each redirect is checked again. Proxies
and credentials of the environment are not used.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import cached_property
from pathlib import Path

import httpx

from catalog3d.adapters.picture_addresses import is_public
from catalog3d.errors import Catalog3DError, ProductError, TransientError

# Ours: twice what Tripo takes, since a photo may still be made smaller.
MAX_FETCHED_BYTES = 50_000_000
# Ours: 50 MB at 15 Mbit/s.
TOTAL_TIME_S = 30.0
MAX_REDIRECTS = 3
MAX_URL_CHARS = 4_000
_MAX_ADDRESSES = 3
_CONNECT_S = 8.0
_READ_S = 15.0
_SHOWN_CHARS = 120
_MAX_PORT = 65_535

Resolver = Callable[[str, int], Sequence[str]]
"""Host and port -> addresses; raises OSError."""


def system_resolver(host: str, port: int) -> Sequence[str]:
    """The addresses that the machine's resolver gives, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def shown(url: str) -> str:
    """A URL for people: without credentials and query, which may be secret."""
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return "the web address"
    return f"{parts.scheme}://{parts.host}{parts.path}"[:_SHOWN_CHARS]


class PictureFetcher:
    """Fetches pictures into files.

    Args:
        resolver: Blocking; called in a thread.
        allowed: Which addresses may be asked.
        total_time_s: For one picture, names and redirects included.
    """

    def __init__(
        self,
        *,
        resolver: Resolver = system_resolver,
        allowed: Callable[[str], bool] = is_public,
        total_time_s: float = TOTAL_TIME_S,
        max_bytes: int = MAX_FETCHED_BYTES,
    ) -> None:
        self._resolver = resolver
        self._allowed = allowed
        self._total_time_s = total_time_s
        self._max_bytes = max_bytes

    def fetch(self, url: str, target: Path) -> None:
        """Fetch a URL into a new file (blocking, on an event loop of its own: call it in a thread).

        Raises:
            ProductError: URL_REFUSED, PHOTO_MISSING, PHOTO_TOO_LARGE.
            TransientError: No answer in time, or one that may be better later.
            OSError: The file cannot be written.
        """
        asyncio.run(self._fetch_in_time(url, target))

    async def _fetch_in_time(self, url: str, target: Path) -> None:
        try:
            async with asyncio.timeout(self._total_time_s):
                await self._fetch(url, target)
        except TimeoutError as exc:
            raise _unreachable(url, f"did not send the picture within {self._total_time_s:g} seconds") from exc

    async def _fetch(self, url: str, target: Path) -> None:
        timeout = httpx.Timeout(_READ_S, connect=_CONNECT_S)
        async with httpx.AsyncClient(
            verify=self._tls, timeout=timeout, trust_env=False, follow_redirects=False
        ) as client:
            current = url
            for _ in range(MAX_REDIRECTS + 1):
                following = await self._hop(client, current, url, target)
                if following is None:
                    return
                current = following
        raise _refused(url, f"redirects more than {MAX_REDIRECTS} times")

    async def _hop(self, client: httpx.AsyncClient, current: str, url: str, target: Path) -> str | None:
        """One request; the next URL after a redirect, else None and the file is written."""
        parts = _checked(current, url)
        failure: Catalog3DError | None = None
        for address in (await self._addresses(parts, url))[:_MAX_ADDRESSES]:
            request = client.build_request(
                "GET",
                parts.copy_with(host=address, fragment=None),
                headers={
                    "Host": parts.netloc.decode("ascii"),
                    "Accept": "image/*,*/*;q=0.5",
                    "Accept-Encoding": "identity",
                    "User-Agent": "catalog3d",
                },
                extensions={"sni_hostname": parts.raw_host.decode("ascii")},
            )
            try:
                response = await client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
                failure = _connect_failure(exc, url)
                continue
            except httpx.InvalidURL as exc:  # httpx looks at where a redirect leads, though it does not follow
                raise _refused(url, "redirects to an invalid web address") from exc
            except httpx.TransportError as exc:
                raise _broken(exc, url) from exc
            try:
                return await self._answer(response, parts, url, target)
            finally:
                await response.aclose()
        raise failure or _unreachable(url, "has no address")

    async def _answer(self, response: httpx.Response, parts: httpx.URL, url: str, target: Path) -> str | None:
        if response.has_redirect_location:
            try:
                return str(parts.join(response.headers["location"]))
            except (httpx.InvalidURL, ValueError) as exc:
                raise _refused(url, "redirects to an invalid web address") from exc
        _require_ok(response, url)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise _refused(url, "sends a compressed answer that was not asked for")
        declared = response.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._max_bytes:
            raise self._too_large(url)
        try:
            await self._store(response, url, target)
        except httpx.TransportError as exc:
            raise _broken(exc, url) from exc
        return None

    async def _store(self, response: httpx.Response, url: str, target: Path) -> None:
        size_bytes = 0
        with target.open("xb") as file:
            async for chunk in response.aiter_raw():
                size_bytes += len(chunk)
                if size_bytes > self._max_bytes:
                    raise self._too_large(url)
                file.write(chunk)

    async def _addresses(self, parts: httpx.URL, url: str) -> Sequence[str]:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            found = await asyncio.wrap_future(_in_thread(lambda: self._resolver(parts.raw_host.decode("ascii"), port)))
        except (OSError, UnicodeError) as exc:
            name = parts.host[:_SHOWN_CHARS]
            raise _unreachable(url, f"was not found: no server is known by the name {name}") from exc
        if not all(self._allowed(address) for address in found):
            raise _refused(url, "leads to an address inside a private network")
        return found

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()

    def _too_large(self, url: str) -> ProductError:
        return ProductError(
            f"The picture at {shown(url)} has more than {self._max_bytes // 1_000_000} MB.",
            code="PHOTO_TOO_LARGE",
            fix="Put a smaller one there: at most 20 MB are sent.",
        )


def _in_thread(ask: Callable[[], Sequence[str]]) -> Future[Sequence[str]]:
    """A call that nobody has to wait for: leaving an event loop waits for its own threads, and a resolver may hang."""
    future: Future[Sequence[str]] = Future()

    def run() -> None:
        future.set_running_or_notify_cancel()
        try:
            future.set_result(ask())
        except BaseException as exc:  # noqa: BLE001 - raised where the answer is awaited
            future.set_exception(exc)

    threading.Thread(target=run, name="resolve-picture-host", daemon=True).start()
    return future


def _checked(current: str, url: str) -> httpx.URL:
    """The URL if it may be asked at all."""
    if len(current) > MAX_URL_CHARS:
        raise _refused(url, "is too long")
    try:
        parts = httpx.URL(current)
    except (httpx.InvalidURL, ValueError) as exc:
        raise _refused(url, "is not a valid web address") from exc
    if parts.scheme not in ("http", "https") or not parts.host:
        raise _refused(url, "is not an http or https address")
    if parts.userinfo:
        raise _refused(url, "holds a user name or password")
    if not 0 < (parts.port or 80) <= _MAX_PORT:
        raise _refused(url, "is not a valid web address")
    return parts


def _require_ok(response: httpx.Response, url: str) -> None:
    status = response.status_code
    if status == httpx.codes.OK:
        return
    if status in (408, 425, 429) or status >= 500:
        wait = response.headers.get("retry-after", "")
        raise TransientError(
            f"The server of {shown(url)} is busy or broken (HTTP {status}).",
            code="URL_UNREACHABLE",
            fix="Run again later.",
            retry_after_s=float(wait) if wait.isdecimal() and len(wait) < 6 else None,
        )
    why = "may not be read without signing in" if status in (401, 403) else "is not there"
    raise ProductError(
        f"The picture at {shown(url)} {why} (HTTP {status}).",
        code="PHOTO_MISSING",
        fix="Use a public link that leads straight to the picture, or put the file into the photo folder.",
    )


def _connect_failure(exc: BaseException, url: str) -> Catalog3DError:
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _refused(url, "has no valid certificate")
        cause = cause.__cause__ or cause.__context__
    return _unreachable(url, "does not answer")


def _broken(exc: BaseException, url: str) -> TransientError:
    slow = isinstance(exc, httpx.TimeoutException)
    return _unreachable(url, "took too long to answer" if slow else "broke the connection")


def _refused(url: str, why: str) -> ProductError:
    return ProductError(
        f"The link {shown(url)} {why}.",
        code="URL_REFUSED",
        fix="Use a public https link that leads straight to the picture.",
    )


def _unreachable(url: str, why: str) -> TransientError:
    return TransientError(f"{shown(url)} {why}.", code="URL_UNREACHABLE", fix="Run again later, or correct the link.")
