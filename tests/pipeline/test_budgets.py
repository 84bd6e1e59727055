"""A team whose money does not reach for everything: who is paid is said before, and is the first by the sheet.

Every step runs the real command line, the real Prefect server and a provider with a wallet that counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from tests.pipeline.team import Provider, Said, Team, make_team, with_tripo

pytestmark = pytest.mark.server

WHOLE = 170.0
"""Five briefs with a photo at 30 credits, and a prompt at 20."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """What was seen, in the order of the steps."""

    check: Said
    small_budget: Said
    small_wallet: Said
    empty_wallet: Said
    paid: int
    ran_dry: Said
    dearer: Said


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, new_provider: Callable[..., Provider]) -> Story:
    folder: Path = tmp_path_factory.mktemp("team")
    tripo = new_provider(balance=Decimal(100))
    team = make_team(folder / "poor", **with_tripo(tripo.url))
    seen = {
        "check": team("check", "sheet.csv", "--json"),
        "small_budget": team("run", "sheet.csv", "--budget", "60", "--json"),
        "small_wallet": team("run", "sheet.csv", "--json"),
        "empty_wallet": team("run", "sheet.csv", "--json"),
    }
    return Story(
        **seen,
        paid=tripo.stats()["paid"],
        ran_dry=_ran_dry(folder / "dry", new_provider()),
        dearer=_dearer(folder / "dearer", new_provider()),
    )


def _ran_dry(folder: Path, tripo: Provider) -> Said:
    """A run whose wallet others empty after its first model."""
    tripo.fault("reject:2010", times=0, every=2)
    team: Team = make_team(folder, **with_tripo(tripo.url))
    return team("run", "sheet.csv", "--json")


def _dearer(folder: Path, tripo: Provider) -> Said:
    """A run that orders one model after the other at a provider whose prices rose since the list was copied."""
    team = make_team(folder, CATALOG3D_TRIPO__CONCURRENCY="1", **with_tripo(tripo.url))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("catalog3d.standin.orders.price", lambda *_request: Decimal(45))
        return team("run", "sheet.csv", "--json")


def reasons(said: Said) -> dict[str, str]:
    """SKU -> its reason, or its status where there is none; rows that cannot run are left out."""
    skus = said.json["skus"]
    return {sku["sku"]: sku["reason"] or sku["status"] for sku in skus if sku["status"] != "invalid"}


def test_check_says_that_the_wallet_binds(story: Story) -> None:
    assert (story.check.json["credits_estimated"], story.check.json["limit"]) == (WHOLE, "wallet")


def test_a_budget_pays_for_the_first_of_the_sheet_and_the_others_say_why_they_wait(story: Story) -> None:
    said = story.small_budget
    assert said.code == 1
    assert said.json["credits"] == {"estimated": 60.0, "spent": 60.0, "balance": 40.0}
    assert reasons(said) == {
        **dict.fromkeys(("00412", "MG017", "MG017-S"), "generated"),
        **dict.fromkeys(("CD033", "PL088", "BN140", "PR001"), "OVER_BUDGET"),
    }
    assert "110 in the budget of this run and 70 in the Tripo wallet are missing" in said.json["notes"][0]
    assert [cost["spent"] for cost in said.json["categories"] if cost["category"] == "Homeware"] == [60.0]


def test_what_waited_is_done_as_soon_as_it_can_be_paid(story: Story) -> None:
    said = story.small_wallet
    assert said.json["credits"] == {"estimated": 30.0, "spent": 30.0, "balance": 10.0}
    assert reasons(said)["CD033"] == "generated"
    assert {sku for sku, reason in reasons(said).items() if reason == "NO_CREDITS"} == {"PL088", "BN140", "PR001"}


def test_a_wallet_that_pays_for_nothing_stops_before_anything_starts(story: Story) -> None:
    said = story.empty_wallet
    assert (said.code, said.json["error"]["code"]) == (2, "NO_CREDITS")
    assert "70 are missing" in said.json["error"]["message"]
    assert story.paid == 3


def test_that_free_outputs_may_not_be_sold_is_said_by_the_first_run_only(story: Story) -> None:
    said = [step for step in (story.small_budget, story.small_wallet) if "no commercial rights" in step.stderr]
    assert said == [story.small_budget]


def test_a_wallet_that_runs_dry_keeps_what_is_paid_and_tells_what_is_missing(story: Story) -> None:
    said = story.ran_dry
    assert said.code == 1
    spent = said.json["credits"]["spent"]
    assert 0 < spent < WHOLE
    notes = " ".join(said.json["notes"])
    assert "The run was stopped" in notes
    assert "Studio are not API credits" in notes
    assert f"of this plan are not paid yet: they cost {WHOLE - spent:.0f} credits" in notes
    assert {reason for reason in reasons(said).values() if reason != "generated"} == {"NO_CREDITS"}


def test_prices_that_rose_stop_a_run_after_three_models_and_all_others_say_why(story: Story) -> None:
    said = story.dearer
    assert said.code == 1
    assert said.json["credits"]["spent"] == 3 * 45.0
    assert sum(sku["credits"] > 0 for sku in said.json["skus"]) == 3
    assert {reason for reason in reasons(said).values() if reason != "generated"} == {"PRICE_DRIFT"}
    assert {sku["status"] for sku in said.json["skus"]} == {"generated", "ready", "invalid"}
    assert "45 instead of 30 credits" in " ".join(said.json["notes"])
