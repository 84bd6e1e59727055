"""From a request to a GLB: the stand-in's model maker.

Pure and deterministic: no disk, network, clock or randomness. One picture is lifted by its outline,
several become a visual hull, words become a labelled placeholder. Whatever is made says in
`asset.generator` and `asset.extras` that it is a stand-in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from catalog3d.standin import atlas, hull, lift, texture, words
from catalog3d.standin.glb import encode
from catalog3d.standin.mask import Method, cut_out
from catalog3d.standin.pictures import decode
from catalog3d.standin.request import ShapeRequest
from catalog3d.standin.silhouette import Lift, choose
from catalog3d.standin.solid import Solid, block
from catalog3d.standin.voxels import Surface

Made = TypeVar("Made", Solid, Surface)

OWN_FACE_LIMIT = 36_000
"""More triangles do not show on a stand-in; it keeps its files around a megabyte."""

MIN_FACES = 12
"""A block: the least that closes."""

_LEAST_HEIGHT = 0.85
"""Of a hull, whose height should be 1: a coarse grid loses thin legs, and then one lifted picture is better."""

_USUAL_FACES = 22_000
"""What a single picture is lifted to when nobody asks for less."""


def make_glb(request: ShapeRequest) -> bytes:
    """Make a labelled stand-in model: Y up, front towards +X, longest side 1, centred, closed.

    Raises:
        ValueError: A picture that is not one, or is too large; a request without picture and words; a face
            limit below 12. The sentence says which.
    """
    limit = min(request.face_limit or OWN_FACE_LIMIT, OWN_FACE_LIMIT)
    if limit < MIN_FACES:
        raise ValueError(f"A closed model needs at least {MIN_FACES} triangles, {limit} were allowed.")
    views = {
        slot: hull.View(picture=picture, cutout=cut_out(picture))
        for slot, picture in ((slot, decode(encoded)) for slot, encoded in request.pictures.items())
    }
    if views:
        solid, pixels, method = _from_pictures(views, limit)
    elif request.prompt.strip():
        solid, pixels, method = _from_words(request.prompt, limit)
    else:
        raise ValueError("There is neither a picture nor a description to make a model from.")
    jpeg = texture.jpeg(pixels) if request.textured else None
    return encode(solid.unit(), jpeg, method=method)


def _from_pictures(views: dict[str, hull.View], limit: int) -> tuple[Solid, NDArray[np.uint8], str]:
    usable = {
        slot: view for slot, view in views.items() if slot in atlas.SIDES and view.cutout.method is not Method.CARD
    }
    if "front" in usable and len(usable) > 1:
        carved = _within(limit, 96, lambda samples: hull.carve(usable, round(samples)))
        if carved is not None and np.ptp(carved.positions[:, 1]) > _LEAST_HEIGHT:
            solid, pixels = atlas.paint(carved, hull.tiles(usable))
            return solid, pixels, f"visual hull of {', '.join(side for side in atlas.SIDES if side in usable)}"
    view = views.get("front") or next(iter(views.values()))
    solid, method = _lifted(view, min(limit, _USUAL_FACES))
    pixels, uv = texture.cropped(texture.bled(view.picture, view.cutout.soft), solid.uv)
    placed = Solid(positions=solid.positions, uv=uv, faces=solid.faces, normals=solid.normals)
    return placed, pixels, f"{method}, outline by {view.cutout.method.value}"


def _lifted(view: hull.View, limit: int) -> tuple[Solid, str]:
    soft = view.cutout.soft
    way, depth = (Lift.EXTRUDE, 0.06) if view.cutout.method is Method.CARD else choose(view.cutout.solid)
    makers: dict[Lift, Callable[[float], Solid | None]] = {
        Lift.TURN: lambda fine: lift.turn(soft, round(fine)),
        Lift.EXTRUDE: lambda fine: lift.extrude(soft, _spacing(soft, fine), depth),
        Lift.INFLATE: lambda fine: lift.inflate(soft, _spacing(soft, fine), depth),
    }
    solid = _within(limit, 110, makers[way])
    if solid is None:
        rows, columns = view.box
        width, height = columns.stop - columns.start, rows.stop - rows.start
        return block(width, height, 0.5 * min(width, height)), "block"
    return solid, way.value


def _spacing(soft: NDArray[np.float32], fine: float) -> float:
    """Triangle side in mask pixels for `fine` of them along the outline's longer side."""
    rows, columns = (np.flatnonzero((soft > 0.5).any(axis=axis)) for axis in (1, 0))
    longest = max(int(np.ptp(rows)), int(np.ptp(columns)), 1) if len(rows) else 1
    return longest / fine


def _from_words(prompt: str, limit: int) -> tuple[Solid, NDArray[np.uint8], str]:
    made = _within(limit, 72, lambda samples: words.placeholder(prompt, round(samples)))
    tile = words.label(prompt)
    sides = dict.fromkeys(atlas.SIDES, tile)
    if made is None:
        return block(1, 1, 1), tile, "block for words"
    solid, pixels = atlas.paint(made, sides)
    return solid, pixels, "placeholder for words"


def _within(limit: int, fine: float, make: Callable[[float], Made | None]) -> Made | None:
    """The finest result with at most `limit` triangles, or None if not even a coarse one fits."""
    while fine >= 4:
        made = make(fine)
        if made is None:
            return None
        count = len(made.faces)
        if count <= limit:
            return made
        fine *= min(0.93, (limit / count) ** 0.5 * 0.98)
    return None
