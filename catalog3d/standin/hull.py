"""A visual hull: what is left when every outline has been cut through a block.

Conventions: the front photo looks along -Z. "left" and "right" are the sides that a shopper sees who
walks from the front to their own left or right, so the product's front is at the right edge of the
left photo. All photos are taken as orthographic and scaled to the same height.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from catalog3d.standin.atlas import SIDES
from catalog3d.standin.mask import Cutout
from catalog3d.standin.pictures import Picture
from catalog3d.standin.texture import bled
from catalog3d.standin.voxels import Surface, grid, surface

Floats = NDArray[np.float64]

_FULLEST = 0.24
"""Half thickness that a hull without a side photo approaches, as a share of the height."""

_AGREEMENT = 0.9
"""Overlap above which opposite outlines are averaged: the same limit that a hull must reach in each view."""


@dataclass(frozen=True, kw_only=True)
class View:
    """One side: the photo and its outline."""

    picture: Picture
    cutout: Cutout

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the outline in the mask."""
        rows, columns = (np.flatnonzero(self.cutout.solid.any(axis=axis)) for axis in (1, 0))
        return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)

    @property
    def aspect(self) -> float:
        """Width of the outline by its height."""
        rows, columns = self.box
        return float((columns.stop - columns.start) / (rows.stop - rows.start))


def carve(views: Mapping[str, View], samples: int) -> Surface | None:
    """The hull of a front and at least one other view; height 1, centred at the origin."""
    width = float(np.mean([views[side].aspect for side in ("front", "back") if side in views]))
    sides = [side for side in ("left", "right") if side in views]
    depth = float(np.mean([views[side].aspect for side in sides])) if sides else 2 * _FULLEST
    where = grid((width, 1.0, depth), samples)
    front = _outline(views, ("front", "back"), where.x, where.y, width)
    if sides:
        across = _outline(views, ("right", "left"), -where.z, where.y, depth)
        field = np.minimum(front[:, :, None], across.T[None, :, :])
    else:
        swell = _FULLEST * np.tanh(np.sqrt(np.maximum(front, 0) * 0.5) / _FULLEST)
        field = np.minimum(front[:, :, None], swell[:, :, None] - np.abs(where.z)[None, None, :])
    return surface(field, where)


def _outline(views: Mapping[str, View], pair: tuple[str, str], across: Floats, up: Floats, extent: float) -> Floats:
    """Signed distance (across, up) to the outline of opposite views, the second mirrored; positive inside.

    Where the two disagree the first alone decides: a mean would lose thin limbs.
    """
    fields = [
        _distance(views[side], direction * across, up, extent)
        for side, direction in zip(pair, (1, -1), strict=True)
        if side in views
    ]
    first, last = fields[0] > 0, fields[-1] > 0
    agreement = (first & last).sum() / max((first | last).sum(), 1)
    result: Floats = np.mean(fields, axis=0) if agreement > _AGREEMENT else fields[0]
    return result


def _distance(view: View, across: Floats, up: Floats, extent: float) -> Floats:
    rows, columns = view.box
    soft = np.pad(view.cutout.soft[rows, columns].astype(np.float64), 4)
    solid = soft > 0.5
    outside = ndimage.distance_transform_edt(~solid)
    signed = np.where(solid, ndimage.distance_transform_edt(solid) - 0.5, 0.5 - outside)
    # near the outline the soft mask knows the edge to a fraction of a pixel
    edge = np.abs(signed) < 1.0
    signed[edge] = np.clip(soft[edge] - 0.5, -0.5, 0.5)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    column = (across / extent + 0.5) * width - 0.5 + 4
    row = (0.5 - up) * height - 0.5 + 4
    grid_rows, grid_columns = np.meshgrid(row, column, indexing="xy")
    sampled = ndimage.map_coordinates(signed, [grid_rows, grid_columns], order=1, mode="nearest")
    result: Floats = sampled / height
    return result


def tiles(views: Mapping[str, View]) -> dict[str, NDArray[np.uint8]]:
    """The photos of all four sides, cut to the outline's box; missing sides borrow the opposite one, mirrored."""
    known = {side: _tile(view) for side, view in views.items() if side in SIDES}
    opposite = {"front": "back", "back": "front", "left": "right", "right": "left"}
    for side in SIDES:
        if side not in known and opposite[side] in known:
            known[side] = known[opposite[side]][:, ::-1]
    for side in ("left", "right"):
        known.setdefault(side, known["front"])
    return known


def _tile(view: View) -> NDArray[np.uint8]:
    pixels = bled(view.picture, view.cutout.soft)
    rows, columns = view.box
    scale_y = pixels.shape[0] / view.cutout.soft.shape[0]
    scale_x = pixels.shape[1] / view.cutout.soft.shape[1]
    top, bottom = round(rows.start * scale_y), round(rows.stop * scale_y)
    left, right = round(columns.start * scale_x), round(columns.stop * scale_x)
    return pixels[top : max(bottom, top + 1), left : max(right, left + 1)]
