"""What `run`, `rerun` and the deployments' forms ask for, and what they refuse before anything starts."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from prefect.utilities.callables import parameter_schema
from typer.testing import CliRunner, Result

import catalog3d.cli.run
from catalog3d.adapters.requests import nightly_request, rerun_request, sheet_request
from catalog3d.cli.app import app
from catalog3d.cli.plan import bills
from catalog3d.errors import RunError
from catalog3d.home import Home
from catalog3d.ledger import Outcome
from catalog3d.plan import Known, Plan, Terms, plan_product
from catalog3d.request import RunRequest
from catalog3d.stages.planning import start_run
from catalog3d.status import Stage, Status
from flows.catalog import catalog_nightly, catalog_run, rerun_failed
from tests.catalogs import Shop, open_shop, with_key
from tests.products import a_brief, a_product

POSTGRES = "postgresql+psycopg://somebody@127.0.0.1:1/catalog"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with_key(monkeypatch)
    monkeypatch.chdir(tmp_path)
    with open_shop(tmp_path) as opened:
        yield opened


def typed(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def asked_of_the_flow(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict[str, Any]:
    """The parameters that the flow would be started with."""
    started: list[dict[str, Any]] = []

    def note(home: Home, out: object, flow_name: str, parameters: dict[str, Any]) -> None:
        started.append({"flow": flow_name, **parameters})
        raise RunError("Far enough.", code="FAR_ENOUGH")

    with monkeypatch.context() as patched:
        patched.setattr(catalog3d.cli.run, "_in_flow", note)
        typed(*arguments)
    return started[0] if started else {}


def rerun_of(shop: Shop, **wishes: Any) -> RunRequest:
    return rerun_request(str(shop.sheet), deployed=False, **{"status": None, **wishes})


def make_stale(shop: Shop, sku: str) -> None:
    shop.make(sku)
    shop.photograph(sku, "second")


def test_a_run_with_nothing_to_do_ends_well_and_prints_the_contract(shop: Shop) -> None:
    shop.make("A1")
    said = typed("run", "sheet.csv", "--json")
    document = json.loads(said.stdout)
    assert said.exit_code == 0
    assert {"run_id", "generator", "home", "counts", "credits", "duration_s", "report", "skus"} <= set(document)
    assert document["counts"] == {"generated": 1}
    assert document["skus"][0]["version"] == 1
    assert document["skus"][0]["stage"] in set(Stage)


def test_a_run_that_would_pay_again_for_what_is_there_does_not_start(shop: Shop) -> None:
    shop.write({"SKU": "A1", "3D Version": "V1"})
    said = typed("run", "sheet.csv", "--json")
    assert (said.exit_code, json.loads(said.stdout)["error"]["code"]) == (2, "REGISTRY_MISSING")


def test_rerun_wants_to_know_which_skus(shop: Shop) -> None:
    said = typed("rerun", "--from", "validate_mesh", "--json")
    assert (said.exit_code, json.loads(said.stdout)["error"]["code"]) == (2, "NOTHING_SELECTED")


def test_rerun_offers_only_stages_that_can_be_done_again(shop: Shop) -> None:
    assert typed("rerun", "--sku", "A1", "--from", "update_status").exit_code == 2


def test_rerun_asks_the_flow_for_all_that_was_typed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.note()
    shop.buy("A1", Outcome.REFUSED, code="TRIPO_2008")
    shop.put("A1", Status.FAILED, stage=Stage.GENERATE_MODEL.value, reason="TRIPO_2008")
    words = "rerun --sheet sheet.csv --status failed --stage generate_model --category chairs --newer-than 12h"
    asked = asked_of_the_flow(monkeypatch, *words.split())
    assert (asked["flow"], asked["status"], asked["stage"]) == ("rerun_failed", "failed", "generate_model")
    assert (asked["category"], asked["newer_than"], asked["older_than"]) == ("chairs", "12h", "")
    assert set(asked) - {"flow"} <= set(inspect.signature(rerun_failed.fn).parameters)


@pytest.mark.parametrize(
    "words", ["--older-than 7d", "--newer-than 1h", "--stage upload_asset", "--category Lamps", "--status flagged"]
)
def test_every_way_to_choose_is_enough_alone(shop: Shop, words: str) -> None:
    shop.make("A1")
    said = typed("rerun", "--sheet", "sheet.csv", *words.split(), "--json")
    assert (said.exit_code, "error" in json.loads(said.stdout)) == (0, False)


@pytest.mark.parametrize(
    ("words", "code"),
    [("--older-than soon", "AGE_INVALID"), ("--status flagged --failed", "SELECTION_UNCLEAR")],
)
def test_a_selection_that_makes_no_sense_is_refused(shop: Shop, words: str, code: str) -> None:
    said = typed("rerun", "--sheet", "sheet.csv", *words.split(), "--json")
    assert (said.exit_code, json.loads(said.stdout)["error"]["code"]) == (2, code)


def test_an_empty_selection_says_what_there_is_and_starts_nothing(shop: Shop) -> None:
    shop.make("A1")
    said = typed("rerun", "--sheet", "sheet.csv", "--failed", "--json")
    assert "Nothing is failed; 1 is generated." in said.stderr
    assert (said.exit_code, json.loads(said.stdout)["skus"]) == (0, [])


def test_the_form_of_the_deployment_explains_every_parameter() -> None:
    for flow in (rerun_failed, catalog_run, catalog_nightly):
        for name, field in parameter_schema(flow.fn).properties.items():
            assert field.get("description"), f"{flow.name}: {name}"


def test_one_stale_sku_can_be_ordered_alone(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.write({"SKU": "A1"}, {"SKU": "A2"})
    make_stale(shop, "A1")
    make_stale(shop, "A2")
    asked = asked_of_the_flow(monkeypatch, "rerun", "--sheet", "sheet.csv", "--sku", "A1", "--stale")
    assert (asked["flow"], asked["sku"], asked["status"]) == ("rerun_failed", "A1", "stale")
    request = rerun_of(shop, status="stale", only=("A1",))
    assert {sku: item.credits for sku, item in shop.plan(**request.model_dump(exclude={"sheet"})).items()} == {
        "A1": Decimal(30)
    }


def test_stale_pays_only_for_what_is_stale_also_where_skus_are_named(shop: Shop) -> None:
    shop.write({"SKU": "A1"}, {"SKU": "A2"})
    make_stale(shop, "A1")
    request = rerun_of(shop, status="stale", only=("A1", "A2"))
    assert list(shop.plan(**request.model_dump(exclude={"sheet"}))) == ["A1"]


def test_failed_and_stale_together_mean_both(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.write({"SKU": "A1"}, {"SKU": "A2"}, {"SKU": "A3"})
    make_stale(shop, "A1")
    shop.buy("A2", Outcome.REFUSED, code="TRIPO_2008")
    asked = asked_of_the_flow(monkeypatch, "rerun", "--failed", "--stale", "--sheet", "sheet.csv")
    assert (asked["status"], asked["stale"]) == ("failed", True)
    request = rerun_of(shop, status="failed", stale=True)
    plan = shop.plan(**request.model_dump(exclude={"sheet"}))
    assert {sku: item.do for sku, item in plan.items()} == {"A1": True, "A2": True}


def test_named_skus_are_done_again_whatever_status_the_form_still_holds(shop: Shop) -> None:
    request = rerun_of(shop, status="failed", only=("A1",))
    assert (request.status, request.failed, request.stale) == ((), True, False)


def test_a_reason_alone_starts_the_flow_for_what_the_provider_refused(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.note()
    shop.buy("A1", Outcome.REFUSED, code="TRIPO_2018")
    asked = asked_of_the_flow(monkeypatch, "rerun", "--reason", "TRIPO_2018", "--sheet", "sheet.csv")
    assert (asked["reason"], asked["status"]) == ("TRIPO_2018", None)


def test_rerun_looks_for_photos_where_the_sheets_last_run_did(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = {name: tmp_path / "elsewhere" / name for name in ("old", "new")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    start_run(shop.catalog, shop.request(images=str(folders["old"])), "run-1")
    assert rerun_of(shop, only=("A1",)).images == str(folders["old"])
    assert rerun_of(shop, only=("A1",), images=str(folders["new"])).images == str(folders["new"])
    asked = asked_of_the_flow(monkeypatch, "rerun", "--sku", "A1", "--images", str(folders["new"]))
    assert (asked["sheet"], asked["images"]) == (str(shop.sheet), str(folders["new"]))


def test_without_a_run_there_is_no_sheet_to_go_on_with(shop: Shop) -> None:
    said = typed("rerun", "--failed", "--json")
    assert (said.exit_code, json.loads(said.stdout)["error"]["code"]) == (2, "NO_RUN_YET")


def test_the_plan_says_what_each_sku_will_bill() -> None:
    price = Terms(price=Decimal(30), request=RunRequest(sheet="s.csv"))
    shared = [plan_product(a_product(sku), Known(brief=a_brief()), price) for sku in ("A1", "A2")]
    other = plan_product(a_product("B1"), Known(brief=a_brief("b")), price)
    said = bills(Plan(items=(*shared, other)))
    assert [line.strip() for line in said] == ["A1: 30.00 credits", "A2: shares the model of A1", "B1: 30.00 credits"]


def test_rerun_says_the_price_before_it_starts(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    make_stale(shop, "A1")
    with monkeypatch.context() as patched:
        patched.setattr(catalog3d.cli.run, "_in_flow", lambda *_: (_ for _ in ()).throw(RunError("Far enough.")))
        said = typed("rerun", "--stale", "--sheet", "sheet.csv", "--json")
    assert "A1: 30.00 credits" in said.stderr
    assert "error" in json.loads(said.stdout)


@pytest.mark.parametrize("home", ["", "relative/home"])
def test_a_deployment_that_pays_says_for_sure_where_its_catalog_lies(
    shop: Shop, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if home:
        monkeypatch.setenv("CATALOG3D_HOME", home)
    for ask in (
        lambda: sheet_request("sheet.csv", deployed=True),
        lambda: rerun_request("sheet.csv", deployed=True, status="failed"),
    ):
        with pytest.raises(RunError) as refused:
            ask()
        assert refused.value.code == "HOME_UNCERTAIN"
    assert sheet_request("sheet.csv", deployed=True, rehearse=True).rehearse
    assert sheet_request("sheet.csv", deployed=False).sheet == "sheet.csv"


def test_a_night_that_pays_says_for_sure_where_its_catalog_lies(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "catalog.yaml").write_text("nightly:\n  sheet: sheet.csv\n  budget: 100\n")
    with pytest.raises(RunError) as refused:
        nightly_request(None)
    assert refused.value.code == "HOME_UNCERTAIN"
    monkeypatch.setenv("CATALOG3D_HOME", str(tmp_path))
    assert nightly_request(None).budget == 100


def test_an_absolute_home_or_postgresql_or_the_standin_is_certain_enough(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("CATALOG3D_HOME", str(tmp_path)),
        ("CATALOG3D_REGISTRY_URL", POSTGRES),
        ("CATALOG3D_GENERATOR", "standin"),
    ):
        with monkeypatch.context() as patched:
            patched.setenv(name, value)
            assert sheet_request("sheet.csv", deployed=True).origin == "prefect"


def test_status_touches_neither_store_nor_sheet(shop: Shop, tmp_path: Path) -> None:
    shop.make("A1")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "models").rglob("*")}
    before[shop.sheet] = shop.sheet.stat().st_mtime_ns
    said = typed("status", "A1", "--json")
    assert (said.exit_code, json.loads(said.stdout)["status"]) == (0, Status.GENERATED)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert typed("status", "B9", "--json").exit_code == 1
