"""A flat triangulation of an outline, and its closing into a solid with a front, a back and a wall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import Delaunay, QhullError
from skimage.measure import find_contours

from catalog3d.standin.solid import Solid

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Triangles inside an outline.

    Attributes:
        points: (n, 2) mask pixels, x right, y up.
        faces: (m, 3), counter-clockwise; no edge has more than two faces, no vertex joins two fans.
        rim: (k, 2) directed boundary edges, the inside on their left.
    """

    points: Floats
    faces: Indices
    rim: Indices


def triangulate(soft: NDArray[np.floating], spacing_px: float) -> Sheet | None:
    """Triangulate the inside of the 0.5 outline of a mask.

    Args:
        soft: (rows, columns) 0 to 1, 0 along the border.
        spacing_px: About the length of a triangle's side.

    Returns:
        None if nothing is left at this spacing.
    """
    seeds = _seeds(soft, spacing_px)
    if len(seeds) < 3:
        return None
    try:
        points, faces = _inside(seeds, soft)
        middles = _bridge_middles(points, faces, spacing_px)
        if len(middles):  # thin limbs need points along their middle to become round
            points, faces = _inside(np.concatenate([seeds, middles]), soft)
    except QhullError:
        return None
    if not len(faces):
        return None
    points, faces = _split_pinches(points, faces)
    return Sheet(points=points, faces=faces, rim=_rim(faces))


def _seeds(soft: NDArray[np.floating], spacing_px: float) -> Floats:
    rows, columns = soft.shape
    contours = find_contours(soft, 0.5)  # type: ignore[no-untyped-call]
    loops = [_resampled(loop, spacing_px * 0.9) for loop in contours]
    outline = [loop for loop in loops if len(loop) >= 3]
    if not outline:
        return np.zeros((0, 2))
    depth = ndimage.distance_transform_edt(soft > 0.5)
    step_y = spacing_px * np.sqrt(3) / 2
    y, x = np.meshgrid(np.arange(0, rows, step_y), np.arange(0, columns, spacing_px), indexing="ij")
    x = x + (np.arange(len(x)) % 2)[:, None] * spacing_px / 2
    grid = np.stack([x.ravel(), y.ravel()], axis=1)
    deep = ndimage.map_coordinates(depth, grid.T[::-1], order=1, mode="constant") > 0.62 * spacing_px
    flipped = np.concatenate([np.concatenate(outline)[:, ::-1], grid[deep]])
    return np.stack([flipped[:, 0], rows - 1 - flipped[:, 1]], axis=1)


def _resampled(loop: Floats, spacing_px: float) -> Floats:
    """Points at equal distances along a closed (row, column) polyline; empty for specks."""
    lengths = np.linalg.norm(np.diff(loop, axis=0), axis=1)
    total = float(lengths.sum())
    if total < 3 * spacing_px:
        return np.zeros((0, 2))
    count = max(6, round(total / spacing_px))
    at = np.linspace(0, total, count, endpoint=False)
    along = np.concatenate([[0], np.cumsum(lengths)])
    return np.stack([np.interp(at, along, loop[:, axis]) for axis in (0, 1)], axis=1)


def _inside(points: Floats, soft: NDArray[np.floating]) -> tuple[Floats, Indices]:
    faces = Delaunay(points).simplices.astype(np.int64)
    a, b, c = (points[faces[:, k]] for k in range(3))
    doubled = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    faces[doubled < 0] = faces[doubled < 0][:, ::-1]
    middle = (a + b + c) / 3
    where = np.stack([soft.shape[0] - 1 - middle[:, 1], middle[:, 0]])
    kept = (ndimage.map_coordinates(soft, where, order=1, mode="constant") > 0.5) & (np.abs(doubled) > 1e-6)
    return points, faces[kept]


def _edges(faces: Indices) -> Indices:
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def _rim(faces: Indices) -> Indices:
    edges = _edges(faces)
    size = int(faces.max()) + 1
    forward, backward = edges[:, 0] * size + edges[:, 1], edges[:, 1] * size + edges[:, 0]
    return edges[~np.isin(forward, backward)]


def _bridge_middles(points: Floats, faces: Indices, spacing_px: float) -> Floats:
    """Middles of the inner edges that join two rim points."""
    if not len(faces):
        return np.zeros((0, 2))
    on_rim = np.zeros(len(points), dtype=bool)
    on_rim[_rim(faces).ravel()] = True
    edges = np.unique(np.sort(_edges(faces), axis=1), axis=0)
    rim = np.sort(_rim(faces), axis=1)
    size = len(points)
    inner = ~np.isin(edges[:, 0] * size + edges[:, 1], rim[:, 0] * size + rim[:, 1])
    bridges = edges[inner & on_rim[edges].all(axis=1)]
    ends = points[bridges]
    long = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1) > 0.35 * spacing_px
    middles: Floats = ends[long].mean(axis=1)
    return middles


def _split_pinches(points: Floats, faces: Indices) -> tuple[Floats, Indices]:
    """Give each fan its own copy of a vertex where two outlines touch, a little inside its fan."""
    faces = faces.copy()
    starts = np.bincount(_rim(faces)[:, 0], minlength=len(points))
    places = list(points)
    for vertex in np.flatnonzero(starts > 1):
        around = np.flatnonzero((faces == vertex).any(axis=1))
        for fan in _fans(faces, around, int(vertex))[1:]:
            corners = faces[fan]
            inside = np.mean([places[corner] for corner in corners.ravel()], axis=0)
            corners[corners == vertex] = len(places)
            places.append(places[vertex] + 0.15 * (inside - places[vertex]))
            faces[fan] = corners
    return np.array(places), faces


def _fans(faces: Indices, around: Indices, vertex: int) -> list[list[int]]:
    """Triangles around a vertex, grouped by shared edges through it."""
    fans: list[tuple[list[int], set[int]]] = []
    for face in around:
        others = {int(v) for v in faces[face] if v != vertex}
        joined = [fan for fan in fans if fan[1] & others]
        merged = ([int(face)], set(others))
        for fan in joined:
            merged[0].extend(fan[0])
            merged[1].update(fan[1])
            fans.remove(fan)
        fans.append(merged)
    return [fan[0] for fan in fans]


def closed(sheet: Sheet, thickness_px: Floats, uv: Floats, wall: Sequence[float] = ()) -> Solid:
    """The solid between z = +thickness and z = -thickness, front and back sharing the same picture.

    Args:
        thickness_px: (n,) half the solid's thickness at each point, more than 0.
        uv: (n, 2) texture coordinates of the points.
        wall: Rings between front and back, as shares of the thickness, front to back, such as (0.5, -0.5).
    """
    count = len(sheet.points)
    order = np.unique(sheet.rim)
    ring_of = np.full(count, -1, dtype=np.int64)
    ring_of[order] = np.arange(len(order))
    layers = [np.column_stack([sheet.points, thickness_px]), np.column_stack([sheet.points, -thickness_px])]
    coordinates = [uv, uv]
    rings = [order]
    for number, share in enumerate(wall):
        rings.append(2 * count + number * len(order) + np.arange(len(order)))
        layers.append(np.column_stack([sheet.points[order], share * thickness_px[order]]))
        coordinates.append(uv[order])
    rings.append(order + count)
    faces = [sheet.faces, sheet.faces[:, ::-1] + count]
    start, end = ring_of[sheet.rim[:, 0]], ring_of[sheet.rim[:, 1]]
    for front, back in pairwise(rings):
        faces.append(np.stack([front[start], back[start], back[end]], axis=1))
        faces.append(np.stack([front[start], back[end], front[end]], axis=1))
    return Solid(positions=np.concatenate(layers), uv=np.concatenate(coordinates), faces=np.concatenate(faces))
