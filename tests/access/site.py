"""A small site behind the gate, on a real server: what the review page's own routes look like to it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

import httpx
import uvicorn
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from fastapi import Depends, FastAPI, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, PlainTextResponse

from catalog3d.adapters.passwords import Passwords
from catalog3d.adapters.registry.users import UserRecord
from catalog3d.people import Act, Person
from catalog3d.review.access import AccessPolicy, csrf_token, install_access, is_logged_in, needs, person, signed_link
from tests.clock import HandClock

SECRET = b"s" * 32
GOOD, OTHER = "lamp river cloud seven", "stone paper field nine"
HTML = {"accept": "text/html"}


def cheap() -> Passwords:
    return Passwords(PasswordHasher.from_parameters(CHEAPEST))


@dataclass
class Site:
    """A running site.

    Attributes:
        decided: Who decided what, in that order.
    """

    url: str
    users: UserRecord
    clock: HandClock
    decided: list[tuple[str, str]]
    browsers: list[Browser] = field(default_factory=list)

    def browser(self, **options: Any) -> Browser:
        self.browsers.append(Browser(self, **options))
        return self.browsers[-1]


class Browser:
    """A client that keeps cookies, and sends Origin as browsers do."""

    def __init__(self, site: Site, origin: str = "", **headers: str) -> None:
        self.site = site
        self.origin = origin or site.url
        self.http = httpx.Client(base_url=site.url, headers={**HTML, **headers}, timeout=30)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(path, **options)

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> httpx.Response:
        """Send a form with the token of the page that is open."""
        headers = {"origin": self.origin, **options.pop("headers", {})}
        return self.http.post(path, data=data, headers={k: v for k, v in headers.items() if v}, **options)

    def token(self, path: str = "/queue") -> str:
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', self.get(path, follow_redirects=True).text)
        assert found is not None
        return found[1]

    def log_in(self, name: str = "maria", password: str = GOOD, target: str = "/queue") -> httpx.Response:
        token = self.token("/login")
        return self.post("/login", {"csrf": token, "name": name, "password": password, "next": target})

    def decide(self, what: str = "approve", **options: Any) -> httpx.Response:
        return self.post("/decide", {"csrf": self.token(), "what": what}, **options)


def small_site(users: UserRecord, policy: AccessPolicy, clock: HandClock) -> tuple[FastAPI, list[tuple[str, str]]]:
    app, decided = FastAPI(openapi_url=None), []

    @app.get("/queue")
    def queue(request: Request) -> HTMLResponse:
        who, link = person(request), signed_link(request, "/assets/7/model/abc123.glb")
        field = f'<input name="csrf" value="{csrf_token(request)}">'
        return HTMLResponse(f"<p>{who.name} {who.role} {is_logged_in(request)}</p>{field}<a href='{link}'>")

    @app.post("/decide")
    def decide(who: Annotated[Person, Depends(needs(Act.DECIDE))], what: Annotated[str, Form()]) -> PlainTextResponse:
        decided.append((who.name, what))
        return PlainTextResponse("Decided.")

    @app.post("/run")
    def run(who: Annotated[Person, Depends(needs(Act.RUN))]) -> PlainTextResponse:
        return PlainTextResponse("Started.")

    @app.post("/sheets")
    def sheets(
        who: Annotated[Person, Depends(needs(Act.LOOK))], file: UploadFile, note: Annotated[str, Form()]
    ) -> dict[str, Any]:
        return {"size_bytes": len(file.file.read()), "note": note, "who": who.name}

    @app.get("/assets/{number}/{kind}/{file}")
    def model(number: int, kind: str, file: str) -> PlainTextResponse:
        return PlainTextResponse(f"glTF {number} {kind} {file}")

    @app.get("/static/review.css")
    def css() -> PlainTextResponse:
        return PlainTextResponse("body {}")

    install_access(app, users=users, policy=policy, clock=clock, secret=SECRET)
    return app, decided


@contextmanager
def served(users: UserRecord, clock: HandClock, **policy: Any) -> Iterator[Site]:
    """The site on a free port of the loopback address, whatever the policy believes about where it listens."""
    rules = AccessPolicy(**{"host": "127.0.0.1", "login_name": "Ada", "body_bytes": {"/sheets": 2_000_000}, **policy})
    app, decided = small_site(users, rules, clock)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="debug", access_log=False, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    site = Site(url=f"http://127.0.0.1:{port}", users=users, clock=clock, decided=decided)
    try:
        yield site
    finally:
        for browser in site.browsers:
            browser.http.close()
        server.should_exit = True
        thread.join(10)
