# ruff: noqa: N815 - the fields bear the names of glTF
"""Whether the JSON of a glTF may be believed: types, ranges and required properties of what we read.

Khronos glTF 2.0 specification, section 5 "Properties Reference". A null is never allowed there, which is
why optional fields are not declared as such here. Codes are those of the Khronos validator with `KHR_`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, FailFast, Field, StringConstraints, ValidationError

from catalog3d.mesh.findings import error, info, warning
from catalog3d.quality import Check

MAX_FINDINGS = 20

# JSON values have no upper bound in the specification; ours is what a 32-bit index can name.
Index = Annotated[int, Field(ge=0, le=2**32)]
Positive = Annotated[int, Field(ge=1, le=2**32)]
Unit = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, StringConstraints(max_length=100_000)]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9]+\.[0-9]+$")]
_ABSENT: Any = None


T = TypeVar("T")
Filled = Annotated[list[T], Field(min_length=1)]
# Of numbers or names: millions of them may be wrong, and each finding costs memory.
Listed = Annotated[list[T], FailFast(), Field(min_length=1)]
Three = Annotated[list[T], Field(min_length=3, max_length=3)]
Four = Annotated[list[T], Field(min_length=4, max_length=4)]
Matrix = Annotated[list[float], Field(min_length=16, max_length=16)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    extensions: dict[str, Any] = _ABSENT


class _Asset(_Part):
    version: Version
    minVersion: Version = _ABSENT
    generator: Text = _ABSENT


class _SparseIndices(_Part):
    bufferView: Index
    byteOffset: Index = 0
    componentType: int


class _SparseValues(_Part):
    bufferView: Index
    byteOffset: Index = 0


class _Sparse(_Part):
    count: Positive
    indices: _SparseIndices
    values: _SparseValues


class _Accessor(_Part):
    bufferView: Index = _ABSENT
    byteOffset: Index = 0
    componentType: int
    normalized: bool = False
    count: Positive
    type: str
    max: Annotated[list[float], Field(min_length=1, max_length=16)] = _ABSENT
    min: Annotated[list[float], Field(min_length=1, max_length=16)] = _ABSENT
    sparse: _Sparse = _ABSENT


class _Buffer(_Part):
    uri: str = _ABSENT
    byteLength: Positive


class _BufferView(_Part):
    buffer: Index
    byteOffset: Index = 0
    byteLength: Positive
    byteStride: Annotated[int, Field(ge=4, le=252, multiple_of=4)] = _ABSENT
    target: int = _ABSENT


class _Image(_Part):
    uri: str = _ABSENT
    mimeType: str = _ABSENT
    bufferView: Index = _ABSENT


class _Texture(_Part):
    sampler: Index = _ABSENT
    source: Index = _ABSENT


class _Sampler(_Part):
    magFilter: int = _ABSENT
    minFilter: int = _ABSENT
    wrapS: int = _ABSENT
    wrapT: int = _ABSENT


class _TextureInfo(_Part):
    index: Index
    texCoord: Index = 0


class _Metallic(_Part):
    baseColorFactor: Four[Unit] = _ABSENT
    baseColorTexture: _TextureInfo = _ABSENT
    metallicRoughnessTexture: _TextureInfo = _ABSENT
    metallicFactor: Unit = _ABSENT
    roughnessFactor: Unit = _ABSENT


class _Material(_Part):
    pbrMetallicRoughness: _Metallic = _ABSENT
    normalTexture: _TextureInfo = _ABSENT
    occlusionTexture: _TextureInfo = _ABSENT
    emissiveTexture: _TextureInfo = _ABSENT
    emissiveFactor: Three[Unit] = _ABSENT
    alphaMode: str = _ABSENT
    alphaCutoff: Annotated[float, Field(ge=0)] = _ABSENT
    doubleSided: bool = _ABSENT


class _Primitive(_Part):
    attributes: Annotated[dict[str, Index], Field(min_length=1)]
    indices: Index = _ABSENT
    material: Index = _ABSENT
    mode: Index = 4
    targets: Annotated[list[dict[str, Index]], Field(min_length=1)] = _ABSENT


class _Mesh(_Part):
    primitives: Filled[_Primitive]
    weights: Listed[float] = _ABSENT


class _Node(_Part):
    mesh: Index = _ABSENT
    skin: Index = _ABSENT
    camera: Index = _ABSENT
    children: Listed[Index] = _ABSENT
    matrix: Matrix = _ABSENT
    translation: Three[float] = _ABSENT
    rotation: Four[Annotated[float, Field(ge=-1, le=1)]] = _ABSENT
    scale: Three[float] = _ABSENT
    weights: Listed[float] = _ABSENT


class _Scene(_Part):
    nodes: Listed[Index] = _ABSENT


class _Document(_Part):
    asset: _Asset
    extensionsUsed: Listed[str] = _ABSENT
    extensionsRequired: Listed[str] = _ABSENT
    accessors: Filled[_Accessor] = _ABSENT
    animations: Filled[dict[str, Any]] = _ABSENT
    buffers: Filled[_Buffer] = _ABSENT
    bufferViews: Filled[_BufferView] = _ABSENT
    cameras: Filled[dict[str, Any]] = _ABSENT
    images: Filled[_Image] = _ABSENT
    materials: Filled[_Material] = _ABSENT
    meshes: Filled[_Mesh] = _ABSENT
    nodes: Filled[_Node] = _ABSENT
    samplers: Filled[_Sampler] = _ABSENT
    scene: Index = _ABSENT
    scenes: Filled[_Scene] = _ABSENT
    skins: Filled[dict[str, Any]] = _ABSENT
    textures: Filled[_Texture] = _ABSENT


_CODES = {
    "missing": "UNDEFINED_PROPERTY",
    "too_short": "EMPTY_ENTITY",
    "too_long": "ARRAY_LENGTH_NOT_IN_LIST",
    "multiple_of": "VALUE_MULTIPLE_OF",
    "string_pattern_mismatch": "PATTERN_MISMATCH",
    "greater_than_equal": "VALUE_NOT_IN_RANGE",
    "less_than_equal": "VALUE_NOT_IN_RANGE",
}


def check_schema(document: dict[str, Any]) -> tuple[Check, ...]:
    """What is wrong with the JSON's types, ranges and required properties; the first 20 findings."""
    try:
        _Document.model_validate(document)
    except ValidationError as exc:
        found = exc.errors(include_url=False, include_context=False, include_input=False)
        faults = [_fault(str(item["type"]), item["loc"], str(item["msg"])) for item in found[:MAX_FINDINGS]]
        if len(found) > MAX_FINDINGS:
            faults.append(info("MORE_FINDINGS", f"{len(found) - MAX_FINDINGS} more properties are wrong."))
        return tuple(faults)
    return (*_versions(document), *_extensions(document))


def _fault(kind: str, location: tuple[int | str, ...], message: str) -> Check:
    # A dict's key check ends with "[key]"; the path is for a person, so it is kept short.
    path = "/".join(str(part) for part in location)[:200]
    code = "KHR_" + _CODES.get(kind, "TYPE_MISMATCH")
    what = f"{path}: {message[0].lower()}{message[1:]}"
    return error(code, f"The file breaks the glTF format, viewers may refuse it ({what}). Export it again.", path)


def _versions(document: dict[str, Any]) -> list[Check]:
    asset = document["asset"]
    version, least = asset["version"], asset.get("minVersion", "2.0")
    if not version.startswith("2."):
        return [
            error("KHR_UNKNOWN_ASSET_MAJOR_VERSION", f"It is glTF {version[:20]}; viewers read glTF 2.", version[:20])
        ]
    if _ordered(least) > _ordered(version):
        message = f"It asks for glTF {least[:20]} but says it is {version[:20]}."
        return [error("KHR_ASSET_MIN_VERSION_GREATER_THAN_VERSION", message)]
    if _ordered(least) > (2, 0):
        return [
            warning("GLTF_VERSION", f"It asks for glTF {least[:20]}; most viewers read 2.0 only.", least[:20], "2.0")
        ]
    return []


def _ordered(version: str) -> tuple[int, int]:
    major, minor = version.split(".")
    return int(major[:9]), int(minor[:9])


def _extensions(document: dict[str, Any]) -> list[Check]:
    listed, required = document.get("extensionsUsed", ()), document.get("extensionsRequired", ())
    used = set(listed)
    faults = []
    for name in (_shown(name) for name in required if name not in used):
        message = (
            f"It requires the extension {name} without listing it as used: viewers may refuse it. Export it again."
        )
        faults.append(error("KHR_UNUSED_EXTENSION_REQUIRED", message, name))
    for name in sorted({_shown(name) for name in _borne(document) if name not in used}):
        message = f"It uses the extension {name} without listing it: viewers ignore it and show something else. Export it again."
        faults.append(error("KHR_UNDECLARED_EXTENSION", message, name))
    if len(used) < len(listed) or len(set(required)) < len(required):
        faults.append(error("KHR_DUPLICATE_ELEMENTS", "It lists an extension twice. Export it again."))
    return faults[:MAX_FINDINGS]


def _shown(name: str) -> str:
    return re.sub(r"[^\w-]", "?", name)[:80]


def _borne(document: dict[str, Any]) -> Iterator[str]:
    """Names of the extensions that the document and its objects have; the insides of extensions are their own."""
    todo: list[Any] = [document]
    while todo:
        item = todo.pop()
        if isinstance(item, dict) and isinstance(item.get("extensions"), dict):
            yield from item["extensions"]
        parts = item.items() if isinstance(item, dict) else ((None, part) for part in item)
        todo += [part for key, part in parts if key not in ("extensions", "extras") and isinstance(part, dict | list)]
