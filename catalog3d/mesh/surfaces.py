"""The triangles of a mesh's primitives, checked while they are read.

Khronos glTF 2.0 specification, section 3.7.2 "Meshes"; KHR_mesh_quantization for the wider formats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pygltflib
from numpy.typing import NDArray

from catalog3d.mesh.accessors import Accessors
from catalog3d.mesh.document import Glb
from catalog3d.mesh.findings import blocks, error, warning
from catalog3d.quality import Check

TRIANGLES, TRIANGLE_STRIP, TRIANGLE_FAN = 4, 5, 6
_MODES = {0: "points", 1: "lines", 2: "a line loop", 3: "a line strip"}
_FLOAT = {5126}
_UNSIGNED = {5121, 5123}
_SMALL = {5120, 5121, 5122, 5123}

# Attribute -> (allowed types, allowed number types, number types that KHR_mesh_quantization adds).
_FORMATS: Mapping[str, tuple[tuple[str, ...], set[int], set[int]]] = {
    "POSITION": (("VEC3",), _FLOAT, _SMALL),
    "NORMAL": (("VEC3",), _FLOAT, {5120, 5122}),
    "TANGENT": (("VEC4",), _FLOAT, {5120, 5122}),
    "TEXCOORD": (("VEC2",), _FLOAT | _UNSIGNED, _SMALL),
    "COLOR": (("VEC3", "VEC4"), _FLOAT | _UNSIGNED, set()),
    "JOINTS": (("VEC4",), _UNSIGNED, set()),
    "WEIGHTS": (("VEC4",), _FLOAT | _UNSIGNED, set()),
}


@dataclass(frozen=True, kw_only=True)
class Surface:
    """The triangles of one primitive, in the mesh's own coordinates.

    Attributes:
        positions: (n, 3) float32.
        faces: (m, 3) int64, every index below n.
        material: Number, or None for the default material.
        attributes: Attribute name -> accessor number, as the file has them.
    """

    positions: NDArray[np.float32]
    faces: NDArray[np.int64]
    material: int | None
    attributes: Mapping[str, int]


def read_surface(glb: Glb, primitive: pygltflib.Primitive, where: str) -> tuple[Surface | None, tuple[Check, ...]]:
    """Read one primitive; None if it has no triangles that a viewer could draw."""
    attributes = attributes_of(primitive)
    faults = list(_format_faults(glb, primitive, attributes, where))
    if "POSITION" not in attributes:
        message = f"{where} has no positions: nothing of it can be drawn. Export it again."
        return None, (*faults, warning("KHR_MESH_PRIMITIVE_NO_POSITION", message))
    if primitive.mode in _MODES:
        message = f"{where} is made of {_MODES[primitive.mode]} instead of triangles: many viewers do not show it. Export a triangle mesh."
        faults.append(error("NON_TRIANGLE_MODE", message, _MODES[primitive.mode], "triangles"))
        return None, tuple(faults)
    if blocks(faults) or primitive.mode not in (TRIANGLES, TRIANGLE_STRIP, TRIANGLE_FAN):
        return None, tuple(faults)
    positions = glb.accessors.read_float(attributes["POSITION"])
    indices, index_faults = _indices(glb.accessors, primitive, len(positions), where)
    faults += index_faults
    if not glb.accessors.is_finite(attributes["POSITION"]):
        message = f"{where} has corners at no place (NaN or infinity): the model would be torn or invisible. Generate it again."
        faults.append(error("NONFINITE_POSITION", message, int(np.count_nonzero(~np.isfinite(positions))), 0))
    if blocks(faults):
        return None, tuple(faults)
    faces = _triangles(indices, primitive.mode)
    surface = Surface(positions=positions, faces=faces, material=primitive.material, attributes=attributes)
    return surface, tuple(faults)


def attributes_of(primitive: pygltflib.Primitive) -> dict[str, int]:
    """Attribute name -> accessor number, of those that the file has."""
    return {name: int(index) for name, index in vars(primitive.attributes).items() if index is not None}


def triangle_count(accessors: Accessors, primitive: pygltflib.Primitive) -> int:
    """Triangles as the accessors' counts declare them."""
    position = attributes_of(primitive).get("POSITION")
    source = primitive.indices if primitive.indices is not None else position
    if source is None:
        return 0
    count = accessors.count(source)
    if primitive.mode == TRIANGLES:
        return count // 3
    return max(0, count - 2) if primitive.mode in (TRIANGLE_STRIP, TRIANGLE_FAN) else 0


def _format_faults(
    glb: Glb, primitive: pygltflib.Primitive, attributes: Mapping[str, int], where: str
) -> Iterator[Check]:
    quantized = "KHR_mesh_quantization" in glb.raw.get("extensionsUsed", ())
    counts = set()
    for name, number in attributes.items():
        accessor = glb.accessors.declared(number)
        kinds, components, more = _FORMATS[name.split("_")[0]]
        allowed = components | more if quantized else components
        counts.add(accessor["count"])
        if accessor["type"] not in kinds or accessor["componentType"] not in allowed:
            yield _fault(
                "MESH_PRIMITIVE_ATTRIBUTES_ACCESSOR_INVALID_FORMAT", f"{where}: {name} has a wrong number type"
            )
    if len(counts) > 1:
        yield _fault("MESH_PRIMITIVE_UNEQUAL_ACCESSOR_COUNT", f"{where} has attributes of different lengths")
    if "POSITION" in attributes and not {"min", "max"} <= set(glb.accessors.declared(attributes["POSITION"])):
        yield _fault("MESH_PRIMITIVE_POSITION_ACCESSOR_WITHOUT_BOUNDS", f"{where} does not say how large it is")
    if primitive.indices is not None:
        accessor = glb.accessors.declared(primitive.indices)
        if accessor["type"] != "SCALAR" or accessor["componentType"] not in (5121, 5123, 5125):
            yield _fault("MESH_PRIMITIVE_INDICES_ACCESSOR_INVALID_FORMAT", f"{where} has indices of a wrong type")
        if "bufferView" in accessor and "byteStride" in glb.raw["bufferViews"][accessor["bufferView"]]:
            yield _fault("MESH_PRIMITIVE_INDICES_ACCESSOR_WITH_BYTESTRIDE", f"{where} has indices with a stride")
    if primitive.mode > TRIANGLE_FAN:
        yield _fault("VALUE_NOT_IN_LIST", f"{where} has the unknown mode {primitive.mode}")


def _indices(
    accessors: Accessors, primitive: pygltflib.Primitive, vertices: int, where: str
) -> tuple[NDArray[np.int64], list[Check]]:
    if primitive.indices is None:
        indices = np.arange(vertices, dtype=np.int64)
    else:
        indices = accessors.read(primitive.indices)[:, 0].astype(np.int64)
    faults: list[Check] = []
    outside = int(np.count_nonzero(indices >= vertices))
    if outside:
        message = f"{where} uses corners that do not exist: viewers show torn geometry or fail. Generate it again."
        faults.append(error("INDEX_OOB", message, outside, 0))
    if primitive.mode == TRIANGLES and len(indices) % 3:
        message = f"{where} ends with half a triangle, which viewers leave out. Export it again."
        faults.append(warning("KHR_MESH_PRIMITIVE_INCOMPATIBLE_MODE", message, len(indices)))
    return indices, faults


def _triangles(indices: NDArray[np.int64], mode: int) -> NDArray[np.int64]:
    """Triangles : (m, 3); every second one of a strip is turned back (specification 3.7.2.1)."""
    if mode == TRIANGLES:
        return indices[: len(indices) // 3 * 3].reshape(-1, 3)
    count = max(0, len(indices) - 2)
    steps = np.arange(count)
    if mode == TRIANGLE_FAN:
        return np.stack([indices[1 : count + 1], indices[2 : count + 2], np.repeat(indices[:1], count)], axis=1)
    odd = steps % 2
    return np.stack([indices[:count], indices[steps + 1 + odd], indices[steps + 2 - odd]], axis=1)


def _fault(code: str, what: str) -> Check:
    return error(
        f"KHR_{code}", f"The file breaks the glTF format, viewers fail or draw it wrongly ({what}). Export it again."
    )


def value_faults(glb: Glb) -> Iterator[Check]:
    """Whether accessors that declare bounds, or hold floats, tell the truth."""
    positions = {attributes_of(primitive).get("POSITION") for mesh in glb.gltf.meshes for primitive in mesh.primitives}
    for number in range(len(glb.accessors)):
        declared: Mapping[str, Any] = glb.accessors.declared(number)
        values = glb.accessors.read(number)
        if not glb.accessors.is_finite(number):
            if number not in positions:
                yield _fault("ACCESSOR_INVALID_FLOAT", f"accessor {number} holds values that are no numbers")
            continue
        for bound, real in (("min", values.min(axis=0)), ("max", values.max(axis=0))):
            if bound in declared and not _agrees(np.asarray(declared[bound]), real):
                code = "BOUNDS_LIE" if number in positions else f"KHR_ACCESSOR_{bound.upper()}_MISMATCH"
                message = f"Accessor {number} declares a {bound} that its data does not have: viewers frame the model wrongly. Export it again."
                yield error(code, message, _text(real), _text(declared[bound]))


def _agrees(declared: NDArray[Any], real: NDArray[Any]) -> bool:
    with np.errstate(all="ignore"):
        if real.dtype.kind != "f":
            return bool(np.array_equal(declared.astype(np.float64), real.astype(np.float64)))
        # A float32 written in decimal may lose its last digit.
        return bool(np.allclose(declared.astype(np.float32), real, rtol=2e-7, atol=0.0, equal_nan=True))


def _text(values: Any) -> str:
    return ", ".join(f"{float(value):.6g}" for value in values)
