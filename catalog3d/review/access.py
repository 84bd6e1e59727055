"""Who may use the page, and what they may do there: what the site's own modules need of it.

`install_access` puts a gate in front of all routes. Behind it `person(request)` is whose request it is, `needs(act)` a
dependency that refuses roles which may not, `csrf_token(request)` what each form brings along in its field `csrf` (the
first of the form) or each script in `X-CSRF-Token`, and `signed_link(request, path)` an address for model viewers.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from fastapi import FastAPI, Request
from starlette.responses import Response

from catalog3d.adapters.registry.users import UserRecord
from catalog3d.errors import ProductError
from catalog3d.people import Act, Person
from catalog3d.ports import Clock
from catalog3d.review.attempts import LoginLimits
from catalog3d.review.checks import CSRF_FIELD, CSRF_HEADER, refusal
from catalog3d.review.gate import Gate
from catalog3d.review.links import LINK_S, Signer
from catalog3d.review.login import Login
from catalog3d.review.policy import AccessPolicy
from catalog3d.review.refusals import Refused, answer_of
from catalog3d.review.visit import Access, visit_of

__all__ = [
    "CSRF_FIELD", "CSRF_HEADER", "AccessPolicy", "Act", "Person", "Refused", "csrf_token", "install_access",
    "is_logged_in", "needs", "person", "signed_link", "visitor",
]  # fmt: skip


def install_access(app: FastAPI, *, users: UserRecord, policy: AccessPolicy, clock: Clock, secret: bytes) -> Access:
    """Put the gate in front of the app, and the login page into it.

    Args:
        secret: Of the home (`adapters.kept_secret`): what it signs holds until it is replaced.

    Raises:
        RunError: REVIEW_NEEDS_USERS.
    """
    policy.require_users(users)
    access = Access(users=users, policy=policy, signer=Signer(secret, clock), limits=LoginLimits(clock))
    app.state.access = access
    app.include_router(Login(access).router)
    app.add_exception_handler(Refused, _refused)
    app.add_middleware(Gate, access=access)
    return access


def person(request: Request) -> Person:
    """Whose request it is.

    Raises:
        Refused: On a path that is open to all.
    """
    found = visit_of(request).person
    if found is None:
        raise refusal(HTTPStatus.UNAUTHORIZED, "NOT_LOGGED_IN", "Nobody is logged in.", "Log in, and do it again.")
    return found


def visitor(request: Request) -> Person | None:
    """Whose request it is, for pages that are shown to nobody in particular too, such as that of an error."""
    return visit_of(request).person


def is_logged_in(request: Request) -> bool:
    """Whether there is a session that can be ended; not where nobody has to log in."""
    return bool(visit_of(request).token)


def needs(act: Act) -> Callable[[Request], Person]:
    """A dependency: the person, if their role allows this; else the page that says so."""

    def permitted(request: Request) -> Person:
        found = person(request)
        try:
            found.require(act)
        except ProductError as error:
            raise Refused(HTTPStatus.FORBIDDEN, error) from error
        return found

    return permitted


def csrf_token(request: Request) -> str:
    """What a form, or a script, brings along to show that it is from a page of ours."""
    access: Access = request.app.state.access
    return access.signer.form_token(visit_of(request).browser)


def signed_link(request: Request, path: str, lifetime_s: float = LINK_S) -> str:
    """An address of a path like `policy.signed` that model viewers and phones can fetch for a while without logging in."""
    access: Access = request.app.state.access
    return access.signer.link(path, lifetime_s)


async def _refused(request: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)  # noqa: S101 - registered for this class only
    return answer_of(request, refused)
