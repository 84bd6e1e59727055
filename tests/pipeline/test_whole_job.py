"""The main job, played once in order on one team: rehearse, pay, repeat, decide, change.

Every step runs the real command line, the real Prefect server and a provider that counts what it is asked for.
"""

from __future__ import annotations

import csv
import shutil
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from catalog3d.status import Stage
from tests.pipeline.team import (
    BRIEFS,
    PHOTOS,
    ROWS,
    WITH_MODEL,
    Provider,
    Said,
    Team,
    make_team,
    with_tripo,
    write_sheet,
)

pytestmark = pytest.mark.server


@dataclass(frozen=True, kw_only=True)
class Story:
    """What was seen, in the order of the steps."""

    team: Team
    check: Said
    sheet_before: bytes
    rehearsal: Said
    sheet_after_rehearsal: bytes
    rehearsed: dict[str, dict[str, str]]
    first: Said
    paid_first: dict[str, Any]
    library_first: dict[str, bytes]
    sheet_first: dict[str, dict[str, str]]
    again: Said
    again_took_s: float
    paid_again: dict[str, Any]
    prefect_started_again: bool
    renamed: Said
    changed: Said
    paid_changed: dict[str, Any]
    stale: Said
    paid_stale: dict[str, Any]
    users_home: list[Path]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, new_provider: Callable[..., Provider]) -> Story:
    team = make_team(tmp_path_factory.mktemp("team") / "catalog")
    check = team("check", "sheet.csv", "--json")
    sheet_before = team.sheet.read_bytes()
    rehearsal = team("run", "sheet.csv", "--json")
    sheet_after_rehearsal = team.sheet.read_bytes()
    rehearsed = team.rows("sheet.rehearsal.csv")

    tripo = new_provider()
    tripo.fault("reject:2008", times=0, prompt="refuses")
    team.environment.update(with_tripo(tripo.url))
    first = team("run", "sheet.csv", "--json")
    paid_first, library_first, sheet_first = tripo.stats(), library(team.folder / "models"), team.rows()

    log = team.folder / ".catalog3d" / "logs" / "prefect-server.log"
    log_before = log.stat().st_size
    began = time.monotonic()
    again = team("run", "sheet.csv", "--json")
    again_took_s = time.monotonic() - began
    paid_again = tripo.stats()
    prefect_started_again = log.stat().st_size != log_before

    write_sheet(team, ((ROWS[0][0], "Large Stoneware Mug", *ROWS[0][2:]), *ROWS[1:]))
    renamed = team("run", "sheet.csv", "--json")
    shutil.copyfile(PHOTOS / "TB204.jpg", team.folder / "photos" / "CD033.jpg")
    changed = team("run", "sheet.csv", "--json")
    paid_changed = tripo.stats()
    stale = team("rerun", "--sheet", "sheet.csv", "--stale", "--json")
    return Story(
        team=team,
        check=check,
        sheet_before=sheet_before,
        rehearsal=rehearsal,
        sheet_after_rehearsal=sheet_after_rehearsal,
        rehearsed=rehearsed,
        first=first,
        paid_first=paid_first,
        library_first=library_first,
        sheet_first=sheet_first,
        again=again,
        again_took_s=again_took_s,
        paid_again=paid_again,
        prefect_started_again=prefect_started_again,
        renamed=renamed,
        changed=changed,
        paid_changed=paid_changed,
        stale=stale,
        paid_stale=tripo.stats(),
        users_home=list((team.folder.parent / "users-home").iterdir()),
    )


def library(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def asked(stats: dict[str, Any]) -> dict[str, int]:
    """What was asked of the provider, without our own looks at its counters."""
    return {route: count for route, count in stats["requests"].items() if "/standin/" not in route}


def by_sku(said: Said) -> dict[str, dict[str, Any]]:
    return {line["sku"]: line for line in said.json["skus"]}


def test_check_prices_the_run_and_names_every_problem_with_its_row(story: Story) -> None:
    found = story.check.json
    assert story.check.code == 1
    assert (found["rows"], found["credits_estimated"]) == (len(ROWS), 30.0 * BRIEFS + 20.0)
    errors = {(p["row"], p["sku"], p["code"]) for p in found["problems"] if p["severity"] == "error"}
    assert errors == {(9, "BR002", "PHOTO_UNREADABLE"), (10, "MS003", "PHOTO_MISSING")}


def test_a_rehearsal_makes_every_model_without_touching_the_teams_sheet(story: Story) -> None:
    lines = by_sku(story.rehearsal)
    assert story.rehearsal.code == 1, story.rehearsal.stderr
    assert {sku for sku, line in lines.items() if line["version"] == 1} == WITH_MODEL | {"PR001"}
    assert story.sheet_after_rehearsal == story.sheet_before
    assert story.rehearsed["CD033"]["3D Version"] == "V1"


def test_rehearsed_work_is_not_done_for_tripo(story: Story) -> None:
    assert {sku for sku, line in by_sku(story.first).items() if line["version"] == 1} == WITH_MODEL
    assert story.paid_first["created"] == BRIEFS


def test_one_bad_sku_never_stops_the_others_and_says_why(story: Story) -> None:
    lines = by_sku(story.first)
    assert story.first.code == 1
    assert {sku: line["reason"] for sku, line in lines.items() if sku not in WITH_MODEL} == {
        "PR001": "TRIPO_2008",
        "BR002": "PHOTO_UNREADABLE",
        "MS003": "PHOTO_MISSING",
    }
    assert {lines["PR001"]["status"], lines["MS003"]["status"]} == {"failed", "invalid"}


def test_skus_that_share_a_photo_share_one_paid_task(story: Story) -> None:
    lines = by_sku(story.first)
    assert lines["MG017"]["task_id"] == lines["MG017-S"]["task_id"]
    assert sorted([lines["MG017"]["credits"], lines["MG017-S"]["credits"]]) == [0.0, 30.0]
    assert story.first.json["credits"]["spent"] == 30.0 * BRIEFS == story.paid_first["credits_spent"]


def test_the_json_of_a_run_holds_what_the_contract_names(story: Story) -> None:
    document = story.first.json
    assert {"run_id", "generator", "home", "counts", "credits", "duration_s", "report", "skus"} <= set(document)
    assert set(document["credits"]) == {"estimated", "spent", "balance"}
    assert document["generator"] == "tripo"
    assert Path(document["report"]).is_file()
    assert {line["stage"] for line in document["skus"]} <= {stage.value for stage in Stage}
    assert document["counts"] == {"generated": 6, "failed": 1, "invalid": 2}


def test_the_library_holds_named_models_with_records_pictures_and_an_index(story: Story) -> None:
    names = {Path(key).name for key in story.library_first}
    assert {"00412_StonewareMug_V1_GLB.glb", "00412_StonewareMug_V1_GLB.json", "assets.csv"} <= names
    assert sum(name.endswith("_front.png") for name in names) == len(WITH_MODEL)
    index = story.library_first["assets.csv"].decode("utf-8-sig").splitlines()
    assert {row["SKU"] for row in csv.DictReader(index)} == WITH_MODEL


def test_the_sheet_gets_only_our_columns(story: Story) -> None:
    before = story.sheet_before.decode().splitlines()
    for line in before:
        assert line in story.team.sheet.read_text() or "Stoneware Mug" in line
    assert story.sheet_first["00412"]["3D Status"] == "Generated"
    assert story.sheet_first["00412"]["3D File"] == "00412_StonewareMug_V1_GLB.glb"
    assert story.sheet_first["MS003"]["3D Status"] == "Invalid"
    assert "missing.jpg" in story.sheet_first["MS003"]["3D Message"]
    assert story.sheet_first["00412"]["Price"] == "12,90"


def test_the_same_run_again_asks_nobody_for_anything(story: Story) -> None:
    assert story.again.json["credits"] == {"estimated": 0.0, "spent": 0.0, "balance": None}
    assert asked(story.paid_again) == asked(story.paid_first)
    assert not story.prefect_started_again
    assert story.again_took_s < 60


def test_a_refused_product_is_not_asked_for_again_by_itself(story: Story) -> None:
    assert by_sku(story.again)["PR001"]["reason"] == "TRIPO_2008"


def test_a_changed_name_makes_a_new_version_of_the_same_model_for_nothing(story: Story) -> None:
    line = by_sku(story.renamed)["00412"]
    assert (line["version"], line["file"]) == (2, "00412_LargeStonewareMug_V2_GLB.glb")
    assert line["sha256"] == by_sku(story.first)["00412"]["sha256"]
    assert story.renamed.json["credits"]["spent"] == 0.0


def test_a_changed_photo_makes_a_product_stale_and_is_paid_only_when_asked(story: Story) -> None:
    line = by_sku(story.changed)["CD033"]
    assert (line["status"], line["reason"], line["version"]) == ("stale", "PHOTO_CHANGED", 1)
    assert story.paid_changed["created"] == BRIEFS
    assert by_sku(story.stale)["CD033"]["version"] == 2
    assert story.paid_stale["created"] == BRIEFS + 1


def test_no_brief_was_ever_bought_twice(story: Story) -> None:
    assert story.paid_stale["most_per_brief"] == 1


def test_prefect_saw_one_named_task_run_per_sku_and_stage(story: Story) -> None:
    with sqlite3.connect(story.team.folder / ".catalog3d" / "prefect" / "prefect.db") as database:
        runs = dict(
            database.execute(
                "select name, state_type from task_run where flow_run_id = "
                "(select id from flow_run where name like 'catalog-run%' order by created limit 1 offset 1)"
            )
        )
    assert {f"{stage} MG017" for stage in Stage if stage is not Stage.INGEST_SHEET} <= set(runs)
    assert runs["ingest_sheet"] == "COMPLETED"
    assert runs["generate_model PR001"] == "FAILED"
    assert not [name for name in runs if name.endswith((" MS003", " BR002"))]


def test_the_users_own_prefect_home_is_untouched(story: Story) -> None:
    assert story.users_home == []
