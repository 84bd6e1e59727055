"""Seats, tables and storage, built from parts. Sizes in metres, front towards +Z, standing on Y = 0."""

from __future__ import annotations

import math

from examples.procedural.materials import Material, brushed, fabric, plain, wood
from examples.procedural.scene import Part, Scene
from examples.procedural.sdf import Vector, blended, bowed, box, capsule, cylinder, moved, torus, union, upholstery

OAK = ("#c9a06b", "#8f6236")
WALNUT = ("#7d5334", "#3d2415")
BEECH = ("#dcb98a", "#b4854f")


def _leg(top: Vector, foot: Vector, radius: float, end_radius: float, material: Material) -> Part:
    """A tapered round leg whose local Y runs along it, so that the grain does too."""
    middle = tuple((a + b) / 2 for a, b in zip(top, foot, strict=True))
    run = [a - b for a, b in zip(top, foot, strict=True)]
    length = sum(c * c for c in run) ** 0.5
    tilt_x = _degrees(run[2], run[1])
    tilt_z = -_degrees(run[0], (run[1] ** 2 + run[2] ** 2) ** 0.5)
    shape = cylinder(end_radius, length, 0.003, radius)
    return Part(shape=shape, material=material, at=(middle[0], middle[1], middle[2]), turn_deg=(tilt_x, 0, tilt_z))


def _degrees(opposite: float, adjacent: float) -> float:
    return math.degrees(math.atan2(opposite, adjacent))


def dining_chair() -> Scene:
    """CH123: 45 x 50 x 90 cm, beech frame, slate cloth seat pad, slatted back."""
    grain = wood(*BEECH, along=1)
    across = wood(*BEECH, along=0, seed=1.7)
    deep = wood(*BEECH, along=2, seed=0.6)
    parts = []
    for side in (-1, 1):
        x = side * 0.193
        parts.append(_leg((x, 0.45, 0.2), (side * 0.205, 0.0, 0.232), 0.0215, 0.0145, grain))
        parts.append(_leg((x, 0.45, -0.185), (side * 0.205, 0.0, -0.224), 0.0215, 0.0145, grain))
        parts.append(_leg((side * 0.196, 0.898, -0.236), (x, 0.43, -0.185), 0.0135, 0.0215, grain))
        parts.append(Part(shape=box(0.024, 0.045, 0.38, 0.006), material=deep, at=(x, 0.415, 0.008)))
        parts.append(Part(shape=cylinder(0.0095, 0.42), material=deep, at=(side * 0.2, 0.2, 0), turn_deg=(90, 0, 0)))
    rail = box(0.37, 0.045, 0.024, 0.006)
    parts += [Part(shape=rail, material=across, at=(0, 0.415, z)) for z in (0.2, -0.185)]
    pad = fabric("#3f4a52", 0.004, contrast=0.25)
    parts.append(
        Part(shape=upholstery(0.435, 0.045, 0.435, 0.02, (0.004, 0.012, 0.004)), material=pad, at=(0, 0.46, 0.01))
    )
    for y, z in ((0.855, -0.231), (0.735, -0.2185), (0.615, -0.2055)):
        bent = bowed(box(0.38, 0.062, 0.016, 0.005), 0.022)
        parts.append(Part(shape=bent, material=across, at=(0, y, z - 0.018), turn_deg=(-6, 0, 0)))
    return Scene(parts=parts)


def dining_table() -> Scene:
    """160 x 90 x 75 cm, oak top on splayed legs."""
    top = wood(*OAK, along=0)
    legs = wood(*OAK, along=1, seed=2.3)
    parts = [
        Part(shape=box(0.532, 0.032, 0.9, 0.004), material=wood(*OAK, along=0, seed=s), at=(x, 0.734, 0))
        for s, x in ((0.0, -0.534), (3.1, 0.0), (5.7, 0.534))
    ]
    rail = box(1.3, 0.075, 0.024, 0.003)
    parts += [Part(shape=rail, material=top, at=(0, 0.68, z)) for z in (-0.36, 0.36)]
    for x in (-0.65, 0.65):
        parts.append(Part(shape=box(0.024, 0.075, 0.72, 0.003), material=wood(*OAK, along=2), at=(x, 0.68, 0)))
        for z in (-0.36, 0.36):
            foot = (x * 1.09, 0.0, z * 1.1)
            parts.append(_leg((x, 0.72, z), foot, 0.036, 0.02, legs))
    return Scene(parts=parts)


def sofa() -> Scene:
    """170 x 87 x 86 cm, two seats, wool cloth on oak feet."""
    cloth = fabric("#5f7a72", 0.012, contrast=0.14)
    oak = wood(*OAK, along=1)
    parts = [
        Part(shape=upholstery(1.62, 0.2, 0.78, 0.03, (0, 0.004, 0.006)), material=cloth, at=(0, 0.235, -0.02)),
        Part(
            shape=upholstery(1.6, 0.55, 0.17, 0.06, (0, 0.01, 0.012)),
            material=cloth,
            at=(0, 0.54, -0.325),
            turn_deg=(-7, 0, 0),
        ),
    ]
    for side in (-1, 1):
        arm = upholstery(0.155, 0.46, 0.84, 0.055, (0.01, 0.008, 0.008))
        parts.append(Part(shape=arm, material=cloth, at=(side * 0.765, 0.37, 0.0)))
        seat = upholstery(0.682, 0.165, 0.65, 0.05, (0.005, 0.03, 0.018))
        parts.append(Part(shape=seat, material=cloth, at=(side * 0.3435, 0.405, 0.065)))
        back = upholstery(0.66, 0.42, 0.17, 0.06, (0.008, 0.012, 0.045))
        parts.append(Part(shape=back, material=cloth, at=(side * 0.3415, 0.625, -0.185), turn_deg=(-12, 0, 0)))
        parts += [_leg((side * 0.7, 0.15, z), (side * 0.74, 0, z * 1.08), 0.026, 0.017, oak) for z in (-0.3, 0.32)]
    return Scene(parts=parts)


def armchair() -> Scene:
    """71 x 76 x 86 cm, mustard cloth in an open walnut frame."""
    cloth = fabric("#c8922e", 0.006, contrast=0.2)
    along, across, deep = (wood(*WALNUT, along=axis, seed=axis * 1.3) for axis in (1, 0, 2))
    parts = [
        Part(
            shape=upholstery(0.57, 0.15, 0.6, 0.05, (0.008, 0.03, 0.02)),
            material=cloth,
            at=(0, 0.37, 0.04),
            turn_deg=(4, 0, 0),
        ),
        Part(
            shape=upholstery(0.57, 0.54, 0.15, 0.055, (0.008, 0.01, 0.035)),
            material=cloth,
            at=(0, 0.585, -0.255),
            turn_deg=(-16, 0, 0),
        ),
        Part(shape=box(0.6, 0.05, 0.026, 0.006), material=across, at=(0, 0.275, 0.31)),
        Part(shape=box(0.6, 0.05, 0.026, 0.006), material=across, at=(0, 0.275, -0.25)),
    ]
    for side in (-1, 1):
        x = side * 0.322
        parts.append(_leg((x, 0.574, 0.298), (side * 0.335, 0, 0.345), 0.02, 0.015, along))
        parts.append(_leg((x, 0.575, -0.26), (side * 0.335, 0, -0.36), 0.02, 0.015, along))
        parts.append(Part(shape=box(0.024, 0.05, 0.58, 0.006), material=deep, at=(x, 0.275, 0.02)))
        arm = box(0.062, 0.034, 0.7, 0.015)
        parts.append(Part(shape=arm, material=deep, at=(x, 0.57, 0.01), turn_deg=(-2, 0, 0)))
    return Scene(parts=parts)


def bookshelf() -> Scene:
    """80 x 30 x 180 cm, oak shelves in a graphite steel frame, back panel."""
    steel = plain("#33363a", roughness=0.45)
    plank = [wood(*OAK, along=0, seed=s) for s in (0.0, 1.9, 3.3, 4.8, 6.1)]
    post, side, rail = (box(*size, 0.003) for size in ((0.024, 1.8, 0.024), (0.024, 0.024, 0.26), (0.76, 0.024, 0.024)))
    parts = []
    for x in (-0.388, 0.388):
        parts += [Part(shape=post, material=steel, at=(x, 0.9, z)) for z in (-0.138, 0.138)]
        parts += [Part(shape=side, material=steel, at=(x, y, 0)) for y in (0.012, 1.788)]
    parts += [Part(shape=rail, material=steel, at=(0, y, -0.138)) for y in (0.012, 1.788)]
    for index, y in enumerate((0.14, 0.55, 0.96, 1.37, 1.735)):
        parts.append(Part(shape=box(0.765, 0.03, 0.29, 0.003), material=plank[index], at=(0, y, 0)))
    panel = wood(*OAK, along=1, seed=8.0)
    parts.append(Part(shape=box(0.765, 1.6, 0.008, 0.002), material=panel, at=(0, 0.935, -0.128)))
    return Scene(parts=parts)


def bench() -> Scene:
    """47 x 14 x 18 inches, walnut seat on black hoops."""
    inch = 0.0254
    steel = plain("#26272a", roughness=0.4)
    seat = wood(*WALNUT, along=0)
    height, width, depth = 18 * inch, 47 * inch, 14 * inch
    parts = [
        Part(shape=box(width, 0.036, depth / 2 - 0.003, 0.005), material=seat, at=(0, height - 0.018, -depth / 4)),
        Part(
            shape=box(width, 0.036, depth / 2 - 0.003, 0.005),
            material=wood(*WALNUT, along=0, seed=2.2),
            at=(0, height - 0.018, depth / 4),
        ),
    ]
    for x in (-0.46, 0.46):
        hoop = union(
            moved(box(0.04, 0.008, 0.3, 0.002), (0, height / 2 - 0.024, 0)),
            moved(box(0.04, 0.008, 0.3, 0.002), (0, -height / 2 + 0.022, 0)),
            moved(box(0.04, height - 0.036, 0.008, 0.002), (0, 0, 0.146)),
            moved(box(0.04, height - 0.036, 0.008, 0.002), (0, 0, -0.146)),
        )
        parts.append(Part(shape=hoop, material=steel, at=(x, height / 2 - 0.018, 0)))
    return Scene(parts=parts)


def bedside_table() -> Scene:
    """45 x 40 x 55 cm, white drawers in an oak carcass."""
    side, flat = wood(*OAK, along=1, seed=1.0), wood(*OAK, along=0)
    white = plain("#e9e6de", roughness=0.5)
    brass = brushed("#c9a04e")
    parts = [
        Part(shape=box(0.45, 0.02, 0.4, 0.003), material=flat, at=(0, 0.54, 0)),
        Part(shape=box(0.41, 0.02, 0.38, 0.003), material=flat, at=(0, 0.17, 0)),
        Part(shape=box(0.41, 0.36, 0.01, 0.002), material=flat, at=(0, 0.35, -0.185)),
        Part(shape=box(0.404, 0.352, 0.33, 0.002), material=plain("#4b3823"), at=(0, 0.355, -0.015)),
    ]
    wall = box(0.02, 0.37, 0.4, 0.003)
    parts += [Part(shape=wall, material=side, at=(x, 0.345, 0)) for x in (-0.215, 0.215)]
    for y in (0.27, 0.442):
        parts.append(Part(shape=box(0.4, 0.166, 0.02, 0.004), material=white, at=(0, y, 0.184)))
        knob = moved(cylinder(0.012, 0.022, 0.004, 0.008), turn_deg=(90, 0, 0))
        parts.append(Part(shape=knob, material=brass, at=(0, y, 0.204)))
    corners = [(x, z) for x in (-0.185, 0.185) for z in (-0.16, 0.16)]
    parts += [_leg((x, 0.165, z), (x * 1.08, 0, z * 1.08), 0.021, 0.013, side) for x, z in corners]
    return Scene(parts=parts)


def bar_stool() -> Scene:
    """42 x 42 x 75 cm, a round seat with a foot ring: shown as a sketch."""
    oak = wood(*OAK, along=1)
    seat = blended(0.02, cylinder(0.2, 0.04, 0.014), moved(cylinder(0.16, 0.03, 0.01), (0, -0.02, 0)))
    parts = [Part(shape=seat, material=wood(*OAK, along=0), at=(0, 0.73, 0))]
    corners = [(x, z) for x in (-1, 1) for z in (-1, 1)]
    parts += [_leg((x * 0.115, 0.715, z * 0.115), (x * 0.175, 0, z * 0.175), 0.019, 0.014, oak) for x, z in corners]
    ring = moved(torus(0.2, 0.009), turn_deg=(90, 0, 0))
    parts.append(Part(shape=ring, material=plain("#222222"), at=(0, 0.26, 0)))
    parts.append(Part(shape=capsule((-0.13, 0.5, 0), (0.13, 0.5, 0), 0.01), material=oak, at=(0, 0, 0.132)))
    return Scene(parts=parts)
