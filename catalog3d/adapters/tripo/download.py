"""Fetching result files: from allowed hosts only, without the key, whole or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import os
import struct
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

import httpx

from catalog3d.adapters.tripo.addresses import extension_of, is_loopback, parsed, shown_url
from catalog3d.adapters.tripo.channel import Patience, World, http_client
from catalog3d.adapters.tripo.failures import told_wait_s
from catalog3d.errors import ProductError, RunError, TransientError, UrlExpiredError
from catalog3d.ports import Downloaded

# Signed URLs of CDNs answer 403 past their time, stores 404, some 410 (Tripo users' reports, 2026).
EXPIRED_STATUSES = frozenset({403, 404, 410})
MAX_REDIRECTS = 3
_PIECE_BYTES = 1 << 20
_GLB_HEADER = struct.Struct("<4sII")  # glTF 2.0 specification, 4.4.2: magic, version, length


class Downloads:
    """A client of its own for result files: it never learns the key."""

    def __init__(self, base: httpx.URL, hosts: Iterable[str], *, world: World, patience: Patience) -> None:
        self._base = base
        self._hosts = frozenset(host.strip().lower() for host in hosts if host.strip())
        self._world = world
        self._patience = patience
        timeout = httpx.Timeout(patience.stall_s, connect=patience.connect_s, pool=patience.download_s)
        self._client = http_client(world, httpx.Limits(max_connections=16, max_keepalive_connections=8), timeout)

    async def close(self) -> None:
        await self._client.aclose()

    async def fetch(self, url: str, target: Path, max_bytes: int) -> Downloaded:
        """Fetch one file; see `Generator.download`.

        Raises:
            UrlExpiredError: 403, 404, 410.
            TransientError: Truncated, slow, or refused for now.
            ProductError: WRONG_FILE, FILE_TOO_LARGE.
            RunError: DOWNLOAD_REFUSED for an address that is not allowed; DISK_FAILED.
        """
        address = self._allowed(url)
        shown = shown_url(address)
        _check_kind(address, target)
        try:
            async with asyncio.timeout(self._patience.download_s):
                return await self._fetch(address, target, max_bytes)
        except (httpx.HTTPError, TimeoutError) as exc:
            raise TransientError(
                f"The download of {shown} broke off ({type(exc).__name__}).", code="DOWNLOAD_BROKEN"
            ) from exc
        except OSError as exc:
            raise RunError(
                f"The file {target.name} could not be written: {exc.strerror or type(exc).__name__}.",
                code="DISK_FAILED",
                fix="Check free space and rights of the workspace.",
            ) from exc

    async def _fetch(self, address: httpx.URL, target: Path, max_bytes: int) -> Downloaded:
        for _ in range(MAX_REDIRECTS + 1):
            request = self._client.build_request("GET", address, headers={"Accept-Encoding": "identity"})
            response = await self._client.send(request, stream=True)
            try:
                if not response.has_redirect_location:
                    self._check_status(response, shown_url(address))
                    return await _save(response, address, target, max_bytes)
                address = self._allowed(str(address.join(response.headers["Location"])))
            finally:
                await response.aclose()
        raise TransientError(f"{shown_url(address)} redirects in circles.", code="DOWNLOAD_BROKEN")

    def _allowed(self, url: str) -> httpx.URL:
        address = parsed(url)
        if address is None or not address.host:
            raise TransientError("The task's result address is not a URL.", code="URL_INVALID")
        host = address.host.lower()
        at_home = host == self._base.host.lower() or (is_loopback(host) and is_loopback(self._base.host))
        known = at_home or host in self._hosts
        encrypted = address.scheme == "https" or (address.scheme == "http" and is_loopback(host))
        if known and encrypted and not address.userinfo:
            return address
        why = "is not encrypted" if known else "is not on an allowed host"
        raise RunError(
            f"The result address {shown_url(address)} {why}: it is not fetched.",
            code="DOWNLOAD_REFUSED",
            fix="If Tripo has moved its files there, add the host to CATALOG3D_TRIPO__DOWNLOAD_HOSTS.",
        )

    def _check_status(self, response: httpx.Response, shown: str) -> None:
        status = response.status_code
        if status == 200:
            return
        if status in EXPIRED_STATUSES:
            raise UrlExpiredError(f"The address {shown} has expired (HTTP {status}).")
        headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        raise TransientError(
            f"The file at {shown} was refused for now (HTTP {status}).",
            code="DOWNLOAD_REFUSED_FOR_NOW",
            retry_after_s=told_wait_s(headers, self._world.now()),
        )


async def _save(response: httpx.Response, address: httpx.URL, target: Path, max_bytes: int) -> Downloaded:
    shown = shown_url(address)
    declared = _declared_bytes(response, shown)
    if declared is not None and declared > max_bytes:
        raise _too_large(shown, declared, max_bytes)
    await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            digest, size, head = await _stream(response, file, shown, max_bytes)
            _check_whole(shown, size, declared, head, is_glb=".glb" in (target.suffix.lower(), extension_of(shown)))
            await asyncio.to_thread(_sync, file)
        await asyncio.to_thread(os.replace, part, target)
    finally:
        await asyncio.to_thread(part.unlink, missing_ok=True)
    return Downloaded(path=target, sha256=digest, size_bytes=size)


async def _stream(response: httpx.Response, file: BinaryIO, shown: str, max_bytes: int) -> tuple[str, int, bytes]:
    digest, size, head = hashlib.sha256(), 0, b""

    def keep(piece: bytes) -> None:
        digest.update(piece)
        file.write(piece)

    async for piece in response.aiter_raw(_PIECE_BYTES):
        size += len(piece)
        if size > max_bytes:
            raise _too_large(shown, size, max_bytes)
        head = (head + piece)[: _GLB_HEADER.size] if len(head) < _GLB_HEADER.size else head
        await asyncio.to_thread(keep, piece)
    return digest.hexdigest(), size, head


def _declared_bytes(response: httpx.Response, shown: str) -> int | None:
    if response.headers.get("Content-Encoding", "identity").lower() not in {"", "identity"}:
        raise _wrong(shown, "it came compressed although that was not asked for")
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _check_kind(address: httpx.URL, target: Path) -> None:
    is_, should = extension_of(str(address)), target.suffix.lower()
    if is_ and should and is_ != should:
        raise _wrong(shown_url(address), f"it is a {is_} file, a {should} file was expected")


def _check_whole(shown: str, size: int, declared: int | None, head: bytes, *, is_glb: bool) -> None:
    if declared is not None and size != declared:
        raise _truncated(shown, size, declared)
    if size == 0:
        raise _truncated(shown, 0, 1)
    if not is_glb:
        return
    if len(head) < _GLB_HEADER.size:
        raise _wrong(shown, "it is too short to be a GLB")
    magic, version, length = _GLB_HEADER.unpack(head)
    if magic != b"glTF":
        raise _wrong(shown, f"it does not begin as a GLB does but with {head[:4]!r}")
    if version != 2:
        raise _wrong(shown, f"it is of GLB version {version}, only 2 is known")
    if length > size:
        raise _truncated(shown, size, length)
    if length < size:
        raise _wrong(shown, f"it declares {length} bytes and has {size}")


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _truncated(shown: str, size: int, expected: int) -> TransientError:
    return TransientError(f"The download of {shown} ended after {size} of {expected} bytes.", code="DOWNLOAD_TRUNCATED")


def _wrong(shown: str, what: str) -> ProductError:
    return ProductError(
        f"The file at {shown} is not what was ordered: {what}.",
        code="WRONG_FILE",
        fix="Look at the task in Tripo's console; a retake makes a new model.",
    )


def _too_large(shown: str, size: int, max_bytes: int) -> ProductError:
    return ProductError(
        f"The file at {shown} has more than {max_bytes} bytes (at least {size}).",
        code="FILE_TOO_LARGE",
        fix="Set a lower face_limit for this category.",
    )
