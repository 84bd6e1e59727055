"""A GLB as arrays to draw: everything in the world, in one list of triangles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog3d.errors import ProductError
from catalog3d.mesh.container import Buffer
from catalog3d.mesh.document import Glb, open_glb
from catalog3d.mesh.findings import blocks
from catalog3d.mesh.scene import Placement, placements, transform
from catalog3d.mesh.surfaces import Surface, read_surface
from catalog3d.product import Severity
from catalog3d.render.materials import Material, read_materials

# About 10 s of work; the budgets for a product page end at a tenth of it.
MAX_TRIANGLES = 2_000_000

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Drawables:
    """Everything to draw.

    Attributes:
        points: (n, 3) float64, world.
        normals: (n, 3) float32, unit length, world.
        uvs: (n, 2) float32, of the set that each corner's material uses.
        colors: (n, 4) float32, COLOR_0, white where there is none.
        faces: (m, 3) int64; corners run counter-clockwise as seen from the front.
        material_of: (m,) int64, into `materials`.
    """

    points: NDArray[np.float64]
    normals: Floats
    uvs: Floats
    colors: Floats
    faces: NDArray[np.int64]
    material_of: NDArray[np.int64]
    materials: list[Material]


def read_drawables(data: Buffer) -> Drawables:
    """Read what a viewer would draw.

    Raises:
        ProductError: NOT_DRAWABLE with the reason, RENDER_TOO_COMPLEX.
    """
    opened = open_glb(data)
    if opened.glb is None or not opened.geometry_readable:
        worst = next((fault.message for fault in opened.faults if fault.severity is Severity.ERROR), "")
        raise ProductError(f"No picture of this model can be drawn. {worst}".strip(), code="NOT_DRAWABLE")
    return _gathered(opened.glb)


@dataclass(frozen=True, kw_only=True)
class _Piece:
    """One primitive in its mesh's own coordinates: what all its copies share. Arrays as in `Drawables`."""

    points: Floats
    normals: NDArray[np.float64]
    uvs: Floats
    colors: Floats
    faces: NDArray[np.int64]
    material: int


def _gathered(glb: Glb) -> Drawables:
    materials = read_materials(glb)
    pieces: dict[int, list[_Piece]] = {}
    parts = []
    triangles = 0
    for place in placements(glb.gltf):
        if place.mesh not in pieces:
            pieces[place.mesh] = list(_pieces(glb, place.mesh, materials))
        for piece in pieces[place.mesh] if place.finite else ():
            triangles += len(piece.faces)
            if triangles > MAX_TRIANGLES:
                raise ProductError(
                    f"The model has more than {MAX_TRIANGLES:,} triangles: no picture of it is drawn.",
                    code="RENDER_TOO_COMPLEX",
                    fix="Generate it again with a lower face limit.",
                )
            parts.append(_placed(piece, place, materials))
    if not parts:
        raise ProductError("The model has no triangles to draw.", code="NOT_DRAWABLE", fix="Generate it again.")
    offsets = np.cumsum([0, *(len(part.points) for part in parts)])
    return Drawables(
        points=np.concatenate([part.points for part in parts]),
        normals=np.concatenate([part.normals for part in parts]),
        uvs=np.concatenate([part.uvs for part in parts]),
        colors=np.concatenate([part.colors for part in parts]),
        faces=np.concatenate([part.faces + offset for part, offset in zip(parts, offsets[:-1], strict=True)]),
        material_of=np.concatenate([part.material_of for part in parts]),
        materials=materials,
    )


def _pieces(glb: Glb, mesh: int, materials: list[Material]) -> Iterator[_Piece]:
    for number, primitive in enumerate(glb.gltf.meshes[mesh].primitives):
        surface, faults = read_surface(glb, primitive, f"part {number} of mesh {mesh}")
        if surface is not None and len(surface.faces) and not blocks(faults):
            yield _piece(glb, surface, materials)


def _piece(glb: Glb, surface: Surface, materials: list[Material]) -> _Piece:
    number = len(materials) - 1 if surface.material is None else surface.material
    # Many primitives may share one long list of corners: each takes only its own.
    used, numbered = np.unique(surface.faces, return_inverse=True)
    faces = numbered.reshape(-1, 3).astype(np.int64)
    points = surface.positions[used]
    texture = materials[number].texture
    uvs = _attribute(glb, surface, used, f"TEXCOORD_{texture.uv_set if texture else 0}", 2, 0.0)
    colors = _attribute(glb, surface, used, "COLOR_0", 4, 1.0)
    if "NORMAL" in surface.attributes:
        normals = _attribute(glb, surface, used, "NORMAL", 3, 0.0).astype(np.float64)
    else:
        # Specification 3.7.2.1: without normals every triangle is flat, so it gets corners of its own.
        points, uvs, colors = points[faces].reshape(-1, 3), uvs[faces].reshape(-1, 2), colors[faces].reshape(-1, 4)
        faces = np.arange(len(points)).reshape(-1, 3)
        corners = points.reshape(-1, 3, 3).astype(np.float64)
        flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals = np.repeat(flat, 3, axis=0)
    return _Piece(points=points, normals=normals, uvs=uvs, colors=colors, faces=faces, material=number)


def _placed(piece: _Piece, place: Placement, materials: list[Material]) -> Drawables:
    return Drawables(
        points=transform(place.matrix, piece.points),
        normals=unit(piece.normals @ _normal_matrix(place).T),
        uvs=piece.uvs,
        colors=piece.colors,
        faces=piece.faces[:, ::-1] if place.mirrored else piece.faces,
        material_of=np.full(len(piece.faces), piece.material),
        materials=materials,
    )


def _attribute(glb: Glb, surface: Surface, used: NDArray[np.int64], name: str, size: int, fill: float) -> Floats:
    """An attribute of the used corners as (n, size) float32; what is missing or no number becomes `fill`."""
    found = np.full((len(used), size), fill, dtype=np.float32)
    if name in surface.attributes:
        values = glb.accessors.read_float(surface.attributes[name])[used]
        found[:, : values.shape[1]] = np.where(np.isfinite(values), values, np.float32(fill))
    return found


def _normal_matrix(place: Placement) -> NDArray[np.float64]:
    """What turns normals as the placement turns the surface: the cofactors, which exist for flat ones too."""
    a, b, c = place.matrix[:3, :3].T
    cofactors = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)]).T
    turned: NDArray[np.float64] = -cofactors if place.mirrored else cofactors
    return turned


def unit(vectors: NDArray[np.floating]) -> Floats:
    """Vectors : (n, 3), at length 1; zero stays zero."""
    length = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    scaled: Floats = (vectors / np.where(length > 0, length, 1)).astype(np.float32)
    return scaled
