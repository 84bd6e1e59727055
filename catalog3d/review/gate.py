"""The gate in front of every page: it looks at each request before any route does, so that none can forget to."""

from __future__ import annotations

import re
import secrets
from http import HTTPStatus
from urllib.parse import quote, urlencode, urlsplit

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catalog3d.people import Person, Role
from catalog3d.review.addresses import safe_target
from catalog3d.review.checks import ask, refusal, require_host, require_own_form, require_this_machine
from catalog3d.review.policy import HEADERS
from catalog3d.review.refusals import Refused, answer_of, wants_page
from catalog3d.review.visit import Access, Visit

LOGIN = "/login"
_BEFORE_LOGIN = {LOGIN, "/logout"}
_READING = {"GET", "HEAD"}
_BROWSER_BYTES = 16


class Gate:
    """ASGI middleware: hosts, sessions, forms of our own, and the security headers."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no page of ours talks in another way
            await send({"type": "websocket.close", "code": 1008})
            return
        request, visit, answer = Request(scope, receive), Visit(), None
        try:
            require_host(request, self._access.policy)
            visit = await self._visit(request)
            if visit.person is None and not visit.is_open:
                answer = self._to_login(request)
            elif request.method not in _READING:
                receive = await require_own_form(request, visit, self._access)
        except Refused as refused:
            answer = answer_of(request, refused)
        scope.setdefault("state", {})["visit"] = visit
        await (answer or self._app)(scope, receive, self._with_headers(request, visit, send))

    async def _visit(self, request: Request) -> Visit:
        """Who asks; nobody is looked up for what is open to all."""
        if self._is_public(request) or self._has_link(request):
            return Visit(is_open=True)
        token = request.cookies.get(self._access.cookie(request, "session"), "")
        browser = request.cookies.get(self._access.cookie(request, "browser"), "")
        person, is_session = await ask(self._look_up, request, token)
        is_open = request.scope["path"] in _BEFORE_LOGIN
        if is_session:
            return Visit(person=person, token=token, browser=token, is_open=is_open)
        new = "" if browser else secrets.token_urlsafe(_BROWSER_BYTES)
        return Visit(person=person, browser=browser or new, is_new=bool(new), is_open=is_open)

    def _look_up(self, request: Request, token: str) -> tuple[Person | None, bool]:
        """The person and whether they logged in: without users whoever is at this machine need not."""
        users, policy = self._access.users, self._access.policy
        person = users.person_of(token) if token else None
        if person is not None or policy.needs_users or users.exist():
            return person, person is not None
        require_this_machine(request)
        return Person(name=policy.login_name, role=Role.OPERATOR), False

    def _is_public(self, request: Request) -> bool:
        return request.method in _READING and request.scope["path"].startswith(self._access.policy.public)

    def _has_link(self, request: Request) -> bool:
        """Whether a signed link opens it; one that is not valid (any more) is refused."""
        path: str = request.scope["path"]
        if "signature" not in request.query_params or not re.fullmatch(self._access.policy.signed, path):
            return False
        said = request.query_params.multi_items()
        request.scope["query_string"] = b""  # whoever writes a log of requests writes down no valid link
        if request.method not in _READING or not self._access.signer.accepts(path, said):
            raise refusal(
                HTTPStatus.FORBIDDEN, "LINK_EXPIRED", "This link is not valid any more.", "Open the page anew."
            )
        return True

    def _to_login(self, request: Request) -> Response:
        """To the login and back; scripts are told."""
        error = refusal(HTTPStatus.UNAUTHORIZED, "NOT_LOGGED_IN", "Nobody is logged in.", "Log in, and do it again.")
        if not wants_page(request):
            return answer_of(request, error)
        if request.method in _READING:
            target = quote(request.scope["path"])
            target += f"?{request.url.query}" if request.url.query else ""
        else:  # the page that the form was on, which is where the person goes on
            referer = urlsplit(request.headers.get("referer", ""))
            target = referer.path + (f"?{referer.query}" if referer.query else "")
        return RedirectResponse(f"{LOGIN}?{urlencode({'next': safe_target(target)})}", HTTPStatus.SEE_OTHER)

    def _with_headers(self, request: Request, visit: Visit, send: Send) -> Send:
        policy = self._access.policy
        added = {**HEADERS, **({} if self._is_public(request) else {"cache-control": "no-store"})}

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in added.items():
                    headers.setdefault(name, value)
                if visit.is_new and request.method == "GET":
                    name = self._access.cookie(request, "browser")
                    secure = "; Secure" if policy.is_https(request.url.scheme) else ""
                    headers.append("set-cookie", f"{name}={visit.browser}; Path=/; HttpOnly; SameSite=Lax{secure}")
            await send(message)

        return sending
