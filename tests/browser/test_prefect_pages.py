"""What an operator sees and presses on Prefect's pages, with a real server, a real worker and a real browser."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page

from catalog3d.adapters.owned_server import free_port
from catalog3d.status import Stage
from tests.pipeline.team import BRIEFS, PHOTOS, ROWS, Provider, Team, make_team, with_tripo, write_sheet
from tests.processes.prefect_api import ask_prefect
from tests.processes.processes import eventually

pytestmark = pytest.mark.server

ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
LOOK_MS = 60_000


@dataclass(frozen=True, kw_only=True)
class Office:
    """A team's machine: `catalog3d up`, an open page, and the provider's counts."""

    team: Team
    tripo: Provider
    url: str
    page: Page

    def api(self, path: str, **body: Any) -> Any:
        return ask_prefect(self.url, f"{path}/filter", body)

    def deployment(self, name: str) -> dict[str, Any]:
        (found,) = [found for found in self.api("deployments") if found["name"] == name]
        return dict(found)

    def flow_run(self, run_id: str) -> dict[str, Any]:
        return dict(ask_prefect(self.url, f"flow_runs/{run_id}"))

    def runs_of(self, name: str) -> list[dict[str, Any]]:
        """The runs of a deployment that were started, oldest first."""
        wanted = self.deployment(name)["id"]
        runs = [run for run in self.api("flow_runs", sort="EXPECTED_START_TIME_ASC") if run["deployment_id"] == wanted]
        return [run for run in runs if run["state"]["type"] != "SCHEDULED" or run["auto_scheduled"] is False]

    def show(self, path: str, text: str) -> None:
        self.page.goto(f"{self.url}/{path}")
        self.page.get_by_text(text).first.wait_for(timeout=LOOK_MS)

    def picture(self, name: str) -> None:
        """A screenshot for people, where they asked for it."""
        if folder := os.environ.get("CATALOG3D_TEST_PICTURES"):
            time.sleep(2)
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.fixture(scope="module")
def office(
    tmp_path_factory: pytest.TempPathFactory, new_provider: Callable[..., Provider], browser: Browser
) -> Iterator[Office]:
    tripo = new_provider(time_scale=0.03)
    tripo.fault("reject:2008", times=0, prompt="refuses")
    team = make_team(tmp_path_factory.mktemp("team") / "catalog", **with_tripo(tripo.url))
    port = free_port()
    up = team.start("up", "--port", str(port))
    url = f"http://127.0.0.1:{port}"
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    try:
        assert eventually(lambda: up.poll() is not None or len(_deployed(url)) == 4, within_s=150)
        assert up.poll() is None, up.communicate()
        yield Office(team=team, tripo=tripo, url=url, page=page)
    finally:
        page.close()
        up.terminate()
        up.communicate(timeout=60)


def _deployed(url: str) -> list[Any]:
    try:
        return list(ask_prefect(url, "deployments/filter", {}))
    except httpx.HTTPError:
        return []


def test_the_deployments_are_listed(office: Office) -> None:
    office.show("deployments", "catalog-nightly")
    office.picture("deployments")
    shown = office.page.inner_text("body")
    assert all(name in shown for name in ("catalog-run", "catalog-nightly", "rerun-failed", "publish"))


@pytest.mark.parametrize("name", ["catalog-run", "catalog-nightly", "rerun-failed", "publish"])
def test_a_form_explains_each_of_its_fields(office: Office, name: str) -> None:
    deployment = office.deployment(name)
    fields = deployment["parameter_openapi_schema"]["properties"]
    office.show(f"deployments/deployment/{deployment['id']}/run", "Parameters")
    office.page.get_by_text(next(iter(fields.values()))["description"]).wait_for(timeout=LOOK_MS)
    office.picture(f"form-{name}")
    shown = office.page.inner_text("body")
    assert all(schema["description"] in shown for schema in fields.values())


@pytest.fixture(scope="module")
def finished(office: Office) -> dict[str, Any]:
    """A run that was started by filling in the form and pressing Submit."""
    office.show(f"deployments/deployment/{office.deployment('catalog-run')['id']}/run", "Path of the product sheet")
    office.page.locator("textarea").first.fill(str(office.team.sheet))
    office.page.get_by_role("button", name="Submit").click()
    return _ended(office, lambda: office.runs_of("catalog-run"))


def _ended(office: Office, runs: Callable[[], list[dict[str, Any]]], count: int = 1) -> dict[str, Any]:
    assert eventually(lambda: len(runs()) >= count and runs()[-1]["state"]["type"] in ENDED, within_s=150), runs()
    return runs()[-1]


def test_a_run_started_from_the_form_ends_with_a_sentence(office: Office, finished: dict[str, Any]) -> None:
    assert finished["state"]["type"] == "COMPLETED"
    assert finished["state"]["message"] == "6 generated, 3 need a person"
    office.show(f"runs/flow-run/{finished['id']}", "Task Runs")
    office.picture("run")
    assert office.tripo.stats()["created"] == BRIEFS


def test_it_shows_one_named_task_run_per_sku_and_stage_and_the_failed_ones_red(
    office: Office, finished: dict[str, Any]
) -> None:
    in_run = {"flow_runs": {"id": {"any_": [finished["id"]]}}}

    def states() -> dict[str, str]:
        return {run["name"]: run["state"]["type"] for run in office.api("task_runs", **in_run)}

    stages = [stage.value for stage in Stage if stage is not Stage.INGEST_SHEET]
    done = {f"{stage} {sku}" for stage in stages for sku in ("00412", "MG017", "MG017-S", "CD033", "PL088", "BN140")}
    failed = {"validate_fields PR001", "generate_model PR001", "update_status PR001"}
    assert eventually(lambda: set(states()) == done | failed | {"ingest_sheet"}, within_s=20), states()
    assert [name for name, state in states().items() if state == "FAILED"] == ["generate_model PR001"]


def test_the_summary_names_who_needs_a_person_and_why(office: Office, finished: dict[str, Any]) -> None:
    (artifact,) = office.api("artifacts", artifacts={"flow_run_id": {"any_": [finished["id"]]}})
    office.show(f"artifacts/artifact/{artifact['id']}", "6 generated, 3 need a person")
    office.picture("summary")
    shown = office.page.inner_text("body")
    assert "content rules" in shown
    assert "missing.jpg was not found" in shown


def test_retry_pressed_on_the_page_bills_nothing(office: Office, finished: dict[str, Any]) -> None:
    before = office.tripo.stats()
    office.show(f"runs/flow-run/{finished['id']}", "Task Runs")
    office.page.get_by_role("button", name="Retry").click()
    office.page.locator("[role=dialog]").get_by_role("button", name="Retry").click()

    def again() -> tuple[int, str]:
        run = office.flow_run(finished["id"])
        return run["run_count"], run["state"]["type"]

    assert eventually(lambda: again()[0] == 2 and again()[1] in ENDED, within_s=120), again()
    assert again()[1] == "COMPLETED"
    after = office.tripo.stats()
    assert (after["create_posts"], after["most_per_brief"]) == (before["create_posts"], 1)


def test_cancel_stops_a_run_within_seconds_and_lets_go_of_everything(office: Office, finished: dict[str, Any]) -> None:
    del finished  # it comes first
    office.tripo.fault("stuck", times=0)
    for name in ("TB204.jpg", "BW077.jpg"):
        shutil.copyfile(PHOTOS / name, office.team.folder / "photos" / name)
    more = [("TB204", "Side Table", "Furniture", "Oak", "Natural", "TB204.jpg", "", "1"),
            ("BW077", "Bowl", "Homeware", "Wood", "Brown", "BW077.jpg", "", "1")]  # fmt: skip
    write_sheet(office.team, (*ROWS, *more))
    office.show(f"deployments/deployment/{office.deployment('catalog-run')['id']}/run", "Path of the product sheet")
    office.page.locator("textarea").first.fill(str(office.team.sheet))
    office.page.get_by_role("button", name="Submit").click()
    assert eventually(lambda: office.tripo.stats()["open"] == 2, within_s=90)
    (running,) = [run for run in office.runs_of("catalog-run") if run["state"]["type"] == "RUNNING"]
    ask_prefect(office.url, f"flow_runs/{running['id']}/set_state", {"state": {"type": "CANCELLING"}})
    began = time.monotonic()
    assert eventually(lambda: office.flow_run(running["id"])["state"]["type"] == "CANCELLED", within_s=60)
    assert time.monotonic() - began < 30
    assert eventually(lambda: _run_states(office.team)[-1] == "stopped", within_s=10), _run_states(office.team)
    with sqlite3.connect(office.team.folder / ".catalog3d" / "registry.db") as registry:
        assert registry.execute("select count(*) from generations where lease_holder != ''").fetchone() == (0,)
        assert registry.execute("select count(*) from products where lease_holder != ''").fetchone() == (0,)
    assert office.team.rows()["TB204"]["3D Status"] == "Generating"


def _run_states(team: Team) -> list[str]:
    with sqlite3.connect(team.folder / ".catalog3d" / "registry.db") as registry:
        return [state for (state,) in registry.execute("select state from runs order by started_at")]
