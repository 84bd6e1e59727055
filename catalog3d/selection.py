"""Which products of a sheet a run looks at, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from catalog3d.plan import Known, Plan, PlanItem
from catalog3d.request import RunRequest


def in_order(items: Iterable[PlanItem], request: RunRequest, present: Mapping[str, Known]) -> Plan:
    """Select what the request asks for; priority first, then the sheet's order.

    `limit` cuts what is done; what needs a person or nothing at all stays listed.
    """
    chosen = [item for item in items if _selected(item, request, present.get(item.sku, Known()))]
    chosen.sort(key=lambda item: (-(item.product.priority if item.product else 0), item.row))
    if request.limit is not None:
        kept = {item.sku for item in [item for item in chosen if item.do][: request.limit]}
        chosen = [item for item in chosen if not item.do or item.sku in kept]
    return Plan(items=tuple(chosen))


def _selected(item: PlanItem, request: RunRequest, known: Known) -> bool:
    category = item.product.category if item.product else ""
    in_ledger = known.generation.error_code if known.generation else ""
    wishes = [
        not request.only or item.sku in request.only,
        request.category is None or category.casefold() == request.category.casefold(),
        not request.status or known.status in request.status or item.status in request.status,
        request.reason is None or request.reason in (known.reason, item.reason, in_ledger),
    ]
    return all(wishes)
