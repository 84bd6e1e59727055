"""Builders of GLB files: sound ones, and the pieces that tests damage."""

from __future__ import annotations

import io
import json
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

JSON_CHUNK, BIN_CHUNK = b"JSON", b"BIN\0"
Points = NDArray[np.float64]
Faces = NDArray[np.int64]


def container(
    *chunks: tuple[bytes, bytes], length: int | None = None, magic: bytes = b"glTF", version: int = 2
) -> bytes:
    """A GLB of (kind, content) chunks as they are given; `length` lies about the whole."""
    body = b"".join(struct.pack("<I4s", len(content), kind) + content for kind, content in chunks)
    return struct.pack("<4sII", magic, version, 12 + len(body) if length is None else length) + body


def pack(document: dict[str, Any] | bytes, binary: bytes = b"") -> bytes:
    """A GLB of a JSON document (or its raw text) and a binary chunk, both padded."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    return container((JSON_CHUNK, text), *([(BIN_CHUNK, binary)] if binary else []))


def png(width: int = 512, height: int = 512, color: tuple[int, ...] = (200, 40, 40)) -> bytes:
    return encoded(np.full((height, width, len(color)), color, dtype=np.uint8))


def encoded(pixels: NDArray[np.uint8], kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


@dataclass
class Draft:
    """A file in the making: tests change `document`, then `packed`."""

    document: dict[str, Any]
    binary: bytearray = field(default_factory=bytearray)

    def view(self, content: bytes, **more: Any) -> int:
        self.binary += b"\0" * (-len(self.binary) % 4)
        views = self.document.setdefault("bufferViews", [])
        views.append({"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(content), **more})
        self.binary += content
        return len(views) - 1

    def accessor(self, values: NDArray[Any], kind: str, component: int, **more: Any) -> int:
        accessors = self.document.setdefault("accessors", [])
        view = self.view(values.tobytes())
        accessors.append({"bufferView": view, "componentType": component, "count": len(values), "type": kind, **more})
        return len(accessors) - 1

    def image(self, content: bytes, mime: str = "image/png") -> int:
        images = self.document.setdefault("images", [])
        images.append({"bufferView": self.view(content), "mimeType": mime})
        return len(images) - 1

    def textured(self, content: bytes, mime: str = "image/png") -> Draft:
        """The same file with its first material showing a picture."""
        self.document["textures"] = [{"source": self.image(content, mime)}]
        self.document["materials"][0]["pbrMetallicRoughness"] = {"baseColorTexture": {"index": 0}}
        return self

    @property
    def primitive(self) -> dict[str, Any]:
        found: dict[str, Any] = self.document["meshes"][0]["primitives"][0]
        return found

    def packed(self) -> bytes:
        document = {**self.document, "buffers": [{"byteLength": max(1, len(self.binary))}]}
        return pack(document, bytes(self.binary))


def model(points: Points, faces: Faces, *, uvs: Points | None = None, normals: Points | None = None) -> Draft:
    """One mesh of one primitive, with honest bounds."""
    draft = Draft({
        "asset": {"version": "2.0", "generator": "tests"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "materials": [{"pbrMetallicRoughness": {}}],
    })  # fmt: skip
    small = points.astype("<f4")
    with np.errstate(invalid="ignore"):
        bounds = {"min": np.nan_to_num(small.min(axis=0)).tolist(), "max": np.nan_to_num(small.max(axis=0)).tolist()}
    attributes = {"POSITION": draft.accessor(small, "VEC3", 5126, **bounds)}
    if normals is not None:
        attributes["NORMAL"] = draft.accessor(normals.astype("<f4"), "VEC3", 5126)
    if uvs is not None:
        attributes["TEXCOORD_0"] = draft.accessor(uvs.astype("<f4"), "VEC2", 5126)
    indices = draft.accessor(faces.astype("<u4").reshape(-1), "SCALAR", 5125)
    draft.document["meshes"] = [{"primitives": [{"attributes": attributes, "indices": indices, "material": 0}]}]
    return draft


def cube(size: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Draft:
    """A box around the origin: corners of its own for each side, so that sides have normals and whole pictures."""
    points: list[Points] = []
    normals: list[Points] = []
    uvs: list[tuple[float, float]] = []
    faces: list[tuple[int, int, int]] = []
    for axis in range(3):
        for sign in (1.0, -1.0):
            normal = np.zeros(3)
            normal[axis] = sign
            up = np.array([0.0, 1.0, 0.0]) if axis != 1 else np.array([0.0, 0.0, -sign])
            right = np.cross(up, normal)
            start = len(points)
            for across, down in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                points.append((normal + across * right + down * up) / 2 * size)
                normals.append(normal)
                uvs.append(((across + 1) / 2, (1 - down) / 2))
            faces += [(start, start + 1, start + 2), (start, start + 2, start + 3)]
    return model(np.array(points), np.array(faces), uvs=np.array(uvs, dtype=float), normals=np.array(normals))


def grid(side: int) -> Draft:
    """A flat sheet of 2 * side * side triangles."""
    step = np.linspace(0, 1, side + 1)
    x, z = (values.ravel() for values in np.meshgrid(step, step))
    corner = (np.arange(side)[:, None] * (side + 1) + np.arange(side)).ravel()
    first = np.stack([corner, corner + side + 1, corner + 1], axis=1)
    second = np.stack([corner + 1, corner + side + 1, corner + side + 2], axis=1)
    points = np.stack([x, np.zeros_like(x), z], axis=1)
    return model(points, np.concatenate([first, second]), normals=np.tile([0.0, 1.0, 0.0], (len(points), 1)))
