"""Signed addresses that expire, as a CDN hands them out."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from urllib.parse import urlencode


class Signer:
    """Signs and checks paths.

    Args:
        secret: Kept with the state, so that an address outlives a restart but not its time.
        clock: Seconds since the epoch.
    """

    def __init__(self, secret: bytes, clock: Callable[[], float]) -> None:
        self._secret = secret
        self._clock = clock

    def sign(self, path: str, ttl_s: float) -> str:
        """The path with a query that is different each time and valid for `ttl_s` seconds."""
        expires, nonce = f"{self._clock() + ttl_s:.3f}", secrets.token_hex(8)
        query = {"expires": expires, "nonce": nonce, "signature": self._signature(path, expires, nonce)}
        return f"{path}?{urlencode(query)}"

    def accepts(self, path: str, query: Mapping[str, str]) -> bool:
        """Whether path and query belong together and are not past their time."""
        expires, nonce = query.get("expires", ""), query.get("nonce", "")
        expected = self._signature(path, expires, nonce).encode()
        if not hmac.compare_digest(expected, query.get("signature", "").encode()):
            return False
        return self._clock() < float(expires)

    def _signature(self, path: str, expires: str, nonce: str) -> str:
        return hmac.new(self._secret, f"{path}\n{expires}\n{nonce}".encode(), hashlib.sha256).hexdigest()
