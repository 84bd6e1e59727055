"""A plan held against budgets, the day and the wallet, over a real registry and a real sheet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalog3d.errors import RunError
from catalog3d.stages.planning import make_plan, record_run, start_run
from catalog3d.stages.preflight import FREE_PLAN, hold_against_funds, words_to_come
from catalog3d.status import Status
from tests.catalogs import Shop, open_shop


@contextmanager
def rich(folder: Path, wallet: Callable[[], Decimal] | int) -> Iterator[Shop]:
    """A shop whose wallet answers as told."""
    with open_shop(folder) as shop:
        ask = wallet if callable(wallet) else lambda: Decimal(wallet)
        yield Shop(folder=folder, catalog=replace(shop.catalog, wallet=ask))


def begun(shop: Shop, run_id: str = "run-1", **wishes: Any) -> dict[str, tuple[bool, str, str]]:
    """SKU -> (to do, status, reason) of a run that was planned and written down."""
    plan = start_run(shop.catalog, shop.request(**wishes), run_id).plan
    return {item.sku: (item.do, item.status.value, item.reason) for item in plan.items}


def four(shop: Shop) -> None:
    shop.write({"SKU": "A1"}, {"SKU": "A2"}, {"SKU": "A3", "Priority": "9"}, {"SKU": "A4"})


def test_a_budget_pays_for_the_first_by_priority_and_sheet_and_the_rest_is_written_down(
    shop: Shop, tmp_path: Path
) -> None:
    four(shop)
    with rich(tmp_path, 10_000) as team:
        ended = begun(team, budget=Decimal(60))
        assert ended == {
            "A3": (True, "ready", ""),
            "A1": (True, "ready", ""),
            "A2": (False, "ready", "OVER_BUDGET"),
            "A4": (False, "ready", "OVER_BUDGET"),
        }
        run = team.catalog.registry.runs.get("run-1")
        assert run.estimated_credits == run.budget_credits == Decimal(60)
        assert team.stands("A2").reason == "OVER_BUDGET"
        assert "60 credits are missing" in team.stands("A2").message


def test_a_wallet_that_is_too_small_trims_without_any_budget_being_named(shop: Shop, tmp_path: Path) -> None:
    four(shop)
    with rich(tmp_path, 100) as team:
        ended = begun(team)
    assert [sku for sku, (do, _, _) in ended.items() if do] == ["A3", "A1", "A2"]
    assert ended["A4"] == (False, "ready", "NO_CREDITS")


def test_a_wallet_that_pays_for_nothing_stops_the_run_and_says_how_much_is_missing(shop: Shop, tmp_path: Path) -> None:
    four(shop)
    with rich(tmp_path, 29) as team, pytest.raises(RunError) as refused:
        begun(team)
    assert refused.value.code == "NO_CREDITS"
    assert "holds 29 credits, and this plan costs 120: 91 are missing" in refused.value.message
    assert "Studio are not API credits" in refused.value.fix
    assert shop.catalog.registry.runs.latest() is None


def test_what_is_paid_already_is_finished_with_an_empty_wallet(shop: Shop, tmp_path: Path) -> None:
    four(shop)
    shop.note()
    shop.buy("A1")
    with rich(tmp_path, 0) as team:
        ended = begun(team)
    assert [sku for sku, (do, _, _) in ended.items() if do] == ["A1"]
    assert ended["A3"][2] == "NO_CREDITS"


def test_the_day_counts_what_other_runs_spent_or_reserved(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write({"SKU": "A0"})
    shop.note()
    shop.buy("A0")
    four(shop)
    monkeypatch.setenv("CATALOG3D_BUDGET__DAY", "90")
    with rich(tmp_path, 10_000) as team:
        held = hold_against_funds(team.catalog, team.request(), make_plan(team.catalog, team.request()).plan)
        assert (held.funds.day_used, list(held.waiting)) == (Decimal(30), ["A2", "A4"])
        team.intent("A1", run_id="killed")  # reserved today, never sent: paid from its own reservation
        again = hold_against_funds(team.catalog, team.request(), make_plan(team.catalog, team.request()).plan)
        assert (again.funds.day_used, list(again.waiting)) == (Decimal(60), ["A2", "A4"])


def test_a_sku_that_waited_is_done_by_the_next_run_that_can_pay(shop: Shop, tmp_path: Path) -> None:
    four(shop)
    with rich(tmp_path, 10_000) as team:
        begun(team, "run-1", budget=Decimal(30))
        assert begun(team, "run-2", budget=Decimal(120))["A4"] == (True, "ready", "")


def asked_never() -> Decimal:
    raise AssertionError("nobody may be asked")


def test_a_plan_that_costs_nothing_asks_nobody(shop: Shop, tmp_path: Path) -> None:
    shop.make("A1")
    with rich(tmp_path, asked_never) as team:
        assert begun(team) == {"A1": (False, "generated", "")}


def test_a_plan_above_the_standing_cap_stops_before_anybody_is_asked(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATALOG3D_BUDGET__RUN", "29")
    with rich(tmp_path, asked_never) as team, pytest.raises(RunError) as refused:
        begun(team)
    assert refused.value.code == "OVER_BUDGET"


def unreachable() -> Decimal:
    raise RunError("It does not answer.", code="GENERATOR_UNREACHABLE", fix="Check the network.")


def test_a_wallet_that_does_not_answer_stops_a_run_and_not_a_check(shop: Shop, tmp_path: Path) -> None:
    with rich(tmp_path, unreachable) as team:
        plan = make_plan(team.catalog, team.request()).plan
        with pytest.raises(RunError) as refused:
            begun(team)
        held = hold_against_funds(team.catalog, team.request(), plan, must_answer=False)
    assert refused.value.code == "GENERATOR_UNREACHABLE"
    assert (held.funds.wallet, held.funds.wallet_unknown) == (None, "It does not answer. Check the network.")
    assert not held.waiting


def test_a_rehearsal_is_bound_by_a_named_budget_only_and_asks_no_wallet(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    four(shop)
    monkeypatch.delenv("CATALOG3D_TRIPO__API_KEY")
    monkeypatch.setenv("CATALOG3D_BUDGET__RUN", "1")
    with open_shop(tmp_path) as rehearsing:
        assert rehearsing.catalog.wallet is None
        assert all(do for do, _, _ in begun(rehearsing).values())
        assert begun(rehearsing, "run-2", budget=Decimal(30))["A1"] == (False, "ready", "OVER_BUDGET")


def test_that_free_outputs_may_not_be_sold_is_said_once_for_an_account(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rich(tmp_path, 10_000) as team:
        plan = make_plan(team.catalog, team.request()).plan
        assert words_to_come(team.catalog, plan) == words_to_come(team.catalog, plan) == (FREE_PLAN,)
        assert start_run(team.catalog, team.request(), "run-1").notes == (FREE_PLAN,)
        assert start_run(team.catalog, team.request(), "run-2").notes == ()
        assert words_to_come(team.catalog, plan) == ()
    monkeypatch.setenv("CATALOG3D_TRIPO__ACCOUNT", "second")
    with rich(tmp_path, 10_000) as other:
        assert start_run(other.catalog, other.request(), "run-3").notes == (FREE_PLAN,)
    monkeypatch.delenv("CATALOG3D_TRIPO__API_KEY")
    with open_shop(tmp_path) as rehearsing:
        assert start_run(rehearsing.catalog, rehearsing.request(), "run-4").notes == ()


def test_a_run_that_pays_for_nothing_leaves_the_sentence_for_one_that_does(shop: Shop, tmp_path: Path) -> None:
    with rich(tmp_path, 10_000) as team:
        planned = start_run(team.catalog, team.request(budget=Decimal(0)), "run-1")
        assert not planned.plan.todo
        assert [note.split(":")[0] for note in planned.notes] == ["The limit is the budget"]
        record_run(team.catalog, team.request(), planned, "run-1")
        assert team.stands("A1").status is Status.READY
        assert start_run(team.catalog, team.request(), "run-2").notes == (FREE_PLAN,)
