"""What a plan may cost, and which of its SKUs that pays for: known before anything is ordered.

The ledger refuses what does not fit when it is ordered; here is said beforehand who that will be, so that
the first by priority and sheet are made and not whoever came first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from catalog3d.plan import LOOKED_FOR, Plan, PlanItem
from catalog3d.status import HAS_MODEL, Status
from catalog3d.wording import credits_text, plural


class Purse(StrEnum):
    """What may run out."""

    RUN = "run"
    DAY = "day"
    WALLET = "wallet"

    @property
    def limit(self) -> str:
        """The word for it among the limits of a run: slots, uploads, budget, wallet."""
        return "wallet" if self is Purse.WALLET else "budget"

    @property
    def reason(self) -> str:
        """The reason code of a SKU that it does not pay for."""
        return "NO_CREDITS" if self is Purse.WALLET else "OVER_BUDGET"


@dataclass(frozen=True, kw_only=True)
class Funds:
    """Credits that a plan must fit into.

    Attributes:
        run: The most that this run may cost.
        day: The most that a day may cost, and `day_used` of it spent or reserved today already.
        reserved: Price group -> credits of `day_used` that are reserved for it: an order of today that was never sent.
        wallet: Credits at the provider; None if nobody asked, or if it costs nothing.
        wallet_unknown: Why the provider could not be asked, "" if it was, or need not be.
    """

    run: Decimal
    day: Decimal
    day_used: Decimal = Decimal(0)
    reserved: Mapping[str, Decimal] = field(default_factory=dict)
    wallet: Decimal | None = None
    wallet_unknown: str = ""

    @property
    def available(self) -> dict[Purse, Decimal]:
        """What each purse still holds."""
        left = {Purse.RUN: self.run, Purse.DAY: max(self.day - self.day_used, Decimal(0))}
        if self.wallet is not None:
            left[Purse.WALLET] = self.wallet
        return left

    def size(self, purse: Purse) -> Decimal:
        """What a purse held before anything was taken from it."""
        return {Purse.RUN: self.run, Purse.DAY: self.day, Purse.WALLET: self.wallet or Decimal(0)}[purse]


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A plan held against its funds.

    Attributes:
        funds: What it was held against.
        wanted: What all of it would cost.
        plan: What is paid for; SKUs that do not fit are in it with nothing to do and a reason.
        waiting: SKU -> the purse that does not hold it, in the plan's order.
        missing: Purse -> credits that would have to be added for all of the plan.
    """

    funds: Funds
    wanted: Decimal
    plan: Plan
    waiting: dict[str, Purse]
    missing: dict[Purse, Decimal]

    @property
    def binds(self) -> Purse | None:
        """The purse that holds back the first SKU that does not fit, None if all do."""
        return next(iter(self.waiting.values()), None)


def fit(plan: Plan, funds: Funds) -> Fit:
    """Hold a plan against its funds: in its order (priority, then sheet), each price group whole and paid once.

    What does not fit waits. A cheaper SKU behind it may still fit, so that one dear product cannot hold up a catalog.
    """
    left = funds.available
    prices = plan.prices
    decided: dict[str, Purse | None] = {}
    items: list[PlanItem] = []
    waiting: dict[str, Purse] = {}
    missing = _missing(prices, funds)
    for item in plan.items:
        if not (item.do and item.credits) or item.reason == LOOKED_FOR:
            items.append(item)
            continue
        if item.price_group not in decided:
            costs = _costs(item.price_group, prices[item.price_group], funds)
            decided[item.price_group] = _take(left, costs)
        short = decided[item.price_group]
        if short is None:
            items.append(item)
        else:
            waiting[item.sku] = short
            items.append(_held_back(item, short, left[short], funds.size(short), missing[short]))
    return Fit(funds=funds, wanted=plan.credits, plan=Plan(items=tuple(items)), waiting=waiting, missing=missing)


_NAMES = {Purse.RUN: "the budget of this run", Purse.DAY: "the budget of the day", Purse.WALLET: "the Tripo wallet"}


def waits(fitted: Fit) -> str:
    """A sentence about what does not fit, and how many credits are missing where; "" if all of it does."""
    if fitted.binds is None:
        return ""
    short = " and ".join(f"{credits_text(missing)} in {_NAMES[purse]}" for purse, missing in fitted.missing.items())
    studio = " (credits of Tripo Studio are not API credits)" if Purse.WALLET in fitted.missing else ""
    waiting, paid = len(fitted.waiting), fitted.plan.generations
    now = f"{plural(paid, 'model')} for {credits_text(fitted.plan.credits)} credits" if paid else "no model"
    return (
        f"The limit is the {fitted.binds.limit}: {short} are missing{studio}, so {plural(waiting, 'SKU')} "
        f"wait{'s' if waiting == 1 else ''}; {now} can be paid now, by priority and then in the sheet's order."
    )


def _costs(group: str, price: Decimal, funds: Funds) -> dict[Purse, Decimal]:
    """What each purse would have to give: the day holds for an unsent order already what was reserved for it."""
    reserved = min(funds.reserved.get(group, Decimal(0)), price)
    return {Purse.RUN: price, Purse.DAY: price - reserved, Purse.WALLET: price}


def _take(left: dict[Purse, Decimal], costs: dict[Purse, Decimal]) -> Purse | None:
    """Take a price from all purses, or from none: then the one that lacks most is named."""
    lacking = {purse: costs[purse] - there for purse, there in left.items() if costs[purse] > there}
    if lacking:
        return max(lacking, key=lambda purse: lacking[purse])
    for purse in left:
        left[purse] -= costs[purse]
    return None


def _missing(prices: Mapping[str, Decimal], funds: Funds) -> dict[Purse, Decimal]:
    missing = {}
    for purse, there in funds.available.items():
        lacks = sum((_costs(group, price, funds)[purse] for group, price in prices.items()), Decimal(0)) - there
        if lacks > 0:
            missing[purse] = lacks
    return missing


def _held_back(item: PlanItem, purse: Purse, left: Decimal, size: Decimal, missing: Decimal) -> PlanItem:
    where = {Purse.RUN: "that this run may cost", Purse.DAY: "that a day may cost", Purse.WALLET: "in the Tripo wallet"}
    message = (
        f"It costs {credits_text(item.credits)} credits, and of the {credits_text(size)} {where[purse]}, "
        f"{credits_text(left)} are left for it. For all of this plan {credits_text(missing)} credits are missing."
    )
    return replace(
        item,
        do=False,
        credits=Decimal(0),
        status=item.status if item.status in HAS_MODEL else Status.READY,
        reason=purse.reason,
        message=message,
    )
