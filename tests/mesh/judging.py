"""Short ways to judge bytes in tests."""

from __future__ import annotations

from collections.abc import Mapping

from catalog3d.mesh.checks import judge
from catalog3d.mesh.profiles import limits_for
from catalog3d.mesh.scan import scan_glb
from catalog3d.product import Dimensions
from catalog3d.quality import Check, MeshReport


def judged(
    data: bytes,
    profile: str = "web-ar",
    limits: Mapping[str, float] | None = None,
    dimensions: Dimensions | None = None,
) -> MeshReport:
    return judge(scan_glb(data), limits_for(profile, limits), dimensions)


def found(report: MeshReport, code: str) -> Check:
    """The one finding of a code."""
    (check,) = [check for check in report.checks if check.code == code]
    return check


def codes(report: MeshReport) -> set[str]:
    """Codes of everything but notes on what was not checked."""
    return {check.code for check in report.checks if check.code != "NOT_CHECKED"}


def sides(width: float | None, height: float | None, depth: float | None) -> Dimensions:
    return Dimensions(width_m=width, height_m=height, depth_m=depth, text="")
