"""What Tripo does not have: readiness, counts for tests, accounts to choose from, and faults on demand."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from catalog3d.adapters.tripo.addresses import is_loopback
from catalog3d.standin.answers import Refusal, ok
from catalog3d.standin.bodies import json_object
from catalog3d.standin.service import WITH_KEY, In
from catalog3d.standin.stats import is_request, shown_task, stats


def _from_here(request: Request) -> None:
    if request.client is None or not is_loopback(request.client.host):
        raise Refusal(1005, "faults are set from this machine only")


router = APIRouter()
keyed = APIRouter(dependencies=[WITH_KEY])
here = APIRouter(dependencies=[WITH_KEY, Depends(_from_here)])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok", "server": "catalog3d stand-in"}


@keyed.get("/standin/stats")
async def show_stats(service: In) -> JSONResponse:
    service.tasks.settle_due()
    return ok(stats(service.store))


@here.delete("/standin/stats")
async def clear_stats(service: In) -> JSONResponse:
    """Count requests from zero; tasks and faults stay."""
    service.store.clear_counters([counter.name for counter in service.store.counters() if is_request(counter)])
    return ok({})


@keyed.get("/standin/tasks")
async def show_tasks(service: In) -> JSONResponse:
    """All tasks of the account, also those that usage hides, in the order in which they were made."""
    service.tasks.settle_due()
    skus = service.store.skus()
    return ok([shown_task(task, skus, service.tasks.status(task)) for task in service.store.tasks()])


@here.post("/standin/skus")
async def name_skus(request: Request, service: In) -> JSONResponse:
    """`{SKU: sha256 of its picture's file, or its prompt}`: names for stats, tasks and faults."""
    marks = await json_object(request)
    if not all(isinstance(mark, str) and mark for mark in marks.values()):
        raise Refusal(1004, "each SKU needs the sha256 of its picture, or its prompt")
    service.store.name_skus(marks)
    return ok(service.store.skus())


@here.get("/standin/profile")
async def show_profile(service: In) -> JSONResponse:
    return ok(service.behaviour.shown())


@here.post("/standin/profile")
async def change_profile(request: Request, service: In) -> JSONResponse:
    """`{"profile": "name" or "name,name", knob: value, ...}`; without a profile, knobs of what is in force."""
    service.behaviour.change(await json_object(request))
    return ok(service.behaviour.shown())


@here.post("/standin/faults")
async def add_fault(request: Request, service: In) -> JSONResponse:
    return ok({"id": service.faults.add(await json_object(request))})


@here.get("/standin/faults")
async def list_faults(service: In) -> JSONResponse:
    return ok(service.store.faults())


@here.delete("/standin/faults")
async def clear_faults(service: In) -> JSONResponse:
    service.store.clear_faults()
    return ok({})


for _part in (keyed, here):
    router.include_router(_part)
