"""Surfaces: wood, fabric, ceramic, metal and others, as colour and relief in a part's own coordinates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

from examples.procedural.sdf import Array, rotation

Colour = tuple[float, float, float]
"""Linear RGB, 0 to 1."""

_TABLE = np.random.default_rng(7).random((64, 64, 64), dtype=np.float32)

_ASKEW = rotation((33, 41, 27)).astype(np.float32)
"""Turns noise off the axes, where its lattice shows as short lines."""


@dataclass(frozen=True, kw_only=True)
class Material:
    """How a surface answers light.

    Attributes:
        colour: (3, n) local points -> (3, n) linear albedo.
        relief: (3, n) local points -> (n,) metres of height, or None for a smooth surface.
        roughness: 0 mirror to 1 matt.
        reflectance: Share of light mirrored head-on (0.04 for most things).
        metal: Whether the albedo colours the mirror image.
        sheen: Extra light at grazing angles: cloth.
        glow: Share of light that shines through or from inside.
    """

    colour: Callable[[Array], Array]
    relief: Callable[[Array], Array] | None = None
    roughness: float = 0.6
    reflectance: float = 0.04
    metal: bool = False
    sheen: float = 0.0
    glow: float = 0.0


def srgb(code: str) -> Colour:
    """`#a06030` as linear light."""
    raw = np.array([int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(raw <= 0.04045, raw / 12.92, ((raw + 0.055) / 1.055) ** 2.4)
    return (float(linear[0]), float(linear[1]), float(linear[2]))


def noise(p: Array, *scale: float) -> Array:
    """Smooth noise, 0 to 1; `scale` is cycles per metre along X, Y, Z (or one for all)."""
    factors = np.array(scale * (3 if len(scale) == 1 else 1), dtype=np.float32)[:, None]
    q = p * factors
    cell = np.floor(q)
    part = q - cell
    result: Array = map_coordinates(_TABLE, cell + part * part * (3 - 2 * part), order=1, mode="grid-wrap")
    return result


def mix(low: Colour, high: Colour, t: Array) -> Array:
    a, b = (np.array(colour, dtype=np.float32)[:, None] for colour in (low, high))
    return a + (b - a) * np.clip(t, 0, 1)


def plain(code: str, roughness: float = 0.5, reflectance: float = 0.04, glow: float = 0.0) -> Material:
    colour = srgb(code)

    def tint(p: Array) -> Array:
        return mix(colour, colour, p[0] * 0)

    return Material(colour=tint, roughness=roughness, reflectance=reflectance, glow=glow)


def wood(light: str, dark: str, along: int = 1, seed: float = 0.0, roughness: float = 0.42) -> Material:
    """Boards cut along axis `along` (0 X, 1 Y, 2 Z): growth rings, streaks and pores."""
    low, high = srgb(light), srgb(dark)
    u, v = [axis for axis in range(3) if axis != along]
    stretch = [26.0, 26.0, 26.0]
    stretch[along] = 1.6
    pores = [420.0, 420.0, 420.0]
    pores[along] = 14.0
    wander = [5.0, 5.0, 5.0]
    wander[along] = 1.1

    def tint(p: Array) -> Array:
        q = p + np.float32(seed)
        drift = noise(q, *wander) * 0.09 + noise(q, *stretch) * 0.006
        rings = np.sqrt((q[u] + 0.31 + drift) ** 2 + ((q[v] + 0.17) * 0.55 + drift * 0.4) ** 2) * 95
        ring = 0.5 + 0.5 * np.sin(rings * 2 * np.pi / 1.7)
        fine = noise(q, *pores)
        t = 0.12 + 0.42 * ring**3 + 0.3 * (noise(q, *stretch) - 0.35) + 0.42 * np.maximum(fine - 0.62, 0)
        return mix(low, high, t) * (0.92 + 0.16 * noise(q, 3.0))

    def relief(p: Array) -> Array:
        return noise(p + np.float32(seed), *pores) * np.float32(0.00022)

    return Material(colour=tint, relief=relief, roughness=roughness, reflectance=0.045)


def fabric(code: str, thread_m: float = 0.0045, contrast: float = 0.3, fleck: float = 0.16) -> Material:
    """Woven cloth: threads of `thread_m`, flecked yarn, a soft sheen."""
    base = srgb(code)
    pale: Colour = (min(1, base[0] * 1.5 + 0.03), min(1, base[1] * 1.5 + 0.03), min(1, base[2] * 1.5 + 0.03))
    deep: Colour = (base[0] * 0.62, base[1] * 0.62, base[2] * 0.62)
    pitch = np.float32(2 * np.pi / thread_m)

    def weave(p: Array) -> Array:
        wobble = noise(p, 60.0) * 1.4
        warp = np.sin((p[0] + p[2]) * pitch + wobble)
        weft = np.sin((p[1] + p[2] * np.float32(0.7)) * pitch + wobble)
        crossed: Array = warp * weft
        return crossed

    def tint(p: Array) -> Array:
        yarn = noise(p, 700.0, 90.0, 700.0) + noise(p, 90.0, 700.0, 90.0) - 1
        t = 0.42 + contrast * 0.5 * weave(p) + fleck * yarn * 2 + 0.1 * (noise(p, 9.0) - 0.5)
        return mix(deep, pale, t)

    def relief(p: Array) -> Array:
        return weave(p) * np.float32(thread_m * 0.045) + noise(p, 220.0) * np.float32(0.0004)

    return Material(colour=tint, relief=relief, roughness=0.95, reflectance=0.02, sheen=0.22)


def glaze(code: str, foot: str = "", foot_height_m: float = 0.0, speckle: float = 0.0) -> Material:
    """Glazed stoneware; below `foot_height_m` (local Y) the bare clay `foot` shows."""
    base, clay = srgb(code), srgb(foot or code)
    thin: Colour = (base[0] * 0.78 + 0.05, base[1] * 0.78 + 0.04, base[2] * 0.78 + 0.03)

    def tint(p: Array) -> Array:
        cloudy: Array = mix(base, thin, 0.25 + 0.5 * noise(p, 14.0) + 0.3 * (noise(p, 45.0) - 0.5))
        scattered = noise(_ASKEW @ p, 330.0) + noise(_ASKEW.T @ p, 470.0)
        dots = np.clip((scattered - 1.5) * 7, 0, 1) * np.float32(speckle)
        cloudy = cloudy * (1 - dots)
        if not foot:
            return cloudy
        line = foot_height_m + 0.004 * (noise(p, 30.0) - 0.5)
        bare = np.clip((line - p[1]) / 0.002, 0, 1)
        two_tone: Array = cloudy * (1 - bare) + mix(clay, clay, bare) * (0.85 + 0.3 * noise(p, 160.0)) * bare
        return two_tone

    def relief(p: Array) -> Array:
        return noise(p, 22.0, 70.0, 22.0) * np.float32(0.0006)

    return Material(colour=tint, relief=relief, roughness=0.16, reflectance=0.055)


def terracotta(code: str) -> Material:
    base = srgb(code)
    pale: Colour = (min(1, base[0] * 1.25 + 0.05), base[1] * 1.3 + 0.05, base[2] * 1.4 + 0.05)

    def tint(p: Array) -> Array:
        chalk = np.clip((noise(p, 18.0) - 0.5) * 1.6, 0, 1) * 0.55
        return mix(base, pale, chalk + 0.35 * (noise(p, 260.0) - 0.4))

    def relief(p: Array) -> Array:
        height: Array = noise(p, 190.0) * np.float32(0.0007) + np.sin(p[1] * 900) * np.float32(0.0001)
        return height

    return Material(colour=tint, relief=relief, roughness=0.85, reflectance=0.025)


def brushed(code: str, roughness: float = 0.28) -> Material:
    """Metal brushed on the lathe: fine lines around local Y."""
    base = srgb(code)
    lines = (5.0, 1100.0, 5.0)

    def tint(p: Array) -> Array:
        return mix(base, base, p[0]) * (0.93 + 0.14 * noise(p, *lines))

    def relief(p: Array) -> Array:
        return noise(p, *lines) * np.float32(0.00002)

    return Material(colour=tint, relief=relief, roughness=roughness, reflectance=0.6, metal=True)


def foliage(code: str, tip: str) -> Material:
    """Leaves: lighter along the middle rib (local X = 0) and towards the tip."""
    base, end = srgb(code), srgb(tip)

    def tint(p: Array) -> Array:
        rib = np.exp(-np.abs(p[0]) * 700) * 0.6
        veins = 0.12 * np.sin((p[1] - np.abs(p[0]) * 1.2) * 420)
        return mix(base, end, p[1] * 1.6 + rib + veins + 0.4 * (noise(p, 40.0) - 0.5))

    return Material(colour=tint, roughness=0.38, reflectance=0.04, glow=0.12)
