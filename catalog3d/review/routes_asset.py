"""The two-up page of one asset, and what becomes of a decision on it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from catalog3d.adapters.registry.review_queue import QueueItem
from catalog3d.asset import REJECT_REASONS, Approval
from catalog3d.errors import Catalog3DError, ProductError
from catalog3d.review.access import Person
from catalog3d.review.asset_page import asset_view
from catalog3d.review.checklist import answers_of
from catalog3d.review.decisions import (
    ALREADY_DECIDED,
    Verdict,
    ask_for_another,
    decide_asset,
    decisions_about,
    offer,
    take_back,
)
from catalog3d.review.measuring import TURNS
from catalog3d.review.queue import Wish, read_wish
from catalog3d.review.routes_queue import Decider, Form, Looker, TheSite, done_of, wish_of_form
from catalog3d.review.site import Site
from catalog3d.wording import plain

MAX_NOTE_CHARS = 2000

router = APIRouter()
AssetId = Annotated[int, Path(ge=1, le=2**53)]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a person typed and ticked: it comes back on every page that refuses it."""

    choice: str = ""
    reason: str = ""
    note: str = ""
    checklist: Mapping[str, bool] = field(default_factory=dict)
    price: str = ""


def item_of(asset_id: AssetId, site: TheSite) -> QueueItem:
    """The asset of an address (a FastAPI dependency).

    Raises:
        ProductError: ASSET_UNKNOWN.
    """
    item = site.queue.item(asset_id)
    if item is None:
        raise ProductError("There is no such model in this catalog.", code="ASSET_UNKNOWN", fix="Look in the queue.")
    return item


Item = Annotated[QueueItem, Depends(item_of)]


@router.get("/assets/{asset_id}")
def look(request: Request, site: TheSite, person: Looker, item: Item) -> HTMLResponse:
    """Photo and model side by side, with everything that a decision needs."""
    wish = _wish(site, request, person)
    wanted = wish.filter(person.name)
    measured = site.measurements.facts if "measure" in request.query_params else site.measurements.known
    is_listed = site.queue.is_in(wanted, item)
    return site.page(
        request,
        "asset.html.j2",
        view=asset_view(site.catalog, item, measured(item.asset)),
        wish=wish,
        count=site.queue.count(wanted),
        place=site.queue.place(wanted, item) if is_listed else None,
        next_item=site.queue.after(wanted, item),
        previous_item=site.queue.before(wanted, item),
        done=done_of(site, request),
        kept=Kept(),
        turns=TURNS,
        profile=site.catalog.rules.quality.profile,
    )


@router.get("/assets/{asset_id}/measured")
def measured(request: Request, site: TheSite, _person: Looker, item: Item) -> HTMLResponse:
    """The sizes of a model that nobody has measured yet, as a piece of its page."""
    view = asset_view(site.catalog, item, site.measurements.facts(item.asset))
    return site.page(request, "measured.html.j2", view=view)


@router.post("/assets/{asset_id}/decide")
def decide(request: Request, site: TheSite, person: Decider, item: Item, form: Form) -> Response:
    """Carry out a decision and go on to the next; what cannot be done says why and loses nothing."""
    wish, kept = wish_of_form(form), _kept(form)
    if kept.choice == "skip":
        return RedirectResponse(_next_href(site, wish, person, item), 303)
    try:
        if kept.choice == "retake":
            return _retake(request, site, person, item, wish, kept)
        _decide(site, person, item, kept, seen=_seen(form))
    except Catalog3DError as error:
        return _not_decided(request, site, person, item, wish, kept, error)
    return RedirectResponse(_next_href(site, wish, person, item, done=item.asset.id), 303)


@router.post("/assets/{asset_id}/undo")
def undo(request: Request, site: TheSite, person: Decider, item: Item, form: Form) -> Response:
    """Take the last decision back, and show the asset again."""
    wish, kept = wish_of_form(form), Kept(choice="undo")
    try:
        take_back(site.catalog, item.asset, person=person.name, seen=_seen(form))
    except Catalog3DError as error:
        return _not_decided(request, site, person, item, wish, kept, error)
    return RedirectResponse(f"/assets/{item.asset.id}?{wish.query()}", 303)


def _decide(site: Site, person: Person, item: QueueItem, kept: Kept, *, seen: int) -> None:
    if kept.choice not in {Approval.APPROVED.value, Approval.REJECTED.value}:
        raise ProductError(
            "The form does not say what to decide.", code="DECISION_UNKNOWN", fix="Press a button of it."
        )
    choice = Approval(kept.choice)
    if choice is Approval.REJECTED:
        _require_reason(kept)
    verdict = Verdict(
        choice=choice,
        person=person.name,
        seen=seen,
        reason=kept.reason if choice is Approval.REJECTED else "",
        note=kept.note,
        checklist=kept.checklist,
    )
    decide_asset(site.catalog, item.asset, verdict)


def _retake(request: Request, site: Site, person: Person, item: QueueItem, wish: Wish, kept: Kept) -> HTMLResponse:
    """Another model costs money: its change and its price come first, and sent with that price it is on record."""
    _require_reason(kept)
    sku = item.asset.sku
    offered = offer(site.catalog, sku, kept.reason, kept.note)
    asked = None
    if kept.price == str(offered.credits):
        asked = ask_for_another(
            site.catalog, item.asset, reason=kept.reason, note=kept.note, person=person, order=site.order_retake
        )
    return site.page(
        request,
        "retake.html.j2",
        item=item,
        wish=wish,
        kept=kept,
        offer=offered,
        asked=asked,
        command=plain(shlex.join(["catalog3d", "retake", sku, "--reason", kept.reason]), 300),
        next_href=_next_href(site, wish, person, item),
    )


def _require_reason(kept: Kept) -> None:
    if kept.reason not in REJECT_REASONS:
        raise ProductError("Say what is wrong with it.", code="REASON_MISSING", fix="Choose one of the reasons.")
    if kept.reason == "OTHER" and not kept.note:
        raise ProductError("The reason is in the note, and the note is empty.", code="NOTE_MISSING", fix="Write it.")


def _fresh(site: Site, item: QueueItem) -> QueueItem:
    """The asset as it stands after somebody else decided."""
    return site.queue.item(item.asset.id) or item


def _not_decided(
    request: Request, site: Site, person: Person, item: QueueItem, wish: Wish, kept: Kept, error: Catalog3DError
) -> HTMLResponse:
    said = decisions_about(site.catalog, item.asset)
    is_conflict = error.code == ALREADY_DECIDED
    return site.page(
        request,
        "kept.html.j2",
        status=409 if is_conflict else 422,
        item=item,
        wish=wish,
        kept=kept,
        error=error,
        is_conflict=is_conflict,
        decisions=said,
        seen=_fresh(site, item).seen,
        next_href=_next_href(site, wish, person, item),
    )


def _kept(form: FormData) -> Kept:
    return Kept(
        choice=str(form.get("decision", ""))[:20],
        reason=str(form.get("reason", ""))[:64],
        note=str(form.get("note", "")).strip()[:MAX_NOTE_CHARS],
        checklist=answers_of(form),
        price=str(form.get("price", ""))[:20],
    )


def _seen(form: FormData) -> int:
    """The revision that was on the page; a form that does not say has seen none that exists."""
    seen = str(form.get("seen", ""))
    return int(seen) if seen.isascii() and seen.isdecimal() and len(seen) < 10 else -1


def _wish(site: Site, request: Request, person: Person) -> Wish:
    wish = read_wish(request.query_params)
    return wish if wish.owner else wish.settled(person.name, site.queue.facets(wish.status))


def _next_href(site: Site, wish: Wish, person: Person, item: QueueItem, *, done: int = 0) -> str:
    """The next one to look at, else the queue, which then says that all is done."""
    following = site.queue.after(wish.filter(person.name), item)
    place = f"/assets/{following.asset.id}" if following else "/queue"
    query = "&".join(part for part in (wish.query(), f"done={done}" if done else "") if part)
    return f"{place}?{query}" if query else place
