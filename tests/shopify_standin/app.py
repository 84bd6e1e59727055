"""The store's HTTP side: token endpoint, GraphQL endpoint, storage; and what may go wrong there."""

from __future__ import annotations

import base64
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import UploadFile

from catalog3d.standin.server import StandinServer
from catalog3d.standin.wire import Dropped
from tests.shopify_standin.language import GraphqlSyntaxError, parse
from tests.shopify_standin.schema import InvalidRequestError, shaped, validate
from tests.shopify_standin.store import Store

SHOP = "little-chairs.myshopify.com"
CLIENT_ID = "client-0123456789"
CLIENT_SECRET = "the-secret-of-the-app-0123456789"
VERSION = "2026-10"
SCOPES = "write_products,write_files"


@dataclass
class Fault:
    """What happens instead, so many times.

    Attributes:
        on: A root field, "token", "storage", or "" for any GraphQL operation.
        kind: throttled, denied, internal, lost (done, but no answer), cut (not done), or an HTTP status.
    """

    on: str
    kind: str
    times: int = 1
    headers: dict[str, str] | None = None
    body: str = ""


class ShopifyStandin:
    """A store and the server in front of it."""

    def __init__(self, url: str = "") -> None:
        self.app = self._app()
        self.reset(url)

    def reset(self, url: str) -> None:
        """An empty store without faults."""
        self.store = Store(url)
        self.faults: list[Fault] = []
        self.tokens: list[str] = []
        self.scopes = SCOPES
        self.expires_in: Any = 86_399
        self.asked: list[str] = []
        self.secret = CLIENT_SECRET
        self.instead: Callable[[str, Any], bytes | None] = lambda _field, _answer: None
        self.answers_version = VERSION

    @property
    def url(self) -> str:
        return self.store.url

    def fault(self, on: str, kind: str, times: int = 1, **more: Any) -> None:
        self.faults.append(Fault(on=on, kind=kind, times=times, **more))

    def revoke(self) -> None:
        """All tokens end now."""
        self.tokens = ["revoked" for _ in self.tokens]

    def _fault(self, *names: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.on in names:
                fault.times -= 1
                return fault
        return None

    def _app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)
        app.post("/admin/oauth/access_token")(self._token)
        app.post("/admin/api/{version}/graphql.json")(self._graphql)
        app.post("/storage/{key:path}")(self._storage)
        return app

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        self.asked.append("token")
        fault = self._fault("token")
        if fault is not None:
            return _http(fault)
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        if form.get("client_id") != CLIENT_ID or form.get("client_secret") != self.secret:
            return JSONResponse({"error": "invalid_client", "error_description": "Client authentication failed"}, 401)
        self.tokens.append(f"token-{secrets.token_hex(16)}")
        return JSONResponse({"access_token": self.tokens[-1], "scope": self.scopes, "expires_in": self.expires_in})

    async def _graphql(self, request: Request, version: str) -> Response:
        body = await request.json()
        try:
            operation = parse(body["query"])
        except GraphqlSyntaxError as exc:
            return JSONResponse({"errors": [{"message": str(exc)}]})
        root = operation.fields[0].name
        self.asked.append(root)
        fault = self._fault(root, "")
        if fault is not None and fault.kind != "lost":
            return _http(fault)
        refusal = self._refusal(request.headers.get("x-shopify-access-token", ""), version)
        if refusal is not None:
            return refusal
        try:
            values = validate(operation, body.get("variables") or {})
        except InvalidRequestError as exc:
            return JSONResponse({"errors": [{"message": str(exc), "extensions": {"code": exc.code}}]})
        data = shaped(operation.fields, self.store.root(operation.kind), values)
        answer: Any = {"data": data, "extensions": _cost(10, 1990)}
        return Dropped() if fault is not None else self._told(root, answer)

    def _refusal(self, token: str, version: str) -> Response | None:
        if token not in self.tokens or token == "revoked":
            said = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return JSONResponse({"errors": said}, 401)
        return JSONResponse({"errors": "Not Found"}, 404) if version != VERSION else None

    def _told(self, root: str, answer: Any) -> Response:
        other = self.instead(root, answer)
        headers = {"X-Shopify-API-Version": self.answers_version}
        content = json.dumps(answer).encode() if other is None else other
        return Response(content, media_type="application/json", headers=headers)

    async def _storage(self, request: Request, key: str) -> Response:
        self.asked.append("storage")
        async with request.form(max_part_size=10_000_000) as form:
            names = list(form.keys())
            sent = form.get("file")
            content = await sent.read() if isinstance(sent, UploadFile) else None
        fault = self._fault("storage")
        if fault is not None and fault.kind != "lost":
            return _http(fault)
        place = self.store.staged.get(key)
        if "x-shopify-access-token" in request.headers:
            return Response("a token has no business here", status_code=400)
        if place is None or content is None or names[-1] != "file" or form.get("key") != key:
            return Response(status_code=400)
        if form.get("policy") != place.policy or form.get("signature") != f"s-{key}":
            return Response(status_code=403)
        low, high = json.loads(base64.b64decode(place.policy))["conditions"][1][1:]
        if not low <= len(content) <= high:
            return Response("EntityTooLarge", status_code=400)
        place.content = content
        self.store.did.append(("upload", place.filename))
        return Dropped() if fault is not None else Response(status_code=204)


def _cost(asked: float, there: float) -> dict[str, Any]:
    status = {"maximumAvailable": 2000.0, "currentlyAvailable": there, "restoreRate": 100.0}
    return {"cost": {"requestedQueryCost": asked, "actualQueryCost": None, "throttleStatus": status}}


def _http(fault: Fault) -> Response:
    """The answer of a fault."""
    if fault.kind == "cut":
        return Dropped()
    if fault.kind.isdecimal():
        return Response(fault.body, status_code=int(fault.kind), headers=fault.headers, media_type="application/json")
    told = {
        "throttled": ("Throttled", {"code": "THROTTLED"}),
        "internal": ("Internal error. Looks like something went wrong on our end.", {"code": "INTERNAL_SERVER_ERROR"}),
        "denied": (
            f"Access denied for {fault.on} field. Required access: `write_products` access scope.",
            {"code": "ACCESS_DENIED", "requiredAccess": "`write_products` access scope."},
        ),
        "inactive": ("Shop is not active", {"code": "SHOP_INACTIVE"}),
    }
    message, extensions = told[fault.kind]
    return JSONResponse({"errors": [{"message": message, "extensions": extensions}], "extensions": _cost(250, 50)})


@contextmanager
def running_shopify() -> Iterator[ShopifyStandin]:
    """A store on a free port of the loopback."""
    standin = ShopifyStandin()
    ready = threading.Event()
    server = StandinServer(standin.app, on_ready=lambda _: ready.set())
    standin.reset(server.url)
    thread = threading.Thread(target=server.serve_here, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield standin
    finally:
        server.should_exit = True
        thread.join(10)
