"""A GLB as arrays to draw: everything in the world, in one list of triangles."""

from __future__ import annotations

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


def _gathered(glb: Glb) -> Drawables:
    materials = read_materials(glb)
    parts = []
    triangles = 0
    for place in placements(glb.gltf):
        for number, primitive in enumerate(glb.gltf.meshes[place.mesh].primitives):
            surface, faults = read_surface(glb, primitive, f"part {number} of mesh {place.mesh}")
            if surface is None or blocks(faults) or not place.finite or not len(surface.faces):
                continue
            triangles += len(surface.faces)
            if triangles > MAX_TRIANGLES:
                raise ProductError(
                    f"The model has more than {MAX_TRIANGLES:,} triangles: no picture of it is drawn.",
                    code="RENDER_TOO_COMPLEX",
                    fix="Generate it again with a lower face limit.",
                )
            parts.append(_part(glb, place, surface, materials))
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


def _part(glb: Glb, place: Placement, surface: Surface, materials: list[Material]) -> Drawables:
    number = len(materials) - 1 if surface.material is None else surface.material
    # Many primitives may share one long list of corners: each takes only its own.
    used, numbered = np.unique(surface.faces, return_inverse=True)
    faces = numbered.reshape(-1, 3).astype(np.int64)
    faces = faces[:, ::-1] if place.mirrored else faces
    points = transform(place.matrix, surface.positions[used])
    texture = materials[number].texture
    uvs = _attribute(glb, surface, used, f"TEXCOORD_{texture.uv_set if texture else 0}", 2, 0.0)
    colors = _attribute(glb, surface, used, "COLOR_0", 4, 1.0)
    if "NORMAL" in surface.attributes:
        normals = _attribute(glb, surface, used, "NORMAL", 3, 0.0) @ _normal_matrix(place).T
    else:
        # Specification 3.7.2.1: without normals every triangle is flat, so it gets corners of its own.
        points, uvs, colors = points[faces].reshape(-1, 3), uvs[faces].reshape(-1, 2), colors[faces].reshape(-1, 4)
        faces = np.arange(len(points)).reshape(-1, 3)
        corners = points.reshape(-1, 3, 3)
        flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals = np.repeat(flat, 3, axis=0)
    return Drawables(
        points=points,
        normals=unit(normals),
        uvs=uvs,
        colors=colors,
        faces=faces,
        material_of=np.full(len(faces), number),
        materials=materials,
    )


def _attribute(glb: Glb, surface: Surface, used: NDArray[np.int64], name: str, size: int, fill: float) -> Floats:
    """An attribute of the used corners as (n, size) float32; what is missing or no number becomes `fill`."""
    found = np.full((len(used), size), fill, dtype=np.float32)
    if name in surface.attributes:
        values = glb.accessors.read_float(surface.attributes[name])[used]
        found[:, : values.shape[1]] = np.where(np.isfinite(values), values, np.float32(fill))
    return found


def _normal_matrix(place: Placement) -> Floats:
    """What turns normals as the placement turns the surface: the cofactors, which exist for flat ones too."""
    a, b, c = place.matrix[:3, :3].T
    cofactors = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)]).T
    return (-cofactors if place.mirrored else cofactors).astype(np.float32)


def unit(vectors: NDArray[np.floating]) -> Floats:
    """Vectors : (n, 3), at length 1; zero stays zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Floats = (vectors / np.where(length > 0, length, 1)).astype(np.float32)
    return scaled
