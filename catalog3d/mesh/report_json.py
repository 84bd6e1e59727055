"""A mesh report as JSON: the contract of `catalog3d inspect --json`, and the way back from the child process."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from catalog3d.mesh.findings import Value
from catalog3d.quality import MeshReport

REPORT: TypeAdapter[MeshReport] = TypeAdapter(MeshReport)
"""Reads and writes a whole report, losing nothing."""


def files_json(reports: list[tuple[str, MeshReport]]) -> dict[str, Any]:
    """The document of `inspect`: (path, report) of each file, in order."""
    return {"files": [file_json(path, report) for path, report in reports]}


def file_json(path: str, report: MeshReport) -> dict[str, Any]:
    """One file of `inspect`; `facts` is null for a file that could not be read."""
    return {
        "path": path,
        "verdict": report.verdict.value,
        "profile": report.profile,
        "checks": [
            {
                "code": check.code,
                "severity": check.severity.value,
                "value": _number(check.value),
                "limit": _number(check.limit),
                "message": check.message,
            }
            for check in report.checks
        ],
        "facts": None if report.facts is None else asdict(report.facts),
    }


def _number(value: Value) -> float | int | str | None:
    """JSON has no infinity, and a count of triangles has no decimals."""
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return str(value)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
