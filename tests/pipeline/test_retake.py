"""A retake, played once in order: asked for, cut off, asked for again, heard of.

Every step runs the real command line, the real Prefect server and a provider that counts what it makes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.pipeline.team import ROWS, Provider, Said, Team, make_team, with_tripo, write_sheet
from tests.processes.processes import eventually

pytestmark = pytest.mark.server

SHARED = tuple(row for row in ROWS if row[0] in {"MG017", "MG017-S"})
SLOW = 0.05
"""Seconds here per second at Tripo: a model takes two seconds and more, time enough to be cut off in its middle."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """What was seen, in the order of the steps."""

    team: Team
    first: Said
    unknown: Said
    no_reason: Said
    paid_first: int
    paid_at_kill: int
    plain: Said
    renamed: Said
    paid_renamed: int
    again: Said
    paid_again: int
    second: Said
    paid_second: int
    settled: Said
    stats: dict[str, Any]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, new_provider: Callable[..., Provider]) -> Story:
    tripo = new_provider(time_scale=SLOW)
    team = make_team(tmp_path_factory.mktemp("team") / "catalog", **with_tripo(tripo.url))
    write_sheet(team, SHARED)
    first = team("run", "sheet.csv", "--json")
    team("approve", "MG017")
    unknown = team("retake", "MG999", "--reason", "WRONG_SHAPE", "--json")
    no_reason = team("retake", "MG017", "--reason", "UGLY", "--json")
    paid_first = tripo.stats()["created"]

    cut_off = team.start("retake", "MG017", "--reason", "WRONG_COLOR", "--note", "Too green.", "--json")
    assert eventually(lambda: _submitted(team) == 1, within_s=90)
    cut_off.kill()
    cut_off.communicate()
    paid_at_kill = tripo.stats()["created"]

    plain = team("run", "sheet.csv", "--json")
    write_sheet(team, (SHARED[0], (SHARED[1][0], "Small Blue Mug", *SHARED[1][2:])))
    renamed = team("run", "sheet.csv", "--json")
    paid_renamed = tripo.stats()["created"]

    again = team("retake", "MG017", "--reason", "WRONG_COLOR", "--json")
    paid_again = tripo.stats()["created"]
    second = team("retake", "MG017", "--reason", "WRONG_SHAPE", "--how", "same", "--json")
    settled = team("run", "sheet.csv", "--json")
    return Story(
        team=team,
        first=first,
        unknown=unknown,
        no_reason=no_reason,
        paid_first=paid_first,
        paid_at_kill=paid_at_kill,
        plain=plain,
        renamed=renamed,
        paid_renamed=paid_renamed,
        again=again,
        paid_again=paid_again,
        second=second,
        paid_second=tripo.stats()["created"],
        settled=settled,
        stats=tripo.stats(),
    )


def _submitted(team: Team) -> int:
    with sqlite3.connect(team.folder / ".catalog3d" / "registry.db") as registry:
        (count,) = registry.execute(
            "select count(*) from generations where pool = 'processing' and state = 'submitted'"
        ).fetchone()
    return int(count)


def line(said: Said, sku: str) -> dict[str, Any]:
    found: dict[str, Any] = next(line for line in said.json["skus"] if line["sku"] == sku)
    return found


def test_a_retake_pays_exactly_once_more_also_when_it_is_killed_and_repeated(story: Story) -> None:
    assert (story.paid_first, story.paid_at_kill) == (1, 2)
    assert (story.paid_renamed, story.paid_again) == (2, 2)


def test_a_wrong_color_is_repainted_on_the_same_shape_for_ten_credits(story: Story) -> None:
    first, second, third = (asset["generation"] for asset in story.team("status", "MG017", "--json").json["assets"])
    assert [made["endpoint"] for made in (first, second, third)] == [
        "image-to-model",
        "models/texture",
        "image-to-model",
    ]
    assert [made["credits"] for made in (first, second, third)] == [30.0, 10.0, 30.0]
    (bought,) = [entry for entry in story.stats["briefs"] if entry["brief"]["endpoint"] == "models/texture"]
    assert bought["brief"]["params"]["texture_prompt"] == {"text": "color: Blue; material: Stoneware; Blue Mug"}
    assert (bought["paid"], bought["most"]) == (1, 1)
    assert story.stats["credits_spent"] == 70.0


def test_a_model_that_a_retake_changed_is_not_stale_by_that(story: Story) -> None:
    done = line(story.settled, "MG017")
    assert (done["version"], done["status"], story.settled.json["credits"]["estimated"]) == (3, "generated", 0.0)


def test_the_next_run_finishes_a_retake_that_was_cut_off(story: Story) -> None:
    done = line(story.plain, "MG017")
    assert (done["version"], done["status"], done["attempts"]) == (2, "generated", 1)
    assert done["task_id"] != line(story.first, "MG017")["task_id"]


def test_the_same_command_again_says_what_came_of_it_and_pays_nothing(story: Story) -> None:
    assert story.again.code == 0, story.again.stderr
    assert line(story.again, "MG017")["version"] == 2
    assert "nothing more is paid" in story.again.stderr
    assert story.again.json["credits"]["spent"] == 0.0


def test_another_sku_of_the_same_photo_keeps_its_model(story: Story) -> None:
    assert line(story.plain, "MG017-S")["version"] == 1
    renamed = line(story.renamed, "MG017-S")
    assert line(story.renamed, "MG017")["version"] == 2
    assert (renamed["version"], renamed["task_id"]) == (2, line(story.first, "MG017-S")["task_id"])


def test_a_second_wish_is_a_second_retake(story: Story) -> None:
    assert story.second.code == 0, story.second.stderr
    assert (line(story.second, "MG017")["version"], story.paid_second) == (3, 3)
    assert "30 credits" in story.second.stderr
    assert story.second.json["credits"]["spent"] == 30.0


def test_the_approved_version_stays_approved_beside_the_new_one(story: Story) -> None:
    status = story.team("status", "MG017", "--json").json
    assert [(asset["version"], asset["state"]) for asset in status["assets"]] == [
        (1, "approved"),
        (2, "pending"),
        (3, "pending"),
    ]
    said = status["assets"][0]["decisions"]
    assert [decision["decision"] for decision in said] == ["approved", "retake"]
    assert (said[1]["reason"], said[1]["note"]) == ("WRONG_COLOR", "Too green.")
    assert len({asset["generation"]["model_seed"] for asset in status["assets"]}) == 3
    assert [path.name for path in (story.team.folder / "models" / "approved").iterdir()] == [
        status["assets"][0]["file"]
    ]


def test_what_cannot_be_retaken_is_refused_before_anything_is_spent(story: Story) -> None:
    assert (story.unknown.code, story.unknown.json["error"]["code"]) == (2, "SKU_UNKNOWN")
    assert (story.no_reason.code, story.no_reason.json["error"]["code"]) == (2, "REASON_UNKNOWN")
