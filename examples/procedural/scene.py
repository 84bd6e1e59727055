"""A product as parts, and rays that meet it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from examples.procedural.materials import Material
from examples.procedural.sdf import Array, Shape, Vector, rotation

NO_PART = -1

MAX_STEPS = 600
"""Of one ray. Rays that skim a surface take hundreds; a ray that gave up would leave a white fleck at an edge."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A shape of one material; the material's coordinates are the shape's own."""

    shape: Shape
    material: Material
    at: Vector = (0.0, 0.0, 0.0)
    turn_deg: Vector = (0.0, 0.0, 0.0)
    _matrix: Array = field(init=False, repr=False, compare=False)
    _offset: Array = field(init=False, repr=False, compare=False)
    low: Array = field(init=False, repr=False, compare=False)
    high: Array = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._place(rotation(self.turn_deg))

    def _place(self, matrix: NDArray[np.float64]) -> None:
        at = np.array(self.at, dtype=np.float32)
        object.__setattr__(self, "_matrix", matrix.astype(np.float32))
        object.__setattr__(self, "_offset", at[:, None])
        object.__setattr__(self, "low", at - self.reach.astype(np.float32))
        object.__setattr__(self, "high", at + self.reach.astype(np.float32))

    def to_local(self, p: Array) -> Array:
        local = p - self._offset
        return self._matrix.T @ local if any(self.turn_deg) else local

    def distance(self, p: Array) -> Array:
        return self.shape.distance(self.to_local(p))

    def turned(self, yaw_deg: float) -> Part:
        """The part after the whole product turned about Y."""
        matrix = rotation((0, yaw_deg, 0))
        at = matrix @ np.array(self.at)
        return _Turned(
            shape=self.shape,
            material=self.material,
            at=(float(at[0]), float(at[1]), float(at[2])),
            turn_deg=self.turn_deg,
            yaw_deg=yaw_deg,
        )

    @property
    def reach(self) -> NDArray[np.float64]:
        """Half the size of an axis-aligned box about `at` that holds the part."""
        half: NDArray[np.float64] = np.abs(self._matrix.astype(np.float64)) @ np.array(self.shape.half)
        return half


@dataclass(frozen=True, kw_only=True)
class _Turned(Part):
    yaw_deg: float = 0.0

    def __post_init__(self) -> None:
        self._place(rotation((0, self.yaw_deg, 0)) @ rotation(self.turn_deg))

    def to_local(self, p: Array) -> Array:
        return self._matrix.T @ (p - self._offset)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A product standing on the ground plane Y = 0, front towards +Z."""

    parts: Sequence[Part]

    def turned(self, yaw_deg: float) -> Scene:
        return Scene(parts=[part.turned(yaw_deg) for part in self.parts]) if yaw_deg else self

    def bounds(self) -> tuple[Array, Array]:
        low: Array = np.min([part.low for part in self.parts], axis=0)
        high: Array = np.max([part.high for part in self.parts], axis=0)
        low[1] = max(low[1], 0.0)
        return low, high

    def distance(self, p: Array) -> Array:
        """Distance to the nearest part; parts whose box is farther than what was found are not asked."""
        low, high = p.min(axis=1), p.max(axis=1)
        lower = np.stack([part.low for part in self.parts])
        upper = np.stack([part.high for part in self.parts])
        gaps = np.sqrt((np.maximum(np.maximum(lower - high, low - upper), 0) ** 2).sum(axis=1))
        order = np.argsort(gaps, kind="stable")
        nearest: Array = self.parts[order[0]].distance(p)
        for index in order[1:]:
            if gaps[index] > 0 and gaps[index] >= nearest.max():
                break
            np.minimum(nearest, self.parts[index].distance(p), out=nearest)
        return nearest

    def nearest_part(self, p: Array) -> NDArray[np.int32]:
        distances = np.stack([part.distance(p) for part in self.parts])
        owner: NDArray[np.int32] = distances.argmin(axis=0).astype(np.int32)
        return owner

    def near(self, origin: Array, rays: Array) -> Scene:
        """The scene without the parts that no ray of this bundle can meet."""
        kept = []
        for part in self.parts:
            to_part = np.array(part.at, dtype=np.float32)[:, None] - origin
            along = (to_part * rays).sum(axis=0)
            miss2 = (to_part**2).sum(axis=0) - along**2
            radius = float(np.linalg.norm(part.reach)) * 1.02 + 0.002
            if bool((miss2 < radius * radius).any()):
                kept.append(part)
        return Scene(parts=kept)


def into_box(origin: Array, rays: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Where rays enter and leave a box: distances (n,); enter > leave for a miss."""
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1 / np.where(np.abs(rays) < 1e-9, np.float32(1e-9), rays)
        a, b = (low[:, None] - origin) * inverse, (high[:, None] - origin) * inverse
    enter = np.maximum(np.minimum(a, b).max(axis=0), 0)
    leave = np.maximum(a, b).min(axis=0)
    return enter, leave


def march(scene: Scene, origin: Array, rays: Array, *, near: Array, far: Array, touch: float) -> Array:
    """Distance along each ray to the surface, inf for a miss; `touch` is how close counts as a hit (metres)."""
    hit = np.full(rays.shape[1], np.inf, dtype=np.float32)
    alive = np.flatnonzero(near < far)
    t, end, direction = near[alive].copy(), far[alive], rays[:, alive]
    for _ in range(MAX_STEPS):
        if not alive.size:
            break
        d = scene.distance(origin + direction * t)
        t += np.maximum(d, np.float32(touch * 0.5)) * np.float32(0.92)
        arrived = d < touch
        hit[alive[arrived]] = t[arrived]
        going = ~arrived & (t < end)
        alive, t, end, direction = alive[going], t[going], end[going], direction[:, going]
    return hit


def normals(part: Part, p: Array, step: float) -> Array:
    """Unit normals of a part's surface, its material's relief included."""
    relief = part.material.relief

    def height(q: Array) -> Array:
        local = part.to_local(q)
        d = part.shape.distance(local)
        return d - relief(local) if relief is not None else d

    corners = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], dtype=np.float32)
    total = np.zeros_like(p)
    for corner in corners:
        total += corner[:, None] * height(p + corner[:, None] * np.float32(step))
    length: Array = total / np.maximum(np.sqrt((total**2).sum(axis=0)), np.float32(1e-9))
    return length
