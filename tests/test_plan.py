"""The plan: what a run will do about each SKU, and what it may bill."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from catalog3d.asset import Approval, asset_identity, asset_to_keep, version_in_force
from catalog3d.ledger import LedgerState, Outcome
from catalog3d.plan import Known, Plan, PlanItem, Terms, plan_invalid, plan_product, resting_status
from catalog3d.product import InvalidRow, Severity
from catalog3d.quality import Check
from catalog3d.request import RunRequest
from catalog3d.retake import Retake
from catalog3d.selection import in_order
from catalog3d.status import Stage, Status, next_action
from tests.products import NOW, a_brief, a_generation, a_product, a_publication, an_asset

PRICE = Decimal(30)


def planned(known: Known, auto_stale: bool = False, **wishes: Any) -> PlanItem:
    return plan_for(a_product(), known, auto_stale, **wishes)


def plan_for(product: Any, known: Known, auto_stale: bool = False, **wishes: Any) -> PlanItem:
    terms = Terms(price=PRICE, request=RunRequest(sheet="s.csv", **wishes), auto_stale=auto_stale)
    return plan_product(product, known, terms)


def finished(**changes: Any) -> Known:
    known = Known(brief=a_brief(), generation=a_generation(), asset=an_asset(), asset_brief=a_brief())
    return replace(known, **changes)


def test_a_new_product_is_planned_at_the_price_of_a_model() -> None:
    item = planned(Known(brief=a_brief()))
    assert (item.do, item.credits) == (True, PRICE)


def test_a_finished_product_has_nothing_to_do() -> None:
    item = planned(finished())
    assert (item.do, item.credits, item.status) == (False, Decimal(0), Status.GENERATED)


def test_a_paid_model_that_is_not_stored_yet_costs_nothing_again() -> None:
    item = planned(Known(brief=a_brief(), generation=a_generation()))
    assert (item.do, item.credits) == (True, Decimal(0))


def test_a_running_task_is_waited_for_and_not_paid_again() -> None:
    running = a_generation(state=LedgerState.SUBMITTED, outcome=None)
    item = planned(Known(brief=a_brief(), generation=running))
    assert (item.do, item.credits) == (True, Decimal(0))


def test_an_unanswered_submission_is_looked_for_and_billed_only_if_it_made_nothing() -> None:
    unknown = a_generation(state=LedgerState.UNKNOWN, outcome=None)
    item = planned(Known(brief=a_brief(), generation=unknown), failed=True, only=("CH123",))
    assert (item.do, item.status, item.reason) == (True, Status.FAILED, "SUBMISSION_UNKNOWN")
    assert (item.stage, item.credits) == (Stage.GENERATE_MODEL, Decimal(30))
    assert "surely made nothing. Only then it costs 30 credits." in item.message


def test_a_request_that_was_never_sent_is_priced_like_a_new_one() -> None:
    left = a_generation(state=LedgerState.INTENT, outcome=None)
    item = planned(Known(brief=a_brief(), generation=left, status=Status.GENERATING))
    assert (item.do, item.status, item.credits) == (True, Status.READY, PRICE)


def test_a_request_that_a_dead_process_was_sending_is_looked_at_and_never_paid_again() -> None:
    cut_off = a_generation(state=LedgerState.SENDING, outcome=None)
    item = planned(Known(brief=a_brief(), generation=cut_off), failed=True)
    assert (item.do, item.stage, item.credits) == (True, Stage.GENERATE_MODEL, Decimal(0))


def test_what_the_provider_refused_is_not_asked_again_by_a_plain_run() -> None:
    refused = a_generation(outcome=Outcome.REFUSED, error_code="TRIPO_2008", error_message="content policy")
    item = planned(Known(brief=a_brief(), generation=refused))
    assert (item.do, item.status, item.reason) == (False, Status.FAILED, "TRIPO_2008")
    assert planned(Known(brief=a_brief(), generation=refused), failed=True).credits == PRICE


def test_naming_the_reason_or_the_sku_asks_again() -> None:
    refused = Known(brief=a_brief(), generation=a_generation(outcome=Outcome.REFUSED, error_code="TRIPO_2018"))
    assert planned(refused, reason="TRIPO_2018").credits == PRICE
    assert planned(refused, only=("CH123",)).credits == PRICE
    assert not planned(refused, reason="TRIPO_2008").do


def test_a_withdrawn_intent_was_never_sent_so_it_is_planned_again() -> None:
    withdrawn = a_generation(outcome=Outcome.WITHDRAWN, error_code="NO_CREDITS")
    assert planned(Known(brief=a_brief(), generation=withdrawn)).credits == PRICE


def test_a_changed_photo_makes_a_model_stale_and_never_pays_by_itself() -> None:
    item = planned(finished(brief=a_brief("b"), generation=None))
    assert (item.do, item.status, item.reason) == (False, Status.STALE, "PHOTO_CHANGED")
    assert "30" in item.message


def test_a_stale_model_is_ordered_by_rerun_stale_or_by_the_rule() -> None:
    changed = finished(brief=a_brief("b"), generation=None)
    assert planned(changed, stale=True).credits == PRICE
    assert planned(changed, auto_stale=True).credits == PRICE


def test_a_rule_that_orders_by_itself_does_not_repeat_what_the_provider_refused() -> None:
    refused = a_generation(a_brief("b"), id=2, outcome=Outcome.REFUSED, error_code="TRIPO_2008", error_message="No.")
    changed = finished(brief=a_brief("b"), generation=refused)
    item = planned(changed, auto_stale=True)
    assert (item.do, item.status) == (False, Status.STALE)
    assert "The last try failed: No." in item.message
    assert planned(changed, stale=True).credits == PRICE


def test_a_new_model_that_was_ordered_goes_on_by_itself_and_is_not_paid_again() -> None:
    under_way = a_generation(a_brief("b"), id=2, state=LedgerState.SUBMITTED, outcome=None)
    ordered = finished(brief=a_brief("b"), generation=under_way, ordered=2)
    item = planned(ordered)
    assert (item.do, item.stage, item.credits) == (True, Stage.GENERATE_MODEL, Decimal(0))
    assert not planned(replace(ordered, ordered=1)).do
    assert planned(replace(ordered, ordered=1, status=Status.GENERATING)).do


def test_an_order_without_an_answer_is_parked_also_for_a_product_that_has_a_model() -> None:
    unknown = a_generation(a_brief("b"), id=2, state=LedgerState.UNKNOWN, outcome=None)
    changed = finished(brief=a_brief("b"), generation=unknown, ordered=2)
    assert (planned(changed).status, planned(changed).reason) == (Status.FAILED, "SUBMISSION_UNKNOWN")
    assert planned(changed).credits == 0
    assert planned(changed, stale=True).credits == 30  # so that it may be sent again once it is proven absent
    assert planned(replace(changed, ordered=1)).status is Status.STALE


def test_going_back_to_a_photo_that_was_paid_before_costs_nothing() -> None:
    changed = finished(brief=a_brief("b"), generation=a_generation(a_brief("b"), id=2))
    assert planned(changed, stale=True).credits == 0


def test_a_changed_name_makes_a_new_version_for_nothing() -> None:
    item = plan_for(a_product(name="Dining Chair Two"), finished())
    assert (item.do, item.stage, item.credits) == (True, Stage.NAME_VERSION, Decimal(0))


def test_hold_in_the_sheet_holds_a_product() -> None:
    item = plan_for(a_product(action="hold"), Known(brief=a_brief()))
    assert (item.do, item.reason) == (False, "ON_HOLD")


def test_hold_changes_nothing_about_a_product_that_needs_no_work() -> None:
    approved = finished(asset=an_asset(approval=Approval.APPROVED))
    item = plan_for(a_product(action="hold"), approved)
    assert (item.do, item.status, item.reason) == (False, Status.APPROVED, "")
    parked = Known(brief=a_brief(), generation=a_generation(state=LedgerState.UNKNOWN, outcome=None))
    assert plan_for(a_product(action="hold"), parked).do is False


def test_hold_keeps_a_stale_product_from_being_ordered() -> None:
    item = plan_for(a_product(action="hold"), finished(brief=a_brief("b"), generation=None), stale=True)
    assert (item.do, item.status, item.reason, item.credits) == (False, Status.STALE, "ON_HOLD", Decimal(0))


def test_a_retake_keeps_the_status_and_says_so() -> None:
    approved = finished(asset=an_asset(approval=Approval.APPROVED))
    item = plan_for(a_product(action="retake"), approved)
    assert (item.do, item.status, item.reason) == (False, Status.APPROVED, "RETAKE_ASKED")
    chair = a_product(action="retake", channels=("storefront",))
    published = plan_for(chair, replace(approved, publications=(a_publication(),)))
    assert published.status is Status.PUBLISHED


def wish(**changes: Any) -> Retake:
    asked = Retake(
        id=1, sku="CH123", version=1, generation_id=1, realm="tripo:test", digest=a_brief().digest, after_attempt=1
    )
    return replace(asked, **changes)


def asked_again(generation: Any = None, **changes: Any) -> Known:
    """A finished product of which somebody wants another model; `generation` is what the ledger has for that."""
    return finished(generation=generation, retake=wish(), **changes)


def test_a_wish_in_the_sheet_is_listed_with_its_price_and_pays_for_nothing() -> None:
    item = plan_for(a_product(action="retake"), finished())
    assert (item.do, item.credits, item.reason) == (False, Decimal(0), "RETAKE_ASKED")
    assert "30 credits" in item.message
    assert "catalog3d retake SKU --reason" in next_action(item.status, item.reason)


def test_a_wish_in_the_sheet_that_was_fulfilled_is_not_listed_again() -> None:
    second = an_asset(version=2, generation_id=2, identity=asset_identity(2, a_product()))
    known = finished(asset=second, retake=wish(is_open=False))
    item = plan_for(a_product(action="retake"), known)
    assert (item.do, item.reason) == (False, "")
    assert "empty 3D Action" in item.message


def test_a_retake_is_paid_only_by_its_own_request() -> None:
    item = planned(asked_again(), retake=True, only=("CH123",))
    assert (item.do, item.credits, item.retake) == (True, PRICE, wish())
    others: tuple[dict[str, Any], ...] = ({}, {"failed": True}, {"stale": True}, {"only": ("CH123",)})
    for wishes in others:
        assert (planned(asked_again(), **wishes).do, planned(asked_again(), **wishes).reason) == (False, "RETAKE_ASKED")
    assert planned(asked_again(), auto_stale=True).do is False
    assert planned(asked_again(), from_stage=Stage.VALIDATE_MESH).credits == 0


@pytest.mark.parametrize(
    "paid",
    [
        a_generation(id=2, attempt=2, state=LedgerState.SUBMITTED, outcome=None),
        a_generation(id=2, attempt=2, state=LedgerState.SENDING, outcome=None),
        a_generation(id=2, attempt=2),
    ],
    ids=lambda generation: generation.state.value,
)
def test_a_retake_that_was_ordered_goes_on_in_any_run_for_nothing(paid: Any) -> None:
    both: tuple[dict[str, Any], ...] = ({}, {"retake": True, "only": ("CH123",)})
    for wishes in both:
        item = planned(asked_again(paid), **wishes)
        assert (item.do, item.stage, item.credits, item.retake) == (True, Stage.GENERATE_MODEL, Decimal(0), wish())


def test_a_retake_without_an_answer_is_looked_for_at_the_price_of_asking_again() -> None:
    unknown = a_generation(id=2, attempt=2, state=LedgerState.UNKNOWN, outcome=None)
    item = planned(asked_again(unknown), retake=True, only=("CH123",))
    assert (item.do, item.credits, item.reason) == (True, Decimal(30), "SUBMISSION_UNKNOWN")
    assert planned(asked_again(unknown)).credits == 0


def test_a_retake_that_failed_leaves_the_product_where_it_stands_and_says_why() -> None:
    refused = a_generation(id=2, attempt=2, outcome=Outcome.REFUSED, error_code="TRIPO_2008", error_message="No.")
    known = asked_again(refused, asset=an_asset(approval=Approval.APPROVED))
    item = planned(known)
    assert (item.do, item.status, item.reason) == (False, Status.APPROVED, "TRIPO_2008")
    assert item.message == "The retake of V1 failed: No."
    assert planned(known, retake=True, only=("CH123",)).credits == PRICE


def test_a_retake_of_a_stale_product_is_one_of_its_new_photo() -> None:
    changed = finished(brief=a_brief("b"), generation=None, retake=wish())
    item = planned(changed, retake=True, only=("CH123",))
    assert (item.do, item.status, item.credits, item.retake) == (True, Status.STALE, PRICE, wish())
    assert planned(changed).status is Status.STALE
    assert not planned(changed).do
    assert (wish().after("tripo:test", a_brief().digest), wish().after("tripo:test", a_brief("b").digest)) == (1, 0)


def test_a_retake_is_over_when_another_model_is_stored_and_not_when_a_name_changed() -> None:
    assert not wish().is_made(an_asset())
    assert not wish().is_made(an_asset(version=2))
    assert wish().is_made(an_asset(version=2, generation_id=2))
    assert wish().is_made(an_asset(version=2, generation_id=None))
    made = finished(asset=an_asset(version=2, generation_id=2, identity=asset_identity(2, a_product())))
    assert planned(replace(made, retake=wish())).do is False


def test_hold_keeps_a_retake_from_being_ordered() -> None:
    item = plan_for(a_product(action="hold"), asked_again(), retake=True, only=("CH123",))
    assert (item.do, item.reason, item.credits) == (False, "ON_HOLD", Decimal(0))


def test_a_new_name_goes_to_the_model_that_people_prefer() -> None:
    retaken = an_asset(version=2, generation_id=2, identity=asset_identity(2, a_product()))
    first, renamed = an_asset(approval=Approval.APPROVED), a_product(name="Other")
    assert asset_to_keep(retaken, first, a_product()) == retaken
    assert asset_to_keep(retaken, first, renamed) == first
    assert asset_to_keep(retaken, retaken, renamed) == retaken


def test_a_product_stands_where_its_version_in_force_stands() -> None:
    preferred = an_asset(id=2, approval=Approval.APPROVED)
    item = planned(finished(in_force=preferred, asset=an_asset(version=2, approval=Approval.SUPERSEDED)))
    assert (item.do, item.status) == (False, Status.APPROVED)


def test_a_stage_can_be_done_again_for_nothing() -> None:
    item = planned(finished(), from_stage=Stage.VALIDATE_MESH)
    assert (item.do, item.credits) == (True, Decimal(0))


def test_the_resting_status_follows_decision_then_doubt() -> None:
    doubt = Check(code="PROPORTION_MISMATCH", severity=Severity.WARNING, message="off")
    blocked = Check(code="INDEX_OOB", severity=Severity.ERROR, message="broken")
    harmless = Check(code="TEXTURE_MIN", severity=Severity.WARNING, message="small")
    assert resting_status(an_asset(approval=Approval.APPROVED)) is Status.APPROVED
    assert resting_status(an_asset(approval=Approval.REJECTED)) is Status.REJECTED
    assert resting_status(an_asset(checks=(doubt,), verdict="warn")) is Status.FLAGGED
    assert resting_status(an_asset(checks=(blocked,), verdict="fail")) is Status.FLAGGED
    assert resting_status(an_asset(checks=(harmless,), verdict="warn")) is Status.GENERATED


def test_the_version_in_force_is_the_newest_unless_people_prefer_another() -> None:
    def in_force(*approvals: Approval) -> int:
        versions = [an_asset(id=at, version=at, approval=said) for at, said in enumerate(approvals, 1)]
        return version_in_force(versions).version

    yes, no, open_, over = Approval.APPROVED, Approval.REJECTED, Approval.PENDING, Approval.SUPERSEDED
    assert in_force(open_) == 1
    assert in_force(yes, open_) == 2
    assert in_force(yes, over) == 1
    assert in_force(yes, no) == 1
    assert in_force(over, no) == 2
    assert in_force(yes, over, open_) == 3


def ordered(*items: PlanItem, known: dict[str, Known] | None = None, **wishes: Any) -> Plan:
    return in_order(items, RunRequest(sheet="s.csv", **wishes), known or {}, now=NOW)


def test_products_that_share_a_photo_are_billed_once() -> None:
    first = plan_for(a_product("A"), Known(brief=a_brief()))
    second = plan_for(a_product("B"), Known(brief=a_brief()))
    plan = ordered(first, second)
    assert (plan.credits, plan.generations, len(plan.todo)) == (PRICE, 1, 2)


def test_a_price_group_costs_what_its_dearest_member_costs() -> None:
    new = plan_for(a_product("A"), Known(brief=a_brief()))
    again = plan_for(a_product("B"), finished(generation=None), from_stage=Stage.VALIDATE_MESH)
    assert ordered(new, again).credits == ordered(again, new).credits == PRICE


def test_priority_comes_before_the_sheets_order_and_limit_cuts_last() -> None:
    late = plan_for(a_product("LATE", row=3, priority=5), Known(brief=a_brief("a")))
    early = plan_for(a_product("EARLY", row=2), Known(brief=a_brief("b")))
    assert [item.sku for item in ordered(early, late).todo] == ["LATE", "EARLY"]
    assert [item.sku for item in ordered(early, late, limit=1).todo] == ["LATE"]


def test_selection_by_sku_category_status_and_reason() -> None:
    chair = plan_for(a_product("CHAIR"), Known(brief=a_brief("a")))
    lamp = plan_for(a_product("LAMP", category="Lamps"), Known(brief=a_brief("b")))
    row = plan_invalid(InvalidRow(sku="BAD", row=9, name="Bad", code="PHOTO_MISSING", message="gone"))
    assert [item.sku for item in ordered(chair, lamp, row, only=("LAMP",)).items] == ["LAMP"]
    assert [item.sku for item in ordered(chair, lamp, row, category="lamps").items] == ["LAMP"]
    assert [item.sku for item in ordered(chair, lamp, row, status=(Status.INVALID,)).items] == ["BAD"]
    assert [item.sku for item in ordered(chair, lamp, row, reason="PHOTO_MISSING").items] == ["BAD"]
