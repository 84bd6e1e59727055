"""What every way of lifting a picture produces: a closed triangle mesh with texture coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Solid:
    """A closed mesh. X right, Y up, Z towards who looks at the front; any size and place.

    Attributes:
        positions: (n, 3) float64.
        uv: (n, 2) float64, origin at the texture's top left, as glTF has it.
        faces: (m, 3) int64, counter-clockwise seen from outside.
        normals: (n, 3) unit vectors, or None to have them made from the faces.
    """

    positions: NDArray[np.float64]
    uv: NDArray[np.float64]
    faces: NDArray[np.int64]
    normals: NDArray[np.float64] | None = None

    @property
    def triangles(self) -> int:
        return len(self.faces)

    def unit(self) -> Solid:
        """Centred at the origin, longest side 1, front towards +X: as Tripo's raw models come."""
        low, high = self.positions.min(axis=0), self.positions.max(axis=0)
        centred = (self.positions - (low + high) / 2) / max(float((high - low).max()), 1e-9)
        normals = self.normals if self.normals is not None else smooth_normals(self.positions, self.faces)
        return Solid(positions=_face_x(centred), uv=self.uv, faces=self.faces, normals=_face_x(normals))


def _face_x(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([vectors[:, 2], vectors[:, 1], -vectors[:, 0]], axis=1)


def smooth_normals(positions: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """Unit vertex normals, area weighted; (0, 1, 0) where faces cancel out."""
    a, b, c = (positions[faces[:, k]] for k in range(3))
    weighted = np.cross(b - a, c - a)
    total = np.zeros_like(positions)
    for axis in range(3):
        for corner in range(3):
            total[:, axis] += np.bincount(faces[:, corner], weights=weighted[:, axis], minlength=len(positions))
    length = np.linalg.norm(total, axis=1, keepdims=True)
    unit: NDArray[np.float64] = np.where(length > 1e-12, total / np.maximum(length, 1e-12), np.array([0.0, 1.0, 0.0]))
    return unit


def block(width: float, height: float, depth: float) -> Solid:
    """Twelve triangles: what remains when a face limit leaves no room for a shape."""
    corners = np.array([[x, y, z] for z in (1, -1) for y in (-1, 1) for x in (-1, 1)], dtype=np.float64) / 2
    faces = np.array(
        [
            [0, 1, 3], [0, 3, 2], [5, 4, 6], [5, 6, 7], [4, 0, 2], [4, 2, 6],
            [1, 5, 7], [1, 7, 3], [2, 3, 7], [2, 7, 6], [4, 5, 1], [4, 1, 0],
        ],
        dtype=np.int64,
    )  # fmt: skip
    uv = np.stack([corners[:, 0] + 0.5, 0.5 - corners[:, 1]], axis=1)
    return Solid(positions=corners * [width, height, depth], uv=uv, faces=faces)
