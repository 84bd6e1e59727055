"""Photos of several sides on one texture, each face taking the side that it looks to."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catalog3d.standin.solid import Solid
from catalog3d.standin.voxels import Surface

TILE_PX = 512
PAD_PX = 8
"""Border of each tile, so that mipmaps do not mix neighbours."""

SIDES = ("front", "left", "back", "right")
_TOWARD = {"front": (0, 0, 1), "left": (-1, 0, 0), "back": (0, 0, -1), "right": (1, 0, 0)}
_FRONT_BIAS = 0.06
"""Undecided faces, tops above all, take the front photo."""


def paint(surface: Surface, tiles: Mapping[str, NDArray[np.uint8]]) -> tuple[Solid, NDArray[np.uint8]]:
    """A surface with one texture of all sides.

    Args:
        surface: Centred at the origin; each tile covers its box exactly, seen from that side.
        tiles: front, left, back, right (as the shopper sees the product from the front) -> pixels.
    """
    low, high = surface.positions.min(axis=0), surface.positions.max(axis=0)
    share = (surface.positions - low) / np.maximum(high - low, 1e-9)
    looks = surface.normals[surface.faces].mean(axis=1)
    scores = np.stack([looks @ np.array(_TOWARD[side]) + (_FRONT_BIAS if side == "front" else 0) for side in SIDES])
    side_of = scores.argmax(axis=0)
    count = len(surface.positions)
    keys = surface.faces + (side_of * count)[:, None]
    used, faces = np.unique(keys, return_inverse=True)
    source, side = used % count, used // count
    uv = _tile_uv(share[source], side)
    solid = Solid(
        positions=surface.positions[source],
        uv=uv,
        faces=faces.reshape(-1, 3).astype(np.int64),
        normals=surface.normals[source],
    )
    return solid, _sheet(tiles)


def _tile_uv(share: NDArray[np.float64], side: NDArray[np.int64]) -> NDArray[np.float64]:
    x, y, z = share.T
    across = np.select([side == 0, side == 1, side == 2], [x, z, 1 - x], default=1 - z)
    inner = TILE_PX - 2 * PAD_PX
    u = (side % 2) * TILE_PX + PAD_PX + across * inner
    v = (side // 2) * TILE_PX + PAD_PX + (1 - y) * inner
    return np.stack([u, v], axis=1) / (2 * TILE_PX)


def _sheet(tiles: Mapping[str, NDArray[np.uint8]]) -> NDArray[np.uint8]:
    inner = TILE_PX - 2 * PAD_PX
    sheet = np.zeros((2 * TILE_PX, 2 * TILE_PX, 3), dtype=np.uint8)
    for index, side in enumerate(SIDES):
        scaled = np.asarray(Image.fromarray(tiles[side]).resize((inner, inner), Image.Resampling.LANCZOS))
        row, column = (index // 2) * TILE_PX, (index % 2) * TILE_PX
        padded = np.pad(scaled, ((PAD_PX, PAD_PX), (PAD_PX, PAD_PX), (0, 0)), mode="edge")
        sheet[row : row + TILE_PX, column : column + TILE_PX] = padded
    return sheet
