"""`catalog3d doctor --live`: one paid task for one check, however often it is killed, and evidence without secrets.

Played against the stand-in as a server of its own: it counts what it is asked for, and what was bought twice.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

import catalog3d.cli.doctor_live
from catalog3d.adapters.registry.ledger import Intent
from catalog3d.adapters.tripo.client import TripoClient
from catalog3d.adapters.wiring import open_catalog
from catalog3d.brief import pool_of
from catalog3d.cli.app import app
from catalog3d.ledger import Generation, LedgerState
from catalog3d.stages.doctor.live import Patience
from catalog3d.stages.doctor.offer import make_offer
from tests.catalogs import AMPLE
from tests.pipeline.team import KEY, Provider, Team, with_tripo
from tests.standin.harness import served

pytestmark = pytest.mark.server

NEW_KEY = "tsk_made_later"
SIGNED = re.compile(r"signature=|nonce=|expires=", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Clinic:
    """A home whose runs go to one provider."""

    home: Path
    provider: Provider
    monkeypatch: pytest.MonkeyPatch
    extra: dict[str, str] = field(default_factory=dict)

    def visit(self, *arguments: str, says: str = "") -> Result:
        return CliRunner().invoke(app, ["doctor", "--live", *arguments], input=says)

    def bought(self, *arguments: str) -> dict[str, Any]:
        """The evidence of a visit that needs no question."""
        result = self.visit("--yes", "--json", *arguments)
        document = json.loads(result.stdout)
        assert "live" in document, result.output
        live: dict[str, Any] = document["live"]
        return live

    def verdicts(self, live: dict[str, Any]) -> dict[str, str]:
        return {one["key"]: one["verdict"] for one in live["observations"]}

    @property
    def paid(self) -> tuple[int, int]:
        """(tasks that the provider made, most of them for one brief)."""
        stats = self.provider.stats()
        return stats["created"], stats["most_per_brief"]

    def ledger(self) -> list[Generation]:
        with open_catalog(self.home, offline=True) as catalog:
            return list(catalog.registry.ledger.outcomes(catalog.realm).values())

    @property
    def reports(self) -> list[Path]:
        return sorted((self.home / "reports").glob("doctor-*.json"))


@pytest.fixture
def open_clinic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_provider: Callable[..., Provider]
) -> Callable[..., Clinic]:
    def start(**provider: Any) -> Clinic:
        home = tmp_path / "catalog"
        home.mkdir()
        (home / "catalog.yaml").write_text("")
        monkeypatch.chdir(home)
        made = new_provider(**provider)
        haste = {"POLL_S": "0.05", "ABSENT_AFTER_S": "0.5", "LOOK_APART_S": "0.2"}  # allowed on loopback only
        hasty = {f"CATALOG3D_TRIPO__{name}": value for name, value in haste.items()}
        for name, value in {**with_tripo(made.url), **hasty}.items():
            monkeypatch.setenv(name, value)
        quick = Patience
        monkeypatch.setattr(catalog3d.cli.doctor_live, "Patience", lambda **given: quick(**{**given, "proof_s": 1.0}))
        return Clinic(home=home, provider=made, monkeypatch=monkeypatch)

    return start


@pytest.fixture
def clinic(open_clinic: Callable[..., Clinic]) -> Clinic:
    return open_clinic()


def test_a_yes_buys_one_model_and_writes_what_the_account_was_seen_to_do(open_clinic: Callable[..., Clinic]) -> None:
    clinic = open_clinic(time_scale=0.02)  # slow enough to be seen in flight
    result = clinic.visit(says="yes\n")
    assert result.exit_code == 0, result.output
    assert "Cost 10 credits (0.10 USD" in " ".join(result.stderr.split())
    assert clinic.paid == (1, 1)
    document = json.loads(clinic.reports[0].read_text())
    assert document["credits"] == {"expected": 10.0, "spent": 10.0}
    assert document["counts"]["does not hold"] == 0
    judged = clinic.verdicts(document)
    assert {key for key, verdict in judged.items() if verdict == "not observed"} == {"usage_order", "usage_pages"}
    page = clinic.reports[0].with_suffix(".md").read_text()
    assert all(one["assumption"] in page for one in document["observations"])


def test_no_yes_buys_nothing(clinic: Clinic) -> None:
    for answer in ("no\n", "\n", "y\n", ""):
        result = clinic.visit(says=answer)
        assert result.exit_code == 2
        assert "NOT_CONFIRMED" in result.output
    assert clinic.provider.stats()["create_posts"] == 0
    assert clinic.ledger() == []


def test_the_price_is_reserved_in_the_budget_of_the_day(clinic: Clinic) -> None:
    clinic.monkeypatch.setenv("CATALOG3D_BUDGET__DAY", "15")
    clinic.bought()
    result = clinic.visit("--yes")
    assert result.exit_code == 2
    assert "OVER_BUDGET" in result.output
    assert clinic.paid == (1, 1)


def test_nothing_is_bought_while_something_that_it_needs_is_wrong(clinic: Clinic) -> None:
    (clinic.home / "catalog.yaml").write_text("nonsense: 1\n")
    result = clinic.visit("--yes")
    assert result.exit_code == 2
    assert "NOT_WELL" in result.output
    assert clinic.provider.stats()["create_posts"] == 0


def test_without_a_key_there_is_no_account_to_look_at(clinic: Clinic) -> None:
    clinic.monkeypatch.delenv("CATALOG3D_TRIPO__API_KEY")
    result = clinic.visit("--yes")
    assert result.exit_code == 2
    assert "NOT_PAYING" in result.output


def test_no_secret_is_in_the_evidence_or_on_the_screen(clinic: Clinic) -> None:
    result = clinic.visit("--yes")
    told = result.output + "".join(path.read_text() for path in (clinic.home / "reports").iterdir())
    assert KEY not in told
    assert not SIGNED.search(told)


def test_each_visit_buys_its_own_model_and_then_the_order_of_usage_can_be_seen(clinic: Clinic) -> None:
    clinic.bought()
    time.sleep(1.1)  # usage tells whole seconds
    second = clinic.bought()
    assert clinic.paid == (2, 1)
    assert len(clinic.reports) == 2
    assert clinic.verdicts(second)["usage_order"] == "holds"
    assert clinic.verdicts(second)["usage_pages"] == "holds"


def test_a_patient_visit_sees_an_address_die(clinic: Clinic) -> None:
    clinic.monkeypatch.setattr(catalog3d.cli.doctor_live, "AGES_S", (0.1, 0.2))
    clinic.provider.fault("url_403:-1")
    live = clinic.bought("--patient")
    told = next(one for one in live["observations"] if one["key"] == "url_life")
    assert told["verdict"] == "does not hold"
    assert "refused" in told["observed"]


def test_a_result_that_cannot_be_fetched_is_an_alarm(clinic: Clinic) -> None:
    clinic.provider.fault("wrong_file:-1")
    result = clinic.visit("--yes", "--json")
    assert clinic.verdicts(json.loads(result.stdout)["live"])["result_file"] == "does not hold"
    assert result.exit_code == 1


def test_a_task_that_fails_costs_nothing_and_is_told(clinic: Clinic) -> None:
    clinic.provider.fault("fail:2018")
    live = clinic.bought()
    assert (live["state"], live["credits"]["spent"]) == ("failed", 0.0)
    assert clinic.verdicts(live)["price"] == "holds"
    assert clinic.bought()["state"] == "success"  # the next visit is a check of its own
    assert clinic.paid == (2, 1)


def test_a_refused_order_gives_its_credits_back(clinic: Clinic) -> None:
    clinic.provider.fault("reject:2008")
    assert clinic.visit("--yes").exit_code == 2
    assert [(one.state, one.credits_consumed) for one in clinic.ledger()] == [(LedgerState.SETTLED, Decimal(0))]
    assert clinic.bought()["state"] == "success"


@pytest.mark.parametrize(("stop", "exit_code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_a_check_that_was_stopped_after_its_order_goes_on_with_the_same_task(
    open_clinic: Callable[..., Clinic], stop: signal.Signals, exit_code: int
) -> None:
    clinic = open_clinic(time_scale=0.1)  # the model takes seconds
    stopped = Team(folder=clinic.home, environment=with_tripo(clinic.provider.url)).start("doctor", "--live", "--yes")
    try:
        wait_for(lambda: any(one.state is LedgerState.SUBMITTED for one in clinic.ledger()))
    finally:
        stopped.send_signal(stop)
        _, words = stopped.communicate()
    assert stopped.returncode == exit_code
    assert stop is signal.SIGKILL or "goes on with it" in " ".join(words.split())
    assert clinic.reports == []
    result = clinic.visit("--json")  # nothing is to be paid, so nothing is asked
    live = json.loads(result.stdout)["live"]
    assert (live["resumed"], live["state"], live["credits"]["spent"]) == (True, "success", 10.0)
    assert "goes on" in result.stderr
    assert clinic.paid == (1, 1)
    assert len(clinic.reports) == 1


def test_two_who_go_on_with_one_check_at_once_pay_for_one_model(open_clinic: Callable[..., Clinic]) -> None:
    clinic = open_clinic(time_scale=0.1)
    team = Team(folder=clinic.home, environment=with_tripo(clinic.provider.url))
    first = team.start("doctor", "--live", "--yes", "--json")
    wait_for(lambda: any(one.state is LedgerState.SUBMITTED for one in clinic.ledger()))
    first.send_signal(signal.SIGSTOP)  # so that it does not end before the other looks
    second = team.start("doctor", "--live", "--json")
    try:
        assert second.stderr is not None
        wait_for(lambda: "goes on" in (second.stderr.readline() if second.stderr else ""))
    finally:
        first.send_signal(signal.SIGCONT)
    told = [json.loads(running.communicate(timeout=60)[0])["live"] for running in (first, second)]
    assert told[0]["task_id"] == told[1]["task_id"]
    assert [live["resumed"] for live in told] == [False, True]
    assert clinic.paid == (1, 1)


def test_a_check_of_a_former_key_is_looked_at_with_that_key(clinic: Clinic, tmp_path: Path) -> None:
    with served(tmp_path / "account", keys=(KEY, NEW_KEY), time_scale=0.005) as server:
        clinic.monkeypatch.setenv("CATALOG3D_TRIPO__BASE_URL", server.url)
        first = clinic.bought()
        clinic.reports[0].unlink()
        clinic.monkeypatch.setenv("CATALOG3D_TRIPO__API_KEY", NEW_KEY)
        clinic.monkeypatch.setenv("CATALOG3D_TRIPO__PREVIOUS_API_KEYS", json.dumps([KEY]))
        again = clinic.bought()
        assert Provider(url=server.url).stats()["created"] == 1
    assert (again["task_id"], again["state"]) == (first["task_id"], "success")
    assert clinic.verdicts(again)["echo_prompt"] == "holds"


def test_a_check_that_ended_before_its_evidence_was_written_is_written_up_for_nothing(clinic: Clinic) -> None:
    first = clinic.bought()
    clinic.reports[0].unlink()
    again = clinic.bought()
    assert (again["check"], again["task_id"], again["resumed"]) == (first["check"], first["task_id"], True)
    assert clinic.paid == (1, 1)


@pytest.mark.parametrize("fault", ["drop_after_create", "http_502_after_create", "html_after_create"])
def test_an_order_whose_answer_is_lost_is_found_in_the_account(clinic: Clinic, fault: str) -> None:
    clinic.provider.fault(fault)
    live = clinic.bought()
    assert (live["adopted"], live["state"]) == (True, "success")
    assert clinic.paid == (1, 1)


def cut_off(clinic: Clinic, *, sending: bool = True, arrived: bool = False) -> None:
    """Leave behind what a check leaves that is killed right before it sends, or between that and its answer."""
    with open_catalog(clinic.home, offline=True) as catalog:
        offer, ledger = make_offer(catalog), catalog.registry.ledger
        intent = Intent(
            realm=catalog.realm,
            brief=offer.brief,
            pool=pool_of(offer.brief.model),
            base_url=clinic.provider.url,
            key_fingerprint="0" * 12,
            model_seed=99,
            expected_credits=offer.price,
            run_id="doctor-killed",
        )
        generation = ledger.open_intent(intent, AMPLE)
        lease = ledger.take_lease(generation.id, "killed")
        assert lease is not None
        if sending:
            ledger.start_sending(lease, slots=9, file_tokens={}, run_id="doctor-killed", caps=AMPLE)
        ledger.drop_lease(lease)

    async def arrive() -> None:
        async with TripoClient(base_url=clinic.provider.url, api_key=SecretStr(KEY)) as client:
            await client.submit(offer.brief, {}, 99)

    if arrived:
        asyncio.run(arrive())


def test_an_order_that_never_left_is_sent_after_another_yes_if_it_fits_the_budget_of_that_day(clinic: Clinic) -> None:
    cut_off(clinic, sending=False)
    assert "NOT_CONFIRMED" in clinic.visit(says="no\n").output
    with clinic.monkeypatch.context() as poor:
        poor.setenv("CATALOG3D_BUDGET__DAY", "5")
        assert "OVER_BUDGET" in clinic.visit("--yes").output
    assert clinic.provider.stats()["create_posts"] == 0
    cut_off(clinic, sending=False)
    live = clinic.bought()
    assert (live["resumed"], live["state"]) == (False, "success")
    assert clinic.paid == (1, 1)


def test_a_check_that_was_killed_while_it_ordered_finds_its_task_in_the_account(clinic: Clinic) -> None:
    cut_off(clinic, arrived=True)
    live = clinic.bought()
    assert live["adopted"]
    assert clinic.verdicts(live)["task_exists"] == "not observed"
    assert clinic.paid == (1, 1)
    assert clinic.provider.stats()["create_posts"] == 1


def test_an_order_that_cannot_be_found_is_parked_and_no_other_is_bought(clinic: Clinic) -> None:
    cut_off(clinic)
    for _ in range(2):
        result = clinic.visit("--yes")
        assert result.exit_code == 2
        assert "SUBMISSION_UNKNOWN" in result.output
    assert clinic.provider.stats()["create_posts"] == 0
    assert [one.state for one in clinic.ledger()] == [LedgerState.UNKNOWN]
    assert "--new" in result.output
    found = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)["checks"]
    assert [one["level"] for one in found if one["check"] == "Parked check"] == ["warning"]
    assert clinic.bought("--new")["state"] == "success"  # that a person asked for
    assert clinic.paid == (1, 1)


def wait_for(happened: Callable[[], bool], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)
