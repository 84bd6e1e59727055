"""Small files whose verdict by the Khronos validator is known; they lie beside the project, not in it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from catalog3d.product import Severity
from catalog3d.quality import MeshReport, Verdict
from tests.mesh.judging import judged

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "data" / "glb"
pytestmark = pytest.mark.skipif(
    not (CORPUS / "verdicts.json").is_file(), reason="the corpus of GLBs with known verdicts is not beside the project"
)

# Legal by the specification, and nothing that a shop could show.
UNFIT = {"NO_GEOMETRY"}
# Khronos's own reason for these lies in skins, animations, cameras and lights, which a product page does not use.
UNSEEN = {
    "ACCESSOR_ANIMATION_INPUT_NEGATIVE",
    "ACCESSOR_INVALID_IBM",
    "ANIMATION_SAMPLER_INPUT_ACCESSOR_TOO_FEW_ELEMENTS",
    "ANIMATION_SAMPLER_INPUT_ACCESSOR_WITHOUT_BOUNDS",
    "CAMERA_XMAG_YMAG_ZERO",
    "CAMERA_ZFAR_LEQUAL_ZNEAR",
    "INVALID_IBM_ACCESSOR_COUNT",
    "KHR_LIGHTS_PUNCTUAL_LIGHT_SPOT_ANGLES",
    "SKIN_IBM_INVALID_FORMAT",
    "SKIN_NO_COMMON_ROOT",
    "SKIN_SKELETON_INVALID",
    "UNEXPECTED_EXTENSION_OBJECT",
}


@cache
def reports() -> list[tuple[dict[str, Any], MeshReport]]:
    entries = json.loads((CORPUS / "verdicts.json").read_text())
    return [(entry, judged((CORPUS / entry["file"]).read_bytes())) for entry in entries]


def own_errors(report: MeshReport) -> set[str]:
    return {check.code for check in report.checks if check.severity is Severity.ERROR} - UNFIT


def test_every_file_gets_a_verdict():
    assert len(reports()) >= 145


def test_no_valid_file_is_called_broken():
    valid = [(entry["file"], own_errors(report)) for entry, report in reports() if entry["verdict"] == "valid"]
    assert len(valid) >= 40
    assert [(file, errors) for file, errors in valid if errors] == []


def test_every_invalid_file_fails():
    assert [
        entry["file"] for entry, report in reports() if report.verdict is not Verdict.FAIL and entry["error_codes"]
    ] == []


def test_invalid_files_fail_for_their_own_fault_unless_it_lies_where_nobody_looks():
    missed = {entry["error_codes"][0] for entry, report in reports() if entry["error_codes"] and not own_errors(report)}
    assert missed <= UNSEEN
