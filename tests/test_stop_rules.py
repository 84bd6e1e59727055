"""On which signs a run orders nothing new."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from catalog3d.stop_rules import FIRST_MODELS, MOST_BLOCKED, Charge, Judged, bad_batch, price_drift, price_note


def charge(charged: str, number: int = 1) -> Charge:
    return Charge(task_id=f"task-{number}", expected=Decimal(30), charged=Decimal(charged))


def judged(*codes: str) -> list[Judged]:
    return [Judged(sku=f"S{number}", blocked_by=code) for number, code in enumerate(codes)]


def test_the_third_price_above_the_estimate_stops_and_compares_and_says_what_to_do() -> None:
    charges = [charge("45", 1), charge("30", 2), charge("45.50", 3)]
    assert price_drift(charges) is None
    stopped = price_drift([*charges, charge("31", 4)])
    assert stopped is not None
    assert stopped.code == "PRICE_DRIFT"
    assert "45 instead of 30 credits (task task-1), 45.50 instead of 30" in stopped.message
    assert "price page" in stopped.fix


def test_a_single_price_above_the_estimate_is_noted_and_a_discount_is_not() -> None:
    assert price_note([charge("30"), charge("24.50"), charge("0")]) == ""
    assert "charged more" in price_note([charge("30.01"), charge("30")])
    assert "and 2 more tasks" in price_note([charge("31", number) for number in range(5)])


@given(st.lists(st.decimals(min_value=0, max_value=60, places=2), max_size=30))
def test_prices_stop_a_run_exactly_from_the_third_above_the_estimate(prices: list[Decimal]) -> None:
    charges = [charge(str(price)) for price in prices]
    assert (price_drift(charges) is not None) == (sum(price > 30 for price in prices) >= 3)
    assert bool(price_note(charges)) == any(price > 30 for price in prices)


def test_half_of_the_first_twenty_stop_and_the_commonest_check_is_named() -> None:
    codes = ["EMPTY"] * 2 + [""] * 9 + ["TOO_MANY_TRIANGLES"] * 7
    assert bad_batch(judged(*codes)) is None
    stopped = bad_batch(judged(*codes, "TOO_MANY_TRIANGLES"))
    assert stopped is not None
    assert stopped.code == "BAD_BATCH"
    assert (
        "10 of the first 19 models cannot be used as they are (TOO_MANY_TRIANGLES blocks 8 of them)" in stopped.message
    )
    assert "catalog.yaml" in stopped.fix


def test_what_follows_the_first_twenty_does_not_count() -> None:
    assert bad_batch(judged(*[""] * 11, *["BAD"] * 9, *["BAD"] * 100)) is None


def test_fewer_than_ten_models_never_stop_a_run() -> None:
    assert bad_batch(judged(*["BAD"] * (MOST_BLOCKED - 1))) is None


@given(st.lists(st.booleans(), max_size=60))
def test_striking_early_never_contradicts_the_verdict_on_twenty(blocked: list[bool]) -> None:
    models = judged(*("BAD" if is_blocked else "" for is_blocked in blocked))
    struck = [count for count in range(len(models) + 1) if bad_batch(models[:count]) is not None]
    share = sum(blocked[:FIRST_MODELS]) / FIRST_MODELS
    assert bool(struck) == (share >= 0.5)
    assert struck == list(range(struck[0], len(models) + 1)) if struck else True
