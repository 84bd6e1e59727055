"""`check`: the price of a sheet, what holds it back, and that it spends and asks nothing it need not."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from catalog3d.adapters.registry.ledger import Ledger
from catalog3d.cli.app import app
from catalog3d.errors import RunError
from catalog3d.ledger import Outcome
from catalog3d.ports import Submitted
from tests.catalogs import AMPLE, Shop, open_shop, with_key
from tests.clock import HandClock


@pytest.fixture
def sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four chairs of a team that pays Tripo."""
    with_key(monkeypatch)
    monkeypatch.chdir(tmp_path)
    with open_shop(tmp_path) as shop:
        shop.write({"SKU": "A1"}, {"SKU": "A2"}, {"SKU": "A3"}, {"SKU": "A4"})
    return tmp_path / "sheet.csv"


def checked(*options: str) -> Result:
    return CliRunner().invoke(app, ["check", "sheet.csv", *options], env={"COLUMNS": "200"})


def document(*options: str) -> dict[str, Any]:
    said = checked("--json", *options)
    assert said.exit_code == 0
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def holding(monkeypatch: pytest.MonkeyPatch, credits_: int) -> None:
    monkeypatch.setattr("catalog3d.adapters.wiring.wallet_of", lambda _settings: lambda: Decimal(credits_))


def unreachable() -> Decimal:
    raise RunError("It does not answer.", code="GENERATOR_UNREACHABLE", fix="Check the network.")


def test_the_contract_names_credits_hours_and_what_binds(sheet: Path) -> None:
    found = document()
    assert (found["credits_estimated"], found["hours_estimated"], found["limit"]) == (120.0, 0.03, "slots")


@pytest.mark.parametrize(
    ("setting", "wallet", "limit"),
    [("CATALOG3D_BUDGET__RUN", 1000, "budget"), ("CATALOG3D_BUDGET__DAY", 1000, "budget"), ("", 119, "wallet")],
)
def test_money_that_runs_out_binds_before_time_does(
    sheet: Path, monkeypatch: pytest.MonkeyPatch, setting: str, wallet: int, limit: str
) -> None:
    holding(monkeypatch, wallet)
    if setting:
        monkeypatch.setenv(setting, "90")
    found = document()
    assert (found["credits_estimated"], found["limit"]) == (120.0, limit)
    assert f"The limit is the {limit}" in checked().stderr


def test_what_can_be_paid_now_and_what_is_missing_is_said(sheet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holding(monkeypatch, 100)
    said = checked().stderr
    assert "wallet 100 credits" in said
    assert "20 in the Tripo wallet are missing (credits of Tripo Studio are not API credits), so 1 SKU waits" in said
    assert "3 models for 90 credits can be paid now" in said
    assert "A4: waits (30.00 credits, NO_CREDITS)" in said


def test_a_run_above_the_standing_cap_prints_its_plan_and_stops(sheet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATALOG3D_BUDGET__RUN", "90")
    said = CliRunner().invoke(app, ["run", "sheet.csv"], env={"COLUMNS": "200"})
    assert said.exit_code == 2
    assert said.stderr.index("at most 120 credits (1.20 USD") < said.stderr.index("OVER_BUDGET")
    assert "--budget 120" in said.stderr
    assert "no commercial rights" not in said.stderr
    assert "`catalog3d run sheet.csv --budget 120` makes all of it" in checked().stderr


def test_a_day_that_is_used_up_ends_a_run_with_a_report_of_who_waits(
    sheet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATALOG3D_BUDGET__DAY", "29")
    holding(monkeypatch, 500)
    said = CliRunner().invoke(app, ["run", "sheet.csv", "--json"], env={"COLUMNS": "200"})
    found = json.loads(said.stdout)
    assert (said.exit_code, found["counts"]) == (1, {"ready": 4})
    assert found["credits"] == {"estimated": 0.0, "spent": 0.0, "balance": 500.0}
    assert {sku["reason"] for sku in found["skus"]} == {"OVER_BUDGET"}
    assert "91 in the budget of the day are missing, so 4 SKUs wait; no model can be paid now" in found["notes"][0]


def test_offline_prices_without_asking_anybody(sheet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog3d.adapters.wiring.wallet_of", lambda _settings: pytest.fail("somebody was asked"))
    assert document("--offline")["credits_estimated"] == 120.0
    assert "120 credits (1.20 USD" in checked("--offline").stderr


def test_a_provider_that_does_not_answer_leaves_the_price_and_says_so(
    sheet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog3d.adapters.wiring.wallet_of", lambda _settings: unreachable)
    assert document()["credits_estimated"] == 120.0
    assert "wallet unknown (It does not answer. Check the network.)" in checked().stderr


def test_check_leaves_what_is_said_once_to_the_run_that_pays(sheet: Path) -> None:
    assert "no commercial rights" in checked().stderr
    assert "no commercial rights" in checked().stderr


def test_hours_are_those_of_models_made_here_once_there_are_enough(sheet: Path) -> None:
    skus = [f"B{number}" for number in range(5)]
    with open_shop(sheet.parent) as shop:
        shop.write(*({"SKU": sku} for sku in [*skus, "A1"]))
        shop.note()
        for sku in skus:
            make(shop, sku, took_s=3600)
    found = document()
    assert (found["credits_estimated"], found["hours_estimated"]) == (30.0, 1.0)
    assert "durations of the last 5 models made here" in checked().stderr


def make(shop: Shop, sku: str, took_s: float) -> None:
    """A paid model of a SKU that took so long."""
    generation, lease = shop.intent(sku)
    clock = HandClock()
    ledger = Ledger(shop.catalog.registry.engine, clock)
    ledger.start_sending(lease, slots=10, file_tokens={}, run_id=generation.run_id, caps=AMPLE)
    ledger.submitted(lease, Submitted(task_id=f"task-{sku}"))
    clock.advance(took_s)
    ledger.settle(lease, Outcome.SUCCESS, credits_consumed=Decimal(30))
