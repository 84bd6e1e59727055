"""Which SKUs a rerun chooses, what it says they will bill, and what it says when there are none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from catalog3d.billing import bill_groups
from catalog3d.errors import RunError
from catalog3d.ledger import LedgerState, Outcome
from catalog3d.plan import Known, Plan, PlanItem, Terms, plan_product
from catalog3d.request import RunRequest, parse_age
from catalog3d.selection import in_order, nothing_selected
from catalog3d.status import Stage, Status
from tests.products import NOW, a_brief, a_generation, a_product, an_asset

PRICE = Decimal(30)


def request(**wishes: Any) -> RunRequest:
    return RunRequest(sheet="s.csv", **wishes)


def chosen(known: Mapping[str, Known], **wishes: Any) -> Plan:
    """The plan of SKUs of which this is known; those that start with L are lamps."""
    asked = request(**wishes)
    items: list[PlanItem] = []
    for sku, what in known.items():
        product = a_product(sku, category="Lamps" if sku.startswith("L") else "Chairs")
        items.append(plan_product(product, what, Terms(price=PRICE, request=asked)))
    return in_order(items, asked, known, now=NOW)


def skus(known: Mapping[str, Known], **wishes: Any) -> set[str]:
    return {item.sku for item in chosen(known, **wishes).items}


def refused(photo: str, code: str = "TRIPO_2008", **changes: Any) -> Known:
    generation = a_generation(a_brief(photo), outcome=Outcome.REFUSED, error_code=code, error_message="No.")
    stood: dict[str, Any] = {
        "status": Status.FAILED,
        "reason": code,
        "stage": Stage.GENERATE_MODEL.value,
        "changed_at": NOW,
    }
    return Known(brief=a_brief(photo), generation=generation, **{**stood, **changes})


def broken_off(photo: str, stage: Stage, reason: str) -> Known:
    """Paid and made, and then something else went wrong."""
    stood: dict[str, Any] = {"status": Status.FAILED, "reason": reason, "stage": stage.value, "changed_at": NOW}
    return Known(brief=a_brief(photo), generation=a_generation(a_brief(photo)), **stood)


NIGHT = {
    "C1": refused("a"),
    "C2": refused("b", changed_at=NOW - timedelta(days=8)),
    "C3": broken_off("c", Stage.UPLOAD_ASSET, "STORE_UNREACHABLE"),
    "L1": refused("d", "TRIPO_2018"),
    "L2": broken_off("e", Stage.VALIDATE_MESH, "UNEXPECTED"),
}


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ({"stage": Stage.GENERATE_MODEL}, {"C1", "C2", "L1"}),
        ({"stage": Stage.UPLOAD_ASSET}, {"C3"}),
        ({"category": "lamps"}, {"L1", "L2"}),
        ({"older_than": timedelta(days=7)}, {"C2"}),
        ({"newer_than": timedelta(hours=12)}, {"C1", "C3", "L1", "L2"}),
        ({"status": (Status.FAILED,), "category": "Chairs", "stage": Stage.GENERATE_MODEL}, {"C1", "C2"}),
        ({"reason": "TRIPO_2008", "newer_than": timedelta(days=1)}, {"C1"}),
        ({"only": ("C1", "L1"), "reason": "TRIPO_2018"}, {"L1"}),
        ({"status": (Status.FLAGGED,), "category": "Chairs"}, set()),
    ],
)
def test_every_wish_narrows_the_selection(wishes: dict[str, Any], expected: set[str]) -> None:
    assert skus(NIGHT, **wishes) == expected


def test_what_was_never_run_has_changed_just_now_and_ended_nowhere() -> None:
    new = {"C1": Known(brief=a_brief())}
    assert skus(new, newer_than=timedelta(hours=1)) == {"C1"}
    assert skus(new, older_than=timedelta(hours=1)) == skus(new, stage=Stage.UPLOAD_ASSET) == set()


def test_the_bill_has_a_line_for_each_reason_and_prices_only_new_models() -> None:
    said = [group.sentence() for group in bill_groups(chosen(NIGHT, failed=True))]
    assert said == [
        "2 SKUs, 60 credits: the provider gave no model (TRIPO_2008) and is asked again (C1, C2)",
        "1 SKU, 30 credits: the provider gave no model (TRIPO_2018) and is asked again (L1)",
        "1 SKU, 0 credits: the model is paid for, and goes on after STORE_UNREACHABLE at upload_asset (C3)",
        "1 SKU, 0 credits: the model is paid for, and goes on after UNEXPECTED at validate_mesh (L2)",
    ]


@pytest.mark.parametrize(
    "stage", [Stage.GENERATE_MODEL, Stage.VALIDATE_MESH, Stage.NAME_VERSION, Stage.UPLOAD_ASSET], ids=str
)
def test_failures_after_the_paid_task_bill_nothing(stage: Stage) -> None:
    (group,) = bill_groups(chosen({"C1": broken_off("a", stage, "WRONG_FILE")}, failed=True))
    assert (group.do, group.credits) == (True, Decimal(0))


def test_the_bill_adds_up_to_the_plan_where_skus_share_a_model() -> None:
    shared = {"C1": Known(brief=a_brief("a")), "C2": Known(brief=a_brief("a")), "C3": Known(brief=a_brief("b"))}
    plan = chosen(shared)
    (group,) = bill_groups(plan)
    assert (group.credits, plan.credits, len(group.skus)) == (Decimal(60), Decimal(60), 3)


def test_the_bill_also_says_what_is_left_as_it_is_and_why() -> None:
    parked = Known(brief=a_brief("a"), generation=a_generation(state=LedgerState.UNKNOWN, outcome=None))
    done = Known(brief=a_brief("b"), generation=a_generation(), asset=an_asset(), asset_brief=a_brief("b"))
    left = [group.sentence() for group in bill_groups(chosen({"C1": parked, "C2": done}, failed=True))]
    assert left[0] == "1 SKU, 30 credits: its answer is looked for, and only if nothing was made it is sent again (C1)"
    assert left[1].startswith("1 SKU, not done: generated, nothing to do by itself. Look at it")


def test_an_empty_selection_says_what_there_is_instead() -> None:
    counts = {Status.FLAGGED: 3, Status.GENERATED: 84, Status.INVALID: 1}
    failed = nothing_selected(request(status=(Status.FAILED,)), counts)
    assert failed == "Nothing is failed; 84 are generated, 3 flagged and 1 invalid."
    narrowed = request(
        status=(Status.FAILED,), category="Lamps", stage=Stage.UPLOAD_ASSET, newer_than=timedelta(hours=12)
    )
    assert nothing_selected(narrowed, {Status.FAILED: 1}) == (
        "No SKU is failed and ended at upload_asset and is of the category Lamps and has changed within 12 hours; "
        "1 is failed."
    )


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", None),
        ("30m", timedelta(minutes=30)),
        ("12 h", timedelta(hours=12)),
        ("7D", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_an_age_is_read_as_people_type_it(typed: str, meant: timedelta | None) -> None:
    assert parse_age(typed) == meant


@pytest.mark.parametrize("typed", ["7", "d", "7 years", "-3d", "9999999d", "1.5h"])
def test_an_age_that_is_none_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(RunError) as wrong:
        parse_age(typed)
    assert (wrong.value.code, "7d" in wrong.value.fix) == ("AGE_INVALID", True)
