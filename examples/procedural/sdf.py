"""Solid shapes as signed distance fields: metres, Y up, negative inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

Array = NDArray[np.float32]
"""Points are (3, n), distances and other values (n,)."""

Distance = Callable[[Array], Array]
Vector = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A distance bound and a box, centred at the origin, that holds the shape.

    Attributes:
        distance: (3, n) points -> (n,) metres; never more than the true distance by much.
        half: Half the box's size along X, Y, Z.
    """

    distance: Distance
    half: Vector


def _length(a: Array, b: Array) -> Array:
    result: Array = np.sqrt(a * a + b * b)  # several times faster than hypot in float32
    return result


def box(width: float, height: float, depth: float, rounding: float = 0.004) -> Shape:
    half = np.array([[width / 2], [height / 2], [depth / 2]], dtype=np.float32) - np.float32(rounding)

    def distance(p: Array) -> Array:
        q = np.abs(p) - half
        outside = np.sqrt((np.maximum(q, 0) ** 2).sum(axis=0))
        inside = np.minimum(q.max(axis=0), 0)
        bound: Array = outside + inside - np.float32(rounding)
        return bound

    return Shape(distance=distance, half=(width / 2, height / 2, depth / 2))


def upholstery(width: float, height: float, depth: float, rounding: float, bulge: Vector) -> Shape:
    """A rounded box whose faces swell by `bulge` metres along X, Y, Z: cushions and seats."""
    core = box(width, height, depth, rounding)
    sizes = (width / 2, height / 2, depth / 2)

    def distance(p: Array) -> Array:
        x, y, z = (np.clip(1 - (p[axis] / sizes[axis]) ** 2, 0, 1) for axis in range(3))
        swell = bulge[0] * y * z + bulge[1] * x * z + bulge[2] * x * y
        swollen: Array = (core.distance(p) - swell.astype(np.float32)) * np.float32(0.85)
        return swollen

    return Shape(distance=distance, half=(sizes[0] + bulge[0], sizes[1] + bulge[1], sizes[2] + bulge[2]))


def cylinder(radius: float, height: float, rounding: float = 0.003, top_radius: float | None = None) -> Shape:
    """A round bar along Y; `top_radius` tapers it."""
    top = radius if top_radius is None else top_radius
    lean = np.float32(height / np.hypot(height, top - radius))
    slope, middle, half = np.float32((top - radius) / height), np.float32((top + radius) / 2), np.float32(height / 2)
    inset = np.float32(rounding)

    def distance(p: Array) -> Array:
        side = (_length(p[0], p[2]) - (middle + slope * p[1])) * lean + inset
        cap = np.abs(p[1]) - half + inset
        outside = _length(np.maximum(side, 0), np.maximum(cap, 0))
        inside: Array = np.minimum(np.maximum(side, cap), 0)
        return outside + inside - inset

    widest = max(radius, top)
    return Shape(distance=distance, half=(widest, height / 2, widest))


def ellipsoid(x: float, y: float, z: float) -> Shape:
    radii = np.array([[x], [y], [z]], dtype=np.float32)

    def distance(p: Array) -> Array:
        near = np.sqrt(((p / radii) ** 2).sum(axis=0))
        far = np.sqrt(((p / radii**2) ** 2).sum(axis=0))
        bound: Array = near * (near - 1) / np.maximum(far, np.float32(1e-6))
        return bound

    return Shape(distance=distance, half=(x, y, z))


def torus(ring: float, tube: float) -> Shape:
    """A ring in the XY plane, facing Z."""

    def distance(p: Array) -> Array:
        return _length(_length(p[0], p[1]) - np.float32(ring), p[2]) - np.float32(tube)

    return Shape(distance=distance, half=(ring + tube, ring + tube, tube))


def turned(profile: Sequence[tuple[float, float]], rounding: float = 0.002) -> Shape:
    """A solid of revolution about Y.

    Args:
        profile: (height, radius) pairs, heights rising; the curve between them is smooth and never overshoots.
    """
    heights = np.array([y for y, _ in profile])
    radii = np.array([r for _, r in profile])
    low, high = float(heights[0]), float(heights[-1])
    table_y = np.linspace(low, high, 4096)
    table_r = PchipInterpolator(heights, radii)(table_y)
    steepness = 1 / np.sqrt(1 + np.gradient(table_r, table_y) ** 2)
    inset = np.float32(rounding)

    def distance(p: Array) -> Array:
        radius = np.interp(p[1], table_y, table_r).astype(np.float32)
        lean = np.interp(p[1], table_y, steepness).astype(np.float32)
        side = (_length(p[0], p[2]) - radius) * np.maximum(lean, np.float32(0.35)) + inset
        cap = np.maximum(p[1] - np.float32(high), np.float32(low) - p[1]) + inset
        outside = _length(np.maximum(side, 0), np.maximum(cap, 0))
        inside: Array = np.minimum(np.maximum(side, cap), 0)
        return outside + inside - inset

    reach = float(radii.max())
    return Shape(distance=distance, half=(reach, max(abs(low), abs(high)), reach))


def capsule(a: Vector, b: Vector, radius: float, end_radius: float | None = None) -> Shape:
    """A round-ended bar from `a` to `b`."""
    start = np.array(a, dtype=np.float32)[:, None]
    along = np.array(b, dtype=np.float32)[:, None] - start
    length2 = np.float32((along**2).sum())
    end = radius if end_radius is None else end_radius

    def distance(p: Array) -> Array:
        t = np.clip(((p - start) * along).sum(axis=0) / length2, 0, 1)
        gap = np.sqrt(((p - start - along * t) ** 2).sum(axis=0))
        surface: Array = gap - (np.float32(radius) + np.float32(end - radius) * t)
        return surface

    widest = max(radius, end)
    reach = np.maximum(np.abs(a), np.abs(b)) + widest
    return Shape(distance=distance, half=(float(reach[0]), float(reach[1]), float(reach[2])))


def leaf(length: float, width: float, bend: float, thickness: float = 0.0012) -> Shape:
    """A leaf that rises along +Y from the origin, faces Z and bends backwards by `bend` metres."""

    def distance(p: Array) -> Array:
        t = np.clip(p[1] / np.float32(length), 0, 1)
        half_width = np.float32(width / 2) * np.sqrt(t + np.float32(0.02)) * (1 - t**2) * np.float32(1.6)
        fold = np.abs(p[0]) * np.float32(0.25)
        side = np.abs(p[0]) - half_width
        face = np.abs(p[2] + np.float32(bend) * t**2 - fold) - np.float32(thickness)
        end = np.maximum(p[1] - np.float32(length), -p[1])
        bound: Array = np.maximum(np.maximum(side, face), end) * np.float32(0.6)
        return bound

    return Shape(distance=distance, half=(width, length, abs(bend) + width / 4))


def union(*shapes: Shape) -> Shape:
    def distance(p: Array) -> Array:
        nearest = shapes[0].distance(p)
        for shape in shapes[1:]:
            np.minimum(nearest, shape.distance(p), out=nearest)
        return nearest

    return Shape(distance=distance, half=_around(shapes))


def blended(radius: float, *shapes: Shape) -> Shape:
    """A union with fillets of about `radius` metres."""

    def distance(p: Array) -> Array:
        nearest = shapes[0].distance(p)
        for shape in shapes[1:]:
            other = shape.distance(p)
            h = np.maximum(np.float32(radius) - np.abs(nearest - other), 0) / np.float32(radius)
            nearest = np.minimum(nearest, other) - h * h * np.float32(radius / 4)
        return nearest

    return Shape(distance=distance, half=_around(shapes))


def cut(shape: Shape, *tools: Shape, fillet: float = 0.002) -> Shape:
    """`shape` without `tools`, with edges softened by `fillet` metres."""

    def distance(p: Array) -> Array:
        solid = shape.distance(p)
        for tool in tools:
            other = -tool.distance(p)
            h = np.maximum(np.float32(fillet) - np.abs(solid - other), 0) / np.float32(fillet)
            solid = np.maximum(solid, other) + h * h * np.float32(fillet / 4)
        return solid

    return Shape(distance=distance, half=shape.half)


def bowed(shape: Shape, bow: float) -> Shape:
    """Bent so that its ends (X) come forward (Z) by `bow` metres."""
    factor = np.float32(bow / shape.half[0] ** 2)

    def distance(p: Array) -> Array:
        return shape.distance(np.stack([p[0], p[1], p[2] - factor * p[0] ** 2])) * np.float32(0.92)

    return Shape(distance=distance, half=(shape.half[0], shape.half[1], shape.half[2] + abs(bow)))


def moved(shape: Shape, at: Vector = (0, 0, 0), turn_deg: Vector = (0, 0, 0)) -> Shape:
    """Turned about X, then Y, then Z (degrees), then moved (metres)."""
    matrix = rotation(turn_deg).astype(np.float32)
    offset = np.array(at, dtype=np.float32)[:, None]
    turned_at_all = any(turn_deg)

    def distance(p: Array) -> Array:
        local = p - offset
        return shape.distance(matrix.T @ local if turned_at_all else local)

    reach = np.abs(matrix) @ np.array(shape.half) + np.abs(np.array(at))
    return Shape(distance=distance, half=(float(reach[0]), float(reach[1]), float(reach[2])))


def rotation(turn_deg: Vector) -> NDArray[np.float64]:
    """The (3, 3) matrix that turns about X, then Y, then Z."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    matrix: NDArray[np.float64] = about_z @ about_y @ about_x
    return matrix


def _around(shapes: Sequence[Shape]) -> Vector:
    reach = np.max([shape.half for shape in shapes], axis=0)
    return (float(reach[0]), float(reach[1]), float(reach[2]))
