"""`add` on the command line: what was stored, and one sentence for every refusal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from catalog3d.cli.app import app
from catalog3d.standin.request import ShapeRequest
from tests.catalogs import Shop, open_shop, with_key
from tests.standin.harness import box_glb


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with_key(monkeypatch)
    monkeypatch.chdir(tmp_path)
    with open_shop(tmp_path) as opened:
        yield opened


def typed(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["add", *arguments])


def test_the_next_version_is_stored_checked_and_said_and_the_same_again_is_none(shop: Shop) -> None:
    shop.make("A1")
    Path("fixed.glb").write_bytes(box_glb(ShapeRequest(pictures={}, prompt="fixed", face_limit=None, textured=True)))
    first = json.loads(typed("A1", "fixed.glb", "--note", "Leg mended.", "--json").stdout)
    assert (first["sku"], first["version"], first["added"], first["file"]) == ("A1", 2, True, "A1_Chair_V2_GLB.glb")
    again = typed("A1", "fixed.glb")
    assert (again.exit_code, "A1 V2 is this very file already" in again.stderr) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "code"), [(("B9", "sheet.csv"), "SKU_UNKNOWN"), (("A1", "none.glb"), "FILE_MISSING"), (("A1", "sheet.csv"), "WRONG_FILE")]
)  # fmt: skip
def test_a_refusal_says_why_and_what_to_do(shop: Shop, arguments: tuple[str, str], code: str) -> None:
    shop.note()
    said = typed(*arguments, "--json")
    error = json.loads(said.stdout)["error"]
    assert (said.exit_code, error["code"], bool(error["fix"])) == (1, code, True)
