"""A studio's light: key, fill and rim softboxes, ambient with occlusion, reflections."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from examples.procedural.materials import Material
from examples.procedural.scene import Scene
from examples.procedural.sdf import Array, Vector


def _unit(*v: float) -> Array:
    a = np.array(v, dtype=np.float32)
    result: Array = (a / np.sqrt((a**2).sum()))[:, None]
    return result


KEY = _unit(-0.62, 0.95, 0.72)
FILL = _unit(0.9, 0.45, 0.75)
RIM = _unit(0.35, 0.8, -0.9)
KEY_SPREAD = 0.17
"""Radius of the key softbox as seen from the product, radians: soft shadows."""

_SPIRAL = [(np.sqrt((i + 0.5) / 6), i * 2.39996) for i in range(6)]


def _tangents(n: Array) -> tuple[Array, Array]:
    other = np.where(np.abs(n[1:2]) < 0.9, np.array([[0], [1], [0]], np.float32), np.array([[1], [0], [0]], np.float32))
    u = np.cross(other, n, axis=0)
    u /= np.sqrt((u**2).sum(axis=0))
    return u.astype(np.float32), np.cross(n, u, axis=0).astype(np.float32)


def key_light(scene: Scene, p: Array, size_m: float) -> Array:
    """Share of the key softbox that each point sees, 0 to 1."""
    u, v = _tangents(KEY)
    total = np.zeros(p.shape[1], dtype=np.float32)
    for radius, angle in _SPIRAL:
        spot = KEY + (u * np.cos(angle) + v * np.sin(angle)) * np.float32(radius * KEY_SPREAD)
        total += _unblocked(scene, p, spot.astype(np.float32), size_m)
    return total / np.float32(len(_SPIRAL))


def _unblocked(scene: Scene, p: Array, direction: Array, size_m: float) -> Array:
    clear = np.ones(p.shape[1], dtype=np.float32)
    alive = np.arange(p.shape[1])
    t = np.full(p.shape[1], 0.006 * size_m, dtype=np.float32)
    for _ in range(26):
        d = scene.distance(p[:, alive] + direction * t)
        clear[alive] = np.minimum(clear[alive], np.clip(0.5 + 12 * d / t, 0, 1))
        t += np.clip(d, 0.012 * size_m, 0.25 * size_m)
        going = (clear[alive] > 0.01) & (t < 1.8 * size_m)
        alive, t = alive[going], t[going]
        if not alive.size:
            break
    return clear


def openness(scene: Scene, p: Array, n: Array, size_m: float, *, ground: bool = True) -> Array:
    """Share of the half-space above each point that is free, 0 to 1: nine wide cones."""
    u, v = _tangents(n)
    total, weight = np.zeros(p.shape[1], dtype=np.float32), 0.0
    for index in range(9):
        tilt, angle = (0.0, 0.0) if index == 0 else (0.95, index * np.pi / 4)
        share = 1.0 if index == 0 else 0.65
        direction = n * np.cos(tilt) + (u * np.cos(angle) + v * np.sin(angle)) * np.sin(tilt)
        free = np.ones(p.shape[1], dtype=np.float32)
        for reach in (0.018, 0.05, 0.12, 0.27):
            t = np.float32(reach * size_m)
            q = p + direction.astype(np.float32) * t
            d = scene.distance(q)
            if ground:
                d = np.minimum(d, q[1])
            free = np.minimum(free, np.clip(0.12 + 1.7 * d / t, 0, 1))
        total += free * np.float32(share)
        weight += share
    return total / np.float32(weight)


_BOXES: tuple[tuple[Vector, float, float], ...] = (
    ((-0.75, 0.65, 0.6), 0.50, 3.2),
    ((0.95, 0.25, 0.45), 0.26, 1.7),
    ((0.2, 0.98, -0.15), 0.55, 1.5),
    ((0.6, 0.35, -0.8), 0.35, 1.3),
)


def surroundings(direction: Array, roughness: float) -> Array:
    """Brightness of the studio in a direction, blurred as a surface of that roughness mirrors it."""
    up = direction[1]
    blur = 0.04 + 0.9 * roughness**1.5
    wall = 0.30 + 0.34 * np.clip(up * 0.5 + 0.5, 0, 1)
    floor = np.clip(0.5 - up / (2 * blur), 0, 1) * 0.34
    flag = 1 - 0.6 * np.exp(-(((up - 0.02) / (0.16 + blur)) ** 2)) / (1 + 3 * blur)  # a dark horizon draws metal
    light: Array = ((wall + floor) * flag).astype(np.float32)
    for toward, radius, strength in _BOXES:
        cosine = np.clip((direction * _unit(*toward)).sum(axis=0), -1, 1)
        edge = np.clip((radius - np.arccos(cosine)) / (blur * 1.4) + 0.5, 0, 1)
        spread = (radius / (radius + blur * 0.8)) ** 2
        light += edge * edge * (3 - 2 * edge) * np.float32(strength * spread)
    return light


def shade(
    scene: Scene, material: Material, p: Array, n: Array, *, local: Array, view: Array, size_m: float
) -> NDArray[np.float32]:
    """Linear RGB (3, n) of surface points.

    Args:
        local: The points in the material's coordinates.
        view: Unit vectors from the points to the camera.
    """
    albedo = material.colour(local)
    lifted = p + n * np.float32(0.004 * size_m)
    free = openness(scene, lifted, n, size_m)
    facing = np.clip((n * KEY).sum(axis=0) * 0.94 + 0.06, 0, 1)
    lit = facing > 0
    seen = np.zeros_like(free)
    if lit.any():
        seen[lit] = key_light(scene, lifted[:, lit], size_m)
    key = facing * seen
    fill = np.clip((n * FILL).sum(axis=0) * 0.75 + 0.25, 0, 1) * (0.35 + 0.65 * free)
    rim = np.clip((n * RIM).sum(axis=0), 0, 1) * free
    sky = 0.5 + 0.5 * n[1]
    ambient = free**1.25 * (0.62 + 0.38 * sky)
    diffuse = 0.78 * key + 0.22 * fill + 0.16 * rim + 0.50 * ambient
    warm = np.array([[1.03], [1.0], [0.955]], dtype=np.float32)
    cool = np.array([[0.985], [1.0], [1.025]], dtype=np.float32)
    tinted = warm * (0.78 * key) + cool * (diffuse - 0.78 * key)
    cosine = np.clip((n * view).sum(axis=0), 0.02, 1)
    mirrored = 2 * cosine * n - view
    fresnel = (1 - cosine) ** 5 * (1 - material.roughness) ** 2
    hidden = np.clip(free * 1.25 - 0.1, 0, 1) * (0.45 + 0.55 * np.clip(seen + 0.25, 0, 1))
    light = surroundings(mirrored, material.roughness) * hidden
    if material.metal:
        metallic: Array = albedo * light * (0.94 + 0.06 * fresnel) + albedo * tinted * 0.10
        return metallic
    gloss = (material.reflectance + (1 - material.reflectance) * fresnel) * light
    cloth = material.sheen * (1 - cosine) ** 3 * (0.3 + 0.7 * free)
    colour: Array = albedo * (tinted * (1 - material.glow) + material.glow * 1.35 + cloth) + gloss
    return colour
