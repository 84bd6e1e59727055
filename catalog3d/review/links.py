"""What is signed with the home's secret: links that work without a login, and the token of each form."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from urllib.parse import quote, urlencode

from catalog3d.ports import Clock

LINK_S = 600.0
"""Long enough to scan a code with a phone and load a model there; a removed user's links end with it."""

_MAX_DIGITS = 12


class Signer:
    """Signs and checks, each purpose with a key of its own."""

    def __init__(self, secret: bytes, clock: Clock) -> None:
        self._secret = secret
        self._clock = clock

    def link(self, path: str, lifetime_s: float = LINK_S) -> str:
        """The address of a path (not quoted yet) that answers for a while to anybody who has it."""
        expires = str(int(self._clock.now().timestamp() + lifetime_s))
        return f"{quote(path)}?{urlencode({'expires': expires, 'signature': self._of_link(path, expires)})}"

    def accepts(self, path: str, query: Sequence[tuple[str, str]]) -> bool:
        """Whether this is a link of ours, for this path alone, with nothing added, and not past its time."""
        said = dict(query)
        if sorted(name for name, _ in query) != ["expires", "signature"]:
            return False
        expires = said["expires"]
        if not re.fullmatch(f"[0-9]{{1,{_MAX_DIGITS}}}", expires):
            return False
        is_ours = hmac.compare_digest(self._of_link(path, expires).encode(), said["signature"].encode())
        return is_ours and self._clock.now().timestamp() < int(expires)

    def form_token(self, browser: str) -> str:
        """What a form brings along to show that a page of ours made it, for this browser."""
        return self._signed("form", browser)

    def is_form_token(self, sent: str, browser: str) -> bool:
        return hmac.compare_digest(sent.encode(), self.form_token(browser).encode())

    def cookie_tag(self) -> str:
        """Tells the cookies of several catalogs apart: a browser gives those of all ports to each."""
        return self._signed("cookie", "")[:8]

    def _of_link(self, path: str, expires: str) -> str:
        return self._signed("link", f"{expires} {path}")

    def _signed(self, purpose: str, text: str) -> str:
        key = hmac.digest(self._secret, purpose.encode(), hashlib.sha256)
        return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
