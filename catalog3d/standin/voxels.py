"""Closed surfaces out of a field on a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from catalog3d.standin.solid import smooth_normals


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Sample points of a box centred at the origin, two samples wider than it on each side.

    Attributes:
        x: Positions of the samples along X, and so on.
        pitch: Distance between samples.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    pitch: float


def grid(size: tuple[float, float, float], samples: int) -> Grid:
    """A grid with about `samples` along the longest side."""
    pitch = max(size) / samples
    axes = []
    for extent in size:
        count = int(np.ceil(extent / pitch / 2)) + 2
        axes.append(np.arange(-count, count + 1, dtype=np.float64) * pitch)
    return Grid(x=axes[0], y=axes[1], z=axes[2], pitch=pitch)


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A closed surface: every edge has exactly two faces."""

    positions: NDArray[np.float64]
    faces: NDArray[np.int64]
    normals: NDArray[np.float64]


def surface(field: NDArray[np.floating], where: Grid) -> Surface | None:
    """The surface of field > 0.

    Args:
        field: (x, y, z) values, positive inside.

    Returns:
        None if nothing is inside.
    """
    closed = np.pad(field[1:-1, 1:-1, 1:-1], 1, constant_values=-where.pitch).astype(np.float32)
    tiny = np.float32(0.01 * where.pitch)
    closed[np.abs(closed) < tiny] = tiny  # a surface through a grid point would give triangles without area
    if not bool((closed > 0).any()):
        return None
    vertices, faces, _, _ = marching_cubes(closed, 0.0, gradient_direction="ascent")  # type: ignore[no-untyped-call]
    origin = np.array([where.x[0], where.y[0], where.z[0]])
    positions = origin + vertices.astype(np.float64) * where.pitch
    oriented = faces.astype(np.int64)
    if signed_volume(positions, oriented) < 0:
        oriented = oriented[:, ::-1]
    return Surface(positions=positions, faces=oriented, normals=smooth_normals(positions, oriented))


def signed_volume(positions: NDArray[np.float64], faces: NDArray[np.int64]) -> float:
    a, b, c = (positions[faces[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)
