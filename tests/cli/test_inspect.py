"""`catalog3d inspect`: exit codes, the JSON of the contract, and what a person reads."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from catalog3d.cli.app import app
from catalog3d.cli.inspect import read_product
from catalog3d.errors import RunError
from tests.mesh.glbs import cube, png


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "chair.glb"
    path.write_bytes(cube((0.5, 1.0, 0.25)).textured(png()).packed())
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.glb"
    path.write_bytes(b"glTF and then nothing")
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["inspect", *map(str, arguments)], terminal_width=120)


def files(result: Result) -> list[dict[str, Any]]:
    document = json.loads(result.stdout)
    assert set(document) == {"files"}
    found: list[dict[str, Any]] = document["files"]
    return found


def failure(result: Result) -> dict[str, str]:
    assert result.exit_code == 2
    found: dict[str, str] = json.loads(result.stdout)["error"]
    assert set(found) == {"code", "message", "fix"}
    return found


def test_json_has_the_shape_of_the_contract_and_exit_code_1_says_that_something_blocks(good, bad):
    result = run(good, bad, "--json")
    assert result.exit_code == 1
    first, second = files(result)
    assert (first["path"], first["verdict"], first["profile"]) == (str(good), "pass", "web-ar")
    assert first["facts"]["triangles"] == 12
    assert first["facts"]["vertices"] == 24
    assert first["facts"]["materials"] == 1
    assert first["facts"]["textures"] == 1
    assert first["facts"]["size_bytes"] == good.stat().st_size
    assert first["facts"]["extents_m"] == [0.5, 1.0, 0.25]
    assert (second["path"], second["verdict"], second["facts"]) == (str(bad), "fail", None)
    (check,) = second["checks"]
    assert set(check) == {"code", "severity", "value", "limit", "message"}
    assert (check["code"], check["severity"]) == ("GLB_MALFORMED", "error")


def test_exit_code_0_says_that_nothing_blocks_though_something_warns(tmp_path):
    path = tmp_path / "rug.glb"
    path.write_bytes(cube((2.0, 0.01, 1.0)).packed())
    result = run(path, "--json")
    assert (result.exit_code, files(result)[0]["verdict"]) == (0, "warn")


def test_missing_file_is_exit_code_2_and_nothing_is_judged(good, tmp_path):
    error = failure(run(good, tmp_path / "none.glb", "--json"))
    assert error["code"] == "FILE_MISSING"
    assert "none.glb" in error["message"]
    result = run(tmp_path / "none.glb")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "FILE_MISSING" in result.stderr


def test_name_that_no_disk_takes_is_a_missing_file(tmp_path):
    assert failure(run(tmp_path / ("x" * 5000), "--json"))["code"] == "FILE_MISSING"


def test_name_that_is_no_text_can_be_printed(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/chair-\xff.glb"))
    assert "chair-\ufffd.glb" in failure(run(path, "--json"))["message"]


def test_profile_decides_and_an_unknown_one_names_the_known_ones(tmp_path):
    large = bytearray(png(16, 16))
    large[16:24] = (4096).to_bytes(4, "big") * 2
    path = tmp_path / "large.glb"
    path.write_bytes(cube().textured(bytes(large)).packed())
    assert run(path).exit_code == 0
    assert run(path, "--profile", "google-merchant", "--json").exit_code == 1
    error = failure(run(path, "--profile", "none", "--json"))
    assert (error["code"], "shopify" in error["fix"]) == ("PROFILE_UNKNOWN", True)


def test_product_file_gives_the_size_to_compare_with(good, tmp_path):
    product = tmp_path / "product.json"
    product.write_text(json.dumps({"dimensions": {"width": 0.5, "height": 0.5, "depth": 0.25}}))
    (checks,) = [entry["checks"] for entry in files(run(good, "--product", product, "--json"))]
    assert [check["code"] for check in checks] == ["PROPORTION_MISMATCH"]
    product.write_text(json.dumps({"dimensions": {"width": 5, "height": 10, "depth": 2.5}}))
    (checks,) = [entry["checks"] for entry in files(run(good, "--product", product, "--json"))]
    assert checks == []


def test_without_product_the_report_says_what_was_not_checked(good):
    result = run(good)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "PASS" in result.stderr
    assert "12 triangles" in result.stderr
    assert "0.5 x 1 x 0.25 m" in result.stderr
    assert "NOT_CHECKED" in result.stderr


def test_auditor_product_file_has_length_for_width_and_width_for_depth(tmp_path):
    product = tmp_path / "auditor.json"
    product.write_text(json.dumps({"dimensions": {"length": 1.5, "height": 2.5, "width": 3.5}}))
    dimensions = read_product(product).dimensions
    assert dimensions is not None
    assert (dimensions.width_m, dimensions.height_m, dimensions.depth_m) == (1.5, 2.5, 3.5)
    product.write_text(json.dumps({"dimensions": {"height": 2.5, "width": -1}}))
    dimensions = read_product(product).dimensions
    assert dimensions is not None
    assert (dimensions.width_m, dimensions.height_m, dimensions.depth_m) == (None, 2.5, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"dimensions": {"width": "wide"}}',
        '{"dimensions": {"width": NaN}}',
        '{"dimensions": {"width": 1e9}}',
        '{"dimensions": {"length": 1, "depth": 1}}',
        "\ud800",
        "[" * 100_000,
        " " * 1_000_001,
    ],
    ids=range(10),
)
def test_product_file_that_cannot_be_used_is_said(tmp_path, text):
    product = tmp_path / "product.json"
    product.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(RunError) as refused:
        read_product(product)
    assert refused.value.code == "PRODUCT_INVALID"
    assert '{"dimensions":' in refused.value.fix


def test_product_file_that_is_not_there_is_exit_code_2(good, tmp_path):
    assert failure(run(good, "--product", tmp_path / "none.json", "--json"))["code"] == "PRODUCT_INVALID"


def test_product_may_be_piped_in(tmp_path):
    reader, writer = os.pipe()
    os.write(writer, b'{"dimensions": {"width": 1, "height": 2}}')
    os.close(writer)
    try:
        dimensions = read_product(Path(f"/dev/fd/{reader}")).dimensions
    finally:
        os.close(reader)
    assert dimensions is not None
    assert dimensions.height_m == 2
