"""Whether everything the JSON points at exists, and whether its nodes form trees.

Works on JSON that `schema` has passed. Khronos glTF 2.0 specification, sections 3.5 "Scenes" and 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from catalog3d.mesh.findings import error
from catalog3d.quality import Check

# Proposal of the project's own check list: viewers walk the tree by recursion.
MAX_SCENE_DEPTH = 256

_SINGLE = {
    "accessors": {"bufferView": "bufferViews"},
    "bufferViews": {"buffer": "buffers"},
    "images": {"bufferView": "bufferViews"},
    "textures": {"source": "images", "sampler": "samplers"},
    "nodes": {"mesh": "meshes", "skin": "skins", "camera": "cameras"},
}
_LISTS = {"nodes": {"children": "nodes"}, "scenes": {"nodes": "nodes"}}
_TEXTURES = ("normalTexture", "occlusionTexture", "emissiveTexture")
_METALLIC_TEXTURES = ("baseColorTexture", "metallicRoughnessTexture")

Reference = tuple[str, int, str]
"""Where it stands, the index, and the name of the array it points into."""


def check_references(document: Mapping[str, Any]) -> tuple[Check, ...]:
    """The first reference into nothing, if any, and what is wrong with the node graph."""
    sizes = {name: len(items) for name, items in document.items() if isinstance(items, list)}
    for where, index, target in _references(document):
        if index >= sizes.get(target, 0):
            message = f"The file points at {target} {index}, which does not exist ({where}): parts are missing or a viewer fails. Export it again."
            return (error("KHR_UNRESOLVED_REFERENCE", message, where),)
    return tuple(_graph_faults(document))


def _references(document: Mapping[str, Any]) -> Iterator[Reference]:
    if "scene" in document:
        yield "scene", document["scene"], "scenes"
    for name, fields in _SINGLE.items():
        for number, item in enumerate(document.get(name, ())):
            for field, target in fields.items():
                if field in item:
                    yield f"{name}/{number}/{field}", item[field], target
    for name, fields in _LISTS.items():
        for number, item in enumerate(document.get(name, ())):
            for field, target in fields.items():
                yield from ((f"{name}/{number}/{field}", index, target) for index in item.get(field, ()))
    yield from _mesh_references(document)
    yield from _material_references(document)


def _mesh_references(document: Mapping[str, Any]) -> Iterator[Reference]:
    for number, mesh in enumerate(document.get("meshes", ())):
        where = f"meshes/{number}"
        for primitive in mesh["primitives"]:
            for attributes in (primitive["attributes"], *primitive.get("targets", ())):
                yield from ((where, index, "accessors") for index in attributes.values())
            if "indices" in primitive:
                yield where, primitive["indices"], "accessors"
            if "material" in primitive:
                yield where, primitive["material"], "materials"
    for number, accessor in enumerate(document.get("accessors", ())):
        if "sparse" in accessor:
            for part in ("indices", "values"):
                yield f"accessors/{number}/sparse", accessor["sparse"][part]["bufferView"], "bufferViews"


def _material_references(document: Mapping[str, Any]) -> Iterator[Reference]:
    for number, material in enumerate(document.get("materials", ())):
        metallic = material.get("pbrMetallicRoughness", {})
        infos = [material[name] for name in _TEXTURES if name in material]
        infos += [metallic[name] for name in _METALLIC_TEXTURES if name in metallic]
        yield from ((f"materials/{number}", info["index"], "textures") for info in infos)


def _repeated(document: Mapping[str, Any]) -> Check | None:
    """A node that is listed twice in one place: walking such a tree would double the work at every level."""
    for name, fields in _LISTS.items():
        for number, item in enumerate(document.get(name, ())):
            for field in fields:
                listed = item.get(field, ())
                if len(set(listed)) < len(listed):
                    where = f"{name}/{number}/{field}"
                    message = f"The file lists a part twice ({where}): viewers fail or draw it twice. Export it again."
                    return error("KHR_DUPLICATE_ELEMENTS", message, where)
    return None


def _graph_faults(document: Mapping[str, Any]) -> Iterator[Check]:
    repeated = _repeated(document)
    if repeated is not None:
        yield repeated
        return
    nodes = document.get("nodes", ())
    parents = [-1] * len(nodes)
    for number, node in enumerate(nodes):
        for child in node.get("children", ()):
            if parents[child] >= 0:
                yield error(
                    "KHR_NODE_PARENT_OVERRIDE",
                    f"Node {child} hangs below two parents: viewers fail or draw it twice. Export it again.",
                    child,
                )
                return
            parents[child] = number
    depth = _depth(parents)
    if depth is None:
        yield error("SCENE_CYCLE", "A part of the scene contains itself: a viewer would hang. Export it again.")
    elif depth > MAX_SCENE_DEPTH:
        message = f"The scene is nested {depth:,} levels deep: viewers may crash on it. Flatten it."
        yield error("SCENE_DEPTH", message, depth, MAX_SCENE_DEPTH)
    else:
        yield from _scene_faults(document, parents)


def _depth(parents: list[int]) -> int | None:
    """Levels of the deepest tree, or None for a cycle. Each node is walked over once."""
    depths = [0] * len(parents)
    for start in range(len(parents)):
        path: list[int] = []
        node = start
        while node >= 0 and depths[node] == 0:
            depths[node] = -1
            path.append(node)
            node = parents[node]
        if node >= 0 and depths[node] < 0:
            return None
        level = 0 if node < 0 else depths[node]
        for member in reversed(path):
            level += 1
            depths[member] = level
    return max(depths, default=0)


def _scene_faults(document: Mapping[str, Any], parents: list[int]) -> Iterator[Check]:
    for scene in document.get("scenes", ()):
        for node in scene.get("nodes", ()):
            if parents[node] >= 0:
                message = f"The scene lists node {node}, which is part of another node. Export it again."
                yield error("KHR_SCENE_NON_ROOT_NODE", message, node)
                return
    for number, node in enumerate(document.get("nodes", ())):
        if "matrix" in node and any(name in node for name in ("translation", "rotation", "scale")):
            message = f"Node {number} is placed in two contradicting ways: viewers disagree where. Export it again."
            yield error("KHR_NODE_MATRIX_TRS", message, number)
            return
