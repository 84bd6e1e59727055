"""Planning against a real registry, library and sheet: what is planned, priced, refused and put right."""

from __future__ import annotations

import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from catalog3d.asset import Approval
from catalog3d.errors import ProductError, RunError, TransientError
from catalog3d.ledger import Outcome
from catalog3d.product import Severity, ViewSource
from catalog3d.quality import Check
from catalog3d.stages.decide import decide
from catalog3d.stages.planning import make_plan, note_plan, require_startable, start_run
from catalog3d.stages.reporting import close_run
from catalog3d.status import HAS_MODEL, Stage, Status, next_action
from tests.catalogs import Shop, open_shop

DOUBT = Check(code="PROPORTION_MISMATCH", severity=Severity.WARNING, message="Too wide.")


def approved(shop: Shop) -> None:
    shop.make("A1")
    decide(shop.catalog, "A1", Approval.APPROVED, person="Ada")


def rejected(shop: Shop) -> None:
    shop.make("A1")
    decide(shop.catalog, "A1", Approval.REJECTED, person="Ada", reason="WRONG_COLOR", note="Too red.")


def flagged(shop: Shop) -> None:
    shop.make("A1", DOUBT)


def stale(shop: Shop) -> None:
    shop.make("A1")
    shop.photograph("A1", "second")


@pytest.mark.parametrize(
    ("made", "true"),
    [(approved, Status.APPROVED), (rejected, Status.REJECTED), (flagged, Status.FLAGGED), (stale, Status.STALE)],
)
def test_what_an_interrupted_run_left_is_put_right(shop: Shop, made: Callable[[Shop], None], true: Status) -> None:
    made(shop)
    for left in (Status.GENERATING, Status.READY, Status.FAILED, Status.INVALID):
        shop.put("A1", left)
        shop.note()
        assert shop.stands("A1").status is true


def test_a_decision_that_comes_while_a_run_plans_stays(shop: Shop) -> None:
    shop.make("A1")
    planned = make_plan(shop.catalog, shop.request())
    decide(shop.catalog, "A1", Approval.APPROVED, person="Ada")
    assert note_plan(shop.catalog, planned) == []
    assert shop.stands("A1").status is Status.APPROVED


def test_a_result_of_another_run_that_comes_while_a_run_plans_stays(shop: Shop) -> None:
    shop.write({"SKU": "A1", "Image": "missing.png"})
    planned = make_plan(shop.catalog, shop.request())
    shop.write({"SKU": "A1"})
    shop.make("A1")
    assert note_plan(shop.catalog, planned) == []
    assert shop.stands("A1").status is Status.GENERATED


def test_a_sku_that_leaves_the_sheet_is_named_once_and_keeps_its_model(shop: Shop) -> None:
    shop.write({"SKU": "A1"}, {"SKU": "B2"})
    shop.make("A1")
    shop.make("B2")
    shop.write({"SKU": "B2"})
    said = []
    for number in range(2):
        planned = start_run(shop.catalog, shop.request(), f"run-{number}")
        said.append(list(close_run(shop.catalog, f"run-{number}", planned, balance=None).notes))
    assert said == [["1 SKUs are no longer in sheet.csv: A1."], []]
    assert shop.stands("A1").status is Status.GENERATED
    assert len(shop.catalog.registry.catalog.assets("A1")) == 1
    shop.write({"SKU": "A1"}, {"SKU": "B2"})
    shop.note()
    assert shop.stands("A1").sheet == str(shop.sheet)


def test_only_a_sku_with_a_stored_model_stands_where_a_model_stands(shop: Shop) -> None:
    shop.note()
    for status in HAS_MODEL:
        with pytest.raises(RunError) as refused:
            shop.put("A1", status)
        assert refused.value.code == "STATUS_ILLEGAL"


def test_why_a_model_was_rejected_is_still_said_after_the_next_plan(shop: Shop) -> None:
    rejected(shop)
    shop.put("A1", Status.GENERATING)
    shop.note()
    assert (shop.stands("A1").reason, "Too red." in shop.stands("A1").message) == ("WRONG_COLOR", True)


def test_a_name_that_goes_back_is_a_new_version_and_then_the_plan_is_empty(shop: Shop) -> None:
    for name in ("Chair", "Stool", "Chair"):
        shop.write({"SKU": "A1", "Name": name})
        assert shop.plan()["A1"].do
        assert shop.make("A1").file.split("_")[1] == name
        assert not shop.plan()["A1"].do
    assert [asset.version for asset in shop.catalog.registry.catalog.assets("A1")] == [1, 2, 3]
    assert len(shop.catalog.registry.ledger.outcomes(shop.catalog.realm)) == 1


def test_a_photo_that_goes_back_is_ordered_by_rerun_stale_for_nothing(shop: Shop) -> None:
    for seed in ("first", "second"):
        shop.photograph("A1", seed)
        shop.make("A1")
    shop.photograph("A1", "first")
    item = shop.plan()["A1"]
    assert (item.do, item.status) == (False, Status.STALE)
    assert "paid for already" in item.message
    assert shop.plan(stale=True)["A1"].credits == 0
    shop.make("A1")
    assert (shop.plan()["A1"].do, shop.plan()["A1"].status) == (False, Status.GENERATED)


def test_a_version_that_was_reserved_and_never_stored_is_planned_again(shop: Shop) -> None:
    shop.make("A1")
    shop.write({"SKU": "A1", "Name": "Stool"})
    item = shop.plan()["A1"]
    assert item.product is not None
    reserved = shop.reserve(item.product, shop.buy("A1"))
    assert (shop.plan()["A1"].do, shop.plan()["A1"].stage) == (True, Stage.NAME_VERSION)
    assert shop.make("A1").id == reserved.id


def test_a_category_without_a_price_makes_its_rows_invalid_and_nothing_else(tmp_path: Path, shop: Shop) -> None:
    rules = "categories:\n  Lamps:\n    model: v9.9-20990101\n"
    (tmp_path / "catalog.yaml").write_text(rules)
    with open_shop(tmp_path) as fresh:
        fresh.write({"SKU": "A1"}, {"SKU": "L1", "Category": "lamps"})
        planned = make_plan(fresh.catalog, fresh.request())
        plan = {item.sku: item for item in planned.plan.items}
    assert (plan["A1"].do, plan["L1"].status, plan["L1"].reason) == (True, Status.INVALID, "PRICE_UNKNOWN")
    assert "categories.Lamps" in plan["L1"].message
    assert "for the category lamps" in plan["L1"].message
    problems = {problem.code: problem for problem in planned.reading.problems}
    assert (problems["PRICE_UNKNOWN"].row, problems["PRICE_UNKNOWN"].column) == (3, "Category")
    assert "catalog.yaml" in next_action(Status.INVALID, "PRICE_UNKNOWN")


class SomePhotosBeingSaved:
    """The shop's own pictures, of which one cannot be read for the moment."""

    def __init__(self, shop: Shop, name: str) -> None:
        self._pictures, self._name = shop.catalog.pictures, name

    def pixels_sha256(self, view: ViewSource) -> str | None:
        if view.location.endswith(self._name):
            raise TransientError("The picture changed while it was read.", code="PHOTO_CHANGING")
        return self._pictures.pixels_sha256(view)


def test_a_photo_that_is_being_saved_is_planned_at_the_price_of_a_new_model(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write({"SKU": "A1"}, {"SKU": "A2"})
    object.__setattr__(shop.catalog, "pictures", SomePhotosBeingSaved(shop, "A2.png"))
    assert [(item.do, item.credits) for item in shop.plan().values()] == [(True, Decimal(30)), (True, Decimal(30))]


def test_an_intent_that_was_never_sent_is_priced_like_a_new_order(shop: Shop) -> None:
    shop.note()
    shop.intent("A1")
    shop.put("A1", Status.GENERATING)
    item = shop.plan()["A1"]
    assert (item.do, item.status, item.credits) == (True, Status.READY, Decimal(30))


def test_an_ordered_version_goes_on_in_the_next_plain_run_for_nothing(shop: Shop) -> None:
    stale(shop)
    generation = shop.buy("A1")
    assert not shop.plan()["A1"].do
    shop.put("A1", Status.STALE, generation_id=generation.id)
    item = shop.plan()["A1"]
    assert (item.do, item.credits, item.status) == (True, Decimal(0), Status.STALE)


def test_a_stale_sku_keeps_its_version_until_the_new_one_is_stored(shop: Shop) -> None:
    stale(shop)
    shop.note()
    assert "the front photo (A1.png) changed" in shop.stands("A1").message
    generation = shop.buy("A1")
    record = shop.catalog.registry.catalog
    assert (shop.plan()["A1"].status, record.newest_assets()["A1"].version) == (Status.STALE, 1)
    product = shop.plan()["A1"].product
    assert product is not None
    shop.store(product, shop.reserve(product, generation), generation)
    assert (shop.plan()["A1"].status, record.newest_assets()["A1"].version) == (Status.GENERATED, 2)


def test_rerun_stale_pays_only_for_what_is_stale(shop: Shop) -> None:
    shop.write({"SKU": "A1"}, {"SKU": "A2"}, {"SKU": "A3"})
    shop.make("A1")
    shop.make("A2")
    shop.photograph("A2", "second")
    plan = shop.plan(stale=True, status=(Status.STALE,))
    assert {sku: item.credits for sku, item in plan.items()} == {"A2": Decimal(30)}
    assert list(shop.plan(stale=True, status=(Status.STALE,), only=("A2", "A3"))) == ["A2"]


def test_a_reason_selects_and_orders_what_the_provider_refused(shop: Shop) -> None:
    shop.write({"SKU": "A1"}, {"SKU": "A2"})
    shop.note()
    shop.buy("A1", Outcome.REFUSED, code="TRIPO_2008", message="Content policy.")
    assert not shop.plan()["A1"].do
    assert {sku: item.do for sku, item in shop.plan(reason="TRIPO_2008").items()} == {"A1": True}


def test_a_sku_is_found_by_the_stage_where_it_ended(shop: Shop) -> None:
    shop.make("A1")
    shop.put("A1", Status.FAILED, stage=Stage.UPLOAD_ASSET.value, reason="STORE_UNREACHABLE")
    assert list(shop.plan(stage=Stage.UPLOAD_ASSET)) == ["A1"]


def test_a_retake_that_the_sheet_asks_for_leaves_the_status_and_advises_what_works(shop: Shop) -> None:
    approved(shop)
    shop.write({"SKU": "A1", "3D Action": "retake"})
    shop.note()
    standing = shop.stands("A1")
    assert (standing.status, standing.reason) == (Status.APPROVED, "RETAKE_ASKED")
    assert "asks for a retake" in standing.message
    assert "30 credits" in standing.message
    assert "catalog3d retake SKU" in next_action(standing.status, standing.reason)
    shop.photograph("A1", "better")
    assert shop.plan(stale=True)["A1"].credits == 30


def test_the_limit_cuts_what_is_done_and_still_lists_what_needs_a_person(shop: Shop) -> None:
    shop.write({"SKU": "A1"}, {"SKU": "A2"}, {"SKU": "A3", "Image": "missing.png"})
    plan = shop.plan(limit=1)
    assert {sku: item.do for sku, item in plan.items()} == {"A1": True, "A3": False}


def test_a_sku_that_the_sheet_does_not_have_is_said_before_anything_starts(shop: Shop) -> None:
    with pytest.raises(RunError) as refused:
        shop.plan(only=("A1", "a1", "B9"))
    assert refused.value.code == "SKU_UNKNOWN"
    assert "B9, a1" in refused.value.message


def lose_registry(shop: Shop) -> None:
    shop.catalog.registry.close()
    for left in shop.catalog.home.inner.glob("registry.db*"):
        os.unlink(left)  # noqa: PTH108 - a shell's rm, so to speak


def test_models_in_the_library_that_the_registry_does_not_know_stop_a_run(shop: Shop, tmp_path: Path) -> None:
    shop.make("A1")
    lose_registry(shop)
    with open_shop(tmp_path) as fresh, pytest.raises(RunError) as refused:
        start_run(fresh.catalog, fresh.request(), "run-1")
    assert refused.value.code == "REGISTRY_MISSING"
    assert "A1_Chair_V1_GLB.glb" in refused.value.message
    assert "backup" in refused.value.fix


def test_results_in_the_sheet_that_the_registry_does_not_know_stop_a_run(shop: Shop) -> None:
    shop.write({"SKU": "A1"}, {"SKU": "A2", "3D Version": "V1", "3D File": "A2_Chair_V1_GLB.glb"})
    with pytest.raises(RunError) as refused:
        start_run(shop.catalog, shop.request(), "run-1")
    assert (refused.value.code, "A2" in refused.value.message) == ("REGISTRY_MISSING", True)
    assert shop.catalog.registry.runs.latest() is None


def test_a_rehearsal_does_not_mind_what_the_sheet_shows_of_real_runs(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write({"SKU": "A1", "3D Version": "V1"})
    monkeypatch.delenv("CATALOG3D_TRIPO__API_KEY")
    with open_shop(tmp_path) as rehearsing:
        start_run(rehearsing.catalog, rehearsing.request(), "run-1")
        rehearsing.make("A1")
        lose_registry(rehearsing)
    with open_shop(tmp_path) as fresh, pytest.raises(RunError, match="rehearsal's models"):
        start_run(fresh.catalog, fresh.request(), "run-2")


def test_a_new_account_of_a_team_whose_models_are_known_may_start(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.make("A1")
    shop.write({"SKU": "A1", "3D Version": "V1"}, {"SKU": "A2"})
    monkeypatch.setenv("CATALOG3D_TRIPO__ACCOUNT", "second")
    with open_shop(tmp_path) as second:
        planned = make_plan(second.catalog, second.request())
        require_startable(second.catalog, second.request(), planned)
        assert [item.sku for item in planned.plan.todo] == ["A2"]


def test_a_damaged_record_in_the_library_hides_no_model_and_stops_nothing(shop: Shop) -> None:
    (shop.catalog.home.models / "assets" / "X").mkdir(parents=True)
    (shop.catalog.home.models / "assets" / "X" / "X_V1.json").write_text("{")
    start_run(shop.catalog, shop.request(), "run-1")
    with pytest.raises(ProductError):
        list(shop.catalog.library.records())


def test_more_than_anybody_allowed_is_not_started(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATALOG3D_BUDGET__RUN", "29")
    with open_shop(tmp_path) as poor:
        with pytest.raises(RunError) as refused:
            start_run(poor.catalog, poor.request(), "run-1")
        assert refused.value.code == "OVER_BUDGET"
        assert start_run(poor.catalog, poor.request(budget=Decimal(30)), "run-2").plan.credits == 30
