"""A z-buffered triangle rasteriser in numpy: which triangle each pixel shows.

All triangles are handled at once: every pixel of every triangle's box becomes a fragment, fragments
outside their triangle are dropped, and the nearest one of each pixel wins by the minimum of a key that
holds depth and triangle number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog3d.errors import ProductError

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

# Fragments worked on at once: bounds memory to about 150 MB.
CHUNK_FRAGMENTS = 1_500_000
# About 40 s of work: a hostile file may stack thousands of triangles over the whole picture.
MAX_FRAGMENTS = 500_000_000
EMPTY = np.uint64(2**64 - 1)
_EDGE_SLACK = np.float32(-1e-5)


@dataclass(frozen=True, kw_only=True)
class Screen:
    """Corners on the picture.

    Attributes:
        x, y: (n,) float64, pixels; the centre of the first pixel is 0.5, y runs down.
        inverse_depth: (n,) float64, 1 / distance along the view: what is linear on the picture.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    inverse_depth: NDArray[np.float64]
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Fragments:
    """Pixels inside triangles: face, pixel and the weights of the face's three corners, all (k,)."""

    face: Ints
    pixel: Ints
    weights: tuple[Floats, Floats, Floats]


Keep = Callable[[Fragments], NDArray[np.bool_]]
"""Which fragments are really there: what alpha masks need."""


@dataclass(frozen=True, kw_only=True)
class _Setup:
    """Per triangle: its box on the picture, and weights and inverse depth at the box's first pixel with their slopes."""

    face: Ints
    left: Ints
    top: Ints
    width: Ints
    count: Ints
    planes: NDArray[np.float32]  # (t, 9): for two weights and the inverse depth: value, x slope, y slope


def facing(screen: Screen, faces: Ints) -> NDArray[np.bool_]:
    """Which faces : (m, 3) turn their front (counter-clockwise) to the viewer : (m,)."""
    return _doubled_area(screen, faces) < 0


def nearest_faces(
    screen: Screen, faces: Ints, chosen: Ints, keep: Keep | None = None, behind: NDArray[np.uint64] | None = None
) -> NDArray[np.uint64]:
    """The nearest fragment of each pixel : (height * width,) of keys; EMPTY where there is none.

    Args:
        chosen: Numbers of the faces to draw.
        keep: Drops fragments, for alpha masks.
        behind: Keys of an earlier call: only fragments before these count.

    Raises:
        ProductError: RENDER_TOO_COMPLEX.
    """
    keys = np.full(screen.width * screen.height, EMPTY, dtype=np.uint64)
    setup = _set_up(screen, faces, chosen)
    if int(setup.count.sum()) > MAX_FRAGMENTS:
        raise ProductError(
            "The model covers the picture too many times over to be drawn here.",
            code="RENDER_TOO_COMPLEX",
            fix="Generate it again with a lower face limit.",
        )
    for part in _parts(setup):
        fragments, inverse_depth = _fragments(screen, setup, part)
        if keep is not None and len(fragments.face):
            kept = keep(_in_perspective(screen, faces, fragments))
            fragments, inverse_depth = _select(fragments, kept), inverse_depth[kept]
        key = _keys(inverse_depth, fragments.face)
        if behind is not None:
            before = key < behind[fragments.pixel]
            np.minimum.at(keys, fragments.pixel[before], key[before])
        else:
            np.minimum.at(keys, fragments.pixel, key)
    return keys


def visible(screen: Screen, faces: Ints, keys: NDArray[np.uint64]) -> Fragments:
    """The winning fragments with weights that are right in perspective."""
    pixel = np.flatnonzero(keys != EMPTY)
    face = (keys[pixel] & np.uint64(0xFFFFFFFF)).astype(np.int64)
    corners = faces[face]
    x, y = screen.x[corners], screen.y[corners]
    px = (pixel % screen.width + 0.5)[:, None]
    py = (pixel // screen.width + 0.5)[:, None]
    dx, dy = x - px, y - py
    raw = np.stack([
        dx[:, 1] * dy[:, 2] - dx[:, 2] * dy[:, 1],
        dx[:, 2] * dy[:, 0] - dx[:, 0] * dy[:, 2],
        dx[:, 0] * dy[:, 1] - dx[:, 1] * dy[:, 0],
    ])  # fmt: skip
    first, second, third = (raw / np.where(raw.sum(axis=0) == 0, 1, raw.sum(axis=0))).astype(np.float32)
    return _in_perspective(screen, faces, Fragments(face=face, pixel=pixel, weights=(first, second, third)))


def interpolate(values: NDArray[Any], faces: Ints, fragments: Fragments) -> Floats:
    """Corner values : (n, k), at fragments : (f, k) float32."""
    corners = faces[fragments.face]
    first, second, third = (weight[:, None] for weight in fragments.weights)
    mixed: Floats = values[corners[:, 0]] * first
    mixed += values[corners[:, 1]] * second
    mixed += values[corners[:, 2]] * third
    return mixed


def _doubled_area(screen: Screen, faces: Ints) -> NDArray[np.float64]:
    x, y = screen.x[faces], screen.y[faces]
    area: NDArray[np.float64] = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
    return area


def _set_up(screen: Screen, faces: Ints, chosen: Ints) -> _Setup:
    x, y = screen.x[faces[chosen]], screen.y[faces[chosen]]
    left = np.clip(np.ceil(x.min(axis=1) - 0.5), 0, screen.width).astype(np.int64)
    right = np.clip(np.floor(x.max(axis=1) - 0.5), -1, screen.width - 1).astype(np.int64)
    top = np.clip(np.ceil(y.min(axis=1) - 0.5), 0, screen.height).astype(np.int64)
    bottom = np.clip(np.floor(y.max(axis=1) - 0.5), -1, screen.height - 1).astype(np.int64)
    area = _doubled_area(screen, faces[chosen])
    drawn = (right >= left) & (bottom >= top) & (np.abs(area) > 1e-9)
    face, left, right, top, bottom = (values[drawn] for values in (chosen, left, right, top, bottom))
    width = right - left + 1
    depth = screen.inverse_depth[faces[face]]
    return _Setup(
        face=face,
        left=left,
        top=top,
        width=width,
        count=width * (bottom - top + 1),
        planes=_planes(x[drawn] - (left + 0.5)[:, None], y[drawn] - (top + 0.5)[:, None], area[drawn], depth),
    )


def _planes(
    x: NDArray[np.float64], y: NDArray[np.float64], area: NDArray[np.float64], depth: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Two weights and the inverse depth as planes : (t, 9), with corners : (t, 3) seen from the box's first pixel."""
    planes = []
    for second, third in ((1, 2), (2, 0)):
        slope_x = (y[:, second] - y[:, third]) / area
        slope_y = (x[:, third] - x[:, second]) / area
        planes.append([-x[:, third] * slope_x - y[:, third] * slope_y, slope_x, slope_y])
    columns = planes[0] + planes[1]
    for first, second_part, whole in zip(planes[0], planes[1], (1.0, 0.0, 0.0), strict=True):
        rest = whole - first - second_part
        columns.append(first * depth[:, 0] + second_part * depth[:, 1] + rest * depth[:, 2])
    return np.stack(columns, axis=1).astype(np.float32)


def _parts(setup: _Setup) -> Iterator[slice]:
    """Runs of triangles with at most CHUNK_FRAGMENTS fragments together (a single one may have more)."""
    ends = np.cumsum(setup.count)
    start = 0
    while start < len(ends):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + CHUNK_FRAGMENTS, side="right")))
        yield slice(start, stop)
        start = stop


def _fragments(screen: Screen, setup: _Setup, part: slice) -> tuple[Fragments, Floats]:
    count, width = setup.count[part], setup.width[part]
    triangle = np.repeat(np.arange(len(count)), count)
    step = np.arange(len(triangle)) - np.repeat(np.cumsum(count) - count, count)
    row = step // width[triangle]
    column = step - row * width[triangle]
    plane = setup.planes[part]
    dx, dy = column.astype(np.float32), row.astype(np.float32)
    first, second, depth = (
        plane[triangle, at] + plane[triangle, at + 1] * dx + plane[triangle, at + 2] * dy for at in (0, 3, 6)
    )
    third = 1 - first - second
    inside = np.flatnonzero((first >= _EDGE_SLACK) & (second >= _EDGE_SLACK) & (third >= _EDGE_SLACK))
    triangle = triangle[inside]
    pixel = (setup.top[part][triangle] + row[inside]) * screen.width + setup.left[part][triangle] + column[inside]
    fragments = Fragments(
        face=setup.face[part][triangle], pixel=pixel, weights=(first[inside], second[inside], third[inside])
    )
    return fragments, depth[inside]


def _select(fragments: Fragments, kept: NDArray[np.bool_]) -> Fragments:
    first, second, third = fragments.weights
    return Fragments(
        face=fragments.face[kept], pixel=fragments.pixel[kept], weights=(first[kept], second[kept], third[kept])
    )


def _in_perspective(screen: Screen, faces: Ints, fragments: Fragments) -> Fragments:
    """The same fragments with weights that are right in perspective, not only on the picture."""
    depth = screen.inverse_depth[faces[fragments.face]].T
    raw = np.clip(np.stack(fragments.weights), 0, None) * depth
    weights = (raw / np.maximum(raw.sum(axis=0), 1e-300)).astype(np.float32)
    return Fragments(face=fragments.face, pixel=fragments.pixel, weights=(weights[0], weights[1], weights[2]))


def _keys(inverse_depth: Floats, face: Ints) -> NDArray[np.uint64]:
    # The bits of a positive float32 sort like the number; nearer is a larger inverse depth, so they are turned round.
    order = np.uint64(0xFFFFFFFF) - np.maximum(inverse_depth, 0).view(np.uint32).astype(np.uint64)
    return order << np.uint64(32) | face.astype(np.uint64)
