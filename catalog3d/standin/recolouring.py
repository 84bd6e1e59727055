"""Another surface for a GLB: the shape stays byte for byte, the base color becomes that of the words."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pygltflib
from PIL import Image

from catalog3d.standin.colours import colour_of
from catalog3d.standin.conversion import require_sound

_MIDDLE = 128.0
_QUALITY = 86
_MOST_PIXELS = 64_000_000
"""Of one texture: 8K, the largest that Tripo sells."""


@dataclass(frozen=True, kw_only=True)
class RecolourRequest:
    """Everything that decides a surface.

    Attributes:
        content: A GLB.
        prompt: Names its color; "" leaves the colors as they are.
    """

    content: bytes
    prompt: str


def recolour_glb(request: RecolourRequest) -> bytes:
    """The same model in another color.

    Raises:
        ValueError: The source is no sound model.
    """
    require_sound(request.content)
    if not request.prompt.strip():
        return request.content
    colour = colour_of(request.prompt)
    model = pygltflib.GLTF2.load_from_bytes(request.content)
    painted: dict[int, bytes] = {}
    for material in model.materials:
        surface = material.pbrMetallicRoughness or pygltflib.PbrMetallicRoughness()
        material.pbrMetallicRoughness = surface
        if surface.baseColorTexture is None:
            surface.baseColorFactor = [*(part / 255 for part in colour), 1.0]
            continue
        place = model.textures[surface.baseColorTexture.index].source
        image = model.images[place] if place is not None else None
        if image is not None and image.bufferView is not None:
            surface.baseColorFactor = [1.0, 1.0, 1.0, 1.0]
            painted[image.bufferView] = _painted(_view(model, image.bufferView), colour, image.mimeType or "image/png")
    _repack(model, painted)
    return b"".join(model.save_to_bytes())


def _view(model: pygltflib.GLTF2, number: int) -> bytes:
    view = model.bufferViews[number]
    start = view.byteOffset or 0
    return bytes((model.binary_blob() or b"")[start : start + view.byteLength])


def _painted(content: bytes, colour: tuple[int, int, int], mime: str) -> bytes:
    """The picture in one color, with its own light and dark."""
    with Image.open(io.BytesIO(content)) as opened:
        if opened.width * opened.height > _MOST_PIXELS:
            raise ValueError("a texture of the source is too large")
        grey = np.asarray(opened.convert("L"), dtype=np.float32)
    shade = np.clip(grey / max(float(grey.mean()), 1.0) * _MIDDLE, 0, 255)[..., None] / _MIDDLE
    pixels = np.clip(shade * np.array(colour, dtype=np.float32), 0, 255).astype(np.uint8)
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "JPEG" if mime == "image/jpeg" else "PNG", quality=_QUALITY)
    return target.getvalue()


def _repack(model: pygltflib.GLTF2, changed: dict[int, bytes]) -> None:
    """Lay the views out anew, with what changed in its place."""
    contents = [changed.get(number, _view(model, number)) for number in range(len(model.bufferViews))]
    data = bytearray()
    for view, content in zip(model.bufferViews, contents, strict=True):
        data += b"\0" * (-len(data) % 4)
        view.byteOffset, view.byteLength = len(data), len(content)
        data += content
    model.buffers[0].byteLength = len(data)
    model.set_binary_blob(bytes(data))
