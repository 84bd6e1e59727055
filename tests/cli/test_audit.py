"""`audit` for people and programs: one spoilt row of a real registry is named, also in the database of a team."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from catalog3d.adapters.registry.engine import write
from catalog3d.asset import Approval
from catalog3d.cli.app import app
from catalog3d.stages.decide import decide
from tests.catalogs import Shop, open_shop, with_key
from tests.postgres_server import fresh_database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def shop(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop with three decisions, in whose folder commands are typed."""
    with_key(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    with ExitStack() as stack:
        if request.param == "postgresql":
            url = stack.enter_context(fresh_database(request.getfixturevalue("postgres_server")))
            monkeypatch.setenv("CATALOG3D_REGISTRY_URL", url)
        opened = stack.enter_context(open_shop(tmp_path))
        opened.write({"SKU": "A1"}, {"SKU": "B2"})
        for sku in ("A1", "B2"):
            opened.make(sku)
        decide(opened.catalog, "A1", Approval.APPROVED, person="Ada", checklist={"format": True, "proportions": False})
        decide(opened.catalog, "B2", Approval.REJECTED, person="Ben", reason="WRONG_COLOR", note="=1+1")
        decide(opened.catalog, "A1", Approval.REJECTED, person="[red]Cy", reason="OTHER")
        yield opened


def typed(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["audit", *arguments])


def tamper(shop: Shop, statement: str) -> None:
    """What somebody with access to the database might do."""
    with write(shop.catalog.registry.engine) as session:
        session.connection().exec_driver_sql(statement)


def head(shop: Shop) -> str:
    return shop.catalog.registry.catalog.trail().entries[-1].place.hash


def words(result: Result) -> str:
    return " ".join(result.stderr.split())


def test_a_whole_trail_is_said_to_be_whole_with_the_head_to_keep(shop: Shop) -> None:
    said = typed()
    assert said.exit_code == 0, said.stderr
    assert "The trail of decisions is whole: 3 decisions by 3 people." in words(said)
    assert f"Head: entry 3, {head(shop)}" in words(said)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE decisions SET person = 'Mallory' WHERE sequence = 2", "Entry 2 (B2 V1, rejected by Mallory on"),
        ("UPDATE decisions SET decision = 'approved' WHERE sequence = 2", "Entry 2 (B2 V1, approved by Ben on"),
        ("DELETE FROM decisions WHERE sequence = 2", "Entry 2 was removed: entry 3 follows entry 1."),
        ("UPDATE decisions SET sequence = 9 WHERE sequence = 2", "was moved: it was written as entry 2."),
    ],
)
def test_one_spoilt_row_is_found_and_named(shop: Shop, statement: str, told: str) -> None:
    tamper(shop, statement)
    said = typed()
    assert (said.exit_code, told in words(said)) == (1, True), said.stderr
    assert "not as it was written" in words(said)
    document = json.loads(typed("--json").stdout)
    assert not document["whole"]
    assert any(problem["sequence"] in {2, 9} for problem in document["problems"])


def test_a_head_that_was_noted_is_still_there_or_is_missed(shop: Shop) -> None:
    noted = head(shop)
    decide(shop.catalog, "B2", Approval.APPROVED, person="Ben")
    said = typed("--expect", noted[:16])
    assert said.exit_code == 0, said.stderr
    assert "The hash that you noted is that of entry 3 (rejected of A1 V1 by [red]Cy)." in words(said)
    tamper(shop, "DELETE FROM decisions WHERE sequence >= 3")
    tamper(shop, "UPDATE assets SET approval = 'approved' WHERE sku = 'A1'")
    tamper(shop, "UPDATE assets SET approval = 'rejected' WHERE sku = 'B2'")
    assert typed().exit_code == 0
    missed = typed("--expect", noted)
    assert (missed.exit_code, f"No entry has the hash {noted}" in words(missed)) == (1, True)
    assert typed("--library").exit_code == 1
    assert typed("--expect", "none").exit_code == 2


def test_the_decisions_about_one_sku_are_shown(shop: Shop) -> None:
    said = typed("--sku", "A1")
    assert ("[red]Cy" in said.stderr, "WRONG_COLOR" in said.stderr) == (True, False)
    assert "No decision about X9 is on record." in words(typed("--sku", "X9"))


def test_the_export_opens_in_a_spreadsheet_and_runs_nothing(shop: Shop) -> None:
    assert typed("--csv", "trail.csv").exit_code == 0
    content = Path("trail.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(content.decode("utf-8-sig").splitlines()))
    assert [(row["Entry"], row["SKU"], row["Person"]) for row in rows] == [
        ("1", "A1", "Ada"), ("2", "B2", "Ben"), ("3", "A1", "[red]Cy"),
    ]  # fmt: skip
    assert (rows[1]["Note"], rows[2]["Hash"]) == ("'=1+1", head(shop))
    assert (rows[0]["Are the proportions right?"], rows[0]["Is it in the right format?"]) == ("no", "yes")
    assert rows[2]["Approvals changed"] == "V1 approved > rejected"
    assert typed("--csv", "trail.csv", "--sku", "B2").exit_code == 0
    assert len(Path("trail.csv").read_text().splitlines()) == 2


def test_the_export_never_replaces_another_file(shop: Shop) -> None:
    before = shop.sheet.read_bytes()
    said = typed("--csv", "sheet.csv", "--json")
    assert (said.exit_code, json.loads(said.stdout)["error"]["code"]) == (2, "FILE_TAKEN")
    assert shop.sheet.read_bytes() == before
    assert typed("--csv", "no/folder/trail.csv").exit_code == 2


def test_a_program_can_compute_every_hash_itself(shop: Shop) -> None:
    document = json.loads(typed("--json", "--sku", "A1").stdout)
    assert (document["whole"], document["entries"], document["head"]["sequence"]) == (True, 3, 3)
    assert [one["sequence"] for one in document["decisions"]] == [1, 3]
    for one in document["decisions"]:
        assert hashlib.sha256(one["text"].encode()).hexdigest() == one["hash"]


def test_the_help_says_what_the_trail_cannot_do() -> None:
    told = " ".join(CliRunner().invoke(app, ["audit", "--help"], env={"COLUMNS": "200"}).stdout.split())
    assert "whoever owns the database" in told
