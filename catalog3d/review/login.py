"""Logging in and out."""

from __future__ import annotations

import logging
import math
from http import HTTPStatus

from anyio import CapacityLimiter
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from catalog3d.people import MAX_NAME_CHARS, MAX_PASSWORD_CHARS, Person
from catalog3d.review.addresses import safe_target
from catalog3d.review.checks import ask, refusal
from catalog3d.review.gate import LOGIN
from catalog3d.review.refusals import render
from catalog3d.review.visit import Access, visit_of

log = logging.getLogger(__name__)

_CHECKED_AT_ONCE = 2
"""A password takes 64 MiB and four threads to check: others wait."""
_WAITING_MOST = 20
"""About two seconds' worth."""
_MAX_FIELD_BYTES = 4 * MAX_PASSWORD_CHARS + 2000


class Login:
    """The login page of one site."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._checking = CapacityLimiter(_CHECKED_AT_ONCE)
        self._waiting = 0
        self.router = APIRouter()
        self.router.add_api_route(LOGIN, self.show, methods=["GET"], response_class=HTMLResponse)
        self.router.add_api_route(LOGIN, self.log_in, methods=["POST"], response_class=HTMLResponse)
        self.router.add_api_route("/logout", self.log_out, methods=["POST"], response_class=HTMLResponse)

    async def show(self, request: Request, next: str = "/") -> Response:  # noqa: A002 - the word in the address
        """The form, or straight on for those who need it not."""
        target = safe_target(next)
        if visit_of(request).person is not None:
            return RedirectResponse(target, HTTPStatus.SEE_OTHER)
        return self._page(request, target)

    async def log_in(self, request: Request) -> Response:
        """A session for the right password, else the form again; never what was wrong about it."""
        form = await request.form(max_files=0, max_fields=8, max_part_size=_MAX_FIELD_BYTES)
        name, password, target = (_text(form.get(field)) for field in ("name", "password", "next"))
        target, name = safe_target(target), name.strip()[: 2 * MAX_NAME_CHARS].casefold()
        client = request.client.host if request.client else ""
        wait_s = self._access.limits.begin(name, client)
        if wait_s:
            return self._too_often(request, target, wait_s)
        opened = await self._check(name, password)
        if opened is None:
            log.warning("a login from %s was refused", client)
            return self._page(request, target, HTTPStatus.UNAUTHORIZED, problem="Name and password do not fit.")
        self._access.limits.succeeded(name, client)
        person, token = opened
        log.info("%s logged in from %s", person.name, client)
        if earlier := visit_of(request).token:
            await ask(self._access.users.log_out, earlier)
        answer = RedirectResponse(target, HTTPStatus.SEE_OTHER)
        answer.set_cookie(
            self._access.cookie(request, "session"),
            token,
            max_age=int(self._access.policy.session_s),
            secure=self._access.policy.is_https(request.url.scheme),
            httponly=True,
            samesite="lax",
        )
        return answer

    async def log_out(self, request: Request) -> Response:
        """End the session here; others of the same person go on."""
        if token := visit_of(request).token:
            await ask(self._access.users.log_out, token)
        answer = RedirectResponse(LOGIN, HTTPStatus.SEE_OTHER)
        answer.delete_cookie(
            self._access.cookie(request, "session"),
            secure=self._access.policy.is_https(request.url.scheme),
            httponly=True,
            samesite="lax",
        )
        return answer

    async def _check(self, name: str, password: str) -> tuple[Person, str] | None:
        if self._waiting >= _WAITING_MOST:
            raise refusal(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "LOGIN_BUSY",
                "Too many people log in at this moment.",
                "Try again in a few seconds.",
                {"retry-after": "5"},
            )
        self._waiting += 1
        try:
            return await ask(
                self._access.users.log_in, name, password, self._access.policy.session_s, limiter=self._checking
            )
        finally:
            self._waiting -= 1

    def _too_often(self, request: Request, target: str, wait_s: float) -> Response:
        minutes = math.ceil(wait_s / 60)
        problem = f"Too many tries. Wait {minutes} {'minute' if minutes == 1 else 'minutes'}, and try again."
        page = self._page(request, target, HTTPStatus.TOO_MANY_REQUESTS, problem=problem)
        page.headers["retry-after"] = str(math.ceil(wait_s))
        return page

    def _page(self, request: Request, target: str, status: HTTPStatus = HTTPStatus.OK, problem: str = "") -> Response:
        csrf = self._access.signer.form_token(visit_of(request).browser)
        return HTMLResponse(render("login.html.j2", csrf=csrf, target=target, problem=problem), status)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
