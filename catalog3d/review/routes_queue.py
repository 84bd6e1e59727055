"""The queue's pages: the list with its filters, and approving several at once."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData

from catalog3d.adapters.registry.review_queue import QueueItem
from catalog3d.asset import Approval, Decision
from catalog3d.errors import Catalog3DError
from catalog3d.review.access import Act, Person, needs
from catalog3d.review.decisions import Verdict, decide_asset, decisions_about
from catalog3d.review.queue import PAGE_SIZE, STATUSES, Wish, pages_of, read_wish
from catalog3d.review.site import Site, site_of

MAX_PICKS = 100
"""Two pages' worth: each is a decision of its own, written to library and sheet."""
_PICK = re.compile(r"(\d{1,12}):(\d{1,6})")

router = APIRouter()
TheSite = Annotated[Site, Depends(site_of)]
Looker = Annotated[Person, Depends(needs(Act.LOOK))]
Decider = Annotated[Person, Depends(needs(Act.DECIDE))]


@dataclass(frozen=True, kw_only=True)
class Done:
    """The decision that led to a page, for the line that says so."""

    item: QueueItem
    decision: Decision


async def form_of(request: Request) -> FormData:
    """The fields of a form (a FastAPI dependency)."""
    return await request.form()


Form = Annotated[FormData, Depends(form_of)]


def wish_of_form(form: FormData) -> Wish:
    """The wish that a form carries along."""
    return read_wish(dict(parse_qsl(str(form.get("wish", ""))[:2000])))


def done_of(site: Site, request: Request) -> Done | None:
    """The decision that an address says was just made, if it was."""
    number = request.query_params.get("done", "")
    item = site.queue.item(int(number)) if re.fullmatch(r"[0-9]{1,12}", number) else None
    said = decisions_about(site.catalog, item.asset) if item else []
    return Done(item=item, decision=said[-1]) if item and said else None


@router.get("/")
def home() -> RedirectResponse:
    """The site opens on the queue."""
    return RedirectResponse("/queue")


@router.get("/queue")
def queue(request: Request, site: TheSite, person: Looker) -> HTMLResponse:
    """One page of what waits, worst first."""
    wish = read_wish(request.query_params)
    facets = site.queue.facets(wish.status)
    wish = wish.settled(person.name, facets)
    wanted = wish.filter(person.name)
    count = site.queue.count(wanted)
    wish = replace(wish, page=min(wish.page, pages_of(count)))
    first = (wish.page - 1) * PAGE_SIZE
    items = site.queue.page(wanted, limit=PAGE_SIZE, offset=first)
    return site.page(
        request,
        "queue.html.j2",
        wish=wish,
        facets=facets,
        statuses=STATUSES,
        count=count,
        items=items,
        greens=sum(item.is_green for item in items),
        first=first + 1,
        pages=pages_of(count),
        total=facets.statuses.get("all", 0),
        waiting=facets.statuses.get("waiting", 0),
        mine=sum(n for owner, n in facets.owners.items() if owner.casefold() == person.name.casefold()),
        today=site.queue.decided_since(person.name, _midnight(site.catalog.clock.now())),
        done=done_of(site, request),
    )


@router.post("/queue/approve")
def approve_together(request: Request, site: TheSite, person: Decider, form: Form) -> HTMLResponse:
    """Ask once more, with the count; asked with that same count, approve them one by one."""
    picked = _picked(form)
    wish = wish_of_form(form)
    items = [item for item in site.queue.items(list(picked)) if item.is_green and item.seen == picked[item.asset.id]]
    there = {item.asset.id for item in items}
    lost = [item for number in picked if number not in there and (item := site.queue.item(number))]
    if not items or lost or str(form.get("count", "")) != str(len(items)):
        left_out = [item.asset.sku for item in lost]
        return site.page(request, "bulk.html.j2", wish=wish, items=items, left_out=left_out)
    approved: list[QueueItem] = []
    refused: list[tuple[QueueItem, Catalog3DError]] = []
    for item in items:
        verdict = Verdict(choice=Approval.APPROVED, person=person.name, seen=item.seen, checklist={})
        try:
            decide_asset(site.catalog, item.asset, verdict)
        except Catalog3DError as error:
            refused.append((item, error))
        else:
            approved.append(item)
    return site.page(request, "bulk_done.html.j2", wish=wish, approved=approved, refused=refused)


def _picked(form: FormData) -> dict[int, int]:
    """Asset id -> how many decisions about it were on the page that it was picked on."""
    picks = (_PICK.fullmatch(str(value)) for value in form.getlist("pick")[:MAX_PICKS])
    return {int(pick[1]): int(pick[2]) for pick in picks if pick}


def _midnight(now: datetime) -> datetime:
    return now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
