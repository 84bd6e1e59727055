"""What a run will do and cost, before it does anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from catalog3d.adapters.registry.figures import durations_s
from catalog3d.brief import Brief, Picture, make_brief
from catalog3d.forecast import UPLOADS_PER_MINUTE, Forecast, forecast
from catalog3d.funds import Fit, Funds, Purse
from catalog3d.plan import Plan, PlanItem
from catalog3d.prices import PRICES_DATED, USD_PER_CREDIT
from catalog3d.rules import Rules
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.planning import Planned
from catalog3d.status import NEEDS_PERSON, Status
from catalog3d.wording import credits_text, plain, plural

BILLS_SHOWN = 20
"""As many lines as a terminal shows at once, with the rest of the plan."""


def plan_panel(catalog: OpenCatalog, planned: Planned, fitted: Fit, *, stops: bool = False) -> RenderableType:
    """The plan in a few lines.

    Args:
        planned: The whole plan, before it was held against its funds.
        stops: Whether it would not start at all, so that nobody waits while others are paid.
    """
    lines: list[RenderableType] = [
        Text.from_markup(f"[bold]Sheet[/] {escape(planned.reading.sheet)}: {', '.join(_rows(planned))}"),
        Text.from_markup(f"[bold]Plan[/] {', '.join(_counts(planned.plan))}"),
    ]
    stale = sum(item.status is Status.STALE and not item.do for item in planned.plan.items)
    if stale:
        lines.append(Text.from_markup(f"[yellow]{stale} stale[/]: `catalog3d rerun --stale` orders new models"))
    wished = sum(item.reason == "RETAKE_ASKED" for item in planned.plan.items)
    if wished:
        how = "`catalog3d retake SKU --reason CODE` orders one and says the price first"
        lines.append(Text.from_markup(f"[yellow]{plural(wished, 'retake')} asked for[/]: {how}"))
    if planned.plan.todo:
        lines.extend(Text.from_markup(line) for line in _money(catalog, planned.plan, fitted))
    if not catalog.is_rehearsal:
        lines.extend(Text(line, style="dim") for line in bills(planned.plan, None if stops else fitted))
    return Group(*lines)


def _rows(planned: Planned) -> Iterator[str]:
    reading = planned.reading
    yield plural(reading.rows, "row")
    yield plural(len(reading.products), "usable product")
    yield f"{len(reading.invalid)} that cannot run"
    if reading.left_out:
        yield f"{len(reading.left_out)} left out"
    if reading.picture_rows:
        yield f"{len(reading.picture_rows)} with a further picture"


def _counts(plan: Plan) -> Iterator[str]:
    others = [item.status for item in plan.items if not item.do and item.status is not Status.INVALID]
    waiting = sum(status in NEEDS_PERSON for status in others)
    yield f"{len(plan.todo)} to do"
    yield f"{len(others) - waiting} need nothing now"
    if waiting:
        yield f"{waiting} need{'s' if waiting == 1 else ''} a person"


def bills(plan: Plan, fitted: Fit | None = None) -> list[str]:
    """One line a SKU that says what it will bill, if they are few enough to be read."""
    if len(plan.todo) > BILLS_SHOWN:
        return []
    waiting: Mapping[str, Purse] = fitted.waiting if fitted else {}
    billed = plan.bills
    payer = {item.price_group: item.sku for item in reversed(plan.todo) if item.sku in billed}
    return [f"  {plain(item.sku, 80)}: {_bill(item, billed, payer, waiting)}" for item in plan.todo]


def _bill(item: PlanItem, billed: Mapping[str, object], payer: dict[str, str], waiting: Mapping[str, Purse]) -> str:
    if not item.credits:
        return "nothing to pay"
    if item.sku in waiting:
        return f"waits ({item.credits:.2f} credits, {waiting[item.sku].reason})"
    if item.sku in billed:
        return f"{item.credits:.2f} credits"
    return f"shares the model of {plain(payer[item.price_group], 80)}"


def _money(catalog: OpenCatalog, plan: Plan, fitted: Fit) -> Iterator[str]:
    if not plan.credits:
        yield "[bold]Cost[/] nothing: no new model is ordered"
        return
    expected = estimate(catalog, plan)
    price = f"{credits_text(plan.credits)} credits ({plan.credits * USD_PER_CREDIT:.2f} USD, prices of {PRICES_DATED})"
    models = plural(plan.generations, "model")
    if catalog.is_rehearsal:
        yield f"[bold]Cost[/] nothing: with Tripo {models} would cost {price}"
    else:
        yield f"[bold]Cost[/] at most {price} for {models}"
    yield f"[bold]Time[/] {_took(expected.hours)} at Tripo, bound by {_bound(expected)}; {expected.source}"
    if not catalog.is_rehearsal:
        yield f"[bold]Money[/] {_wallet(fitted.funds)}; {_budgets(fitted.funds)}"


def _bound(expected: Forecast) -> str:
    if expected.limit == "uploads":
        return f"uploads (about {UPLOADS_PER_MINUTE:.0f} a minute)"
    return f"slots ({expected.at_once} at once)"


def _took(hours: float) -> str:
    return f"about {hours:.1f} h" if hours >= 1 else f"about {max(1, round(hours * 60))} min"


def _wallet(funds: Funds) -> str:
    if funds.wallet is None:
        return f"wallet unknown ({escape(plain(funds.wallet_unknown, 300))})"
    return f"wallet {credits_text(funds.wallet)} credits"


def _budgets(funds: Funds) -> str:
    used = f", {credits_text(funds.day_used)} of it used or reserved today" if funds.day_used else ""
    return f"budget {credits_text(funds.run)} this run, {credits_text(funds.day)} a day{used}"


def estimate(catalog: OpenCatalog, plan: Plan) -> Forecast:
    """How long the models of a plan take at Tripo; in a rehearsal, how long they would."""
    settings = catalog.settings.tripo
    slots = {
        "H": settings.concurrency,
        "P": settings.concurrency_p,
        "processing": settings.concurrency_processing,
    }
    orders = {item.price_group: _order(catalog.rules, item) for item in plan.todo if item.credits}
    seen = {} if catalog.is_rehearsal else durations_s(catalog.registry.engine, catalog.realm)
    return forecast([order for order in orders.values() if order is not None], slots, seen)


def _order(rules: Rules, item: PlanItem) -> Brief | None:
    """What would be ordered, as far as its duration goes: the pictures are counted, not read."""
    product = item.product
    if item.retake is not None and item.retake.brief is not None:
        return item.retake.brief
    if product is None:
        return None
    pictures = tuple(Picture(slot=view.slot.value, pixels_sha256="") for view in product.sides)
    return make_brief(rules.tripo_for(product.category), pictures, product.prompt)
