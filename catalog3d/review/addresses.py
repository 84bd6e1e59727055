"""Judging addresses that come from outside: hosts, origins, clients, and where to go after a login."""

from __future__ import annotations

import ipaddress
import re

_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
_MAX_TARGET_CHARS = 2000
"""Longer than any address of ours, and what every browser takes."""


def host_name(header: str) -> str:
    """The name or address in a Host header, without its port; "" if it is none."""
    found = _HOST.fullmatch(header)
    return found[1].strip("[]").lower() if found else ""


def is_address(name: str) -> bool:
    """Whether it is an IP address: no name that somebody else could let point here."""
    return _parsed(name) is not None


def is_loopback(name: str) -> bool:
    """Whether only this machine can mean it."""
    address = _parsed(name)
    return name == "localhost" if address is None else address.is_loopback


def is_own_origin(origin: str, *, scheme: str, host: str, url: str) -> bool:
    """Whether a page of ours sent it.

    Args:
        scheme: Of the request as it arrived; a proxy in front may have taken the TLS off.
        host: Its Host header.
        url: The address that people use, if it is known.
    """
    own = {f"{scheme}://{host}", f"https://{host}", url}
    return origin.lower() in {address.lower() for address in own if address}


def network_of(client: str) -> str:
    """Who shares an address: itself, or the /64 that one IPv6 customer has (RFC 6177)."""
    address = _parsed(client)
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return client


def safe_target(wanted: str) -> str:
    """A place on this site, or its start.

    What a browser would read as another site is none: `//host`, a backslash, and signs that it drops.
    """
    is_path = wanted.startswith("/") and not wanted.startswith("//")
    is_plain = "\\" not in wanted and all(sign.isprintable() and not sign.isspace() for sign in wanted)
    leads_back = wanted.partition("?")[0].rstrip("/") in {"/login", "/logout"}
    return wanted if is_path and is_plain and not leads_back and len(wanted) <= _MAX_TARGET_CHARS else "/"


def _parsed(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
