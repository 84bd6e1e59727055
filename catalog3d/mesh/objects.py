"""The JSON of a glTF as pygltflib's objects, made directly: its own reader takes about a millisecond for each."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import pygltflib

_ARRAYS: Mapping[str, type] = {
    "materials": pygltflib.Material,
    "meshes": pygltflib.Mesh,
    "nodes": pygltflib.Node,
    "samplers": pygltflib.Sampler,
    "scenes": pygltflib.Scene,
    "textures": pygltflib.Texture,
}
_INNER: Mapping[str, type] = {
    "primitives": pygltflib.Primitive,
    "pbrMetallicRoughness": pygltflib.PbrMetallicRoughness,
    "baseColorTexture": pygltflib.TextureInfo,
    "metallicRoughnessTexture": pygltflib.TextureInfo,
    "emissiveTexture": pygltflib.TextureInfo,
    "normalTexture": pygltflib.NormalMaterialTexture,
    "occlusionTexture": pygltflib.OcclusionTextureInfo,
}
_NOT_READ = {"extras", "name", "targets", "weights"}
_FIELDS: Mapping[type, frozenset[str]] = {
    kind: frozenset(field.name for field in dataclasses.fields(kind) if field.name not in _NOT_READ)
    for kind in {*_ARRAYS.values(), *_INNER.values()}
}
_ATTRIBUTE = re.compile(r"(POSITION|NORMAL|TANGENT|(TEXCOORD|COLOR|JOINTS|WEIGHTS)_\d{1,2})\Z")


def object_model(raw: Mapping[str, Any]) -> pygltflib.GLTF2:
    """What is read later of JSON that schema and references have passed; no names, extras, morphs or animations."""
    model = pygltflib.GLTF2(scene=raw.get("scene", 0))
    for name, kind in _ARRAYS.items():
        setattr(model, name, [_built(kind, item) for item in raw.get(name, ())])
    return model


def _built(kind: type, item: Mapping[str, Any]) -> Any:
    fields = {name: value for name, value in item.items() if name in _FIELDS[kind]}
    for name, value in fields.items():
        if name == "attributes":
            known = {key: index for key, index in value.items() if _ATTRIBUTE.match(key)}
            fields[name] = pygltflib.Attributes(**known)
        elif name == "primitives":
            fields[name] = [_built(pygltflib.Primitive, primitive) for primitive in value]
        elif name in _INNER:
            fields[name] = _built(_INNER[name], value)
    return kind(**fields)
