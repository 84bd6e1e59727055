"""What a request must show before anything else about it is looked at."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar, TypeVarTuple

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from starlette.types import Receive

from catalog3d.errors import ProductError, TransientError
from catalog3d.review.addresses import is_loopback, is_own_origin
from catalog3d.review.form_field import field_of
from catalog3d.review.policy import AccessPolicy
from catalog3d.review.refusals import Refused
from catalog3d.review.visit import Access, Visit

CSRF_FIELD = "csrf"
CSRF_HEADER = "x-csrf-token"

Args = TypeVarTuple("Args")
T = TypeVar("T")

_BUSY_S = 2
_THROUGH_PROXY = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


def require_host(request: Request, policy: AccessPolicy) -> None:
    """Refuse a request that reached us under somebody else's name (DNS rebinding)."""
    if not policy.accepts_host(request.headers.get("host", "")):
        raise refusal(
            HTTPStatus.MISDIRECTED_REQUEST,
            "HOST_REFUSED",
            "The review page does not answer under this name.",
            "Open it under the address that it shows when it starts, or set CATALOG3D_REVIEW__URL to the one you use.",
        )


def require_this_machine(request: Request) -> None:
    """Refuse, where nobody has to log in, whoever comes from elsewhere through a proxy on this machine."""
    is_here = request.client is not None and is_loopback(request.client.host)
    if not is_here or any(name in request.headers for name in _THROUGH_PROXY):
        raise refusal(
            HTTPStatus.FORBIDDEN,
            "REVIEW_NEEDS_USERS",
            "The review page is reached from another machine, and knows nobody.",
            "Add users on its machine: `catalog3d user add NAME --role operator`.",
        )


async def require_own_form(request: Request, visit: Visit, access: Access) -> Receive:
    """Refuse what is sent by another site's page, or is too large; gives the body to be read again."""
    host = request.headers.get("host", "")
    origin = request.headers.get("origin", "")
    if not is_own_origin(origin, scheme=request.url.scheme, host=host, url=access.policy.url):
        raise refusal(
            HTTPStatus.FORBIDDEN,
            "ORIGIN_REFUSED",
            "This was not sent by a page of the review site.",
            "Open the page under its own address, and do it there.",
        )
    _require_size(request, access.policy.most_bytes(request.scope["path"]))
    token, receive = request.headers.get(CSRF_HEADER, ""), request.receive
    if not token:
        token, receive = await field_of(request, CSRF_FIELD)
    if not access.signer.is_form_token(token, visit.browser):
        raise refusal(
            HTTPStatus.FORBIDDEN,
            "FORM_EXPIRED",
            "This form is from before you logged in, or your browser keeps no cookies.",
            "Go back, copy your note, load the page anew, and send it again.",
        )
    return receive


def _require_size(request: Request, most_bytes: int) -> None:
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise refusal(
            HTTPStatus.LENGTH_REQUIRED, "LENGTH_MISSING", "The request does not say how long it is.", "Send it whole."
        )
    if int(length) > most_bytes:
        raise refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "FORM_TOO_LARGE",
            f"What was sent is larger than {most_bytes / 1e6:.1f} MB.",
            "Send less at once.",
        )


async def ask(call: Callable[[*Args], T], *args: *Args, limiter: CapacityLimiter | None = None) -> T:
    """Ask the registry, in a thread.

    Raises:
        Refused: It did not answer.
    """
    try:
        return await to_thread.run_sync(call, *args, limiter=limiter)
    except TransientError as error:
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, error, {"retry-after": str(_BUSY_S)}) from error


def refusal(status: HTTPStatus, code: str, message: str, fix: str, headers: dict[str, str] | None = None) -> Refused:
    """A refusal from its parts."""
    return Refused(status, ProductError(message, code=code, fix=fix), headers)
