"""The stand-in as an ASGI app."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from catalog3d.standin import routes_account, routes_files, routes_generation, routes_standin, routes_tasks
from catalog3d.standin.answers import Refusal
from catalog3d.standin.config import StandinConfig
from catalog3d.standin.making import MakeGlb, make_in_worker, spawned_workers
from catalog3d.standin.outages import Instead
from catalog3d.standin.service import Service, build_service
from catalog3d.standin.wire import Wire, request_id

_COUNTED = (
    "/v3/files", "/v3/files/presign", "/v3/tasks/list", "/v3/account/balance", "/v3/account/usage",
    "/v3/generation/text-to-model", "/v3/generation/image-to-model", "/v3/generation/multiview-to-model",
    "/v3/models/convert",
)  # fmt: skip
_COUNTED_BELOW = ("/v3/tasks/", "/cdn/", "/upload/", "/standin/")


def create_app(
    config: StandinConfig,
    make_glb: MakeGlb = make_in_worker,
    *,
    clock: Callable[[], float] = time.time,
    new_executor: Callable[[], Executor] = spawned_workers,
) -> FastAPI:
    """A stand-in on the state folder of `config`.

    Args:
        make_glb: Makes the models; importable by name unless `new_executor` makes threads.
        clock: Seconds since the epoch.
        new_executor: Where models are made.
    """
    service = build_service(config, make_glb, clock=clock, new_executor=new_executor)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.store.prune_uploads(clock() - config.token_ttl_s)
        for task in service.store.open_tasks():
            service.maker.start(task)
        if make_glb is make_in_worker:
            service.maker.warm_up()
        yield
        await service.maker.close()
        service.store.close()

    app = FastAPI(title="catalog3d stand-in", lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    app.state.service = service
    for routes in (routes_files, routes_generation, routes_tasks, routes_account, routes_standin):
        app.include_router(routes.router)
    app.add_middleware(Wire, headers=service.wire_headers, seen=_counter(service))
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(Instead, _replaced)
    app.add_exception_handler(HTTPException, _not_routed)
    return app


async def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)  # noqa: S101 - registered for this class only
    conduct = request.app.state.service.behaviour.conduct
    return refusal.answer(request_id(request), exact_waits=conduct.exact_waits)


async def _replaced(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, Instead)  # noqa: S101 - registered for this class only
    return fault.response


async def _not_routed(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    refusal = Refusal(4001) if status == 404 else Refusal(1003, http=status)
    return refusal.answer(request_id(request))


def _counter(service: Service) -> Callable[[str, str], None]:
    def seen(method: str, path: str) -> None:
        below = next((prefix + "*" for prefix in _COUNTED_BELOW if path.startswith(prefix)), "other")
        name = path if path in _COUNTED else below
        service.store.count(f"{method if len(method) < 8 else 'OTHER'} {name}", service.clock())

    return seen
