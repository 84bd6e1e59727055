"""Lamps, pottery and soft things, built from parts. Sizes in metres, front towards +Z, standing on Y = 0."""

from __future__ import annotations

import numpy as np

from examples.procedural.materials import Material, brushed, fabric, foliage, glaze, mix, plain, srgb, terracotta, wood
from examples.procedural.scene import Part, Scene
from examples.procedural.sdf import (
    Array,
    Shape,
    blended,
    box,
    capsule,
    cut,
    cylinder,
    ellipsoid,
    leaf,
    moved,
    torus,
    turned,
)


def table_lamp() -> Scene:
    """32 x 32 x 52 cm, linen shade on a stoneware foot."""
    linen = fabric("#e7d9bd", 0.0035, contrast=0.16)
    shade_cloth = Material(
        colour=linen.colour, relief=linen.relief, roughness=0.95, reflectance=0.02, sheen=0.1, glow=0.45
    )
    foot = turned(
        [
            (0, 0.07),
            (0.02, 0.083),
            (0.08, 0.115),
            (0.13, 0.12),
            (0.19, 0.085),
            (0.235, 0.036),
            (0.265, 0.024),
            (0.28, 0.026),
        ],
        0.004,
    )
    drum = cut(cylinder(0.16, 0.24, 0.002, 0.125), cylinder(0.155, 0.3, 0.001, 0.12))
    return Scene(
        parts=[
            Part(shape=foot, material=glaze("#2f5d62", "#b08d64", 0.012, speckle=0.5)),
            Part(shape=cylinder(0.009, 0.12), material=brushed("#c9a04e"), at=(0, 0.33, 0)),
            Part(shape=drum, material=shade_cloth, at=(0, 0.4, 0)),
        ]
    )


def vase() -> Scene:
    """18 x 18 x 38 cm, two-tone stoneware."""
    outer = turned(
        [(0, 0.052), (0.01, 0.056), (0.06, 0.076), (0.14, 0.0895), (0.2, 0.081), (0.27, 0.046), (0.315, 0.031),
         (0.35, 0.034), (0.38, 0.047)],
        0.003,
    )  # fmt: skip
    inner = turned([(0.02, 0.03), (0.14, 0.08), (0.27, 0.039), (0.315, 0.025), (0.35, 0.028), (0.39, 0.044)], 0.001)
    return Scene(parts=[Part(shape=cut(outer, inner), material=glaze("#b9452f", "#c9b08a", 0.075, speckle=0.25))])


def mug() -> Scene:
    """12 x 9 x 10 cm, speckled glaze over bare clay."""
    outer = turned([(0, 0.036), (0.006, 0.04), (0.03, 0.0435), (0.07, 0.0435), (0.1, 0.0425)], 0.003)
    inner = turned([(0.008, 0.034), (0.03, 0.0395), (0.07, 0.0395), (0.11, 0.0385)], 0.001)
    ring = torus(0.027, 0.0058)
    handle = moved(cut(ring, moved(box(0.1, 0.2, 0.1), (-0.0605, 0, 0))), (0.046, 0.053, 0))
    body = cut(blended(0.008, outer, handle), inner)
    return Scene(parts=[Part(shape=body, material=glaze("#7fa3b5", "#c3a57c", 0.022, speckle=0.8), at=(-0.014, 0, 0))])


def bowl() -> Scene:
    """30 x 30 x 11 cm, turned walnut."""
    outer = turned([(0, 0.055), (0.008, 0.06), (0.03, 0.098), (0.07, 0.135), (0.11, 0.15)], 0.003)
    inner = turned([(0.014, 0.02), (0.03, 0.08), (0.07, 0.124), (0.12, 0.143)], 0.001)
    return Scene(parts=[Part(shape=cut(outer, inner), material=wood("#8a5a36", "#4a2b18", along=0, roughness=0.35))])


def pot_plant() -> Scene:
    """47 x 45 x 61 cm, broad leaves in a terracotta pot."""
    rng = np.random.default_rng(11)
    pot = cut(
        blended(0.006, turned([(0, 0.085), (0.17, 0.12)], 0.004), moved(cylinder(0.133, 0.045, 0.006), (0, 0.178, 0))),
        moved(cylinder(0.112, 0.06, 0.002), (0, 0.2, 0)),
    )
    soil = Part(shape=cylinder(0.115, 0.02, 0.004), material=plain("#2e2118", 0.95), at=(0, 0.17, 0))
    parts = [Part(shape=pot, material=terracotta("#b5623c")), soil]
    for index in range(17):
        turn = index * 137.5 + float(rng.uniform(-12, 12))
        lean = 8 + 36 * (index / 17) + float(rng.uniform(-4, 4))
        length = 0.43 - 0.012 * index + float(rng.uniform(-0.03, 0.03))
        parts.append(
            Part(
                shape=leaf(length, 0.078, -0.05 - 0.05 * index / 17),
                material=foliage("#2f6238", "#6d9a4b"),
                at=(0.02 * float(np.sin(np.radians(turn))), 0.172, 0.02 * float(np.cos(np.radians(turn)))),
                turn_deg=(lean, turn, 0),
            )
        )
    return Scene(parts=parts)


def cushion() -> Scene:
    """45 x 16 x 45 cm, wine-red cloth with piped edges."""
    half, cord = np.float32(0.221), np.float32(0.0042)

    def beyond_seam(p: Array) -> Array:
        """Metres outside the outline, whose corners are sharper than a square's."""
        x, y = np.abs(p[0]), np.abs(p[1])
        pinch = np.float32(0.017)
        outside: Array = np.maximum(x - half + pinch * (1 - (y / half) ** 2), y - half + pinch * (1 - (x / half) ** 2))
        return outside

    def pillow(p: Array) -> Array:
        x, y = np.abs(p[0]) / half, np.abs(p[1]) / half
        room = np.clip((1 - x**2.2) * (1 - y**2.2), 0, 1)
        thick = np.float32(0.077) * room ** np.float32(0.6) + np.float32(0.001)
        bound: Array = np.maximum((np.abs(p[2]) - thick) * np.float32(0.45), beyond_seam(p))
        return bound

    def piping(p: Array) -> Array:
        seam: Array = np.sqrt(beyond_seam(p) ** 2 + p[2] ** 2) - cord
        return seam * np.float32(0.9)

    size = (0.2255, 0.2255, 0.085)
    lean = (-9.0, 0.0, 0.0)
    cloth, cord_cloth = fabric("#8c3b4a", 0.0055, contrast=0.3), fabric("#6d2a37", 0.003, contrast=0.15)
    return Scene(
        parts=[
            Part(shape=Shape(distance=pillow, half=size), material=cloth, at=(0, 0.224, 0), turn_deg=lean),
            Part(shape=Shape(distance=piping, half=size), material=cord_cloth, at=(0, 0.224, 0), turn_deg=lean),
        ]
    )


def clock() -> Scene:
    """30 x 5 x 30 cm, beech ring, white dial, a mantel clock."""
    ring = cut(
        moved(cylinder(0.15, 0.05, 0.006), turn_deg=(90, 0, 0)),
        moved(cylinder(0.132, 0.05, 0.002), (0, 0, 0.022), (90, 0, 0)),
    )
    beech = wood("#dcb98a", "#a9773f", along=0)
    black = plain("#1e1f21", 0.5)
    parts = [
        Part(shape=ring, material=beech, at=(0, 0.15, 0)),
        Part(
            shape=moved(cylinder(0.133, 0.01, 0.001), turn_deg=(90, 0, 0)),
            material=plain("#f1efe9", 0.7),
            at=(0, 0.15, 0),
        ),
    ]
    for hour in range(12):
        turn = -30.0 * hour
        long = hour % 3 == 0
        mark = moved(box(0.007 if long else 0.004, 0.024 if long else 0.014, 0.004, 0.001), (0, 0.112, 0))
        parts.append(Part(shape=mark, material=black, at=(0, 0.15, 0.006), turn_deg=(0, 0, turn)))
    for turn, length, width in ((-304.0, 0.068, 0.009), (-54.0, 0.1, 0.006)):
        hand = moved(box(width, length, 0.003, 0.001), (0, length / 2 - 0.012, 0))
        parts.append(Part(shape=hand, material=black, at=(0, 0.15, 0.01), turn_deg=(0, 0, turn)))
    cap = moved(cylinder(0.009, 0.008, 0.002), turn_deg=(90, 0, 0))
    parts.append(Part(shape=cap, material=brushed("#c9a04e"), at=(0, 0.15, 0.013)))
    return Scene(parts=parts)


def candle_holder() -> Scene:
    """10 x 10 x 26 cm, brushed steel with an ivory candle."""
    stand = turned(
        [(0, 0.05), (0.006, 0.05), (0.014, 0.03), (0.03, 0.012), (0.07, 0.008), (0.1, 0.014), (0.112, 0.026),
         (0.124, 0.027), (0.128, 0.018)],
        0.002,
    )  # fmt: skip
    wax = Material(
        colour=lambda p: mix(srgb("#efe3c8"), srgb("#f7efdc"), (p[1] + 0.07) * 7),
        roughness=0.45,
        reflectance=0.04,
        glow=0.2,
    )
    candle = cut(cylinder(0.0125, 0.13, 0.003), moved(ellipsoid(0.009, 0.004, 0.009), (0, 0.065, 0)))
    return Scene(
        parts=[
            Part(shape=stand, material=brushed("#d2d4d8", roughness=0.2)),
            Part(shape=candle, material=wax, at=(0, 0.19, 0)),
            Part(shape=capsule((0, 0.25, 0), (0.001, 0.262, 0), 0.0009), material=plain("#2a2522", 0.9)),
        ]
    )
