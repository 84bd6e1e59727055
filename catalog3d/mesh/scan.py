"""Everything measured on one GLB, before any limit is applied."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog3d.mesh.container import Buffer
from catalog3d.mesh.document import Glb, Opened, open_glb, texture_image
from catalog3d.mesh.findings import error, not_checked, sendable, shortened
from catalog3d.mesh.images import ImageHeader
from catalog3d.mesh.scene import Placement, is_placement, local_matrix, placements, transform
from catalog3d.mesh.surfaces import Surface, attributes_of, read_surface, triangle_count, value_faults
from catalog3d.mesh.topology import Topology, measure_topology
from catalog3d.quality import Check, MeshFacts

# Welding takes about 1.5 s and 0.5 GB per million triangles; a model this large is over every budget anyway.
MAX_TOPOLOGY_TRIANGLES = 1_000_000
# Corners moved to measure the outer size: about 2 s of work.
MAX_MOVED_POINTS = 100_000_000

_UNCHECKED = {
    "animations": "the model is measured at rest only",
    "skins": "the model is measured at rest only",
    "cameras": "a product page brings its own",
}

Point = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What the checks judge beside the facts.

    Attributes:
        draws: Primitives drawn, copies included.
        images: Headers of the images that textures use.
        gpu_bytes: Estimated memory on a graphics card: uncompressed RGBA with mipmaps, and the geometry.
        without_normals, without_uv: Primitives that a viewer draws in facets; textured ones without coordinates.
        lights_cameras: Nodes that bring a light or a camera.
        topology: None if it was not measured.
    """

    draws: int
    images: tuple[ImageHeader, ...]
    gpu_bytes: int
    without_normals: int
    without_uv: int
    lights_cameras: int
    topology: Topology | None


@dataclass(frozen=True, kw_only=True)
class Scan:
    """One file, measured.

    Attributes:
        faults: What is wrong whatever the profile says.
        facts: None if the file could not be read.
        measures: None if its geometry could not be read.
    """

    faults: tuple[Check, ...]
    facts: MeshFacts | None
    measures: Measures | None


@dataclass(frozen=True, kw_only=True)
class _Geometry:
    """The surfaces of each mesh, and where they stand."""

    surfaces: Mapping[int, Sequence[Surface]]
    placed: Sequence[Placement]
    faults: tuple[Check, ...]

    @property
    def triangles(self) -> int:
        return sum(len(surface.faces) for _, surface in self.drawn())

    def drawn(self) -> Iterable[tuple[Placement, Surface]]:
        return ((place, surface) for place in self.placed for surface in self.surfaces.get(place.mesh, ()))


def scan_glb(data: Buffer) -> Scan:
    """Open and measure a GLB. Never raises for what the bytes hold, except MemoryError."""
    opened = open_glb(data)
    if opened.glb is None:
        return Scan(faults=shortened(opened.faults), facts=None, measures=None)
    sha256 = hashlib.sha256(data).hexdigest()
    if not opened.geometry_readable:
        facts = _declared_facts(opened.glb, sha256)
        return Scan(faults=shortened(opened.faults), facts=facts, measures=None)
    return _measured(opened, opened.glb, sha256)


def _measured(opened: Opened, glb: Glb, sha256: str) -> Scan:
    geometry = _geometry(glb)
    faults = [*opened.faults, *value_faults(glb), *geometry.faults, *_placement_faults(glb, geometry)]
    sound = all(place.finite for place in geometry.placed)
    bounds = _bounds(geometry) if sound else None
    topology, said = _topology(geometry) if sound else (None, ())
    facts = _declared_facts(glb, sha256)
    facts = MeshFacts(
        **{
            **vars(facts),
            "triangles": geometry.triangles,
            "extents_m": None if bounds is None else _point(bounds[1] - bounds[0]),
            "bounds_min_m": None if bounds is None else _point(bounds[0]),
            "watertight": None if topology is None else topology.watertight,
        }
    )
    measures = _measures(glb, geometry, facts, topology)
    return Scan(faults=shortened((*faults, *said)), facts=facts, measures=measures)


def _geometry(glb: Glb) -> _Geometry:
    surfaces: dict[int, list[Surface]] = {}
    faults: list[Check] = []
    for number, mesh in enumerate(glb.gltf.meshes):
        for part, primitive in enumerate(mesh.primitives):
            surface, found = read_surface(glb, primitive, f"part {part} of mesh {number}")
            faults += found
            if surface is not None and len(surface.faces):
                surfaces.setdefault(number, []).append(surface)
    return _Geometry(surfaces=surfaces, placed=placements(glb.gltf), faults=tuple(faults))


def _placement_faults(glb: Glb, geometry: _Geometry) -> list[Check]:
    faults: list[Check] = []
    if not any(True for _ in geometry.drawn()):
        faults.append(
            error("NO_GEOMETRY", "The scene shows no triangles: a shopper would see nothing. Generate it again.", 0, 1)
        )
    lost = [place for place in geometry.placed if not place.finite]
    if lost:
        message = f"Node {lost[0].node} puts its mesh at no place: the model would be invisible. Generate it again."
        faults.append(error("NONFINITE_POSITION", message, len(lost), 0))
    flat = [place for place in geometry.placed if place.flat]
    if flat:
        message = f"Node {flat[0].node} scales its mesh to nothing: that part would be invisible. Set its scale to 1."
        faults.append(error("ZERO_SCALE", message, len(flat), 0))
    for number, node in enumerate(glb.gltf.nodes):
        if node.matrix and not is_placement(local_matrix(node)):
            message = f"Node {number} slants its part, which viewers cannot do: they show it in another shape. Export it again."
            faults.append(error("KHR_NODE_MATRIX_NON_TRS", message, number))
            break
    for number, node in enumerate(glb.gltf.nodes):
        if node.rotation and abs(float(np.linalg.norm(node.rotation)) - 1) > 1e-3:
            message = f"Node {number} has a rotation that also stretches: viewers disagree on it. Export it again."
            faults.append(error("KHR_ROTATION_NON_UNIT", message, number))
            break
    for name, why in _UNCHECKED.items():
        if glb.raw.get(name):
            faults.append(not_checked(name, why))
    return faults


def _declared_facts(glb: Glb, sha256: str) -> MeshFacts:
    """What the JSON says; triangle counts are those of the accessors until the geometry was read."""
    gltf = glb.gltf
    placed = Counter(place.mesh for place in placements(gltf))
    counts = [sum(triangle_count(glb.accessors, part) for part in mesh.primitives) for mesh in gltf.meshes]
    positions = {attributes_of(part).get("POSITION") for mesh in gltf.meshes for part in mesh.primitives}
    sides = [max(image.header.width_px, image.header.height_px) for image in glb.images if image.header]
    asset = glb.raw["asset"]
    return MeshFacts(
        size_bytes=glb.size_bytes,
        sha256=sha256,
        triangles=sum(counts[mesh] * times for mesh, times in placed.items()),
        vertices=sum(glb.accessors.count(number) for number in positions if number is not None),
        materials=len(gltf.materials),
        meshes=len(gltf.meshes),
        primitives=sum(len(mesh.primitives) for mesh in gltf.meshes),
        textures=len(gltf.textures),
        largest_texture_px=max(sides, default=0),
        generator=sendable(str(asset.get("generator", ""))[:200]),
        standin=_says_standin(asset),
    )


def _says_standin(asset: Mapping[str, Any]) -> bool:
    """Whether `asset.generator` or `asset.extras` names our stand-in."""
    extras = asset.get("extras")
    marked = isinstance(extras, dict) and any("standin" in str(key).replace("-", "").replace("_", "") for key in extras)
    return marked or "stand-in" in str(asset.get("generator", "")).lower()


def _bounds(geometry: _Geometry) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Lower and upper corner of everything drawn, in the world; exact while the work stays bounded."""
    corners: list[NDArray[np.float64]] = []
    moved = 0
    for place, surface in geometry.drawn():
        points: NDArray[Any] = surface.positions
        moved += len(points)
        if moved > MAX_MOVED_POINTS or _keeps_axes(place):
            low, high = points.min(axis=0), points.max(axis=0)
            points = np.array(
                [[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
            )
        world = transform(place.matrix, points)
        corners += [world.min(axis=0), world.max(axis=0)]
    if not corners:
        return None
    everything = np.array(corners)
    return everything.min(axis=0), everything.max(axis=0)


def _keeps_axes(place: Placement) -> bool:
    """Whether a box stays a box of the same corners: no turn but quarter turns."""
    used = np.abs(place.matrix[:3, :3]) > 0
    return bool((used.sum(axis=0) <= 1).all() and (used.sum(axis=1) <= 1).all())


def _topology(geometry: _Geometry) -> tuple[Topology | None, tuple[Check, ...]]:
    triangles = geometry.triangles
    if triangles == 0:
        return None, ()
    if triangles > MAX_TOPOLOGY_TRIANGLES:
        why = f"it has more than {MAX_TOPOLOGY_TRIANGLES:,} triangles"
        return None, (not_checked("holes and degenerate triangles", why),)
    points: list[NDArray[np.float64]] = []
    faces: list[NDArray[np.int64]] = []
    offset = 0
    for place, surface in geometry.drawn():
        used, local = np.unique(surface.faces, return_inverse=True)
        triangles_here = local.reshape(-1, 3) + offset
        points.append(transform(place.matrix, surface.positions[used]))
        faces.append(triangles_here[:, ::-1] if place.mirrored else triangles_here)
        offset += len(used)
    return measure_topology(np.concatenate(points), np.concatenate(faces)), ()


def _measures(glb: Glb, geometry: _Geometry, facts: MeshFacts, topology: Topology | None) -> Measures:
    surfaces = [surface for _, surface in geometry.drawn()]
    textured = {number for number, material in enumerate(glb.gltf.materials) if _texture_sets(material)}
    images = _used_images(glb)
    pixels = sum(image.pixels for image in images)
    return Measures(
        draws=len(surfaces),
        images=images,
        # 4 bytes a pixel and a third more for mipmaps; 32 bytes a corner (position, normal, uv), 4 an index.
        gpu_bytes=pixels * 16 // 3 + facts.vertices * 32 + facts.triangles * 12,
        without_normals=sum("NORMAL" not in surface.attributes for surface in surfaces),
        without_uv=sum(
            surface.material in textured
            and any(
                f"TEXCOORD_{uv}" not in surface.attributes for uv in _texture_sets(glb.gltf.materials[surface.material])
            )
            for surface in surfaces
        ),
        lights_cameras=sum(
            node.camera is not None or "KHR_lights_punctual" in node.extensions for node in glb.gltf.nodes
        ),
        topology=topology,
    )


def _texture_sets(material: Any) -> set[int]:
    """The UV sets that a material's textures need."""
    metallic = material.pbrMetallicRoughness
    infos = [material.normalTexture, material.occlusionTexture, material.emissiveTexture]
    if metallic is not None:
        infos += [metallic.baseColorTexture, metallic.metallicRoughnessTexture]
    found = set()
    for info in infos:
        if info is not None:
            # KHR_texture_transform may name another set than the texture itself.
            moved = info.extensions.get("KHR_texture_transform")
            other = moved.get("texCoord") if isinstance(moved, dict) else None
            found.add(other if isinstance(other, int) else info.texCoord or 0)
    return found


def _used_images(glb: Glb) -> tuple[ImageHeader, ...]:
    used = {id(image): image for number in range(len(glb.gltf.textures)) if (image := texture_image(glb, number))}
    return tuple(image.header for image in used.values() if image.header is not None)


def _point(values: NDArray[np.float64]) -> Point:
    x, y, z = (float(f"{value:.9g}") for value in values)
    return x, y, z
