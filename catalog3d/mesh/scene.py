"""Where the meshes of a scene stand: world matrices after all node transforms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pygltflib
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
"""(4, 4) float64, column vectors: world = matrix @ local."""

# Below this share of the largest axis a mesh is flat by its transform: float32 has no more digits.
FLAT_SHARE = 1e-7
# Beyond this a transform overflows the float32 numbers of viewers once it is multiplied.
MAX_ENTRY = 1e18


@dataclass(frozen=True, kw_only=True)
class Placement:
    """One mesh drawn at one place.

    Attributes:
        node: Number of the node that draws it.
        mirrored: Whether the transform turns triangles inside out, so that viewers flip them back.
        flat: Whether the transform squeezes the mesh to nothing.
        finite: Whether its numbers are ones that a viewer can calculate with.
    """

    node: int
    mesh: int
    matrix: Matrix
    mirrored: bool
    flat: bool
    finite: bool


def placements(gltf: pygltflib.GLTF2) -> list[Placement]:
    """Every mesh of the default scene with its world matrix. The node graph must be a forest."""
    if not gltf.scenes:
        return []
    scene = gltf.scenes[gltf.scene]
    found: list[Placement] = []
    todo: list[tuple[int, Matrix]] = [(root, np.eye(4)) for root in reversed(scene.nodes or [])]
    with np.errstate(all="ignore"):
        while todo:
            number, parent = todo.pop()
            node = gltf.nodes[number]
            matrix = parent @ local_matrix(node)
            todo.extend((child, matrix) for child in reversed(node.children or []))
            if node.mesh is not None:
                found.append(_placement(number, int(node.mesh), matrix))
    return found


def local_matrix(node: pygltflib.Node) -> Matrix:
    """A node's own transform: its matrix, or translation x rotation x scale."""
    if node.matrix:
        return np.asarray(node.matrix, dtype=np.float64).reshape(4, 4).T
    matrix = np.eye(4)
    if node.rotation:
        matrix[:3, :3] = _rotation(node.rotation)
    if node.scale:
        matrix[:3, :3] *= np.asarray(node.scale, dtype=np.float64)
    if node.translation:
        matrix[:3, 3] = node.translation
    return matrix


def is_placement(matrix: Matrix) -> bool:
    """Whether a node's matrix is a translation, rotation and scale: the only ones allowed (specification 3.5.3)."""
    with np.errstate(all="ignore"):
        products = matrix[:3, :3].T @ matrix[:3, :3]
        lengths = np.sqrt(np.diag(products))
        square = np.abs(products - np.diag(np.diag(products))) <= 1e-3 * np.outer(lengths, lengths)
    return bool(square.all() and np.allclose(matrix[3], (0, 0, 0, 1), rtol=0, atol=1e-6))


def _rotation(quaternion: Sequence[Any]) -> Matrix:
    x, y, z, w = (float(value) for value in quaternion)
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def _placement(node: int, mesh: int, matrix: Matrix) -> Placement:
    linear = matrix[:3, :3]
    flat, mirrored = False, False
    finite = bool((np.abs(matrix) < MAX_ENTRY).all())
    if finite:
        sizes = np.linalg.svd(linear, compute_uv=False)
        flat = bool(sizes[0] == 0 or sizes[2] <= FLAT_SHARE * sizes[0])
        mirrored = bool(np.linalg.det(linear) < 0)
    return Placement(node=node, mesh=mesh, matrix=matrix, mirrored=mirrored, flat=flat, finite=finite)


def transform(matrix: Matrix, points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Points : (n, 3), moved to the world : (n, 3) float64."""
    moved: NDArray[np.float64] = points.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    return moved
