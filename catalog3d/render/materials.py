"""Materials as the renderer uses them: base colour texture and factor, alpha, sides."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import pygltflib
from numpy.typing import NDArray
from PIL import Image

from catalog3d.mesh.document import MAX_IMAGE_PIXELS, Glb, texture_image

FORMATS = ("PNG", "JPEG", "WEBP")
# A view of 1024 px (512 px at twice the density) cannot show more of a texture.
MAX_SIDE_PX = 2048
# All textures together: 256 MB as RGBA.
MAX_TOTAL_PX = 64_000_000
REPEAT, CLAMP, MIRROR = 10497, 33071, 33648

Colors = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Texture:
    """A decoded texture.

    Attributes:
        pixels: (h, w, 4) uint8 RGBA, sRGB.
        wrap: Modes across and down.
        uv_set: Number of the texture coordinates it uses.
        uv_matrix: (2, 3) applied to (u, v, 1): KHR_texture_transform.
    """

    pixels: NDArray[np.uint8]
    wrap: tuple[int, int]
    uv_set: int
    uv_matrix: Colors


@dataclass(frozen=True, kw_only=True)
class Material:
    """What decides a surface's colour here; metalness, roughness and normal maps are not drawn.

    Attributes:
        factor: (4,) linear RGBA.
        alpha: "OPAQUE", "MASK" or "BLEND".
        lit: False for KHR_materials_unlit.
    """

    factor: Colors
    texture: Texture | None
    alpha: str
    cutoff: float
    two_sided: bool
    lit: bool


DEFAULT = Material(
    factor=np.ones(4, dtype=np.float32), texture=None, alpha="OPAQUE", cutoff=0.5, two_sided=False, lit=True
)
SRGB_TO_LINEAR: Colors = np.where(
    np.arange(256) <= 0.04045 * 255, np.arange(256) / 255 / 12.92, ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4
).astype(np.float32)


def read_materials(glb: Glb) -> list[Material]:
    """All materials of a file, and the default one at the end."""
    textured = sum(_base_texture(material) is not None for material in glb.gltf.materials)
    side = int(min(MAX_SIDE_PX, (MAX_TOTAL_PX / max(1, textured)) ** 0.5))
    decoded: dict[int, NDArray[np.uint8] | None] = {}
    return [*(_material(glb, material, side, decoded) for material in glb.gltf.materials), DEFAULT]


def _material(
    glb: Glb, material: pygltflib.Material, side: int, decoded: dict[int, NDArray[np.uint8] | None]
) -> Material:
    metallic = material.pbrMetallicRoughness
    factor = metallic.baseColorFactor if metallic is not None else None
    reference = _base_texture(material)
    return Material(
        factor=np.asarray(factor or [1, 1, 1, 1], dtype=np.float32),
        texture=None if reference is None else _texture(glb, reference, side, decoded),
        alpha=material.alphaMode if material.alphaMode in ("MASK", "BLEND") else "OPAQUE",
        cutoff=0.5 if material.alphaCutoff is None else float(material.alphaCutoff),
        two_sided=bool(material.doubleSided),
        lit="KHR_materials_unlit" not in material.extensions,
    )


def _base_texture(material: pygltflib.Material) -> Any:
    metallic = material.pbrMetallicRoughness
    return None if metallic is None else metallic.baseColorTexture


def _texture(glb: Glb, reference: Any, side: int, decoded: dict[int, NDArray[np.uint8] | None]) -> Texture | None:
    if reference.index not in decoded:
        decoded[reference.index] = _decode(glb, reference.index, side)
    pixels = decoded[reference.index]
    if pixels is None:
        return None
    texture = glb.gltf.textures[reference.index]
    sampler = None if texture.sampler is None else glb.gltf.samplers[texture.sampler]
    wrap = (REPEAT, REPEAT) if sampler is None else (sampler.wrapS or REPEAT, sampler.wrapT or REPEAT)
    moved = reference.extensions.get("KHR_texture_transform")
    moved = moved if isinstance(moved, dict) else {}
    other = moved.get("texCoord")
    return Texture(
        pixels=pixels,
        wrap=wrap,
        uv_set=other if isinstance(other, int) else reference.texCoord or 0,
        uv_matrix=_uv_matrix(moved),
    )


def _decode(glb: Glb, number: int, side: int) -> NDArray[np.uint8] | None:
    """RGBA pixels, at most `side` wide and high; None if viewers could not show the image either."""
    image = texture_image(glb, number)
    if image is None or image.content is None or image.header is None or image.header.pixels > MAX_IMAGE_PIXELS:
        return None
    try:
        with Image.open(io.BytesIO(image.content), formats=FORMATS) as picture:
            picture.draft("RGB", (side, side))
            picture.thumbnail((side, side), Image.Resampling.BOX)
            return np.asarray(picture.convert("RGBA"))
    except (MemoryError, RecursionError):
        raise
    except Exception:  # noqa: BLE001 - decoders raise many kinds; a damaged image is a finding of the scan
        return None


def _uv_matrix(moved: dict[str, Any]) -> Colors:
    """KHR_texture_transform as (2, 3): translation x rotation x scale."""
    offset, scale = _pair(moved.get("offset"), 0.0), _pair(moved.get("scale"), 1.0)
    angle = moved.get("rotation")
    angle = float(angle) if isinstance(angle, int | float) else 0.0
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array(
        [[cos * scale[0], sin * scale[1], offset[0]], [-sin * scale[0], cos * scale[1], offset[1]]], dtype=np.float32
    )


def _pair(value: Any, default: float) -> tuple[float, float]:
    if isinstance(value, list) and len(value) == 2 and all(isinstance(item, int | float) for item in value):
        return float(value[0]), float(value[1])
    return default, default


def sample(texture: Texture, uv: Colors) -> Colors:
    """Bilinear colours : (k, 4) linear RGBA, at texture coordinates : (k, 2)."""
    moved = uv @ texture.uv_matrix[:, :2].T + texture.uv_matrix[:, 2]
    moved = np.nan_to_num(moved, nan=0.0, posinf=0.0, neginf=0.0)
    height, width = texture.pixels.shape[:2]
    left, right, x_share = _taps(moved[:, 0], width, texture.wrap[0])
    top, bottom, y_share = _taps(moved[:, 1], height, texture.wrap[1])
    upper = _mix(_linear(texture, top, left), _linear(texture, top, right), x_share)
    lower = _mix(_linear(texture, bottom, left), _linear(texture, bottom, right), x_share)
    return _mix(upper, lower, y_share)


def _taps(position: Colors, size: int, wrap: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Colors]:
    """The two texels beside each position, and how far it is to the second."""
    if wrap == CLAMP:
        position = np.clip(position, 0, 1)
    elif wrap == MIRROR:
        position = 1 - np.abs(np.mod(position, 2) - 1)
    else:
        position = np.mod(position, 1)
    texel = position * size - 0.5
    first = np.floor(texel).astype(np.int64)
    share = (texel - first).astype(np.float32)
    if wrap == REPEAT:
        return first % size, (first + 1) % size, share
    return np.clip(first, 0, size - 1), np.clip(first + 1, 0, size - 1), share


def _linear(texture: Texture, row: NDArray[np.int64], column: NDArray[np.int64]) -> Colors:
    texels = texture.pixels[row, column]
    colors = SRGB_TO_LINEAR[texels]
    colors[:, 3] = texels[:, 3] / np.float32(255)
    return colors


def _mix(first: Colors, second: Colors, share: Colors) -> Colors:
    mixed: Colors = first + (second - first) * share[:, None]
    return mixed
