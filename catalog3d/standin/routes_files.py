"""Uploads: multipart, and presigned PUTs."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from catalog3d.standin.answers import Refusal, ok
from catalog3d.standin.bodies import json_object, kind_of
from catalog3d.standin.service import WITH_KEY, In, Owner, Service, meddled
from catalog3d.standin.store import FileRow
from catalog3d.standin.wire import base_of

PRESIGNED_S = 1800
_FORMATS = {"png": "png", "jpg": "jpg", "jpeg": "jpg", "webp": "webp", "glb": "glb"}

router = APIRouter()


@router.post("/v3/files", dependencies=[WITH_KEY, meddled("upload")])
async def upload(request: Request, service: In, owner: Owner) -> JSONResponse:
    service.uploads.pass_()
    try:
        async with request.form(max_files=1, max_fields=5) as form:
            part = form.get("file")
            if not isinstance(part, UploadFile):
                raise Refusal(1003, "the form has no file")
            content = await part.read()
    except HTTPException as exc:
        raise Refusal(1003, "not multipart/form-data") from exc
    token = service.new_token()
    await _keep(service, token, owner, content)
    return ok({"file_token": token})


@router.post("/v3/files/presign", dependencies=[WITH_KEY, meddled("upload")])
async def presign(request: Request, service: In, owner: Owner) -> JSONResponse:
    service.uploads.pass_()
    body = await json_object(request)
    if body.get("format") not in _FORMATS:
        raise Refusal(2004, f"format must be one of {', '.join(_FORMATS)}")
    token = service.new_token()
    waiting = FileRow(token=token, owner=owner, sha256="", kind="", size_bytes=0, created_at=service.clock())
    service.store.add_file(waiting)
    address = service.signer.sign(f"/upload/{token}", PRESIGNED_S)
    url = base_of(request) + address
    return ok({"presigned_url": url, "file_token": token, "expires_in": PRESIGNED_S})


@router.put("/upload/{token}")
async def receive(token: str, request: Request, service: In) -> Response:
    """The storage behind presigned addresses: no key, the signature is the right."""
    row = service.store.file(token)
    if row is None or not service.signer.accepts(request.url.path, request.query_params):
        return Response("the address has expired", status_code=403)
    await _keep(service, token, row.owner, await request.body())
    return Response(status_code=200)


async def _keep(service: Service, token: str, owner: str, content: bytes) -> None:
    kind = await asyncio.to_thread(kind_of, content)
    if await asyncio.to_thread(service.store.size_bytes) + len(content) > service.config.max_state_bytes:
        raise Refusal(1000, "the state folder is full", message="The stand-in's state folder is full")
    digest = await asyncio.to_thread(service.store.keep_file, content)
    service.store.add_file(
        FileRow(token=token, owner=owner, sha256=digest, kind=kind, size_bytes=len(content), created_at=service.clock())
    )
