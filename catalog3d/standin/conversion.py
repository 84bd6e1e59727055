"""Converting a finished GLB: scale, pivot, and the formats that trimesh writes."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import pygltflib
import trimesh

from catalog3d.mesh.document import open_glb

_LABEL = "Made by the catalog3d stand-in: a placeholder, not a product model"
_ZIP_DATE = (2026, 1, 1, 0, 0, 0)  # equal work gives equal bytes


@dataclass(frozen=True, kw_only=True)
class ConvertRequest:
    """Everything that decides a conversion.

    Attributes:
        content: A GLB.
        target_format: GLTF (a GLB again), OBJ (a zip with material and textures) or STL.
        scale: Factor on all coordinates.
        pivot: Move the middle of the base to the origin.
    """

    content: bytes
    target_format: str
    scale: float
    pivot: bool


def convert_glb(request: ConvertRequest) -> bytes:
    """The converted file.

    Raises:
        ValueError: The source is no sound model, or holds no mesh.
    """
    require_sound(request.content)
    content = _moved(request) if request.pivot or request.scale != 1.0 else request.content
    if request.target_format == "GLTF":
        return content
    mesh = _mesh(content)
    if request.target_format == "STL":
        exported: bytes = trimesh.exchange.stl.export_stl(mesh)
        return _LABEL.encode().ljust(80)[:80] + exported[80:]
    text, textures = trimesh.exchange.obj.export_obj(  # type: ignore[no-untyped-call]
        mesh, include_texture=True, return_texture=True, mtl_name="model.mtl", header=_LABEL
    )
    return _zip({"model.obj": text.encode(), **textures})


def require_sound(content: bytes) -> None:
    """Uploads are foreign: the libraries that read them ask for as much memory as a file's numbers say."""
    opened = open_glb(content)
    if opened.glb is None or not opened.geometry_readable:
        raise ValueError("the source model cannot be read")


def _mesh(content: bytes) -> trimesh.Trimesh:
    scene = trimesh.load_scene(io.BytesIO(content), file_type="glb")
    if not scene.geometry:
        raise ValueError("the source model holds no mesh")
    mesh: trimesh.Trimesh = scene.to_mesh()
    return mesh


def _moved(request: ConvertRequest) -> bytes:
    """The same file under one more node: meshes, textures and labels stay as they are."""
    low, high = _mesh(request.content).bounds * request.scale
    shift = np.array([-(low[0] + high[0]) / 2, -low[1], -(low[2] + high[2]) / 2]) if request.pivot else np.zeros(3)
    model = pygltflib.GLTF2.load_from_bytes(request.content)
    scene = model.scenes[model.scene or 0]
    node: Any = pygltflib.Node(
        name="converted", children=list(scene.nodes), translation=shift.tolist(), scale=[request.scale] * 3
    )
    model.nodes.append(node)
    scene.nodes = [len(model.nodes) - 1]
    return b"".join(model.save_to_bytes())


def _zip(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, date_time=_ZIP_DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, files[name])
    return target.getvalue()
