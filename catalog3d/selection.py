"""Which products of a sheet a run looks at, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from catalog3d.plan import Known, Plan, PlanItem
from catalog3d.request import RunRequest
from catalog3d.status import Status
from catalog3d.wording import plain, plural


def in_order(items: Iterable[PlanItem], request: RunRequest, present: Mapping[str, Known], *, now: datetime) -> Plan:
    """Select what the request asks for; priority first, then the sheet's order.

    `limit` cuts what is done; what needs a person or nothing at all stays listed.
    """
    chosen = [item for item in items if _selected(item, request, present.get(item.sku, Known()), now)]
    chosen.sort(key=lambda item: (-(item.product.priority if item.product else 0), item.row))
    if request.limit is not None:
        kept = {item.sku for item in [item for item in chosen if item.do][: request.limit]}
        chosen = [item for item in chosen if not item.do or item.sku in kept]
    return Plan(items=tuple(chosen))


def nothing_selected(request: RunRequest, counts: Mapping[Status, int]) -> str:
    """What to say when no SKU is what was asked for, such as "Nothing is failed; 3 are flagged and 12 generated.".

    Args:
        counts: How many SKUs of the sheet stand where.
    """
    what = f"No SKU {' and '.join(asked(request))}" if _narrowed(request) else f"Nothing {asked(request)[0]}"
    there = [f"{count:,} {status}" for status, count in sorted(counts.items(), key=lambda one: -one[1]) if count]
    if not there:
        return f"{what}; the sheet has no products."
    first, *others = there
    rest = f"{', '.join([first, *others[:-1]])} and {others[-1]}" if others else first
    verb = "is" if there[0].startswith("1 ") else "are"
    return f"{what}; {rest.replace(' ', f' {verb} ', 1)}."


def asked(request: RunRequest) -> list[str]:
    """What a request selects by, one phrase a wish."""
    status = " or ".join(request.status)
    phrases = (
        (bool(request.status), f"is {status}"),
        (request.reason is not None, f"has the reason {plain(request.reason or '', 60)}"),
        (request.stage is not None, f"ended at {request.stage}"),
        (request.category is not None, f"is of the category {plain(request.category or '', 60)}"),
        (request.older_than is not None, f"has stood unchanged for {_span(request.older_than)}"),
        (request.newer_than is not None, f"has changed within {_span(request.newer_than)}"),
        (bool(request.only), f"is {_named(request.only)}"),
    )
    return [phrase for wished, phrase in phrases if wished] or ["is selected"]


def _narrowed(request: RunRequest) -> bool:
    return len(asked(request)) > 1 or not request.status


def _named(skus: tuple[str, ...]) -> str:
    return " or ".join(plain(sku, 60) for sku in skus) if len(skus) <= 3 else f"one of {plural(len(skus), 'SKU')}"


def _span(age: timedelta | None) -> str:
    minutes = round((age or timedelta()).total_seconds() / 60)
    for unit, size in (("day", 1440), ("hour", 60)):
        if minutes and minutes % size == 0:
            return plural(minutes // size, unit)
    return plural(minutes, "minute")


def _selected(item: PlanItem, request: RunRequest, known: Known, now: datetime) -> bool:
    category = item.product.category if item.product else ""
    in_ledger = known.generation.error_code if known.generation else ""
    wishes = [
        not request.only or item.sku in request.only,
        request.category is None or category.casefold() == request.category.casefold(),
        not request.status or known.status in request.status or item.status in request.status,
        request.reason is None or request.reason in (known.reason, item.reason, in_ledger),
        request.stage is None or request.stage.value == (known.stage or item.stage.value),
        _of_age(request, known.changed_at or now, now),
    ]
    return all(wishes)


def _of_age(request: RunRequest, changed_at: datetime, now: datetime) -> bool:
    """Whether it has stood where it stands long enough, and not too long; what is new has changed just now."""
    unchanged = now - changed_at
    old_enough = request.older_than is None or unchanged >= request.older_than
    return old_enough and (request.newer_than is None or unchanged <= request.newer_than)
