"""Where the camera stands, and where the model's corners fall on the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog3d.render.raster import Screen

Points = NDArray[np.float64]

# Half the opening angle around the model's sphere: a long lens, as product photographers use.
HALF_ANGLE_DEG = 14.0
# Share of the picture that the model fills: room for the shadow and a margin.
FILL = 0.84
# Degrees from +Z to the front of the model, about the upright axis.
FRONTS = {"+z": 0.0, "+x": 90.0, "-z": 180.0, "-x": 270.0}


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A camera that looks at the middle of a model.

    Attributes:
        eye: (3,) position in the world.
        axes: (3, 3) rows: right, up, forward.
        scale, offset: Picture = scale * (view x / depth, view y / depth) + offset, in pixels, y up.
    """

    eye: Points
    axes: Points
    scale: float
    offset: tuple[float, float]
    width: int
    height: int

    def project(self, points: Points) -> Screen:
        """Points of the world : (n, 3), on the picture."""
        view = (points - self.eye) @ self.axes.T
        inverse = 1.0 / np.maximum(view[:, 2], 1e-12)
        x, y = _place(view[:, 0] * inverse, view[:, 1] * inverse, self)
        return Screen(x=x, y=y, inverse_depth=inverse, width=self.width, height=self.height)

    def rays(self, pixels: NDArray[np.int64]) -> Points:
        """The direction in which each pixel looks : (k, 3), not normalised."""
        x = (pixels % self.width + 0.5 - self.offset[0]) / self.scale
        y = (self.offset[1] - (pixels // self.width + 0.5)) / self.scale
        right, up, forward = self.axes
        rays: Points = x[:, None] * right + y[:, None] * up + forward
        return rays


def _place(u: Points, v: Points, camera: Camera) -> tuple[Points, Points]:
    return camera.offset[0] + camera.scale * u, camera.offset[1] - camera.scale * v


def frame(points: Points, *, width: int, height: int, yaw_deg: float, pitch_deg: float, front: str) -> Camera:
    """A camera that shows all points : (n, 3), as large as the picture allows.

    Args:
        yaw_deg: Turns the camera about the upright axis, away from the model's front to its left hand side.
        pitch_deg: Raises the camera; -89 to 89.
        front: Axis to which the model's front points, one of FRONTS.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    middle = (low + high) / 2
    radius = float(np.linalg.norm(high - low)) / 2 or 1.0
    yaw, pitch = np.radians(yaw_deg + FRONTS[front]), np.radians(np.clip(pitch_deg, -89, 89))
    towards = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    right = np.array([np.cos(yaw), 0.0, -np.sin(yaw)])
    axes = np.stack([right, np.cross(towards, right), -towards])
    eye = middle + towards * radius / np.sin(np.radians(HALF_ANGLE_DEG))
    view = (points - eye) @ axes.T
    u, v = view[:, 0] / view[:, 2], view[:, 1] / view[:, 2]
    wide, tall = max(np.ptp(u), 1e-9), max(np.ptp(v), 1e-9)
    scale = FILL * min(width / wide, height / tall)
    offset = (width / 2 - scale * (u.min() + u.max()) / 2, height / 2 + scale * (v.min() + v.max()) / 2)
    return Camera(eye=eye, axes=axes, scale=float(scale), offset=offset, width=width, height=height)
