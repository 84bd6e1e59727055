"""A wish for another model, put on record: what it changes and costs, who may have it ordered, and who must wait."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from pydantic import SecretStr

from catalog3d.adapters.registry.ledger import Intent
from catalog3d.asset import asset_identity
from catalog3d.brief import TEXTURE, Brief
from catalog3d.errors import ProductError, RunError
from catalog3d.learning import How
from catalog3d.ledger import Generation, Outcome
from catalog3d.plan import PlanItem
from catalog3d.ports import Submitted
from catalog3d.retake import Retake
from catalog3d.settings import key_fingerprint
from catalog3d.stages.asking import Asked, VariantOffer, ask_retake, drop_retake, offer_retake, variant_offers
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.planning import start_run
from catalog3d.stages.retaking import require_retakable
from catalog3d.status import Status, needs_person, next_action
from tests.catalogs import AMPLE, Shop

KEY = key_fingerprint(SecretStr("tsk_catalogs"))
BLUE = {"SKU": "A1", "Color": "Blue", "Material": "Linen"}


def make(shop: Shop, sku: str = "A1", *, key: str = KEY) -> Generation:
    """A stored model whose task and file the ledger knows."""
    shop.note()
    ledger = shop.catalog.registry.ledger
    generation, lease = shop.intent(sku)
    ledger.start_sending(
        lease, slots=10, file_tokens={"front": "file_1"}, run_id="run-0", caps=AMPLE, key_fingerprint=key
    )
    ledger.submitted(lease, Submitted(task_id=f"task-{sku}"))
    ledger.settle(lease, Outcome.SUCCESS, credits_consumed=Decimal(30))
    ledger.keep_raw(lease, f"raw/{sku}.glb", generation.digest, 10)
    shop.make(sku)
    return ledger.get(generation.id)


def ask(
    shop: Shop, *reasons: str, may_order: bool = True, how: How = How.AUTO, sku: str = "A1", seen: int = 0
) -> Asked:
    return ask_retake(
        shop.catalog, sku, reasons or ("WRONG_COLOR",), "", "Mia", may_order=may_order, how=how, seen=seen
    )


def plan(shop: Shop, sku: str = "A1") -> PlanItem:
    """What the run that orders a retake would do."""
    return shop.plan(retake=True, only=(sku,))[sku]


def carry_out(shop: Shop) -> Generation:
    """What the run of a retake does: order its brief, and store the model as the next version."""
    item = plan(shop)
    retake = require_retakable(item)
    sheet = Brief.parse(shop.catalog.registry.ledger.latest(shop.catalog.realm, retake.sheet_digest).brief.canonical())  # type: ignore[union-attr]
    brief = retake.brief_for(sheet)
    assert brief is not None
    ledger, record = shop.catalog.registry.ledger, shop.catalog.registry.catalog
    intent = Intent(
        realm=shop.catalog.realm, brief=brief, pool=brief.pool, base_url="", key_fingerprint=KEY, model_seed=9,
        expected_credits=item.credits, run_id="run-1", after_attempt=retake.after(shop.catalog.realm, brief.digest),
    )  # fmt: skip
    made = ledger.open_intent(intent, AMPLE)
    lease = ledger.take_lease(made.id, "worker")
    assert lease is not None
    ledger.start_sending(lease, slots=10, file_tokens={}, run_id="run-1", caps=AMPLE, key_fingerprint=KEY)
    ledger.submitted(lease, Submitted(task_id=f"task-{made.id}"))
    ledger.settle(lease, Outcome.SUCCESS, credits_consumed=item.credits)
    ledger.keep_raw(lease, f"raw/{made.id}.glb", made.digest, 10)
    assert item.product is not None
    asset = record.allot_version(
        "A1", format="GLB", identity=asset_identity(made.id, item.product), generation_id=made.id, run_id="run-1",
        file_name=lambda version: f"A1_Chair_V{version}_GLB.glb", asked=sheet.canonical() if brief != sheet else "",
    )  # fmt: skip
    shop.store(item.product, asset, ledger.get(made.id))
    return ledger.get(made.id)


def test_the_change_and_its_price_are_shown_before_anybody_has_asked(shop: Shop) -> None:
    shop.write(BLUE)
    make(shop)
    offer = offer_retake(shop.catalog, "A1", ["WRONG_COLOR"])
    assert (offer.route, offer.credits, offer.number, offer.most) == ("texture", Decimal(10), 1, 3)
    assert "color: Blue; material: Linen; Chair" in offer.change
    assert shop.catalog.registry.retakes.newest() == {}


def test_a_retake_of_an_operator_may_be_ordered_at_once(shop: Shop) -> None:
    shop.write(BLUE)
    made = make(shop)
    asked = ask(shop)
    assert (asked.waits, asked.retake.person) == (False, "Mia")
    item = plan(shop)
    assert (item.do, item.credits, item.status) == (True, Decimal(10), Status.GENERATED)
    assert item.retake is not None
    assert item.retake.brief is not None
    assert item.retake.brief.endpoint == TEXTURE
    assert item.retake.brief.source is not None
    assert item.retake.brief.source.digest == made.digest
    assert start_run(shop.catalog, shop.request(retake=True, only=("A1",)), "run-1").plan.credits == 10


def test_the_version_that_comes_of_it_is_not_stale_by_its_own_change_and_by_the_next_photo_it_is(shop: Shop) -> None:
    shop.write(BLUE)
    make(shop)
    ask(shop)
    carry_out(shop)
    item = shop.plan()["A1"]
    assert (item.do, item.status, item.reason) == (False, Status.GENERATED, "")
    shop.photograph("A1", "second")
    stale = shop.plan()["A1"]
    assert (stale.status, stale.reason, stale.do) == (Status.STALE, "PHOTO_CHANGED", False)
    assert "the front photo" in stale.message


def test_the_next_surface_starts_from_the_task_that_made_the_shape(shop: Shop) -> None:
    shop.write(BLUE)
    made = make(shop)
    ask(shop)
    carry_out(shop)
    second = ask(shop)
    assert (second.offer.credits, second.offer.number, second.retake.version) == (Decimal(20), 2, 2)
    assert second.retake.brief is not None
    assert second.retake.brief.source is not None
    assert second.retake.brief.source.digest == made.digest


def test_retakes_of_one_photo_are_counted_and_end(shop: Shop) -> None:
    shop.write(BLUE)
    make(shop)
    for number in (1, 2, 3):
        assert ask(shop).offer.number == number
        carry_out(shop)
    with pytest.raises(ProductError) as refused:
        ask(shop)
    assert refused.value.code == "RETAKES_USED_UP"
    shop.photograph("A1", "second")
    assert ask(shop).offer.number == 1


def test_a_model_of_another_key_gets_no_other_surface(shop: Shop) -> None:
    shop.write(BLUE)
    make(shop, key="0" * 12)
    assert offer_retake(shop.catalog, "A1", ["WRONG_COLOR"]).credits == 30
    with pytest.raises(ProductError, match="another key"):
        ask(shop, how=How.TEXTURE)


def test_a_changed_photo_comes_before_every_reason(shop: Shop) -> None:
    shop.write(BLUE)
    make(shop)
    shop.photograph("A1", "second")
    assert offer_retake(shop.catalog, "A1", ["WRONG_COLOR"]).route == "sheet"
    with pytest.raises(ProductError, match="changed since"):
        ask(shop, how=How.TEXTURE)


def test_a_photo_that_changes_after_the_wish_is_what_is_ordered(shop: Shop) -> None:
    shop.write(BLUE)
    make(shop)
    ask(shop)
    shop.photograph("A1", "second")
    item = plan(shop)
    assert (item.credits, item.status) == (Decimal(30), Status.STALE)


def test_reviewers_order_within_the_budget_of_retakes_and_wait_beyond_it(shop: Shop) -> None:
    rows = [{"SKU": sku, "Color": "Blue"} for sku in ("A1", "A2", "A3")]
    shop.write(*rows)
    shop = replace(shop, catalog=with_budget(shop, 25))
    for row in rows:
        make(shop, row["SKU"])
    first, second, third = (ask(shop, sku=row["SKU"], may_order=False) for row in rows)
    assert [asked.waits for asked in (first, second, third)] == [False, False, True]
    assert "of today's 25 for retakes 5 are left" in third.message
    stands = shop.stands("A3")
    assert (stands.status, stands.reason) == (Status.GENERATED, "RETAKE_WAITS")
    assert needs_person(stands.status, stands.reason)
    assert "operator" in next_action(stands.status, stands.reason)
    shop.note()
    assert shop.stands("A3").reason == "RETAKE_WAITS"
    assert "Mia asked for it" in shop.stands("A3").message
    with pytest.raises(RunError) as refused:
        start_run(shop.catalog, shop.request(retake=True, only=("A3",)), "run-1")
    assert refused.value.code == "RETAKE_WAITS"
    allowed = ask(shop, sku="A3", may_order=True)
    assert (allowed.retake.id, allowed.waits) == (third.retake.id, False)
    assert start_run(shop.catalog, shop.request(retake=True, only=("A3",)), "run-2").plan.credits == 10


def with_budget(shop: Shop, retakes: int) -> OpenCatalog:
    budget = shop.catalog.settings.budget.model_copy(update={"retakes": Decimal(retakes)})
    settings = shop.catalog.settings.model_copy(update={"budget": budget})
    return replace(shop.catalog, settings=settings)


def test_a_wish_that_waits_can_be_dropped_and_one_that_was_ordered_cannot(shop: Shop) -> None:
    shop = replace(shop, catalog=with_budget(shop, 0))
    make(shop)
    assert ask(shop, "WRONG_SHAPE", may_order=False).waits
    drop_retake(shop.catalog, "A1")
    assert (shop.stands("A1").reason, plan(shop).retake and plan(shop).retake.id) == ("", 0)  # type: ignore[union-attr]
    ask(shop, "WRONG_SHAPE", how=How.SAME)
    shop.open_intent("A1", after_attempt=1)
    with pytest.raises(ProductError) as refused:
        drop_retake(shop.catalog, "A1")
    assert refused.value.code == "RETAKE_UNDER_WAY"


def test_whoever_looked_at_an_older_version_is_told(shop: Shop) -> None:
    make(shop)
    with pytest.raises(ProductError) as refused:
        ask(shop, "WRONG_SHAPE", seen=2)
    assert refused.value.code == "VERSION_CHANGED"


def test_the_same_wish_twice_is_one_decision_and_one_retake(shop: Shop) -> None:
    shop.write(BLUE)
    make(shop)
    assert ask(shop).retake.id == ask(shop).retake.id
    assert len(shop.catalog.registry.catalog.decisions("A1")) == 1


def test_color_variants_of_one_photo_are_offered_a_surface_of_their_own_and_none_is_ordered_by_itself(
    shop: Shop,
) -> None:
    one_photo = {"Image": "A1.png", "Material": "Linen"}
    shop.write(BLUE, {**one_photo, "SKU": "A2", "Color": "Red"}, {**one_photo, "SKU": "A3", "Color": "blue"})
    make(shop)
    shop.make("A2")
    shop.make("A3")
    words = "color: Red; material: Linen; Chair"
    assert variant_offers(shop.catalog) == (VariantOffer(sku="A2", of="A1", words=words, credits=Decimal(10)),)
    assert [item.do for item in shop.plan().values()] == [False, False, False]
    asked = ask(shop, "WRONG_COLOR", how=How.TEXTURE, sku="A2")
    assert asked.retake.brief is not None
    assert (asked.offer.credits, asked.retake.brief.prompt) == (Decimal(10), words)


def test_what_was_dropped_or_refused_is_no_attempt_and_a_refused_source_is_not_tried_again(shop: Shop) -> None:
    shop.write(BLUE)
    make(shop)
    for _ in range(2):
        asked = ask(shop)
        assert (asked.offer.number, asked.offer.credits) == (1, Decimal(10))
        drop_retake(shop.catalog, "A1")
    refuse(shop, ask(shop).retake)
    again = offer_retake(shop.catalog, "A1", ["WRONG_COLOR"])
    assert (again.route, again.number) == ("alignment", 1)
    with pytest.raises(ProductError, match="Task not found"):
        offer_retake(shop.catalog, "A1", ["WRONG_COLOR"], how=How.TEXTURE)


def refuse(shop: Shop, retake: Retake) -> None:
    """What a run writes down when the provider does not know the source any more."""
    ledger, brief = shop.catalog.registry.ledger, retake.brief
    assert brief is not None
    intent = Intent(
        realm=retake.realm, brief=brief, pool=brief.pool, base_url="", key_fingerprint=KEY, model_seed=9,
        expected_credits=Decimal(10), run_id="run-1",
    )  # fmt: skip
    lease = ledger.take_lease(ledger.open_intent(intent, AMPLE).id, "worker")
    assert lease is not None
    ledger.start_sending(lease, slots=10, file_tokens={}, run_id="run-1", caps=AMPLE)
    ledger.settle(lease, Outcome.REFUSED, credits_consumed=Decimal(0), code="TASK_NOT_FOUND", message="Task not found.")
    shop.catalog.registry.retakes.close(retake.id)
