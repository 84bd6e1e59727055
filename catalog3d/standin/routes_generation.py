"""The paid routes: models from text, picture and views, and conversions."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from catalog3d.standin.answers import Refusal, ok
from catalog3d.standin.bodies import json_object
from catalog3d.standin.orders import Order, convert_order, generation_order, token_of
from catalog3d.standin.service import WITH_KEY, In, Owner, Service
from catalog3d.standin.wire import Dropped

ENDPOINTS = ("text-to-model", "image-to-model", "multiview-to-model")
_NOT_HERE = (
    "/v3/generation/text-to-image", "/v3/generation/image-to-image", "/v3/generation/image-to-multiview",
    "/v3/generation/edit-multiview", "/v3/generation/image-to-splat", "/v3/generation/image-to-depth",
    "/v3/models/texture", "/v3/models/import", "/v3/models/refine", "/v3/models/stylize", "/v3/mesh/decimate",
    "/v3/mesh/segment", "/v3/mesh/complete", "/v3/mesh/uv", "/v3/mesh/smartsegment", "/v3/animations/rig-check",
    "/v3/animations/rig", "/v3/animations/retarget", "/v3/files/upload-credentials",
)  # fmt: skip
_PAGE = "<html><body><h1>Bad gateway</h1></body></html>"


def _replaced(name: str) -> Response:
    """The answer of a fault instead of a proper one."""
    if name == "drop":
        return Dropped()
    if name == "html":
        return HTMLResponse("<html><body>Please log in to the network</body></html>")
    if name == "bad_json":
        return Response('{"code":0,"status":"success","data":{"task_', media_type="application/json")
    return HTMLResponse(_PAGE, int(name.removeprefix("http_")))


router = APIRouter()


def _route(endpoint: str) -> None:
    async def generate(request: Request, service: In, owner: Owner) -> Response:
        service.creations.pass_()
        body = await json_object(request)
        order = generation_order(endpoint, body, lambda token: service.find_file(owner, token))
        return _create(service, owner, order)

    router.post(f"/v3/generation/{endpoint}", name=endpoint, response_model=None)(generate)


for _endpoint in ENDPOINTS:
    _route(_endpoint)


@router.post("/v3/models/convert", response_model=None)
async def convert(request: Request, service: In, owner: Owner) -> Response:
    service.creations.pass_()
    body = await json_object(request)
    return _create(service, owner, convert_order(body, _source(service, owner, body)))


def _route_elsewhere(path: str) -> None:
    async def not_here() -> JSONResponse:
        raise Refusal(2002, "the stand-in does not do this", message="This task type is not supported here")

    router.post(path, name=path, response_model=None, dependencies=[WITH_KEY])(not_here)


for _path in _NOT_HERE:
    _route_elsewhere(_path)


def _create(service: Service, owner: str, order: Order) -> Response:
    """Make the task in one step without waiting in between, with the faults that strike it."""
    nth = service.store.count("valid creates")
    struck = service.faults.strike(order, nth)
    if struck.before.startswith("reject:"):
        raise Refusal(int(struck.before.partition(":")[2]), "rejected by a fault", retry_after_s=1)
    if struck.before:
        return _replaced(struck.before)
    task = service.tasks.create(owner, order, struck)
    service.maker.start(task)
    if struck.after:
        return _replaced(struck.after)
    return ok({"task_id": task.task_id, "type": task.type, "status": "queued"})


def _source(service: Service, owner: str, body: dict[str, Any]) -> str:
    """The stored GLB that a conversion starts from: a finished task's result, or an uploaded GLB."""
    given = token_of(body.get("input", body.get("original_model_task_id", body.get("file"))))
    if given.startswith("file_"):
        row = service.find_file(owner, given)
        if row.kind != "glb":
            raise Refusal(2004, "a GLB is needed")
        return f"files/{row.sha256}"
    task = service.tasks.find(owner, given, poll=False)
    if task.status != "success":
        raise Refusal(2007)
    if task.extension != ".glb":
        raise Refusal(2006, "only a GLB can be converted")
    return f"results/{task.result}"
