"""Who may use the page: whoever sits at this machine, under the name they logged in to it with.

Nothing but a loopback address is listened on. Other people's pages in the same browser are kept out: by the Host and
Origin of each request, a token in each form, and a content security policy.
"""

from __future__ import annotations

import getpass
import hmac
import ipaddress
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from starlette.middleware.base import RequestResponseEndpoint
from starlette.responses import PlainTextResponse

from catalog3d.errors import ProductError, RunError

CSRF_FIELD = "csrf"
POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self' blob: data:; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Measured with model-viewer 4.4: without `connect-src blob:` textures are missing, without `wasm-unsafe-eval` its
mesh decoder fails, without inline styles its canvas has the wrong size."""
MAX_BODY_BYTES = 200_000
"""A form with a note and a hundred ticked rows has a tenth of this."""

_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Act(StrEnum):
    """Something that takes a right."""

    LOOK = "look"
    DECIDE = "decide"


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody whose name stands in the record."""

    name: str


def require_loopback(host: str) -> None:
    """Raise RunError REVIEW_HOST for an address that others could reach: there is no login yet."""
    try:
        inside = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise RunError(
            f"The review page has no login yet, so it does not listen on {host}.",
            code="REVIEW_HOST",
            fix="Set CATALOG3D_REVIEW__HOST to 127.0.0.1, and reach it from elsewhere through an SSH tunnel.",
        )


def install_access(app: FastAPI) -> None:
    """Keep everybody else's pages out of every request, and put the security headers on every answer."""
    app.state.csrf_token = secrets.token_urlsafe(32)
    app.state.person = Person(name=getpass.getuser())

    @app.middleware("http")
    async def _guarded(request: Request, call_next: RequestResponseEndpoint) -> Response:
        refused = _refusal(request)
        answer: Response = PlainTextResponse(refused[1], refused[0]) if refused else await call_next(request)
        for name, value in _HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer


def person(request: Request) -> Person:
    """Whose request it is."""
    found: Person = request.app.state.person
    return found


def csrf_token(request: Request) -> str:
    """What each form must bring along in its field `csrf`."""
    token: str = request.app.state.csrf_token
    return token


def needs(act: Act) -> Callable[[Request], Awaitable[Person]]:
    """A dependency: the person, if they may do this.

    Raises:
        ProductError: FORM_EXPIRED for a form that this page did not make.
    """

    async def permitted(request: Request) -> Person:
        if request.method not in {"GET", "HEAD"}:
            sent = (await request.form()).get(CSRF_FIELD)
            if not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), csrf_token(request).encode()):
                raise ProductError(
                    f"This form is from before the page was started again, so it may not {act}.",
                    code="FORM_EXPIRED",
                    fix="Go back, copy your note, load the page anew, and send it again.",
                )
        return person(request)

    return permitted


def _refusal(request: Request) -> tuple[int, str] | None:
    """Status and sentence for a request that did not come from our own pages or a person's address bar."""
    host = request.headers.get("host", "")
    try:
        require_loopback(urlsplit(f"//{host}").hostname or "")
    except (RunError, ValueError):
        return 421, "This page answers on a loopback address only."
    if request.method in {"GET", "HEAD"}:
        return None
    origin = request.headers.get("origin")
    if origin is not None and origin != f"{request.url.scheme}://{host}":
        return 403, "This request came from another site."
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        return 411, "The request does not say how long it is."
    return (413, "The form is too large.") if int(length) > MAX_BODY_BYTES else None
