"""What a run will do and cost, before it does anything."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from catalog3d.adapters.registry.ledger import Caps
from catalog3d.brief import pool_of
from catalog3d.prices import PRICES_DATED, USD_PER_CREDIT
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.planning import Planned
from catalog3d.status import Status

# Textured H models: about 120 s by the vendor, 210 s measured with several views (Tripo v3, 2026); P: 60 s.
SECONDS_PER_MODEL = {"H": 150.0, "P": 60.0}
# Uploads a minute and client (Tripo's migration guide, 2026).
UPLOADS_PER_MINUTE = 10.0


def plan_panel(catalog: OpenCatalog, planned: Planned, caps: Caps) -> RenderableType:
    """The plan in a few lines."""
    plan, reading = planned.plan, planned.reading
    lines: list[RenderableType] = [
        Text.from_markup(
            f"[bold]Sheet[/] {escape(reading.sheet)}: {reading.rows} rows, {len(reading.products)} usable products, "
            f"{len(reading.invalid)} that cannot run"
        )
    ]
    invalid = [item for item in plan.items if item.status is Status.INVALID]
    resting = len(plan.items) - len(plan.todo) - len(invalid)
    lines.append(Text.from_markup(f"[bold]Plan[/] {len(plan.todo)} to do, {resting} need nothing now"))
    stale = sum(item.status is Status.STALE and not item.do for item in plan.items)
    if stale:
        lines.append(Text.from_markup(f"[yellow]{stale} stale[/]: `catalog3d rerun --stale` orders new models"))
    if plan.todo:
        lines.append(Text.from_markup(_price(catalog, planned, caps)))
    return Group(*lines)


def _price(catalog: OpenCatalog, planned: Planned, caps: Caps) -> str:
    credits_ = planned.plan.credits
    hours, limit = estimate(catalog, planned)
    took = f"about {hours:.1f} h" if hours >= 1 else f"about {max(1, round(hours * 60))} min"
    if catalog.is_rehearsal:
        return (
            f"[bold]Cost[/] nothing: with Tripo these {planned.plan.generations} models would cost "
            f"{credits_:.2f} credits ({credits_ * USD_PER_CREDIT:.2f} USD) and take {took}, bound by {limit}"
        )
    return (
        f"[bold]Cost[/] at most {credits_:.2f} credits ({credits_ * USD_PER_CREDIT:.2f} USD, prices of {PRICES_DATED}) "
        f"for {planned.plan.generations} models, {took}, bound by {limit}; "
        f"budget {caps.run} this run, {caps.day} a day"
    )


def estimate(catalog: OpenCatalog, planned: Planned) -> tuple[float, str]:
    """(hours, what binds): the account's slots or the rate of uploads, whichever takes longer."""
    settings = catalog.settings.tripo
    slots = {"H": settings.concurrency, "P": settings.concurrency_p}
    groups = {item.price_group: item for item in planned.plan.todo if item.credits and item.product}
    seconds = {"H": 0.0, "P": 0.0}
    uploads = 0
    for item in groups.values():
        if item.product is None:
            continue
        pool = pool_of(catalog.rules.tripo_for(item.product.category).model)
        seconds[pool] += SECONDS_PER_MODEL[pool]
        uploads += len(item.product.views)
    by_slots = max(seconds[pool] / slots[pool] for pool in slots) / 3600
    by_uploads = uploads / UPLOADS_PER_MINUTE / 60
    return (by_uploads, "uploads") if by_uploads > by_slots else (by_slots, "slots")
