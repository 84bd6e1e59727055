"""Single pictures lifted into solids: inflated, extruded or turned. Lengths are mask pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve

from catalog3d.standin.sheet import Sheet, closed, triangulate
from catalog3d.standin.solid import Solid

Floats = NDArray[np.float64]

_POISSON_SIDE = 160
"""Longest side of the grid that the inflation is solved on: about 0.1 s, and finer does not show."""

_EDGE_SHARE = 0.004
"""Half thickness of an inflated body at its outline, as a share of its longest side: it keeps the mesh closed."""


def inflate(soft: NDArray[np.float32], spacing_px: float, fullest: float) -> Solid | None:
    """A body that swells from its outline, z = 2 sqrt(h) with laplace(h) = -1: a disc becomes a ball, a limb a tube.

    Args:
        fullest: Half thickness that it approaches, as a share of its longest side; thin limbs stay round.
    """
    sheet = triangulate(soft, spacing_px)
    if sheet is None:
        return None
    longest = float(np.ptp(sheet.points, axis=0).max())
    scale = min(1.0, _POISSON_SIDE / max(soft.shape))
    height = _poisson(soft, scale)
    where = np.stack([soft.shape[0] - 1 - sheet.points[:, 1], sheet.points[:, 0]])
    where = (where + 0.5) * np.array([[height.shape[0] / soft.shape[0]], [height.shape[1] / soft.shape[1]]]) - 0.5
    swelling = 2 * np.sqrt(np.maximum(ndimage.map_coordinates(height, where, order=1, mode="nearest"), 0)) / scale
    swelling[np.unique(sheet.rim)] = 0
    limit = fullest * longest
    thickness = limit * np.tanh(swelling / limit) + _EDGE_SHARE * longest
    return closed(sheet, thickness, picture_uv(sheet, soft))


def _poisson(soft: NDArray[np.float32], scale: float) -> Floats:
    """Solve laplace(h) = -1 inside the mask, h = 0 outside, on a grid `scale` times the mask's."""
    size = (max(4, round(soft.shape[1] * scale)), max(4, round(soft.shape[0] * scale)))
    small = np.asarray(Image.fromarray(soft).resize(size, Image.Resampling.BOX))
    inside = small > 0.5
    number = np.full(inside.shape, -1, dtype=np.int64)
    count = int(inside.sum())
    height = np.zeros(inside.shape)
    if not count:
        return height
    number[inside] = np.arange(count)
    padded = np.pad(number, 1, constant_values=-1)
    rows, columns = [np.arange(count)], [np.arange(count)]
    for dy, dx in ((0, 1), (2, 1), (1, 0), (1, 2)):
        neighbour = padded[dy : dy + inside.shape[0], dx : dx + inside.shape[1]][inside]
        rows.append(np.flatnonzero(neighbour >= 0))
        columns.append(neighbour[neighbour >= 0])
    values = np.concatenate([np.full(count, 4.0), np.full(sum(map(len, rows)) - count, -1.0)])
    matrix = sparse.csc_array((values, (np.concatenate(rows), np.concatenate(columns))), shape=(count, count))
    height[inside] = np.atleast_1d(spsolve(matrix, np.ones(count)))
    return height


def extrude(soft: NDArray[np.float32], spacing_px: float, depth_share: float) -> Solid | None:
    """A block with the picture's outline and a small rounded bevel.

    Args:
        depth_share: Depth as a share of the shorter side of the outline's box.
    """
    sheet = triangulate(soft, spacing_px)
    if sheet is None:
        return None
    width, height = np.ptp(sheet.points, axis=0)
    half = max(float(depth_share * min(width, height)) / 2, 1.0)
    bevel = min(0.5 * half, 0.02 * float(max(width, height)))
    inside = ndimage.distance_transform_edt(soft > 0.5)
    where = np.stack([soft.shape[0] - 1 - sheet.points[:, 1], sheet.points[:, 0]])
    into = np.clip(ndimage.map_coordinates(inside, where, order=1, mode="nearest") / bevel, 0, 1)
    into[np.unique(sheet.rim)] = 0
    thickness = half - bevel * (1 - np.sqrt(1 - (1 - into) ** 2))
    return closed(sheet, thickness, picture_uv(sheet, soft), wall=(0.9, 0.0, -0.9))


def turn(soft: NDArray[np.float32], rows_wanted: int) -> Solid | None:
    """A solid of revolution with the outline's half widths as radii, about its middle line."""
    solid = soft > 0.5
    used = np.flatnonzero(solid.any(axis=1))
    if len(used) < 4:
        return None
    top, bottom = int(used[0]), int(used[-1])
    y = np.linspace(top - 0.25, bottom + 0.25, max(4, rows_wanted))
    radius, axis = _profile(soft, y)
    segments = max(6, round(rows_wanted * 0.7))
    angle = np.arange(segments) * 2 * np.pi / segments
    x = axis + radius[:, None] * np.sin(angle)
    z = radius[:, None] * np.cos(angle)
    up = soft.shape[0] - 1 - y
    ring = np.stack([x, np.broadcast_to(up[:, None], x.shape), z], axis=-1).reshape(-1, 3)
    positions = np.concatenate([ring, [[axis, up[0], 0.0], [axis, up[-1], 0.0]]])
    pixels = np.stack([axis + (positions[:, 0] - axis) * 0.97, soft.shape[0] - 1 - positions[:, 1]], axis=1)
    return Solid(positions=positions, uv=_to_uv(pixels, soft), faces=_ring_faces(len(y), segments))


def _profile(soft: NDArray[np.float32], y: Floats) -> tuple[Floats, float]:
    """Radii at heights (pixel rows), from sub-pixel widths, and the common axis (pixel column)."""
    widths = soft.sum(axis=1, dtype=np.float64)
    weight = soft.astype(np.float64)
    axis = float((weight.sum(axis=0) * np.arange(soft.shape[1])).sum() / weight.sum())
    radius = np.interp(y, np.arange(soft.shape[0]), ndimage.gaussian_filter1d(widths / 2, 0.7))
    return np.maximum(radius, 0.5), axis


def _ring_faces(rings: int, segments: int) -> NDArray[np.int64]:
    """Faces of rings of vertices from top to bottom, closed by two poles that follow them."""
    i, j = np.meshgrid(np.arange(rings - 1), np.arange(segments), indexing="ij")
    following = (j + 1) % segments
    a, b = (i * segments + j).ravel(), (i * segments + following).ravel()
    c, d = a + segments, b + segments
    side = np.concatenate([np.stack([a, c, d], axis=1), np.stack([a, d, b], axis=1)])
    k, following_k = np.arange(segments), (np.arange(segments) + 1) % segments
    last, top_pole = (rings - 1) * segments, rings * segments
    top = np.stack([np.full(segments, top_pole), k, following_k], axis=1)
    bottom = np.stack([np.full(segments, top_pole + 1), last + following_k, last + k], axis=1)
    return np.concatenate([side, top, bottom]).astype(np.int64)


def picture_uv(sheet: Sheet, soft: NDArray[np.float32]) -> Floats:
    """Texture coordinates of a sheet's points in the picture that its mask belongs to."""
    return _to_uv(np.stack([sheet.points[:, 0], soft.shape[0] - 1 - sheet.points[:, 1]], axis=1), soft)


def _to_uv(pixels: Floats, soft: NDArray[np.float32]) -> Floats:
    uv: Floats = (pixels + 0.5) / np.array([soft.shape[1], soft.shape[0]])
    return uv
