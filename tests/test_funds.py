"""Which SKUs of a plan its funds pay for, said before anything is ordered."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog3d.funds import Funds, Purse, fit, waits
from catalog3d.plan import Plan, PlanItem
from catalog3d.status import Status

AMPLE = Decimal(10**6)


def item(sku: str, credits_: int = 30, group: str = "", **fields: Any) -> PlanItem:
    given_: dict[str, Any] = {"row": 2, "name": sku, "do": True, "status": Status.READY}
    return PlanItem(sku=sku, credits=Decimal(credits_), price_group=group or sku, **given_ | fields)


def funds(run: int = 10**6, **fields: Any) -> Funds:
    return Funds(run=Decimal(run), **{"day": AMPLE, **fields})


def test_what_fits_is_paid_in_the_plans_order_and_the_rest_waits_with_the_sum_missing() -> None:
    fitted = fit(Plan(items=(item("A"), item("B"), item("C"))), funds(run=70))
    assert [item.sku for item in fitted.plan.todo] == ["A", "B"]
    assert (fitted.plan.credits, fitted.wanted) == (Decimal(60), Decimal(90))
    assert fitted.missing == {Purse.RUN: Decimal(20)}
    held = fitted.plan.items[2]
    assert (held.do, held.status, held.reason) == (False, Status.READY, "OVER_BUDGET")
    assert not held.credits
    assert held.message == (
        "It costs 30 credits, and of the 70 that this run may cost, 10 are left for it. "
        "For all of this plan 20 credits are missing."
    )


def test_skus_of_one_brief_are_priced_once_and_stay_together() -> None:
    plan = Plan(
        items=(item("A", group="x"), item("B"), item("C", group="x"), item("D", group="y"), item("E", group="y"))
    )
    fitted = fit(plan, funds(run=60))
    assert [item.sku for item in fitted.plan.todo] == ["A", "B", "C"]
    assert list(fitted.waiting) == ["D", "E"]
    assert fitted.missing == {Purse.RUN: 30}


def test_what_costs_nothing_is_done_whatever_the_purses_hold() -> None:
    plan = Plan(items=(item("A"), item("B", 0), item("C", 0, do=False, status=Status.APPROVED)))
    fitted = fit(plan, funds(run=0, wallet=Decimal(0)))
    assert [item.sku for item in fitted.plan.todo] == ["B"]
    assert fitted.plan.items[2] == plan.items[2]
    assert "no model can be paid now" in waits(fitted)
    assert waits(fit(plan, funds())) == ""


def test_a_dear_product_does_not_hold_up_the_ones_behind_it() -> None:
    fitted = fit(Plan(items=(item("P2", 130), item("A"), item("B"))), funds(run=60))
    assert [item.sku for item in fitted.plan.todo] == ["A", "B"]
    assert fitted.binds is Purse.RUN


def test_a_wallet_that_is_too_small_is_named_as_such() -> None:
    fitted = fit(Plan(items=(item("A"), item("B"))), funds(wallet=Decimal("45.50")))
    held = fitted.plan.items[1]
    assert (held.reason, fitted.binds) == ("NO_CREDITS", Purse.WALLET)
    assert fitted.missing == {Purse.WALLET: Decimal("14.50")}
    assert "of the 45.50 in the Tripo wallet, 15.50 are left" in held.message
    assert waits(fitted) == (
        "The limit is the wallet: 14.50 in the Tripo wallet are missing (credits of Tripo Studio are not API credits), "
        "so 1 SKU waits; 1 model for 30 credits can be paid now, by priority and then in the sheet's order."
    )


def test_an_order_of_today_that_was_never_sent_is_not_counted_twice_against_the_day() -> None:
    plan = Plan(items=(item("A"), item("B")))
    held = funds(day=Decimal(60), day_used=Decimal(30))
    assert list(fit(plan, held).waiting) == ["B"]
    assert not fit(plan, replace(held, reserved={"A": Decimal(30)})).waiting


def test_the_purse_that_lacks_most_is_named() -> None:
    fitted = fit(Plan(items=(item("A"),)), funds(run=29, wallet=Decimal(5)))
    assert fitted.binds is Purse.WALLET
    assert fitted.missing == {Purse.RUN: Decimal(1), Purse.WALLET: Decimal(25)}


def test_a_sku_that_has_a_model_keeps_its_status_while_it_waits() -> None:
    held = fit(Plan(items=(item("A", status=Status.STALE),)), funds(run=0)).plan.items[0]
    assert (held.do, held.status, held.reason) == (False, Status.STALE, "OVER_BUDGET")
    failed = fit(Plan(items=(item("A", status=Status.FAILED),)), funds(run=0)).plan.items[0]
    assert failed.status is Status.READY


PLANS = st.lists(
    st.builds(
        lambda number, group: item(f"S{number}", 10 * (1 + group % 4), f"g{group}"),
        st.integers(),
        st.integers(min_value=0, max_value=6),
    ),
    max_size=12,
)
PURSES = st.integers(min_value=0, max_value=200)


@given(items=PLANS, run=PURSES, day=PURSES, used=PURSES, wallet=st.none() | PURSES)
def test_no_purse_is_ever_overdrawn_and_nobody_who_fits_is_left_out(
    items: list[PlanItem], run: int, day: int, used: int, wallet: int | None
) -> None:
    held = funds(run=run, day=Decimal(day), day_used=Decimal(used), wallet=None if wallet is None else Decimal(wallet))
    fitted = fit(Plan(items=tuple(items)), held)
    paid, left = fitted.plan.prices, held.available
    assert all(fitted.plan.credits <= there for there in left.values())
    waiting = {item.price_group: item.credits for item in items}
    for group in paid:
        waiting.pop(group)
    assert {item.sku for item in items if item.price_group in waiting} == set(fitted.waiting)
    smallest = min(there - fitted.plan.credits for there in left.values())
    assert all(price > smallest for price in waiting.values())
    assert bool(fitted.missing) == bool(waiting)


@given(count=st.integers(min_value=0, max_value=12), run=PURSES)
def test_at_one_price_the_first_of_the_plan_are_paid(count: int, run: int) -> None:
    plan = Plan(items=tuple(item(f"S{number}") for number in range(count)))
    paid = [item.sku for item in fit(plan, funds(run=run)).plan.todo]
    assert paid == [f"S{number}" for number in range(min(count, run // 30))]


@pytest.mark.parametrize("purse", list(Purse))
def test_every_purse_is_one_of_the_limits_that_check_names(purse: Purse) -> None:
    assert purse.limit in {"budget", "wallet"}
    assert purse.reason in {"OVER_BUDGET", "NO_CREDITS"}
