"""The JSON of `inspect`, and the way back from the child process."""

from __future__ import annotations

import json
from dataclasses import replace

from catalog3d.mesh.findings import error
from catalog3d.mesh.report_json import REPORT, files_json
from tests.mesh.glbs import cube, png
from tests.mesh.judging import judged


def test_document_has_the_fields_of_the_contract():
    document = files_json([("chair.glb", judged(cube().textured(png()).packed())), ("bad.glb", judged(b""))])
    good, bad = json.loads(json.dumps(document))["files"]
    assert {"path", "verdict", "checks", "facts"} <= set(good)
    assert {"triangles", "vertices", "materials", "textures", "size_bytes", "extents_m"} <= set(good["facts"])
    assert (good["path"], good["verdict"], good["facts"]["extents_m"]) == ("chair.glb", "pass", [1.0, 1.0, 1.0])
    assert (bad["verdict"], bad["facts"]) == ("fail", None)
    assert set(bad["checks"][0]) == {"code", "severity", "value", "limit", "message"}


def test_numbers_are_whole_where_they_count_and_never_infinite():
    report = judged(cube().packed())
    odd = replace(report, checks=(error("A", "a", 3.0, float("inf")), error("B", "b", 0.5, "12 objects")))
    first, second = files_json([("x", odd)])["files"][0]["checks"]
    assert (first["value"], first["limit"]) == (3, "inf")
    assert isinstance(first["value"], int)
    assert (second["value"], second["limit"]) == (0.5, "12 objects")


def test_report_survives_the_way_to_the_parent():
    for data in (cube().textured(png(300, 5000)).packed(), b"nothing"):
        report = judged(data)
        assert REPORT.validate_json(REPORT.dump_json(report)) == report
