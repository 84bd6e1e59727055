"""Writing a GLB: one mesh, one material, one embedded JPEG; equal input gives equal bytes."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog3d.standin.solid import Solid, smooth_normals

GENERATOR = "catalog3d stand-in (not Tripo)"
NOTE = "Made locally from the picture's outline to rehearse the pipeline. It is not a reconstruction and not for sale pages."

_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_UNSIGNED_SHORT, _UNSIGNED_INT, _FLOAT = 5123, 5125, 5126


class _Buffer:
    """The binary chunk and the views into it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, content: bytes, target: int | None = None) -> int:
        self.data += b"\0" * (-len(self.data) % 4)
        entry: dict[str, Any] = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content)}
        if target is not None:
            entry["target"] = target
        self.data += content
        self.views.append(entry)
        return len(self.views) - 1

    def vectors(self, values: NDArray[np.floating], *, bounds: bool = False) -> int:
        packed = np.ascontiguousarray(values, dtype="<f4")
        entry: dict[str, Any] = {
            "bufferView": self.view(packed.tobytes(), _ARRAY_BUFFER),
            "componentType": _FLOAT,
            "count": len(packed),
            "type": f"VEC{packed.shape[1]}",
        }
        if bounds:
            entry["min"] = [float(v) for v in packed.min(axis=0)]
            entry["max"] = [float(v) for v in packed.max(axis=0)]
        self.accessors.append(entry)
        return len(self.accessors) - 1

    def indices(self, faces: NDArray[np.int64], vertices: int) -> int:
        short = vertices <= 65_535  # 65535 itself is the restart index
        packed = np.ascontiguousarray(faces.ravel(), dtype="<u2" if short else "<u4")
        self.accessors.append(
            {
                "bufferView": self.view(packed.tobytes(), _ELEMENT_ARRAY_BUFFER),
                "componentType": _UNSIGNED_SHORT if short else _UNSIGNED_INT,
                "count": int(packed.size),
                "type": "SCALAR",
            }
        )
        return len(self.accessors) - 1


def encode(solid: Solid, jpeg: bytes | None, *, method: str) -> bytes:
    """The GLB of a solid, as it stands: no scaling.

    Args:
        jpeg: The base colour texture, or None for plain grey.
        method: How the shape was made, kept in `asset.extras`.
    """
    normals = solid.normals if solid.normals is not None else smooth_normals(solid.positions, solid.faces)
    buffer = _Buffer()
    attributes = {"POSITION": buffer.vectors(solid.positions, bounds=True), "NORMAL": buffer.vectors(normals)}
    surface: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 0.8}
    document: dict[str, Any] = {
        "asset": {
            "version": "2.0",
            "generator": GENERATOR,
            "extras": {"standin": True, "note": NOTE, "method": method},
        },
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "standin"}],
    }
    if jpeg is None:
        surface["baseColorFactor"] = [0.6, 0.6, 0.6, 1.0]
    else:
        attributes["TEXCOORD_0"] = buffer.vectors(np.clip(solid.uv, 0, 1))
        surface["baseColorTexture"] = {"index": 0}
        document["textures"] = [{"sampler": 0, "source": 0}]
        document["samplers"] = [{"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}]
    primitive = {"attributes": attributes, "indices": buffer.indices(solid.faces, len(solid.positions)), "material": 0}
    document["meshes"] = [{"name": "standin", "primitives": [primitive]}]
    document["materials"] = [{"name": "photo" if jpeg else "plain", "pbrMetallicRoughness": surface}]
    if jpeg is not None:
        document["images"] = [{"bufferView": buffer.view(jpeg), "mimeType": "image/jpeg", "name": "photo"}]
    document["accessors"], document["bufferViews"] = buffer.accessors, buffer.views
    document["buffers"] = [{"byteLength": len(buffer.data)}]
    return _container(document, bytes(buffer.data))


def _container(document: dict[str, Any], binary: bytes) -> bytes:
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=True).encode("ascii")
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
