"""What a mesh report is made of. The checks that fill it live in `catalog3d.mesh`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from catalog3d.product import Severity


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105 - a verdict, not a password
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One finding: what was measured, against which limit, and what it means for a shopper.

    Attributes:
        severity: error blocks, warning wants a look, info is only said.
        value: What was measured, or None.
        limit: What it was held against, or None.
    """

    code: str
    severity: Severity
    message: str
    value: float | str | None = None
    limit: float | str | None = None


@dataclass(frozen=True, kw_only=True)
class MeshFacts:
    """What a GLB holds, measured.

    Attributes:
        extents_m: X, Y, Z extents of the default scene after node transforms, in the file's units (metres).
        bounds_min_m: Lower corner of the same box.
        largest_texture_px: Longest side of the largest image, 0 without images.
        watertight: None if not checked.
        generator: `asset.generator`, shortened.
        standin: Whether the file says that our stand-in made it.
    """

    size_bytes: int
    sha256: str
    triangles: int = 0
    vertices: int = 0
    materials: int = 0
    meshes: int = 0
    primitives: int = 0
    textures: int = 0
    largest_texture_px: int = 0
    extents_m: tuple[float, float, float] | None = None
    bounds_min_m: tuple[float, float, float] | None = None
    watertight: bool | None = None
    generator: str = ""
    standin: bool = False


@dataclass(frozen=True, kw_only=True)
class MeshReport:
    """Facts and findings of one file.

    Attributes:
        profile: Name of the limits it was judged by.
        facts: None if the file could not be read at all.
    """

    profile: str
    checks: tuple[Check, ...]
    facts: MeshFacts | None

    @property
    def verdict(self) -> Verdict:
        severities = {check.severity for check in self.checks}
        if Severity.ERROR in severities:
            return Verdict.FAIL
        return Verdict.WARN if Severity.WARNING in severities else Verdict.PASS

    @property
    def worst(self) -> Check | None:
        """The first error, else the first warning."""
        for severity in (Severity.ERROR, Severity.WARNING):
            for check in self.checks:
                if check.severity is severity:
                    return check
        return None
