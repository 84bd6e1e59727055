"""`catalog3d publish` as a team types it: real command line, real Prefect, real mesh checks, a real receiver."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.pipeline.team import PHOTOS, Said, Team
from tests.publishing.receiver import SECRET, Receiver, receiving

pytestmark = pytest.mark.server

HEADER = ("Article No.", "Title", "Picture", "Channel")
ROWS = (("CD033", "Candle", "CD033.jpg", "storefront, erp"), ("PL088", "Plate", "PL088.jpg", "storefront"))


@dataclass(frozen=True, kw_only=True)
class Story:
    """What was seen, in the order of the steps."""

    team: Team
    receiver: Receiver
    refused: Said
    tree_before: dict[str, str]
    dry: Said
    tree_after: dict[str, str]
    published: Said
    requests: int
    feed: bytes
    sheet: dict[str, dict[str, str]]
    status: Said
    again: Said
    prefect_started_again: bool
    gone: Said
    gone_feed: bytes


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def rows(team: Team) -> dict[str, dict[str, str]]:
    with (team.folder / "sheet.rehearsal.csv").open(newline="", encoding="utf-8-sig") as file:
        return {row["Article No."]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("team") / "catalog"
    (folder / "photos").mkdir(parents=True)
    for row in ROWS:
        shutil.copyfile(PHOTOS / row[2], folder / "photos" / row[2])
    with (folder / "sheet.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *ROWS])
    with receiving() as receiver:
        rules = f"channels: {{erp: {{kind: webhook, url: '{receiver.url}', models_from: storefront}}}}\n"
        (folder / "catalog.yaml").write_text(rules)
        team = Team(folder=folder, environment={"CATALOG3D_CHANNELS__ERP__SECRET": SECRET})
        ran = team("run", "sheet.csv", "--json")
        assert ran.code == 0, ran.stderr
        for sku in ("CD033", "PL088"):
            approved = team("approve", sku)
            assert approved.code == 0, approved.stderr
        refused = team("publish", "--json")
        tree_before = tree(folder)
        dry = team("publish", "--standin", "--dry-run", "--json")
        tree_after = tree(folder)
        published = team("publish", "--standin", "--json")
        requests = len(receiver.requests)
        front = folder / "rehearsal" / "published" / "storefront"
        feed = (front / "feed.json").read_bytes()
        sheet, status = rows(team), team("status", "CD033", "--json")
        log = folder / ".catalog3d" / "logs" / "prefect-server.log"
        log_before = log.stat().st_size
        again = team("publish", "--standin", "--json")
        started = log.stat().st_size != log_before
        gone = team("publish", "--standin", "--unpublish", "CD033")
        yield Story(
            team=team,
            receiver=receiver,
            refused=refused,
            tree_before=tree_before,
            dry=dry,
            tree_after=tree_after,
            published=published,
            requests=requests,
            feed=feed,
            sheet=sheet,
            status=status,
            again=again,
            prefect_started_again=started,
            gone=gone,
            gone_feed=(front / "feed.json").read_bytes(),
        )


def outcomes(said: Said) -> dict[tuple[str, str], str]:
    return {(line["sku"], line["channel"]): line["outcome"] for line in said.json["publications"]}


def test_what_the_stand_in_made_is_refused_without_the_flag(story: Story) -> None:
    assert story.refused.code == 1
    assert set(outcomes(story.refused).values()) == {"refused"}
    assert {line["code"] for line in story.refused.json["publications"]} == {"STANDIN"}


def test_a_dry_run_says_what_it_would_do_and_changes_nothing(story: Story) -> None:
    assert (story.dry.code, story.dry.json["dry_run"]) == (0, True)
    assert set(outcomes(story.dry).values()) == {"planned"}
    assert all("Would" in line["message"] for line in story.dry.json["publications"])
    assert story.tree_before == story.tree_after


def test_each_model_goes_to_each_channel_of_its_row_once(story: Story) -> None:
    assert story.published.code == 0, story.published.stderr
    assert outcomes(story.published) == {
        ("CD033", "storefront"): "published",
        ("CD033", "erp"): "published",
        ("PL088", "storefront"): "published",
    }
    assert (story.requests, story.receiver.forged) == (1, 0)
    (told, *_) = story.receiver.taken.values()
    assert told["data"]["link"].endswith("/published/storefront/models/CD033.glb")


def test_the_storefront_serves_the_very_bytes_that_were_approved(story: Story) -> None:
    models = {model["sku"]: model for model in json.loads(story.feed)["models"]}
    assert set(models) == {"CD033", "PL088"}
    approved = story.team.folder / "rehearsal" / "models" / "approved"
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in approved.iterdir()}
    assert {model["sha256"] for model in models.values()} == digests
    assert all(value > 0 for model in models.values() for value in model["dimensions_m"].values())


def test_sheet_and_status_say_where_it_is(story: Story) -> None:
    row = story.sheet["CD033"]
    assert (row["3D Status"], row["3D Live Version"]) == ("Published", "V1")
    assert row["3D Link"].endswith("CD033.glb")
    (asset,) = story.status.json["assets"]
    said = {publication["channel"]: publication["state"] for publication in asset["publications"]}
    assert (story.status.json["status"], said) == ("published", {"storefront": "live", "erp": "live"})


def test_a_second_run_has_nothing_to_do_and_starts_no_server(story: Story) -> None:
    assert story.again.code == 0
    assert set(outcomes(story.again).values()) == {"live already"}
    assert not story.prefect_started_again


def test_taking_away_tells_every_channel(story: Story) -> None:
    assert story.gone.code == 0, story.gone.stderr
    assert [model["sku"] for model in json.loads(story.gone_feed)["models"]] == ["PL088"]
    assert [event["type"] for event in story.receiver.taken.values()] == ["model.published", "model.unpublished"]
    assert "unpublished" in story.gone.stderr
