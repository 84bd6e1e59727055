"""Who is let in to the review page, and what every answer of it tells the browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from catalog3d.adapters.registry.users import UserRecord
from catalog3d.errors import RunError
from catalog3d.review.addresses import host_name, is_address, is_loopback

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self' blob: data:; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
"""Measured with model-viewer 4.4: without `connect-src blob:` textures are missing, without `wasm-unsafe-eval` its mesh
decoder fails, without inline styles its canvas has the wrong size. `form-action` is what `default-src` leaves out."""

HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not `no-referrer`: browsers then send `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}

SESSION_S = 12 * 3600.0
"""A working day; NIST SP 800-63B-4, 2.1.3 allows up to 30 days."""

MODEL_PATHS = r"/assets/[0-9]+/model/[0-9a-f]+\.glb"
"""Which model viewers and phones fetch without our cookies."""

MAX_FORM_BYTES = 200_000
"""A form with a note and a hundred ticked rows has a tenth of this."""


@dataclass(frozen=True, kw_only=True)
class AccessPolicy:
    """How the page is reached.

    Attributes:
        host: The address that it listens on.
        url: The address that people use, such as https://review.shop.example, where it is another one.
        login_name: Whose decisions they are while nobody has to log in.
        public: Paths below these need no login.
        signed: What the paths look like that a signed link opens too.
        body_bytes: The most bytes that may be sent to paths below these; MAX_FORM_BYTES to all others.
    """

    host: str
    login_name: str
    url: str = ""
    session_s: float = SESSION_S
    public: tuple[str, ...] = ("/static/",)
    signed: str = MODEL_PATHS
    body_bytes: Mapping[str, int] = field(default_factory=dict)

    @property
    def needs_users(self) -> bool:
        """Whether anybody but people at this machine can reach it."""
        return not (is_loopback(self.host) and is_loopback(self._url_host or "localhost"))

    @property
    def advice(self) -> str:
        """What whoever starts the page should know, or ""."""
        if not self.needs_users or self.url.startswith("https://"):
            return ""
        return (
            "Passwords and models travel unencrypted to this page. Put a proxy with TLS in front of it, "
            "and set CATALOG3D_REVIEW__URL to its https:// address."
        )

    def require_users(self, users: UserRecord) -> None:
        """Raise RunError REVIEW_NEEDS_USERS if others could reach a page that knows nobody."""
        if self.needs_users and not users.exist():
            raise RunError(
                f"The review page would be open to everybody who can reach {self.url or self.host}.",
                code="REVIEW_NEEDS_USERS",
                fix="Add users first: `catalog3d user add NAME --role operator`. Or listen on 127.0.0.1 only.",
            )

    def accepts_host(self, header: str) -> bool:
        """Whether a request may name this host: names that somebody else could let point here may not.

        Where a login is needed and no address is set, every name is taken: no cookie of ours goes to it.
        """
        name = host_name(header)
        if is_loopback(name) or (name and name == self._url_host):
            return True
        return bool(name) and self.needs_users and (is_address(name) or not self.url) and not is_loopback(self.host)

    def is_https(self, scheme: str) -> bool:
        return scheme == "https" or self.url.startswith("https://")

    def most_bytes(self, path: str) -> int:
        """How much may be sent to a path."""
        return next((most for below, most in self.body_bytes.items() if path.startswith(below)), MAX_FORM_BYTES)

    @property
    def _url_host(self) -> str:
        return host_name(urlsplit(self.url).netloc)
