"""The paid routes: models from text, picture and views, other surfaces for them, and conversions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from catalog3d.standin.answers import Refusal, ok
from catalog3d.standin.bodies import json_object
from catalog3d.standin.orders import Order, convert_order, generation_order, texture_order, token_of
from catalog3d.standin.outages import answer_instead
from catalog3d.standin.service import WITH_KEY, In, Owner, Service

ENDPOINTS = ("text-to-model", "image-to-model", "multiview-to-model")
_NOT_HERE = (
    "/v3/generation/text-to-image", "/v3/generation/image-to-image", "/v3/generation/image-to-multiview",
    "/v3/generation/edit-multiview", "/v3/generation/image-to-splat", "/v3/generation/image-to-depth",
    "/v3/models/import", "/v3/models/refine", "/v3/models/stylize", "/v3/mesh/decimate",
    "/v3/mesh/segment", "/v3/mesh/complete", "/v3/mesh/uv", "/v3/mesh/smartsegment", "/v3/animations/rig-check",
    "/v3/animations/rig", "/v3/animations/retarget", "/v3/files/upload-credentials",
)  # fmt: skip

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


@router.post("/v3/models/texture", response_model=None)
async def texture(request: Request, service: In, owner: Owner) -> Response:
    service.creations.pass_()
    body = await json_object(request)
    return _create(service, owner, texture_order(body, _source(service, owner, body)))


def _route_elsewhere(path: str) -> None:
    async def not_here() -> JSONResponse:
        raise Refusal(2002, "the stand-in does not do this", message="This task type is not supported here")

    router.post(path, name=path, response_model=None, dependencies=[WITH_KEY])(not_here)


for _path in _NOT_HERE:
    _route_elsewhere(_path)


def _create(service: Service, owner: str, order: Order) -> Response:
    """Make the task in one step without waiting in between, with the faults that strike it."""
    service.strangers.pass_by(service.behaviour.conduct.foreign_per_create)
    struck = service.faults.on_create(order)
    if struck.before:
        service.faults.spend(struck.ids)
        return answer_instead(struck.before, service.shown_now())
    if struck.empties_wallet:
        service.faults.spend(struck.ids)
        service.wallet.refill(Decimal("0.00"))
    task = service.tasks.create(owner, order, struck)
    service.faults.spend(struck.ids)
    service.maker.start(task)
    if struck.after:
        return answer_instead(struck.after, service.shown_now())
    return ok({"task_id": task.task_id, "type": task.type, "status": "queued"})


def _source(service: Service, owner: str, body: dict[str, Any]) -> str:
    """The stored GLB that a conversion or a texture starts from: a finished task's result, or an uploaded GLB."""
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
        raise Refusal(2006, "a GLB is needed")
    return f"results/{task.result}"
