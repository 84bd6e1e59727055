"""Retakes against a real registry, library and sheet: what they cost, what refuses them, when they are over."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from catalog3d.asset import Approval, Asset
from catalog3d.errors import Catalog3DError, RunError
from catalog3d.ledger import Generation, Outcome
from catalog3d.plan import PlanItem
from catalog3d.report import SkuLine
from catalog3d.retake import Retake
from catalog3d.stages.decide import decide
from catalog3d.stages.planning import start_run
from catalog3d.stages.retaking import close_retake, require_retakable, retake_case
from catalog3d.status import Status
from tests.catalogs import Shop


def retake_plan(shop: Shop, sku: str = "A1") -> PlanItem:
    return shop.plan(retake=True, only=(sku,))[sku]


def ask(shop: Shop, sku: str = "A1") -> Retake:
    wish = require_retakable(retake_plan(shop, sku))
    return shop.catalog.registry.retakes.ask(wish, person="Ada", reason="WRONG_SHAPE", note="")


def order(shop: Shop, retake: Retake, sku: str = "A1") -> Generation:
    """The attempt of a retake, as a run opens it."""
    return shop.open_intent(sku, after_attempt=retake.after_attempt)


def pay(shop: Shop, retake: Retake, outcome: Outcome = Outcome.SUCCESS) -> Generation:
    ledger = shop.catalog.registry.ledger
    lease = ledger.take_lease(order(shop, retake).id, "worker")
    assert lease is not None
    return ledger.settle(lease, outcome, credits_consumed=Decimal(30), code="" if outcome is Outcome.SUCCESS else "X")


def keep(shop: Shop, generation: Generation) -> Asset:
    product = shop.plan()["A1"].product
    assert product is not None
    return shop.store(product, shop.reserve(product, generation), generation)


def told(shop: Shop, version: int = 1, reason: str = "") -> None:
    """Somebody reads the end of a run."""
    line = SkuLine(
        sku="A1", name="Chair", status=Status.GENERATED, stage="", reason=reason, message="", planned=True, version=version
    )  # fmt: skip
    close_retake(shop.catalog, line)


def is_open(shop: Shop) -> bool:
    return shop.catalog.registry.retakes.newest()["A1"].is_open


def test_a_retake_is_priced_before_anybody_is_on_record_for_it(shop: Shop) -> None:
    shop.make("A1")
    item = retake_plan(shop)
    assert (item.do, item.credits, item.retake and item.retake.id) == (True, Decimal(30), 0)
    assert shop.catalog.registry.retakes.newest() == {}


def test_a_retake_that_nobody_asked_for_is_not_run(shop: Shop) -> None:
    shop.make("A1")
    with pytest.raises(RunError) as refused:
        start_run(shop.catalog, shop.request(retake=True, only=("A1",)), "run-1")
    assert refused.value.code == "RETAKE_NOT_ASKED"
    ask(shop)
    assert start_run(shop.catalog, shop.request(retake=True, only=("A1",)), "run-2").plan.credits == 30


def test_a_repeated_retake_is_the_same_one_wherever_it_was_cut_off(shop: Shop) -> None:
    shop.make("A1")
    first = ask(shop)
    assert (ask(shop), retake_plan(shop).credits) == (first, Decimal(30))
    ordered = order(shop, first)
    assert (ask(shop), order(shop, first).id) == (first, ordered.id)
    paid = pay(shop, first)
    assert (ask(shop), retake_plan(shop).credits, order(shop, first).id) == (first, Decimal(0), paid.id)
    keep(shop, paid)
    case = retake_case(shop.catalog, "A1", "WRONG_SHAPE")
    assert (case.version, case.made) == (2, first)


def test_after_it_was_heard_of_the_next_wish_is_another_retake(shop: Shop) -> None:
    shop.make("A1")
    first = ask(shop)
    keep(shop, pay(shop, first))
    told(shop, version=2)
    assert retake_case(shop.catalog, "A1", "OTHER").made is None
    second = ask(shop)
    assert (second.version, second.after_attempt, retake_plan(shop).credits) == (2, 2, Decimal(30))
    assert pay(shop, second).attempt == 3


def test_a_retake_stays_open_until_its_end_was_told(shop: Shop) -> None:
    shop.make("A1")
    retake = ask(shop)
    told(shop, reason="OVER_BUDGET")
    assert is_open(shop)
    order(shop, retake)
    told(shop, reason="RUN_STOPPED")
    assert is_open(shop)
    paid = pay(shop, retake)
    told(shop, reason="STORE_UNREACHABLE")
    assert is_open(shop)
    keep(shop, paid)
    told(shop, version=1)
    assert is_open(shop)
    told(shop, version=2)
    assert not is_open(shop)


def test_who_was_told_that_another_run_has_it_ends_no_retake(shop: Shop) -> None:
    shop.make("A1")
    retake = ask(shop)
    pay(shop, retake, Outcome.FAILED)
    told(shop, reason="TAKEN")
    assert is_open(shop)


def test_a_model_that_was_paid_for_and_never_stored_is_taken_before_another_is_ordered(shop: Shop) -> None:
    shop.make("A1")
    first = ask(shop)
    paid = pay(shop, first)
    shop.catalog.registry.retakes.close(first.id)
    second = ask(shop)
    assert (second.id != first.id, retake_plan(shop).credits) == (True, Decimal(0))
    assert order(shop, second).id == paid.id


def test_a_retake_that_failed_is_over_and_the_next_wish_pays_for_one_attempt(shop: Shop) -> None:
    shop.make("A1")
    pay(shop, ask(shop), Outcome.FAILED)
    told(shop, reason="X")
    assert (shop.plan()["A1"].status, shop.plan()["A1"].reason) == (Status.GENERATED, "")
    assert pay(shop, ask(shop)).attempt == 3


def test_a_retake_touches_no_other_sku_of_the_photo(shop: Shop) -> None:
    shop.write({"SKU": "A1"}, {"SKU": "A2", "Image": "A1.png"})
    shop.make("A1")
    shop.make("A2")
    retake = ask(shop)
    order(shop, retake)
    before = shop.plan()
    assert (before["A1"].do, before["A2"].do) == (False, False)
    keep(shop, pay(shop, retake))
    assert not shop.plan()["A2"].do
    assert shop.plan(retake=True, only=("A2",))["A2"].credits == 30


def test_a_new_sku_of_the_photo_takes_the_model_that_there_is(shop: Shop) -> None:
    shop.write({"SKU": "A1"}, {"SKU": "A2", "Image": "A1.png"})
    shop.make("A1")
    order(shop, ask(shop))
    assert (shop.plan()["A2"].do, shop.plan()["A2"].credits) == (True, Decimal(0))


def test_a_retake_of_a_stale_sku_orders_its_new_photo(shop: Shop) -> None:
    shop.make("A1")
    shop.photograph("A1", "second")
    retake = ask(shop)
    assert (retake.after_attempt, retake_plan(shop).credits, retake_plan(shop).status) == (0, Decimal(30), Status.STALE)
    keep(shop, pay(shop, retake))
    assert (shop.plan()["A1"].do, shop.plan()["A1"].status) == (False, Status.GENERATED)


def test_an_approved_version_stays_approved_until_the_new_one_is(shop: Shop) -> None:
    shop.make("A1")
    decide(shop.catalog, "A1", Approval.APPROVED, person="Ada")
    retake = ask(shop)
    assert shop.plan()["A1"].status is Status.APPROVED
    keep(shop, pay(shop, retake))
    assert shop.approved_files() == ["A1_Chair_V1_GLB.glb"]
    decide(shop.catalog, "A1", Approval.APPROVED, person="Ada")
    assert shop.approved_files() == ["A1_Chair_V2_GLB.glb"]


def unknown_sku(shop: Shop) -> None:
    retake_case(shop.catalog, "B9", "WRONG_SHAPE")


def without_model(shop: Shop) -> None:
    shop.note()
    retake_case(shop.catalog, "A1", "WRONG_SHAPE")


def uncoded_reason(shop: Shop) -> None:
    shop.make("A1")
    retake_case(shop.catalog, "A1", "UGLY")


def on_hold(shop: Shop) -> None:
    shop.make("A1")
    shop.write({"SKU": "A1", "3D Action": "hold"})
    ask(shop)


def row_that_cannot_run(shop: Shop) -> None:
    shop.make("A1")
    (shop.folder / "A1.png").unlink()
    ask(shop)


def under_way(shop: Shop) -> None:
    shop.make("A1")
    ask(shop)
    holders, record = shop.catalog.holders, shop.catalog.registry.catalog
    holder = holders.name_of("run-1")  # type: ignore[attr-defined]
    with holders.living(holder):  # type: ignore[attr-defined]
        assert record.take("A1", holder)
        retake_case(shop.catalog, "A1", "WRONG_SHAPE")


@pytest.mark.parametrize(
    ("attempt", "code"),
    [
        (unknown_sku, "SKU_UNKNOWN"),
        (without_model, "NO_MODEL"),
        (uncoded_reason, "REASON_UNKNOWN"),
        (on_hold, "ON_HOLD"),
        (row_that_cannot_run, "PHOTO_MISSING"),
        (under_way, "RETAKE_UNDER_WAY"),
    ],
)
def test_what_cannot_be_retaken_is_refused_with_the_way_out(
    shop: Shop, attempt: Callable[[Shop], None], code: str
) -> None:
    with pytest.raises(Catalog3DError) as refused:
        attempt(shop)
    assert (refused.value.code, bool(refused.value.message), bool(refused.value.fix)) == (code, True, True)


def test_a_worker_that_died_does_not_keep_a_retake_from_going_on(shop: Shop) -> None:
    shop.make("A1")
    first = ask(shop)
    holders = shop.catalog.holders
    holder = holders.name_of("run-1")  # type: ignore[attr-defined]
    with holders.living(holder):  # type: ignore[attr-defined]
        assert shop.catalog.registry.catalog.take("A1", holder)
    assert retake_case(shop.catalog, "A1", "WRONG_SHAPE").made is None
    assert ask(shop) == first
