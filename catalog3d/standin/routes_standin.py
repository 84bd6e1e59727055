"""What Tripo does not have: readiness, counts for tests, and faults on demand."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from catalog3d.adapters.tripo.addresses import is_loopback
from catalog3d.standin.answers import Refusal, ok
from catalog3d.standin.bodies import json_object
from catalog3d.standin.service import WITH_KEY, In

_CREATES = ("POST /v3/generation/", "POST /v3/models/")


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
async def stats(service: In) -> JSONResponse:
    """Requests by route, and tasks by brief: a brief whose `paid + open` is above one was bought twice."""
    service.tasks.settle_due()
    briefs = [_shown(entry) for entry in service.store.briefs()]
    spent = sum((Decimal(price) for price in service.store.paid_prices()), Decimal(0))
    counters = service.store.counters()
    return ok(
        {
            "requests": counters,
            "create_posts": sum(n for name, n in counters.items() if name.startswith(_CREATES)),
            "created": sum(entry["created"] for entry in briefs),
            "paid": sum(entry["paid"] for entry in briefs),
            "open": sum(entry["open"] for entry in briefs),
            "most_per_brief": max((entry["paid"] + entry["open"] for entry in briefs), default=0),
            "credits_spent": float(spent),
            "briefs": briefs,
        }
    )


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


def _shown(entry: dict[str, Any]) -> dict[str, Any]:
    brief: dict[str, Any] = json.loads(entry["brief"])
    digest = hashlib.sha256(entry["brief"].encode()).hexdigest()
    return {**entry, "brief": brief, "digest": digest, "most": entry["paid"] + entry["open"]}


for _part in (keyed, here):
    router.include_router(_part)
