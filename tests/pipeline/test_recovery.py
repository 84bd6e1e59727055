"""A registry that was lost after a finished run: `catalog3d recover` brings it back, and nothing is paid again.

The real command line against a provider that counts; the library in a folder and in a bucket.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.pipeline.team import WITH_MODEL, Provider, Said, Team, make_team, with_tripo
from tests.s3_server import ACCESS_KEY, REGION, SECRET_KEY, S3Server

pytestmark = pytest.mark.server

LOST = ("registry deleted", "home elsewhere, library in a bucket")


@dataclass(frozen=True, kw_only=True)
class Story:
    """What was said, in the order of the steps."""

    before: dict[str, Any]
    refused: Said
    dry: Said
    recovered: Said
    again: Said
    after: dict[str, Any]
    run: Said
    paid: list[dict[str, int]]


@pytest.fixture(scope="module", params=LOST)
def story(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    new_provider: Callable[..., Provider],
    s3_server: S3Server,
) -> Story:
    tripo = new_provider()
    tripo.fault("reject:2008", times=0, prompt="refuses")
    in_bucket = request.param == LOST[1]
    store = bucket(s3_server) if in_bucket else {}
    team = make_team(tmp_path_factory.mktemp("team") / "catalog", **with_tripo(tripo.url), **store)
    team("run", "sheet.csv", "--json")
    team("approve", "CD033")
    team("reject", "PL088", "--reason", "WRONG_COLOR", "--note", "Too grey.")
    before = standing(team)
    paid = [posts(tripo)]
    if in_bucket:
        elsewhere = tmp_path_factory.mktemp("elsewhere") / "home"
        shutil.copytree(team.folder, elsewhere, ignore=shutil.ignore_patterns(".catalog3d", "reports"))
        team = replace(team, folder=elsewhere)
    else:
        for left in (team.folder / ".catalog3d").glob("registry.db*"):
            left.unlink()
    refused = team("run", "sheet.csv", "--json")
    dry = team("recover", "sheet.csv", "--dry-run", "--json")
    recovered = team("recover", "sheet.csv", "--json")
    again = team("recover", "sheet.csv", "--json")
    after = standing(team)
    run = team("run", "sheet.csv", "--json")
    paid.append(posts(tripo))
    return Story(
        before=before,
        refused=refused,
        dry=dry,
        recovered=recovered,
        again=again,
        after=after,
        run=run,
        paid=paid,
    )


def bucket(server: S3Server) -> dict[str, str]:
    return {
        "CATALOG3D_STORE__KIND": "minio",
        "CATALOG3D_STORE__ENDPOINT": server.endpoint,
        "CATALOG3D_STORE__ACCESS_KEY": ACCESS_KEY,
        "CATALOG3D_STORE__SECRET_KEY": SECRET_KEY,
        "CATALOG3D_STORE__BUCKET": server.new_bucket(),
        "CATALOG3D_STORE__REGION": REGION,
        "CATALOG3D_STORE__SECURE": "false",
    }


def posts(provider: Provider) -> dict[str, int]:
    """How often each way to pay was asked."""
    return {
        name: count for name, count in provider.stats()["requests"].items() if name.startswith("POST /v3/generation")
    }


def standing(team: Team) -> dict[str, Any]:
    """What `status` says of every SKU that has a model."""
    return {sku: team("status", sku, "--json").json for sku in sorted(WITH_MODEL)}


def test_before_it_nothing_starts_and_the_fix_is_named(story: Story) -> None:
    error = story.refused.json["error"]
    assert (story.refused.code, error["code"]) == (2, "REGISTRY_MISSING")
    assert "catalog3d recover" in error["fix"]


def test_it_restores_every_model_with_its_task_credits_and_decisions(story: Story) -> None:
    assert story.recovered.code == 0, story.recovered.stdout + story.recovered.stderr
    assert story.recovered.json["restored"]["assets"] == len(WITH_MODEL)
    assert story.after == story.before
    stands = {sku: said["status"] for sku, said in story.after.items()}
    assert (stands["CD033"], stands["PL088"], stands["00412"]) == ("approved", "rejected", "generated")


def test_a_dry_run_says_beforehand_what_will_be_restored(story: Story) -> None:
    assert story.dry.json == story.recovered.json | {"dry_run": True}


def test_a_second_time_it_restores_nothing(story: Story) -> None:
    assert set(story.again.json["restored"].values()) == {0}
    assert (story.again.code, story.again.json["skus"]) == (0, [])


def test_the_next_run_pays_for_nothing_that_has_a_model(story: Story) -> None:
    assert {line["sku"] for line in story.run.json["skus"] if line["version"] == 1} == WITH_MODEL
    bought = {name: count - story.paid[0].get(name, 0) for name, count in story.paid[1].items()}
    assert bought == dict.fromkeys(bought, 0) | {"POST /v3/generation/text-to-model": 1}


def test_what_may_still_be_open_at_the_provider_is_said(story: Story) -> None:
    assert ["usage page of the Tripo account" in note for note in story.recovered.json["notes"]] == [True]
