"""The white studio behind the model, with a soft shadow where it stands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from catalog3d.render.camera import Camera

Floats = NDArray[np.float32]

MAP_PX = 160
# Enough for a box to cast a whole shadow: about one in each pixel of the map.
SHADOW_POINTS = 40_000
# The shadow map reaches this many times the model's width around its middle.
REACH = 1.9
# Share of the model's height over which a part still darkens the floor below it.
CONTACT_SHARE = 0.14
BLUR_SHARES = ((0.016, 0.34), (0.055, 0.26))
BACKDROP = 0.955


def studio(camera: Camera, points: NDArray[np.float64]) -> Floats:
    """Backdrop of the picture : (h * w, 3) linear RGB, with the contact shadow of points : (n, 3)."""
    pixels = np.arange(camera.width * camera.height)
    down = (pixels // camera.width) / camera.height
    brightness = (BACKDROP - 0.05 * down**2).astype(np.float32)
    floor, middle = points[:, 1].min(), (points.min(axis=0) + points.max(axis=0)) / 2
    reach = REACH * max(np.ptp(points[:, 0]), np.ptp(points[:, 2]), 1e-9) / 2
    shadow = _shadow_map(points, floor, middle, reach)
    rays = camera.rays(pixels)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = (floor - camera.eye[1]) / rays[:, 1]
        hit = np.isfinite(distance) & (distance > 0)
        x = (camera.eye[0] + rays[:, 0] * distance - middle[0]) / reach
        z = (camera.eye[2] + rays[:, 2] * distance - middle[2]) / reach
    hit &= (np.abs(x) < 1) & (np.abs(z) < 1)
    places = np.stack([(x[hit] + 1) / 2 * MAP_PX - 0.5, (z[hit] + 1) / 2 * MAP_PX - 0.5])
    brightness[hit] *= 1 - ndimage.map_coordinates(shadow, places, order=1, mode="nearest")
    return np.repeat(brightness[:, None], 3, axis=1)


def spread(points: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """Points all over the surface of faces : (m, 3), not only its corners : (k, 3).

    Large triangles, as boxes have them, would else cast their shadow at three points.
    """
    corners = points[faces]
    steps = int(min((2 * SHADOW_POINTS / len(faces)) ** 0.5, MAP_PX / 2))
    if steps < 2:
        return corners.reshape(-1, 3)
    first, second = (share.ravel() / steps for share in np.mgrid[0 : steps + 1, 0 : steps + 1])
    inside = first + second <= 1
    shares = np.stack([first, second, 1 - first - second], axis=1)[inside]
    everywhere: NDArray[np.float64] = np.einsum("sc,mcx->msx", shares, corners).reshape(-1, 3)
    return everywhere


def _shadow_map(points: NDArray[np.float64], floor: float, middle: NDArray[np.float64], reach: float) -> Floats:
    """How dark the floor is : (MAP_PX, MAP_PX), 0 to 1, seen from above."""
    height = (points[:, 1] - floor) / (CONTACT_SHARE * max(np.ptp(points[:, 1]), 1e-9))
    near = height < 1
    columns = ((points[near][:, [0, 2]] - middle[[0, 2]]) / reach + 1) / 2 * MAP_PX
    column = np.clip(columns.astype(np.int64), 0, MAP_PX - 1)
    contact = np.zeros((MAP_PX, MAP_PX), dtype=np.float32)
    np.maximum.at(contact, (column[:, 0], column[:, 1]), (1 - height[near]).astype(np.float32))
    # Corners are scattered: closing joins them to the surface they belong to.
    contact = ndimage.grey_closing(contact, size=(9, 9))
    shadow = np.zeros_like(contact)
    for share, strength in BLUR_SHARES:
        shadow += strength * ndimage.gaussian_filter(contact, share * MAP_PX)
    return np.clip(shadow, 0, 0.85)
