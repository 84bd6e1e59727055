"""Colours of the visible fragments: base colour under a soft studio light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from catalog3d.render.camera import Camera
from catalog3d.render.drawables import Drawables, unit
from catalog3d.render.materials import Material, sample
from catalog3d.render.raster import Fragments, interpolate

Floats = NDArray[np.float32]

# Light, linear: a bright sky, a bright floor (white studio), a key from the upper left of the camera, a fill.
SKY, FLOOR = 0.62, 0.36
KEY, KEY_DIRECTION = 0.50, (-0.45, 0.65, 0.62)
FILL, FILL_DIRECTION = 0.16, (0.75, 0.15, 0.65)
GLOSS, GLOSS_POWER = 0.05, 24.0


def base_colors(scene: Drawables, fragments: Fragments) -> Floats:
    """Base colour : (f, 4) linear RGBA, of texture x factor x vertex colour."""
    colors = interpolate(scene.colors, scene.faces, fragments)
    material_of = scene.material_of[fragments.face]
    for number in np.unique(material_of):
        material = scene.materials[number]
        here = np.flatnonzero(material_of == number)
        colors[here] *= material.factor
        if material.texture is not None:
            part = _part(fragments, here)
            colors[here] *= sample(material.texture, interpolate(scene.uvs, scene.faces, part))
    return colors


def alphas(scene: Drawables, fragments: Fragments) -> Floats:
    """Alpha : (f,) of the base colour."""
    return base_colors(scene, fragments)[:, 3]


def shade(scene: Drawables, fragments: Fragments, colors: Floats, camera: Camera) -> Floats:
    """Light the base colours : (f, 4) -> (f, 3) linear RGB."""
    normals = unit(interpolate(scene.normals, scene.faces, fragments))
    towards = -unit(camera.rays(fragments.pixel))
    # A surface that is seen shows its front; smooth normals may lean away at the rim.
    away = np.einsum("ij,ij->i", normals, towards)
    normals[away < 0] *= -1
    light = _diffuse(normals, camera)
    unlit = np.array([not material.lit for material in scene.materials])
    light[unlit[scene.material_of[fragments.face]]] = 1.0
    lit: Floats = colors[:, :3] * light[:, None]
    lit += (_gloss(normals, towards, camera) * (light != 1.0))[:, None]
    return lit


def _diffuse(normals: Floats, camera: Camera) -> Floats:
    # A mix of sky and floor by how far the surface looks up, then two lamps that stand with the camera.
    light = (SKY + FLOOR) / 2 + (SKY - FLOOR) / 2 * normals[:, 1]
    for strength, direction in ((KEY, KEY_DIRECTION), (FILL, FILL_DIRECTION)):
        light += strength * np.maximum(normals @ _lamp(direction, camera), 0)
    return light.astype(np.float32)


def _gloss(normals: Floats, towards: Floats, camera: Camera) -> Floats:
    half = unit(towards + _lamp(KEY_DIRECTION, camera))
    shine: Floats = GLOSS * np.maximum(np.einsum("ij,ij->i", normals, half), 0) ** GLOSS_POWER
    return shine


def _lamp(direction: tuple[float, float, float], camera: Camera) -> Floats:
    """A direction given as right, up and towards the viewer, in the world."""
    right, up, forward = camera.axes
    lamp: Floats = unit((right * direction[0] + up * direction[1] - forward * direction[2])[None, :])[0]
    return lamp


def _part(fragments: Fragments, chosen: NDArray[np.int64]) -> Fragments:
    first, second, third = fragments.weights
    return Fragments(
        face=fragments.face[chosen],
        pixel=fragments.pixel[chosen],
        weights=(first[chosen], second[chosen], third[chosen]),
    )


def masked(materials: list[Material]) -> NDArray[np.bool_]:
    """Which materials need their alpha looked at before a fragment counts."""
    return np.array([material.alpha == "MASK" for material in materials])
