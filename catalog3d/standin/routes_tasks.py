"""Queries of tasks, and the signed addresses of their results."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from catalog3d.standin.answers import Refusal, ok
from catalog3d.standin.bodies import json_object
from catalog3d.standin.service import In, Owner, Service
from catalog3d.standin.store import TaskRow
from catalog3d.standin.wire import Dropped, base_of

MAX_LISTED = 100
_MEDIA = {".glb": "model/gltf-binary", ".zip": "application/zip", ".stl": "model/stl"}
_SLOW_PIECES, _SLOW_PAUSE_S = 20, 0.1

router = APIRouter()


@router.get("/v3/tasks/{task_id}")
async def task(task_id: str, request: Request, service: In, owner: Owner) -> JSONResponse:
    found = service.tasks.find(owner, task_id)
    return ok(service.tasks.detail(found, _signed(request, service)))


@router.post("/v3/tasks/list")
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


@router.get("/cdn/{place:path}", response_model=None)
async def download(place: str, request: Request, service: In) -> Response:
    """A result: no key, the signature is the right. 403 past its time."""
    task_id = next(iter(place.split("/")[2:3]), "")
    found = service.store.task(task_id)
    if not service.signer.accepts(request.url.path, request.query_params):
        return Response("the address has expired", status_code=403)
    if found is None or not found.result or request.url.path != _path(found):
        return Response("no such file", status_code=404)
    content = await asyncio.to_thread((service.store.results / found.result).read_bytes)
    return _answer(service.faults.take_download(task_id), content, _MEDIA[found.extension])


def _answer(fault: str, content: bytes, media_type: str) -> Response:
    half = content[: len(content) // 2]
    answers: dict[str, Callable[[], Response]] = {
        "": lambda: Response(content, media_type=media_type),
        "truncate_download": lambda: Dropped(half, len(content)),
        "short_download": lambda: Response(half, media_type=media_type),
        "slow_download": lambda: StreamingResponse(_slowly(content), media_type=media_type),
        "stalled_download": lambda: StreamingResponse(_stalled(half), media_type=media_type),
        "wrong_file": lambda: Response(b"Kaydara FBX Binary  \x00" + content, media_type=media_type),
        "url_403": lambda: Response("denied", status_code=403),
        "url_404": lambda: Response("not found", status_code=404),
    }
    return answers[fault]()


async def _slowly(content: bytes) -> AsyncIterator[bytes]:
    size = len(content) // _SLOW_PIECES + 1
    for start in range(0, len(content), size):
        yield content[start : start + size]
        await asyncio.sleep(_SLOW_PAUSE_S)


async def _stalled(content: bytes) -> AsyncIterator[bytes]:
    yield content
    await asyncio.sleep(3600)


def _signed(request: Request, service: Service) -> Callable[[TaskRow], str]:
    base = base_of(request)
    return lambda row: base + service.signer.sign(_path(row), service.config.url_ttl_s)


def _path(row: TaskRow) -> str:
    """Laid out like the addresses of real results: tenant, day, task."""
    tenant = hashlib.sha256(row.owner.encode()).hexdigest()[:16]
    day = datetime.fromtimestamp(row.created_at, UTC).strftime("%Y%m%d")
    name = "tripo_pbr_model" if row.pool != "processing" else "tripo_convert"
    return f"/cdn/tcli_{tenant}/{day}/{row.task_id}/{name}_{row.task_id}{row.extension}"
