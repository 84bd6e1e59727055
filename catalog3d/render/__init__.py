"""Pictures of models in numpy alone: no graphics card, no system packages.

Drawn: base colour texture, factor and vertex colours, smooth normals, alpha masks, one layer of
transparency, studio light, contact shadow. Not drawn: metalness, roughness, normal maps, emission, skins.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catalog3d.mesh.container import Buffer
from catalog3d.render.camera import FRONTS, Camera, frame
from catalog3d.render.drawables import Drawables, read_drawables
from catalog3d.render.ground import spread, studio
from catalog3d.render.raster import Fragments, Screen, facing, nearest_faces, visible
from catalog3d.render.shading import alphas, base_colors, masked, shade

__all__ = ["FRONTS", "render_glb"]

MIN_SIZE_PX, MAX_SIZE_PX = 16, 2048

Floats = NDArray[np.float32]


def render_glb(
    data: Buffer | Path,
    *,
    size_px: int = 512,
    yaw_deg: float = 0.0,
    pitch_deg: float = 10.0,
    supersample: int = 2,
    front: str = "+x",
) -> Image.Image:
    """A square RGB picture of a GLB on a white studio ground.

    Args:
        data: A file's bytes or its path. Foreign files belong into the bounded child process.
        size_px: Side, 16 to 2048.
        yaw_deg: Camera's turn about the upright axis: 0 looks at the front, positive goes to the model's left side.
        pitch_deg: Camera's height above the horizon.
        supersample: Samples per pixel and axis, 1 to 4.
        front: Axis to which the model's front points: "+x" for raw models of the provider, "+z" by glTF's rule.

    Raises:
        ProductError: NOT_DRAWABLE, RENDER_TOO_COMPLEX.
    """
    samples = min(max(supersample, 1), 4)
    side = min(max(size_px, MIN_SIZE_PX), MAX_SIZE_PX) * samples
    scene = read_drawables(data.read_bytes() if isinstance(data, Path) else data)
    used = scene.points[np.unique(scene.faces)]
    camera = frame(used, width=side, height=side, yaw_deg=yaw_deg, pitch_deg=pitch_deg, front=front)
    canvas = studio(camera, spread(scene.points, scene.faces))
    # A foreign file may hold any colour and any texture coordinate; what is no colour is clipped in the end.
    with np.errstate(over="ignore", invalid="ignore"):
        _draw(scene, camera, canvas)
        return _developed(canvas.reshape(side, side, 3), samples)


def _draw(scene: Drawables, camera: Camera, canvas: Floats) -> None:
    """Draw solid and masked surfaces, then the nearest see-through surface before them."""
    screen = camera.project(scene.points)
    two_sided = np.array([material.two_sided for material in scene.materials])
    blended = np.array([material.alpha == "BLEND" for material in scene.materials])
    shown = facing(screen, scene.faces) | two_sided[scene.material_of]
    see_through = blended[scene.material_of]
    solid = _nearest(scene, screen, np.flatnonzero(shown & ~see_through), None)
    fragments = visible(screen, scene.faces, solid)
    canvas[fragments.pixel] = shade(scene, fragments, base_colors(scene, fragments), camera)
    if see_through.any():
        layer = _nearest(scene, screen, np.flatnonzero(shown & see_through), solid)
        fragments = visible(screen, scene.faces, layer)
        colors = base_colors(scene, fragments)
        alpha = np.clip(colors[:, 3:], 0, 1)
        canvas[fragments.pixel] *= 1 - alpha
        canvas[fragments.pixel] += alpha * shade(scene, fragments, colors, camera)


def _nearest(
    scene: Drawables, screen: Screen, chosen: NDArray[np.int64], behind: NDArray[np.uint64] | None
) -> NDArray[np.uint64]:
    """Keys of the nearest fragments; faces with an alpha mask are drawn apart, for they cost more."""
    mask = masked(scene.materials)[scene.material_of[chosen]]
    keys = nearest_faces(screen, scene.faces, chosen[~mask], behind=behind)
    if not mask.any():
        return keys
    cutoffs = np.array([material.cutoff for material in scene.materials])

    def keep(fragments: Fragments) -> NDArray[np.bool_]:
        kept: NDArray[np.bool_] = alphas(scene, fragments) >= cutoffs[scene.material_of[fragments.face]]
        return kept

    return np.minimum(keys, nearest_faces(screen, scene.faces, chosen[mask], keep, behind))


def _developed(linear: Floats, samples: int) -> Image.Image:
    """Average the samples, turn linear light into sRGB."""
    side = linear.shape[0] // samples
    mean = linear.reshape(side, samples, side, samples, 3).mean(axis=(1, 3))
    mean = np.clip(np.nan_to_num(mean), 0, 1)
    encoded = np.where(mean <= 0.0031308, 12.92 * mean, 1.055 * mean ** (1 / 2.4) - 0.055)
    return Image.fromarray(np.round(encoded * 255).astype(np.uint8))
