"""Balance and usage."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from catalog3d.standin.answers import Refusal, ok
from catalog3d.standin.service import WITH_KEY, In, Owner, meddled

MAX_PAGE = 200

router = APIRouter()


@router.get("/v3/account/balance", dependencies=[WITH_KEY, meddled("balance")])
async def balance(service: In) -> JSONResponse:
    service.tasks.settle_due()
    return ok({"balance": float(service.wallet.available), "frozen": float(service.wallet.frozen)})


@router.get("/v3/account/usage", dependencies=[WITH_KEY, meddled("usage")])
async def usage(request: Request, service: In, owner: Owner) -> JSONResponse:
    limit = _whole(request.query_params.get("limit", "50"), 1, MAX_PAGE)
    offset = _whole(request.query_params.get("offset", "0"), 0, 10**9)
    service.tasks.settle_due()
    return ok(service.usage.page(owner, limit, offset))


def _whole(text: str, least: int, most: int) -> int:
    if not text.isdecimal() or len(text) > 10 or not least <= int(text) <= most:
        raise Refusal(1004, f"a whole number from {least} to {most} is needed")
    return int(text)
