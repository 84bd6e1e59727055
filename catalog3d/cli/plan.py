"""What a run will do and cost, before it does anything."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from catalog3d.adapters.registry.ledger import Caps
from catalog3d.brief import pool_of
from catalog3d.plan import Plan
from catalog3d.prices import PRICES_DATED, USD_PER_CREDIT
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.planning import Planned
from catalog3d.status import NEEDS_PERSON, Status
from catalog3d.wording import plain, plural

# Textured H models: about 120 s by the vendor, 210 s measured with several views (Tripo v3, 2026); P: 60 s.
SECONDS_PER_MODEL = {"H": 150.0, "P": 60.0}
BILLS_SHOWN = 20
"""As many lines as a terminal shows at once, with the rest of the plan."""
# Uploads a minute and client (Tripo's migration guide, 2026).
UPLOADS_PER_MINUTE = 10.0


def plan_panel(catalog: OpenCatalog, planned: Planned, caps: Caps) -> RenderableType:
    """The plan in a few lines."""
    plan, reading = planned.plan, planned.reading
    rows = [
        f"{reading.rows} rows",
        f"{len(reading.products)} usable products",
        f"{len(reading.invalid)} that cannot run",
    ]
    if reading.left_out:
        rows.append(f"{len(reading.left_out)} left out")
    if reading.picture_rows:
        rows.append(f"{len(reading.picture_rows)} with a further picture")
    lines: list[RenderableType] = [Text.from_markup(f"[bold]Sheet[/] {escape(reading.sheet)}: {', '.join(rows)}")]
    others = [item.status for item in plan.items if not item.do and item.status is not Status.INVALID]
    waiting = sum(status in NEEDS_PERSON for status in others)
    counts = [f"{len(plan.todo)} to do", f"{len(others) - waiting} need nothing now"]
    if waiting:
        counts.append(f"{waiting} need{'s' if waiting == 1 else ''} a person")
    lines.append(Text.from_markup(f"[bold]Plan[/] {', '.join(counts)}"))
    stale = sum(item.status is Status.STALE and not item.do for item in plan.items)
    if stale:
        lines.append(Text.from_markup(f"[yellow]{stale} stale[/]: `catalog3d rerun --stale` orders new models"))
    wished = sum(item.reason == "RETAKE_ASKED" for item in plan.items)
    if wished:
        how = "`catalog3d retake SKU --reason CODE` orders one and says the price first"
        lines.append(Text.from_markup(f"[yellow]{plural(wished, 'retake')} asked for[/]: {how}"))
    if plan.todo:
        lines.append(Text.from_markup(_price(catalog, planned, caps)))
    if not catalog.is_rehearsal:
        lines.extend(Text(line, style="dim") for line in bills(plan))
    return Group(*lines)


def bills(plan: Plan) -> list[str]:
    """One line a SKU that says what it will bill, if they are few enough to be read."""
    if len(plan.todo) > BILLS_SHOWN:
        return []
    lines: list[str] = []
    payer: dict[str, str] = {}
    for item in plan.todo:
        first = payer.setdefault(item.price_group, item.sku) if item.credits else item.sku
        if not item.credits:
            what = "nothing to pay"
        elif first == item.sku:
            what = f"{item.credits:.2f} credits"
        else:
            what = f"shares the model of {plain(first, 80)}"
        lines.append(f"  {plain(item.sku, 80)}: {what}")
    return lines


def _price(catalog: OpenCatalog, planned: Planned, caps: Caps) -> str:
    credits_ = planned.plan.credits
    if not credits_:
        return "[bold]Cost[/] nothing: no new model is ordered"
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
        uploads += len(item.product.sides)
    by_slots = max(seconds[pool] / slots[pool] for pool in slots) / 3600
    by_uploads = uploads / UPLOADS_PER_MINUTE / 60
    return (by_uploads, "uploads") if by_uploads > by_slots else (by_slots, "slots")
