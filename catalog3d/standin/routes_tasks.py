"""Queries of tasks, and the signed addresses of their results."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from catalog3d.standin.answers import Refusal, ok
from catalog3d.standin.bodies import json_object
from catalog3d.standin.outages import download_with
from catalog3d.standin.service import WITH_KEY, In, Owner, Service, meddled
from catalog3d.standin.store import TaskRow
from catalog3d.standin.wire import base_of

MAX_LISTED = 100
_MEDIA = {".glb": "model/gltf-binary", ".zip": "application/zip", ".stl": "model/stl"}

router = APIRouter()


@router.get("/v3/tasks/{task_id}", dependencies=[WITH_KEY, meddled("task")])
async def task(task_id: str, request: Request, service: In, owner: Owner) -> JSONResponse:
    found = service.tasks.find(owner, task_id)
    return ok(service.tasks.detail(found, _signed(request, service)))


@router.post("/v3/tasks/list", dependencies=[WITH_KEY, meddled("tasks_list")])
async def tasks(request: Request, service: In, owner: Owner) -> JSONResponse:
    ids = (await json_object(request)).get("task_ids")
    if not isinstance(ids, list) or not 1 <= len(ids) <= MAX_LISTED or not all(isinstance(id_, str) for id_ in ids):
        raise Refusal(1004, f"task_ids must be a list of 1 to {MAX_LISTED} ids")
    found: dict[str, Any] = {}
    missed: list[str] = []
    for task_id in dict.fromkeys(ids):
        try:
            row = service.tasks.find(owner, task_id)
        except Refusal:
            missed.append(task_id)
        else:
            found[task_id] = service.tasks.detail(row, _signed(request, service))
    return ok({"tasks": found, "missed": missed})


@router.get("/cdn/{place:path}", response_model=None, dependencies=[meddled("download")])
async def download(place: str, request: Request, service: In) -> Response:
    """A result: no key, the signature is the right. 403 past its time."""
    task_id = next(iter(place.split("/")[2:3]), "")
    found = service.store.task(task_id)
    if not service.signer.accepts(request.url.path, request.query_params):
        return Response("the address has expired", status_code=403)
    if found is None or not found.result or request.url.path != _path(found):
        return Response("no such file", status_code=404)
    content = await asyncio.to_thread((service.store.results / found.result).read_bytes)
    fault = service.faults.take_download(service.store.task(task_id) or found)
    return download_with(fault, content, _MEDIA[found.extension])


def _signed(request: Request, service: Service) -> Callable[[TaskRow], str]:
    base = base_of(request)
    return lambda row: base + service.signer.sign(_path(row), service.behaviour.url_ttl_s)


def _path(row: TaskRow) -> str:
    """Laid out like the addresses of real results: tenant, day, task."""
    tenant = hashlib.sha256(row.owner.encode()).hexdigest()[:16]
    day = datetime.fromtimestamp(row.created_at, UTC).strftime("%Y%m%d")
    name = "tripo_pbr_model" if row.pool != "processing" else "tripo_convert"
    return f"/cdn/tcli_{tenant}/{day}/{row.task_id}/{name}_{row.task_id}{row.extension}"
