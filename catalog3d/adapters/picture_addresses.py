"""Which network addresses a picture may be fetched from: public ones only, so that a sheet cannot reach inside."""

from __future__ import annotations

import ipaddress

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: how IPv6-only networks name IPv4 hosts
_WRAPPERS = (
    ipaddress.IPv6Network("64:ff9b:1::/48"),  # RFC 8215
    ipaddress.IPv6Network("::/96"),  # RFC 4291 2.5.5.1, deprecated
)


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet, IPv4 addresses inside IPv6 ones included.

    The ranges are those of IANA's special-purpose address registries, as the ipaddress module knows them.
    """
    try:
        found: _Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found in _NAT64:
            return _is_global(_last_32_bits(found))
        return _is_global(found) and all(map(_is_global, _embedded(found)))
    return _is_global(found)


def _is_global(address: _Address) -> bool:
    refused = (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    )
    # is_global also leaves out carrier-grade NAT, 100.64.0.0/10 (RFC 6598).
    return address.is_global and not refused


def _embedded(address: ipaddress.IPv6Address) -> tuple[ipaddress.IPv4Address, ...]:
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(address in network for network in _WRAPPERS):
        inner.append(_last_32_bits(address))
    return tuple(one for one in inner if one is not None)


def _last_32_bits(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
