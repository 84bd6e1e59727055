"""`retake` on the command line: the price first, a yes on a terminal, one sentence for every refusal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import catalog3d.cli.retake
import catalog3d.cli.run
from catalog3d.adapters.retake_process import start_retake
from catalog3d.adapters.wiring import open_catalog
from catalog3d.asset import Choice
from catalog3d.cli.app import app
from catalog3d.errors import RunError
from catalog3d.people import Role
from catalog3d.stages.asking import ask_retake
from tests.catalogs import Shop, open_shop, with_key


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with_key(monkeypatch)
    monkeypatch.chdir(tmp_path)
    with open_shop(tmp_path) as opened:
        yield opened


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The flows that would have been started."""
    flows: list[dict[str, Any]] = []

    def note(_home: object, _out: object, flow_name: str, parameters: dict[str, Any]) -> None:
        flows.append({"flow": flow_name, **parameters})
        raise RunError("Far enough.", code="FAR_ENOUGH")

    monkeypatch.setattr(catalog3d.cli.run, "_in_flow", note)
    return flows


def typed(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["retake", *arguments], input=answer)


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog3d.cli.retake, "_somebody_is_there", lambda: True)


def asked(shop: Shop) -> list[str]:
    return [said.reason for said in shop.catalog.registry.catalog.decisions("A1") if said.decision is Choice.RETAKE]


def test_the_price_is_said_and_the_decision_written_before_the_flow_starts(
    shop: Shop, started: list[dict[str, Any]]
) -> None:
    shop.make("A1")
    said = typed("A1", "--reason", "WRONG_SHAPE", "--how", "same", "--budget", "40", "--json")
    assert "1 SKU, 30 credits: retake (1 of 3) of V1, another model by the same photos and rules" in said.stderr
    assert [(flow["flow"], flow["sku"], flow["budget"]) for flow in started] == [("retake", "A1", 40)]
    assert asked(shop) == ["WRONG_SHAPE"]


def test_what_the_reasons_change_is_said_with_the_price(shop: Shop, started: list[dict[str, Any]]) -> None:
    shop.make("A1")
    said = typed("A1", "--reason", "WRONG_SHAPE", "--reason", "BACK_OR_SIDES", "--json")
    assert "retake (1 of 3) of V1, its surface is aligned to the shape instead" in said.stderr
    retake = shop.catalog.registry.retakes.newest()["A1"]
    assert (len(started), retake.reasons, retake.is_allowed) == (1, ("WRONG_SHAPE", "BACK_OR_SIDES"), True)


def test_a_retake_that_was_not_ordered_can_be_taken_back(shop: Shop, started: list[dict[str, Any]]) -> None:
    shop.make("A1")
    typed("A1", "--reason", "WRONG_SHAPE", "--json")
    assert json.loads(typed("A1", "--drop", "--json").stdout) == {"sku": "A1", "dropped": True, "version": 1}
    assert json.loads(typed("A1", "--drop", "--json").stdout)["error"]["code"] == "NO_RETAKE"
    assert not shop.catalog.registry.retakes.newest()["A1"].is_open


def test_what_is_on_record_is_ordered_as_it_is_and_nothing_new_is_asked_for(
    shop: Shop, started: list[dict[str, Any]]
) -> None:
    shop.make("A1")
    assert json.loads(typed("A1", "--asked", "--json").stdout)["error"]["code"] == "NO_RETAKE"
    ask_retake(shop.catalog, "A1", ["BACK_OR_SIDES"], "", "Mia", may_order=False)
    said = typed("A1", "--asked", "--yes", "--json")
    assert ([flow["flow"] for flow in started], asked(shop)) == (["retake"], ["BACK_OR_SIDES"])
    assert "aligned to the shape" in said.stderr


def test_what_waits_for_an_operator_is_ordered_by_one_who_asks_for_it_and_not_by_its_record(
    shop: Shop, started: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.make("A1")
    monkeypatch.setenv("CATALOG3D_BUDGET__RETAKES", "29")
    with open_catalog(shop.folder) as poor:
        assert ask_retake(poor, "A1", ["WRONG_SHAPE"], "", "Mia", may_order=False).waits
    assert json.loads(typed("A1", "--asked", "--json").stdout)["error"]["code"] == "RETAKE_WAITS"
    waiting = json.loads(CliRunner().invoke(app, ["status", "--needs-person", "--json"]).stdout)["skus"]
    assert [(row["sku"], row["reason"]) for row in waiting] == [("A1", "RETAKE_WAITS")]
    assert started == []
    typed("A1", "--reason", "WRONG_SHAPE", "--json")
    assert (len(started), asked(shop)) == (1, ["WRONG_SHAPE"])
    assert shop.catalog.registry.retakes.newest()["A1"].is_allowed


def test_what_is_on_record_and_allowed_needs_no_name_of_whoever_carries_it_out(
    shop: Shop, started: list[dict[str, Any]]
) -> None:
    shop.make("A1")
    ask_retake(shop.catalog, "A1", ["WRONG_SHAPE"], "", "olga", may_order=True)
    (record,) = shop.catalog.library.records_of("A1")
    assert [(said.decision, said.person) for said in record.decisions] == [(Choice.RETAKE, "olga")]
    shop.catalog.registry.users.add("olga", Role.OPERATOR, "vase umbrella ninety kilo")
    assert json.loads(typed("A1", "--reason", "WRONG_SHAPE", "--json").stdout)["error"]["code"] == "USER_UNKNOWN"
    assert json.loads(typed("A1", "--drop", "--json").stdout)["error"]["code"] == "USER_UNKNOWN"
    assert started == []
    typed("A1", "--asked", "--json")
    assert len(started) == 1


def test_a_page_orders_what_is_on_record_in_a_program_of_its_own(shop: Shop) -> None:
    program = start_retake(shop.catalog.home, "A1", generator=shop.catalog.generator_name)
    assert program.wait(60) == 2
    (said,) = shop.catalog.home.logs.glob("retake-*.log")
    assert '"code": "NO_RETAKE"' in said.read_text()


def test_the_same_command_again_is_no_second_decision(shop: Shop, started: list[dict[str, Any]]) -> None:
    shop.make("A1")
    for _ in range(2):
        typed("A1", "--reason", "WRONG_SHAPE", "--json")
    assert (len(started), asked(shop)) == (2, ["WRONG_SHAPE"])


def test_a_no_on_a_terminal_orders_nothing(
    shop: Shop, started: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.make("A1")
    on_a_terminal(monkeypatch)
    said = typed("A1", "--reason", "WRONG_SHAPE", answer="n\n")
    assert (said.exit_code, started, asked(shop)) == (2, [], [])
    assert "beside V1 for 30 credits?" in said.stderr
    typed("A1", "--reason", "WRONG_SHAPE", answer="y\n")
    assert (len(started), asked(shop)) == (1, ["WRONG_SHAPE"])


def test_yes_asks_nobody(shop: Shop, started: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    shop.make("A1")
    on_a_terminal(monkeypatch)
    typed("A1", "--reason", "WRONG_SHAPE", "--yes")
    assert len(started) == 1


@pytest.mark.parametrize(
    ("action", "arguments", "code"),
    [
        ("", ("B9", "--reason", "WRONG_SHAPE"), "SKU_UNKNOWN"),
        ("", ("A1", "--reason", "UGLY"), "REASON_UNKNOWN"),
        ("", ("A1",), "REASON_UNKNOWN"),
        ("", ("A1", "--reason", "WRONG_PRODUCT"), "PHOTO_FIRST"),
        ("", ("A1", "--reason", "WRONG_COLOR", "--how", "texture"), "TEXTURE_IMPOSSIBLE"),
        ("", ("A1", "--reason", "WRONG_SHAPE", "--how", "multiview"), "NO_OTHER_VIEWS"),
        ("hold", ("A1", "--reason", "WRONG_SHAPE"), "ON_HOLD"),
    ],
)
def test_a_refusal_is_one_sentence_and_nothing_is_on_record(
    shop: Shop, started: list[dict[str, Any]], action: str, arguments: tuple[str, ...], code: str
) -> None:
    shop.make("A1")
    shop.write({"SKU": "A1", "3D Action": action})
    said = typed(*arguments, "--json")
    error = json.loads(said.stdout)["error"]
    assert (said.exit_code, error["code"], bool(error["fix"]), started) == (2, code, True, [])
    assert asked(shop) == []
