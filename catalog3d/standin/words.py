"""Text requests: a plain placeholder of the named kind of thing, with the words written on it."""

from __future__ import annotations

import hashlib
import re
import textwrap
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from catalog3d.standin.colours import colour_of
from catalog3d.standin.voxels import Grid, Surface, grid, surface

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float, float, float]
"""Middle x, y, z and size x, y, z; the floor is y = 0."""

_LEGS4 = [(x, z) for x in (-1, 1) for z in (-1, 1)]


def _legs(width: float, depth: float, height: float, thick: float) -> list[Box]:
    return [(x * (width - thick) / 2, height / 2, z * (depth - thick) / 2, thick, height, thick) for x, z in _LEGS4]


def _chair(seat: float, back: float, width: float, depth: float) -> list[Box]:
    boxes = [*_legs(width, depth, seat, 0.05), (0, seat, 0, width, 0.06, depth)]
    if back > seat:
        boxes.append((0, (seat + back) / 2, -depth / 2 + 0.025, width, back - seat, 0.05))
    return boxes


def _sofa(width: float) -> list[Box]:
    return [
        (0, 0.26, 0, width, 0.28, 0.85),
        (0, 0.6, -0.32, width, 0.5, 0.2),
        (-width / 2 + 0.09, 0.45, 0, 0.18, 0.4, 0.85),
        (width / 2 - 0.09, 0.45, 0, 0.18, 0.4, 0.85),
        *_legs(width * 0.9, 0.75, 0.14, 0.07),
    ]


def _shelf(width: float, height: float, depth: float, levels: int) -> list[Box]:
    boards = [(0.0, 0.03 + i * (height - 0.06) / (levels - 1), 0.0, width, 0.05, depth) for i in range(levels)]
    walls = [(x * (width / 2 - 0.025), height / 2, 0.0, 0.05, height, depth) for x in (-1, 1)]
    return [*boards, *walls, (0, height / 2, -depth / 2 + 0.02, width, height, 0.04)]


def _table(width: float, depth: float, height: float) -> list[Box]:
    return [*_legs(width * 0.94, depth * 0.9, height, 0.07), (0, height - 0.03, 0, width, 0.06, depth)]


def _cabinet(width: float, height: float, depth: float) -> list[Box]:
    return [(0, height / 2 + 0.05, 0, width, height - 0.1, depth), *_legs(width * 0.9, depth * 0.9, 0.12, 0.05)]


def _bed() -> list[Box]:
    return [(0, 0.3, 0, 1.4, 0.3, 2.0), (0, 0.55, -0.98, 1.45, 1.0, 0.08), *_legs(1.3, 1.9, 0.2, 0.08)]


Profile = Sequence[tuple[float, float]]
"""(height, radius) pairs, heights rising."""

_BOXES: tuple[tuple[str, Callable[[], list[Box]]], ...] = (
    (r"armchair|sofa|couch|settee|loveseat", lambda: _sofa(1.6)),
    (r"bar ?stool|stool", lambda: _chair(0.65, 0.0, 0.4, 0.4)),
    (r"bench", lambda: _table(1.2, 0.36, 0.45)),
    (r"chair|seat", lambda: _chair(0.45, 0.9, 0.45, 0.48)),
    (r"bedside|nightstand|cabinet|dresser|drawer|sideboard|cupboard|wardrobe", lambda: _cabinet(0.6, 0.65, 0.42)),
    (r"book ?(shelf|case)|shel(f|ves|ving)|rack", lambda: _shelf(0.8, 1.7, 0.3, 5)),
    (r"table|desk", lambda: _table(1.4, 0.8, 0.75)),
    (r"\bbed\b", _bed),
)

_TURNED: tuple[tuple[str, Profile], ...] = (
    (r"floor lamp", ((0, 0.16), (0.03, 0.16), (0.04, 0.03), (1.2, 0.03), (1.21, 0.22), (1.55, 0.15))),
    (r"lamp|light", ((0, 0.1), (0.03, 0.1), (0.05, 0.04), (0.3, 0.03), (0.31, 0.17), (0.56, 0.12))),
    (r"vase|bottle|carafe", ((0, 0.06), (0.12, 0.1), (0.22, 0.08), (0.3, 0.04), (0.38, 0.055))),
    (r"mug|cup|tumbler|glass\b", ((0, 0.045), (0.02, 0.05), (0.1, 0.05))),
    (r"bowl|dish", ((0, 0.06), (0.03, 0.11), (0.1, 0.15))),
    (r"pot\b|planter", ((0, 0.1), (0.2, 0.14), (0.24, 0.15))),
    (r"candle", ((0, 0.05), (0.01, 0.05), (0.02, 0.015), (0.12, 0.03), (0.26, 0.015))),
)


def placeholder(prompt: str, samples: int) -> Surface | None:
    """A solid of the kind of thing that the prompt names; a block with proportions of its own where it names none."""
    text = prompt.casefold()
    for pattern, profile in _TURNED:
        if re.search(pattern, text):
            return _turned(profile, samples)
    for pattern, boxes in _BOXES:
        if re.search(pattern, text):
            return _boxes(boxes(), samples)
    digest = hashlib.sha256(text.encode()).digest()
    width, depth = 0.6 + digest[0] / 300, 0.4 + digest[1] / 400
    return _boxes([(0, 0.5, 0, width, 1.0, depth)], samples)


def _boxes(boxes: Sequence[Box], samples: int) -> Surface | None:
    places = np.array(boxes)
    low, high = (places[:, :3] - places[:, 3:] / 2).min(axis=0), (places[:, :3] + places[:, 3:] / 2).max(axis=0)
    where = grid((float(high[0] - low[0]), float(high[1] - low[1]), float(high[2] - low[2])), samples)
    middle = (low + high) / 2
    x, y, z = np.meshgrid(where.x + middle[0], where.y + middle[1], where.z + middle[2], indexing="ij")
    rounding = 0.35 * where.pitch
    field = np.full(x.shape, -np.inf)
    for cx, cy, cz, sx, sy, sz in boxes:
        # no bar thinner than the grid can show
        q = [
            np.abs(p - c) - max(s / 2, 0.8 * where.pitch) + rounding
            for p, c, s in ((x, cx, sx), (y, cy, sy), (z, cz, sz))
        ]
        outside = np.sqrt(sum(np.maximum(part, 0) ** 2 for part in q))
        field = np.maximum(field, rounding - outside - np.minimum(np.maximum(np.maximum(q[0], q[1]), q[2]), 0))
    return surface(field, where)


def _turned(profile: Profile, samples: int) -> Surface | None:
    heights, radii = (np.array(values) for values in zip(*profile, strict=True))
    widest, tall = float(radii.max()) * 2, float(heights[-1])
    where: Grid = grid((widest, tall, widest), samples)
    radius = np.interp(where.y + tall / 2, heights, np.maximum(radii, 0.9 * where.pitch))
    about = np.hypot(where.x[:, None], where.z[None, :])
    side = radius[None, :, None] - about[:, None, :]
    cap = tall / 2 - np.abs(where.y)
    return surface(np.minimum(side, cap[None, :, None]), where)


def label(prompt: str, size_px: int = 512) -> NDArray[np.uint8]:
    """A tile in the prompt's colour with the prompt written on it."""
    base = colour_of(prompt)
    image = Image.new("RGB", (size_px, size_px), base)
    draw = ImageDraw.Draw(image)
    ink = (25, 25, 28) if sum(base) > 330 else (240, 240, 240)
    words = " ".join(re.findall(r"\S+", prompt))[:160] or "no words"
    lines = ["STAND-IN", *textwrap.wrap(words, 22)[:6]]
    font = ImageFont.load_default(size=size_px // 16)
    step = size_px // 13
    for start in (size_px // 10, size_px // 2 + size_px // 16):
        for number, line in enumerate(lines[: 5 if start < size_px // 2 else None]):
            width = draw.textlength(line, font=font)
            draw.text(((size_px - width) / 2, start + number * step), line, fill=ink, font=font)
    return np.asarray(image)
