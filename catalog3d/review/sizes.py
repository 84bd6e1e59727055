"""Sizes as a reviewer reads them: declared beside measured, and how much of each limit a file uses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from catalog3d.asset import DeclaredSize
from catalog3d.mesh.profiles import Limit, ProfileLimits
from catalog3d.quality import MeshFacts
from catalog3d.wording import size_text

_NAMES = ("Width", "Height", "Depth")
_CLOSE_PERCENT = 5.0
"""As PROPORTION_MISMATCH of the web-ar profile."""
_CM = 100


@dataclass(frozen=True, kw_only=True)
class Side:
    """One dimension. Raw models have no scale, so the measured ones are scaled to fit the declared ones best.

    Attributes:
        off_percent: How far the model is off; None where nothing is declared.
    """

    name: str
    declared_cm: float | None
    measured_cm: float
    off_percent: float | None

    @property
    def fits(self) -> bool:
        return self.off_percent is None or abs(self.off_percent) <= _CLOSE_PERCENT


@dataclass(frozen=True, kw_only=True)
class Bar:
    """How much of a limit is used.

    Attributes:
        level: ok, warning or error.
        percent: Of the limit that blocks, else of the one that warns; at most 100.
    """

    name: str
    value: str
    limit: str
    level: str
    percent: float


def sides(declared: DeclaredSize | None, extents_m: tuple[float, float, float] | None) -> tuple[Side, ...]:
    """Declared and measured width, height and depth; empty unless both are known.

    A raw model faces +X or +Z: it is read the way that fits better.
    """
    known = [size for size in declared or () if size]
    if extents_m is None or declared is None or not known or min(extents_m) <= 0:
        return ()
    ways = (extents_m, (extents_m[2], extents_m[1], extents_m[0]))
    return min((_scaled(declared, way) for way in ways), key=_worst)


def _scaled(declared: DeclaredSize, extents: tuple[float, float, float]) -> tuple[Side, ...]:
    factors = [want / have for want, have in zip(declared, extents, strict=True) if want]
    scale = (min(factors) * max(factors)) ** 0.5  # the error is shared by the sides that are most apart
    return tuple(
        Side(
            name=name,
            declared_cm=want * _CM if want else None,
            measured_cm=have * scale * _CM,
            off_percent=(have * scale / want - 1) * 100 if want else None,
        )
        for name, want, have in zip(_NAMES, declared, extents, strict=True)
    )


def _worst(found: tuple[Side, ...]) -> float:
    return max(abs(side.off_percent or 0.0) for side in found)


def bars(facts: MeshFacts | None, size_bytes: int, profile: ProfileLimits) -> tuple[Bar, ...]:
    """The file's weight against the profile; only its size where it was not measured yet."""
    return tuple(_bars(facts, size_bytes, profile))


def _bars(facts: MeshFacts | None, size_bytes: int, profile: ProfileLimits) -> Iterator[Bar]:
    limits = profile.limits
    yield _bar("File size", size_bytes, size_text(size_bytes), limits["FILE_TOO_LARGE"], in_bytes=True)
    if facts is not None:
        yield _bar("Triangles", facts.triangles, f"{facts.triangles:,}", limits["TRIANGLES"])
        yield _bar("Materials", facts.materials, f"{facts.materials:,}", limits["MATERIALS"])
        if facts.largest_texture_px:
            yield _bar(
                "Largest texture", facts.largest_texture_px, f"{facts.largest_texture_px:,} px", limits["TEXTURE_MAX"]
            )


def _bar(name: str, value: float, shown: str, limit: Limit, *, in_bytes: bool = False) -> Bar:
    most = limit.error or limit.warning
    beyond = limit.exceeded(value)
    said = "no limit" if most is None else (size_text(int(most)) if in_bytes else f"{most:,.0f}")
    percent = 0.0 if most is None else min(100.0, 100 * value / most)
    return Bar(name=name, value=shown, limit=said, level=beyond[0] if beyond else "ok", percent=round(percent, 1))
