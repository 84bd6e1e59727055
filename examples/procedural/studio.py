"""Pictures of a product: a photograph in a studio, or a pencil sketch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation, gaussian_filter, map_coordinates

from examples.procedural.light import key_light, openness, shade
from examples.procedural.scene import NO_PART, Scene, into_box, march, normals
from examples.procedural.sdf import Array

CHUNK = 8_192
"""Points worked on at once: small enough for the processor's cache."""

SUBPIXELS = [(-0.33, -0.12), (0.12, -0.33), (0.33, 0.12), (-0.12, 0.33), (0.02, 0.02), (-0.4, 0.38), (0.4, -0.38)]


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A long lens, slightly above the product.

    Attributes:
        elevation_deg: Angle of the view below the horizontal.
        fill: Share of the frame that the product takes along its longer side.
        distance: In diagonals of the product.
    """

    size_px: int = 1024
    elevation_deg: float = 7.0
    fill: float = 0.76
    distance: float = 6.0


@dataclass(frozen=True, kw_only=True)
class _Lens:
    origin: Array
    right: Array
    up: Array
    forward: Array
    scale: float
    shift: tuple[float, float]
    size_px: int

    def rays(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> Array:
        """Unit rays (3, n) through pixel positions."""
        u = ((x + 0.5) / self.size_px - 0.5) * self.scale + self.shift[0]
        v = (0.5 - (y + 0.5) / self.size_px) * self.scale + self.shift[1]
        rays = self.forward + self.right * u.astype(np.float32) + self.up * v.astype(np.float32)
        unit: Array = (rays / np.sqrt((rays**2).sum(axis=0))).astype(np.float32)
        return unit


def _aim(scene: Scene, camera: Camera) -> _Lens:
    """One framing for all sides of a product: that of its turning circle."""
    low, high = scene.bounds()
    centre = (low + high) / 2
    diagonal = float(np.linalg.norm(high - low))
    pitch = np.radians(camera.elevation_deg)
    forward = np.array([0, -np.sin(pitch), -np.cos(pitch)], dtype=np.float32)
    up = np.array([0, np.cos(pitch), -np.sin(pitch)], dtype=np.float32)
    right = np.array([1, 0, 0], dtype=np.float32)
    origin = centre - forward * diagonal * camera.distance
    corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    offsets = corners - origin
    depth = offsets @ forward
    u, v = offsets @ right / depth, offsets @ up / depth
    wide = max(float(np.ptp(u)), float(high[2] - low[2]) / (diagonal * camera.distance), float(np.ptp(v)))
    return _Lens(
        origin=origin[:, None],
        right=right[:, None],
        up=up[:, None],
        forward=forward[:, None],
        scale=wide / camera.fill,
        shift=(float(u.max() + u.min()) / 2, float(v.max() + v.min()) / 2 - wide * 0.01),
        size_px=camera.size_px,
    )


@dataclass(frozen=True, kw_only=True)
class Buffers:
    """What each pixel sees: part index (NO_PART for none), distance in metres, unit normal."""

    part: NDArray[np.int32]
    depth: Array
    normal: Array

    def in_order(self, order: NDArray[np.intp], size: int) -> Buffers:
        """As pictures: (rows, columns), normals (rows, columns, 3)."""
        return Buffers(
            part=self.part[order].reshape(size, size),
            depth=self.depth[order].reshape(size, size),
            normal=self.normal.T[order].reshape(size, size, 3),
        )


def _tiles(size: int, tile: int = 64) -> tuple[Array, Array, NDArray[np.intp]]:
    """Pixel positions tile by tile, so that neighbours are worked on together, and the order that undoes it."""
    y, x = (axis.ravel() for axis in np.mgrid[0:size, 0:size])
    by_tile = np.lexsort((x, y, x // tile, y // tile))
    return x[by_tile].astype(np.float32), y[by_tile].astype(np.float32), np.argsort(by_tile, kind="stable")


class Studio:
    """One product on a seamless ground, lit and framed.

    Args:
        yaw_deg: How far the product is turned about Y.
        backdrop: Linear brightness of the paper at the floor.
    """

    def __init__(self, scene: Scene, camera: Camera, *, yaw_deg: float = 0.0, backdrop: float = 0.80) -> None:
        self.lens = _aim(scene, camera)
        self.scene = scene.turned(yaw_deg)
        self.camera = camera
        self.backdrop = backdrop
        low, high = self.scene.bounds()
        self.low: Array = low - np.float32(0.01)
        self.high: Array = high + np.float32(0.01)
        self.size_m = float(np.linalg.norm(high - low))
        self.step = self.size_m * self.lens.scale / camera.size_px * camera.distance * 0.6
        self._shadow, self._shadow_low, self._shadow_high = self._ground_light()

    def photograph(self) -> Image.Image:
        """An anti-aliased sRGB picture."""
        size = self.camera.size_px
        x, y, order = _tiles(size)
        colour, found = self._expose(x, y)
        picture = colour.T[order].reshape(size, size, 3)
        edges = _edges(found.in_order(order, size))
        rows, columns = np.nonzero(edges)
        total = picture[rows, columns]
        for dx, dy in SUBPIXELS:
            total = total + self._expose(columns + np.float32(dx), rows + np.float32(dy))[0].T
        picture[rows, columns] = total / (len(SUBPIXELS) + 1)
        return Image.fromarray(_develop(picture))

    def buffers(self) -> Buffers:
        size = self.camera.size_px
        x, y, order = _tiles(size)
        return self._expose(x, y, colours=False)[1].in_order(order, size)

    def _expose(
        self, x: NDArray[np.floating], y: NDArray[np.floating], *, colours: bool = True
    ) -> tuple[Array, Buffers]:
        count = x.size
        colour = np.zeros((3, count), dtype=np.float32)
        part = np.full(count, NO_PART, dtype=np.int32)
        depth = np.full(count, np.inf, dtype=np.float32)
        normal = np.zeros((3, count), dtype=np.float32)
        for start in range(0, count, CHUNK):
            span = slice(start, start + CHUNK)
            rays = self.lens.rays(x[span], y[span])
            if colours:
                colour[:, span] = self._ground(rays, y[span])
            enter, leave = into_box(self.lens.origin, rays, self.low, self.high)
            near = self.scene.near(self.lens.origin, rays)
            if not near.parts or not bool((enter < leave).any()):
                continue
            depth[span] = march(near, self.lens.origin, rays, near=enter, far=leave, touch=self.step * 0.35)
            hits = np.flatnonzero(np.isfinite(depth[span]))
            if not hits.size:
                continue
            p = self.lens.origin + rays[:, hits] * depth[span][hits]
            owner = near.nearest_part(p)
            for index in np.unique(owner):
                own = owner == index
                chosen, met, seen = near.parts[index], p[:, own], start + hits[own]
                n = normals(chosen, met, self.step)
                normal[:, seen] = n
                part[seen] = next(i for i, known in enumerate(self.scene.parts) if known is chosen)
                if colours:
                    local, view = chosen.to_local(met), -rays[:, hits[own]]
                    light = shade(self.scene, chosen.material, met, n, local=local, view=view, size_m=self.size_m)
                    colour[:, seen] = light
        return colour, Buffers(part=part, depth=depth, normal=normal)

    def _ground_light(self, cells: int = 448) -> tuple[Array, Array, Array]:
        """How much light reaches the ground around the product, as a map (rows Z, columns X) and its corners."""
        reach = np.float32(self.size_m * 1.3)
        middle = (self.low + self.high) / np.float32(2)
        low, high = middle - reach, middle + reach
        column, row, order = _tiles(cells)
        x, z = (low[k] + (high[k] - low[k]) * at / (cells - 1) for k, at in ((0, column), (2, row)))
        points = np.stack([x, np.full(x.size, 1e-4), z]).astype(np.float32)
        light = np.zeros(x.size, dtype=np.float32)
        upward = np.array([[0], [1], [0]], dtype=np.float32)
        for start in range(0, x.size, CHUNK):
            p = points[:, start : start + CHUNK]
            direct = key_light(self.scene, p, self.size_m)
            free = openness(self.scene, p, np.broadcast_to(upward, p.shape), self.size_m, ground=False)
            light[start : start + CHUNK] = 0.36 * direct + 0.64 * free**1.15
        ground = gaussian_filter(light[order].reshape(cells, cells), 1.2)
        rim = np.concatenate([ground[0], ground[-1], ground[:, 0], ground[:, -1]])
        faded = np.minimum(ground / max(float(np.median(rim)), 0.5), 1)
        ramp = np.clip(3 * (1 - np.abs(np.linspace(-1, 1, cells))), 0, 1)
        fade = np.minimum(ramp[:, None], ramp[None, :])
        return (1 - (1 - faded) * fade).astype(np.float32), low, high

    def _ground(self, rays: Array, y: NDArray[np.floating]) -> Array:
        """The seamless paper: brighter behind, with the product's shadow."""
        height = (y / self.camera.size_px).astype(np.float32)
        paper = self.backdrop * (1.03 + 0.06 * np.cos((height - 0.35) * 3.0) - 0.10 * np.clip(height - 0.75, 0, 1))
        t = np.where(rays[1] < -1e-4, -self.lens.origin[1] / np.minimum(rays[1], -1e-4), np.inf)
        p = self.lens.origin + rays * np.where(np.isfinite(t), t, 0).astype(np.float32)
        cells = self._shadow.shape[0] - 1
        column = (p[0] - self._shadow_low[0]) / (self._shadow_high[0] - self._shadow_low[0]) * cells
        row = (p[2] - self._shadow_low[2]) / (self._shadow_high[2] - self._shadow_low[2]) * cells
        light = map_coordinates(self._shadow, [row, column], order=1, mode="nearest", prefilter=False)
        inside = (row > 0) & (row < cells) & (column > 0) & (column < cells) & np.isfinite(t)
        light = np.where(inside, light, 1).astype(np.float32)
        tint = np.array([[1.0], [0.998], [0.99]], dtype=np.float32)
        shadow = np.array([[1.0], [1.012], [1.03]], dtype=np.float32)
        result: Array = paper * light * (tint * light + tint * shadow * (1 - light))
        return result


def _edges(buffers: Buffers) -> NDArray[np.bool_]:
    part, normal = buffers.part, buffers.normal
    found = np.zeros(part.shape, dtype=bool)
    for axis in (0, 1):
        a = tuple(slice(1, None) if k == axis else slice(None) for k in (0, 1))
        b = tuple(slice(None, -1) if k == axis else slice(None) for k in (0, 1))
        differs = (part[a] != part[b]) | ((normal[a] * normal[b]).sum(axis=-1) < 0.86)
        differs &= (part[a] != NO_PART) | (part[b] != NO_PART)
        found[a] |= differs
        found[b] |= differs
    return binary_dilation(found)


def _develop(linear: Array) -> NDArray[np.uint8]:
    """Linear light to sRGB bytes, highlights rolled off."""
    exposed = np.maximum(linear, 0) * np.float32(1.02)
    rolled = np.where(exposed > 0.8, 0.8 + 0.2 * np.tanh((exposed - 0.8) / 0.2), exposed)
    encoded = np.where(rolled < 0.0031308, rolled * 12.92, 1.055 * rolled ** (1 / 2.4) - 0.055)
    return (np.clip(encoded, 0, 1) * 255 + 0.5).astype(np.uint8)


def sketch(buffers: Buffers, seed: int = 3) -> Image.Image:
    """A pencil drawing: outlines, edges and light hatching on paper."""
    rng = np.random.default_rng(seed)
    size = buffers.part.shape[0]
    solid = buffers.part != NO_PART
    depth = np.where(solid, buffers.depth, np.nanmax(np.where(solid, buffers.depth, 0)) * 1.05)
    jump = np.abs(np.gradient(depth)[0]) + np.abs(np.gradient(depth)[1])
    crease = sum(np.abs(np.gradient(buffers.normal[..., k], axis=axis)) for k in range(3) for axis in (0, 1))
    line = np.maximum(np.clip(jump / (np.ptp(depth) * 0.02), 0, 1), np.clip((crease - 0.25) * 1.2, 0, 0.8))
    shade_left = np.clip(-(buffers.normal @ np.array([-0.5, 0.6, 0.6], dtype=np.float32)) + 0.55, 0, 1) * solid
    y, x = np.mgrid[0:size, 0:size]
    hatch = np.clip(
        np.sin((x + y + 6 * gaussian_filter(rng.standard_normal((size, size)), 30) * 30) * 0.55) - 0.2, 0, 1
    )
    strokes = gaussian_filter(line, 0.9) * 1.5 + hatch * shade_left * 0.28
    wobble = [gaussian_filter(rng.standard_normal((size, size)), 28) * 60 for _ in range(2)]
    first = map_coordinates(strokes, [y + wobble[0], x + wobble[1]], order=1, mode="nearest")
    second = map_coordinates(strokes, [y - wobble[1] * 0.8, x + wobble[0] * 0.8], order=1, mode="nearest")
    grain = 0.72 + 0.28 * gaussian_filter(rng.random((size, size)), 0.7)
    ink = np.clip(first * 0.75 + second * 0.4, 0, 1) * grain
    paper = np.array([250, 249, 245]) - gaussian_filter(rng.random((size, size)), 1.2)[..., None] * 5
    pixels = paper * (1 - ink[..., None]) + np.array([58, 58, 62]) * ink[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
