"""A webhook: every publication as one signed POST, by the Standard Webhooks specification (standardwebhooks.com).

    webhook-id         names the event; the same however often it is sent, so that the receiver takes it once
    webhook-timestamp  Unix seconds of this attempt
    webhook-signature  v1,base64(HMAC-SHA256(secret, "id.timestamp.body"))

The receiver's host is resolved once, all its addresses are checked, and the connection goes to the very address that was
checked. Redirects are not followed, and no more of an answer is read than a link needs.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
from pydantic import SecretStr

from catalog3d.adapters.channels.import_files import LinkOf
from catalog3d.adapters.picture_addresses import is_public
from catalog3d.adapters.picture_fetch import Resolver, system_resolver
from catalog3d.channel_rules import WebhookRules
from catalog3d.channels import Item, Placed
from catalog3d.errors import Catalog3DError, ProductError, RunError, TransientError
from catalog3d.ports import Clock

TRIES = 4
FIRST_WAIT_S = 1.0
"""Doubled after each try: 1, 2 and 4 s. Prefect tries the whole again later."""
LONGEST_WAIT_S = 60.0
TIMEOUT_S = 15.0
"""The specification asks receivers to answer within 15 to 30 s."""
MAX_ANSWER_BYTES = 65_536
MAX_LINK = 2000
MIN_SECRET_BYTES, MAX_SECRET_BYTES = 24, 64
"""Standard Webhooks: a secret has 192 to 512 bits."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

_AGAIN = frozenset({408, 425, 429})
_CLOSED = frozenset({401, 403, 404, 405, 410})
"""What a wrong address or secret answers: it would answer so to every SKU."""


def secret_bytes(secret: SecretStr | None, variable: str) -> bytes:
    """The key behind a `whsec_...` secret.

    Raises:
        RunError: SECRET_MISSING, SECRET_INVALID; the secret is never shown.
    """
    how = f"Set {variable} to whsec_ and the output of `openssl rand -base64 32`, and give it to the receiver."
    if secret is None:
        raise RunError("The webhook has no secret to sign with.", code="SECRET_MISSING", fix=how)
    text = secret.get_secret_value().strip()
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True) if text.startswith("whsec_") else b""
    except binascii.Error:
        key = b""
    if not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
        raise RunError("The webhook's secret has another form than whsec_<base64>.", code="SECRET_INVALID", fix=how)
    return key


def signature(key: bytes, event_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = hmac.new(key, f"{event_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


class Webhook:
    """A `Channel` that tells a server of the team.

    Args:
        key: See `secret_bytes`.
        link_of: What the storefront has, whose links are told; None without one.

    Raises:
        RunError: WEBHOOK_URL, for an address that may not be asked.
    """

    def __init__(
        self,
        name: str,
        rules: WebhookRules,
        key: bytes,
        *,
        clock: Clock,
        link_of: LinkOf | None = None,
        resolver: Resolver = system_resolver,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self._rules = rules
        self._key = key
        self._clock = clock
        self._link_of = link_of
        self._resolver = resolver
        self._sleep = sleep
        self._url = _checked_url(rules.url, name)

    @property
    def _place(self) -> str:
        """The address for people: a path or query may be a secret."""
        return f"{self._url.scheme}://{self._url.host}"

    def describe(self, item: Item) -> str:
        return f"Would tell {self._place} that V{item.version} is published."

    def publish(self, item: Item) -> Placed:
        source = self._link_of(item.sku) if self._link_of else None
        link = source.link if source is not None and source.sha256 == item.sha256 else ""
        event_id = self._event_id("published", item.publication, item.sku, item.sha256)
        event = {
            "sku": item.sku,
            "name": item.name,
            "version": item.version,
            "format": item.format,
            "file": item.file,
            "sha256": item.sha256,
            "size_bytes": item.size_bytes,
            "link": link,
            "dimensions_m": list(item.extents_m) if item.extents_m else None,
            "replaces_version": item.previous.version if item.previous else None,
        }
        said = self._send("model.published", event_id, event, item.sku)
        return Placed(
            channel=self.name,
            sku=item.sku,
            version=item.version,
            sha256=item.sha256,
            destination=self._place,
            link=_link_in(said) or link,
            remote={"event": event_id},
        )

    def unpublish(self, placed: Placed) -> None:
        event_id = self._event_id("unpublished", placed.remote.get("event", ""), placed.sku, placed.sha256)
        event = {"sku": placed.sku, "version": placed.version, "sha256": placed.sha256}
        self._send("model.unpublished", event_id, event, placed.sku)

    def _event_id(self, *parts: str) -> str:
        digest = hashlib.sha256("\n".join((self.name, *parts)).encode()).hexdigest()
        return f"msg_{digest[:32]}"

    def _send(self, kind: str, event_id: str, data: dict[str, Any], sku: str) -> bytes:
        """Send one event until it is taken; what the receiver answered, bounded."""
        # The timestamp of the event is no part of its body: the same event has the same bytes at every try.
        body = json.dumps({"type": kind, "data": data}, ensure_ascii=False, separators=(",", ":")).encode()
        wait_s = FIRST_WAIT_S
        for left in reversed(range(TRIES)):
            try:
                return self._try(event_id, body, sku)
            except TransientError as error:
                if not left:
                    raise
                self._sleep(min(LONGEST_WAIT_S, max(wait_s, error.retry_after_s or 0.0)))
                wait_s *= 2
        raise AssertionError("the last try returns or raises")

    def _try(self, event_id: str, body: bytes, sku: str) -> bytes:
        timestamp = int(self._clock.now().timestamp())
        headers = {
            "Host": self._url.netloc.decode("ascii"),
            "Content-Type": "application/json",
            "User-Agent": "catalog3d",
            "Accept-Encoding": "identity",
            "webhook-id": event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self._key, event_id, timestamp, body),
        }
        target = self._url.copy_with(host=self._address())
        with httpx.Client(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False) as client:
            request = client.build_request(
                "POST", target, content=body, headers=headers, extensions={"sni_hostname": self._url.raw_host.decode()}
            )
            try:
                response = client.send(request, stream=True)
                try:
                    answer = _bounded(response)
                finally:
                    response.close()
            except httpx.TransportError as exc:
                raise TransientError(
                    f"{self._place} did not answer ({type(exc).__name__}).", code="WEBHOOK_UNREACHABLE", fix=_IS_IT_UP
                ) from exc
        _require_taken(response, self._place, sku)
        return answer

    def _address(self) -> str:
        host = self._url.raw_host.decode("ascii")
        port = self._url.port or (443 if self._url.scheme == "https" else 80)
        try:
            found = list(self._resolver(host, port))
        except (OSError, UnicodeError) as exc:
            raise TransientError(
                f"No server is known by the name {self._url.host}.", code="WEBHOOK_UNREACHABLE", fix=_IS_IT_UP
            ) from exc
        if not found:
            raise TransientError(f"{self._url.host} has no address.", code="WEBHOOK_UNREACHABLE", fix=_IS_IT_UP)
        if self._url.host not in LOOPBACK and not all(map(is_public, found)):
            raise RunError(
                f"The webhook {self.name} leads to an address inside a private network.",
                code="WEBHOOK_URL",
                fix="Give it a public https address; this machine itself is named 127.0.0.1 or localhost.",
            )
        return found[0]


_IS_IT_UP = "Is the receiver running? Publish again: it is told once."


def _checked_url(url: str, name: str) -> httpx.URL:
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        parts = httpx.URL("")
    why = ""
    if parts.scheme not in ("https", "http") or not parts.host:
        why = "is not a web address"
    elif parts.userinfo:
        why = "holds a user name or password"
    elif parts.scheme == "http" and parts.host not in LOOPBACK:
        why = "is not encrypted"
    if why:
        raise RunError(
            f"The address of the webhook {name} {why}.",
            code="WEBHOOK_URL",
            fix=f"Write an https address into channels: {name}: url: in catalog.yaml.",
        )
    return parts


def _bounded(response: httpx.Response) -> bytes:
    """The body of an answer; b"" if it is too long or too slow, since the status says already whether it was taken."""
    answer, until = b"", time.monotonic() + TIMEOUT_S
    for chunk in response.iter_raw():
        answer += chunk
        if len(answer) > MAX_ANSWER_BYTES or time.monotonic() > until:
            return b""
    return answer


def _require_taken(response: httpx.Response, place: str, sku: str) -> None:
    status = response.status_code
    if 200 <= status < 300:
        return
    raise _refusal(status, response.headers.get("retry-after", ""), place).for_sku(sku)


def _refusal(status: int, retry_after: str, place: str) -> Catalog3DError:
    details = {"status": str(status)}
    if status in _AGAIN or status >= 500:
        return TransientError(
            f"{place} is busy or broken (HTTP {status}).",
            code="WEBHOOK_UNREACHABLE",
            fix=_IS_IT_UP,
            retry_after_s=float(retry_after) if retry_after.isdecimal() and len(retry_after) < 6 else None,
            details=details,
        )
    if status in _CLOSED or 300 <= status < 400:
        return RunError(
            f"{place} does not take our events (HTTP {status}).",
            code="WEBHOOK_REFUSED",
            fix="Look at the webhook's address in catalog.yaml, and at its secret on both sides.",
            details=details,
        )
    return ProductError(
        f"{place} refused it (HTTP {status}).", code="WEBHOOK_REFUSED", fix="Its log says why.", details=details
    )


def _link_in(answer: bytes) -> str:
    """Where the receiver says that the model is, if it answers with a JSON object that has a `link`."""
    try:
        said = json.loads(answer)
    except ValueError:
        return ""
    link = said.get("link") if isinstance(said, dict) else None
    usable = isinstance(link, str) and len(link) <= MAX_LINK and link.startswith(("https://", "http://"))
    return str(link) if usable and str(link).isprintable() and " " not in str(link) else ""
