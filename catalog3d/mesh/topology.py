"""The surface as a shopper sees it: seams welded by position, then measured with trimesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

# Corners nearer than this share of the model's diagonal are one corner: a micrometre on a chair.
WELD_DIGITS = 6
# A triangle of less area (in squares of the diagonal) is nothing: a millionth by a millionth.
MIN_AREA = 1e-12
# A closed surface of less volume (in cubes of the diagonal) is flat: which way it is turned is rounding.
MIN_VOLUME = 1e-9


@dataclass(frozen=True, kw_only=True)
class Topology:
    """The welded surface.

    Attributes:
        watertight: Whether every edge has exactly two triangles.
        edges: Number of different edges.
        boundary_edges: Edges with one triangle: the rims of holes and open shells.
        crowded_edges: Edges with more than two triangles.
        degenerate: Triangles without area; they count for nothing else here.
        volume_sign: -1 if a closed surface is inside out, 1 if not, 0 if it is not closed or holds nothing.
    """

    watertight: bool
    edges: int
    boundary_edges: int
    crowded_edges: int
    degenerate: int
    volume_sign: int


def measure_topology(points: NDArray[np.float64], faces: NDArray[np.int64]) -> Topology:
    """Weld and measure a triangle soup.

    Args:
        points: (n, 3), finite, in any unit.
        faces: (m, 3), m > 0.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    diagonal = float(np.linalg.norm(high - low)) or 1.0
    mesh = trimesh.Trimesh((points - low) / diagonal, faces, process=False, validate=False)
    mesh.merge_vertices(merge_tex=True, merge_norm=True, digits_vertex=WELD_DIGITS)
    solid = mesh.area_faces > MIN_AREA
    degenerate = int(np.count_nonzero(~solid))
    mesh.update_faces(solid)
    uses = _edge_uses(mesh.edges_sorted)
    watertight = bool(len(uses)) and bool((uses == 2).all())
    closed = watertight and mesh.is_winding_consistent
    return Topology(
        watertight=watertight,
        edges=len(uses),
        boundary_edges=int(np.count_nonzero(uses == 1)),
        crowded_edges=int(np.count_nonzero(uses > 2)),
        degenerate=degenerate,
        volume_sign=_volume_sign(mesh.triangles) if closed else 0,
    )


def _volume_sign(triangles: NDArray[np.float64]) -> int:
    """The sign of the volume inside triangles : (m, 3, 3); not trimesh's, which divides by it."""
    volume = float(np.einsum("ij,ij->", triangles[:, 0], np.cross(triangles[:, 1], triangles[:, 2]))) / 6
    return int(np.sign(volume)) if abs(volume) > MIN_VOLUME else 0


def _edge_uses(edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many triangles use each different edge of edges : (e, 2), smaller index first."""
    keys = np.sort(edges[:, 0].astype(np.uint64) << np.uint64(32) | edges[:, 1].astype(np.uint64))
    if not len(keys):
        return np.zeros(0, dtype=np.int64)
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    return np.diff(np.append(starts, len(keys)))
