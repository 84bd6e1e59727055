"""Which addresses may be talked to, and what of an address may be shown."""

from __future__ import annotations

import ipaddress
import re
from pathlib import PurePosixPath
from urllib.parse import unquote

import httpx

from catalog3d.errors import RunError

_HOST = re.compile(rb"[A-Za-z0-9._\-]+|[0-9A-Fa-f:.]+")


def api_base(base_url: str) -> httpx.URL:
    """The API's address, checked: https, or http on loopback; no user, path or query.

    Raises:
        RunError: BASE_URL_INVALID.
    """
    url = parsed(base_url.strip().rstrip("/"))
    problem = ""
    if url is None or not url.host:
        problem = "is not an address"
    elif url.userinfo or url.query or url.fragment or url.path not in {"", "/"}:
        problem = "has a user, path or query; only scheme, host and port are allowed"
    elif url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.host)):
        problem = "must begin with https:// (http:// is for this machine only), or the key could be read on its way"
    if url is None or problem:
        shown = shown_url(url) if url is not None else "the given value"
        raise RunError(
            f"Tripo's address {shown} {problem}.",
            code="BASE_URL_INVALID",
            fix="Correct CATALOG3D_TRIPO__BASE_URL, for example https://openapi.tripo3d.ai.",
        )
    return url


def parsed(text: str) -> httpx.URL | None:
    """The URL, or None if the text is none."""
    try:
        url = httpx.URL(text)
        named = url.host  # decoding may fail
    except (httpx.InvalidURL, ValueError, TypeError):
        return None
    return url if not named or _HOST.fullmatch(url.raw_host) else None


def is_loopback(host: str) -> bool:
    """Whether a host name is this machine by its very name."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def shown_url(url: httpx.URL) -> str:
    """Scheme, host and path: what of a signed URL may be shown."""
    port = f":{url.port}" if url.port else ""
    return f"{url.scheme}://{url.host}{port}{url.path[:200]}"


def extension_of(url: str) -> str:
    """The file extension of a result URL's path in lower case with its dot, or "": `.glb`, `.fbx`, `.zip`."""
    found = parsed(url)
    return PurePosixPath(unquote(found.path)).suffix.lower() if found else ""
