"""What `recover` shows to people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from catalog3d.cli.app import app
from tests.catalogs import Shop, open_shop, with_key
from tests.stages.test_recover import finished, lose, record_file


@pytest.fixture
def lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A finished shop whose registry is gone."""
    with_key(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    with open_shop(tmp_path) as shop:
        shop.write({"SKU": "A1"}, {"SKU": "[red]B2"})
        finished(shop, "A1")
        finished(shop, "[red]B2")
        lose(shop)
        yield shop


def typed(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_it_says_what_came_back_and_what_is_still_open(lost: Shop) -> None:
    said = typed("recover", "sheet.csv")
    assert said.exit_code == 0, said.stderr
    assert "Restored 2 paid models, 2 versions, 0 decisions and 2 products." in said.stderr
    assert "[red]B2  Generated  V1" in said.stderr
    assert "usage page of the Tripo account" in " ".join(said.stderr.split())
    again = typed("recover", "sheet.csv")
    assert "There was nothing to restore; the registry knew 2 versions already." in again.stderr


def test_what_did_not_come_back_is_listed_with_what_to_do(lost: Shop) -> None:
    record_file(lost, "A1").write_text("{")
    said = typed("recover", "sheet.csv")
    assert said.exit_code == 1
    shown = " ".join(said.stderr.split())
    assert "RECORD_DAMAGED" in shown
    assert "delete this one file" in shown
    assert "1 thing above did not come back as it was" in shown


def test_a_paid_model_that_needs_the_sheet_starts_nothing_without_it(lost: Shop) -> None:
    record_file(lost, "A1").unlink()
    said = typed("recover", "--json")
    assert (said.exit_code, json.loads(said.stdout)["error"]["code"]) == (2, "SHEET_NEEDED")


def test_the_sheet_of_the_night_is_taken_where_none_is_named(lost: Shop) -> None:
    (lost.folder / "catalog.yaml").write_text("nightly:\n  sheet: sheet.csv\n  budget: 100\n")
    said = typed("recover", "--json", "--dry-run")
    assert (said.exit_code, json.loads(said.stdout)["restored"]["products"]) == (0, 2)
    assert not any("sheet was not named" in note for note in json.loads(said.stdout)["notes"])


def test_it_starts_nothing_while_a_run_is_under_way(lost: Shop) -> None:
    with open_shop(lost.folder) as working:
        working.note()
        working.catalog.registry.catalog.take("A1", "elsewhere-1-abcdef")
        said = typed("recover", "sheet.csv", "--json")
    assert (said.exit_code, json.loads(said.stdout)["error"]["code"]) == (2, "RUN_UNDER_WAY")
