"""The API key is nowhere after a run in which much goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.pipeline.key_hunt import command_lines, files_with
from tests.pipeline.team import BRIEFS, KEY, Provider, Said, Team, make_team, with_tripo

pytestmark = pytest.mark.server


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run with a refused photo, a create whose connection was dropped, and a download that fails."""

    team: Team
    said: Said
    lines: set[bytes] = field(repr=False)

    @property
    def folder(self) -> Path:
        """All that the run could write to: the catalog, the user's home, the temporary files."""
        return self.team.folder.parent


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, new_provider: Callable[..., Provider]) -> Run:
    tripo, folder = new_provider(), tmp_path_factory.mktemp("team")
    tripo.fault("reject:2008", times=0, prompt="refuses")
    tripo.fault("drop_after_create", endpoint="image-to-model")
    for nth in (4, 5):  # one of them may be the refused text
        tripo.fault("url_404:-1", endpoint="image-to-model", nth=nth)
    (folder / "tmp").mkdir()
    team = make_team(folder / "catalog", **with_tripo(tripo.url), TMPDIR=str(folder / "tmp"))
    with command_lines() as lines:
        said = team("run", "sheet.csv", "--json")
    return Run(team=team, said=said, lines=lines)


def test_the_run_had_the_failures_that_show_what_they_know(run: Run) -> None:
    reasons = {line["reason"] for line in run.said.json["skus"]}
    assert {"TRIPO_2008", "URL_EXPIRED"} <= reasons, run.said.json


def test_no_file_holds_the_key(run: Run) -> None:
    looked_at = {path.name for path in files_with("content rules", run.folder)}
    assert {"prefect.db", "registry.db", "report.html"} <= looked_at
    assert files_with(KEY, run.folder) == []


def test_nothing_that_was_said_holds_the_key(run: Run) -> None:
    assert "TRIPO_2008" in run.said.stdout
    assert KEY not in run.said.stdout + run.said.stderr


def test_no_command_line_held_the_key(run: Run) -> None:
    assert any(b"catalog3d.cli.app" in line for line in run.lines)
    assert [line for line in run.lines if KEY.encode() in line] == []


def test_paid_calls_leave_their_ids_in_the_log(run: Run) -> None:
    log = (run.team.folder / ".catalog3d" / "logs" / "prefect.log").read_text()
    lines = [line for line in log.splitlines() if " catalog3d.tripo " in line]
    asked = {line.rpartition(" ")[2] for line in lines if "is asked, trace" in line}
    answered = [line for line in lines if "made task" in line or "was not granted" in line]
    assert (len(asked), len(answered)) == (BRIEFS + 1, BRIEFS)  # one connection was dropped
    assert all("request_id" in line and any(trace in line for trace in asked) for line in answered)
