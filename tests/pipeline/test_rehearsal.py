"""A whole catalog rehearsed on a bad day, with the real command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.team import ROWS, WITH_MODEL, make_team

pytestmark = pytest.mark.server

ENDED = {"generated", "flagged", "failed", "invalid"}


def test_a_rehearsal_on_a_bad_day_ends_and_says_what_happened_and_that_nothing_was_paid_twice(tmp_path: Path) -> None:
    team = make_team(tmp_path / "team")
    said = team("run", "sheet.csv", "--rehearse", "--faults", "bad-day,oldest-first", "--json")
    assert said.code in {0, 1}, said.stderr
    assert "Rehearsing with bad-day,oldest-first" in said.stderr
    assert "What the stand-in did: " in said.stderr
    assert "lost although the task was made" in said.stderr
    assert "Every model was paid once." in said.stderr
    ended = {entry["sku"]: entry["status"] for entry in said.json["skus"]}
    assert set(ended) == {row[0] for row in ROWS}
    assert set(ended.values()) <= ENDED

    again = team("run", "sheet.csv", "--rehearse", "--json")
    assert "Rehearsing with" not in again.stderr
    assert {entry["sku"] for entry in again.json["skus"] if entry["version"]} >= WITH_MODEL - {
        sku for sku, status in ended.items() if status == "failed"
    }
