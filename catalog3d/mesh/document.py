"""A GLB opened behind the gates: container, schema, references, buffers, images; then pygltflib holds it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pygltflib

from catalog3d.mesh.accessors import Accessors, decode_data_uri, external_image, is_external, resolve_buffers
from catalog3d.mesh.container import Buffer, read_container
from catalog3d.mesh.findings import blocks, error, not_checked
from catalog3d.mesh.images import ImageHeader, read_header
from catalog3d.mesh.objects import object_model
from catalog3d.mesh.references import check_references
from catalog3d.mesh.schema import check_schema
from catalog3d.quality import Check

# Geometry in these forms cannot be decoded here.
COMPRESSED = frozenset({"KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression"})
# Ratified by Khronos or read by every common viewer, and they leave the geometry readable as it is.
KNOWN_EXTENSIONS = frozenset({
    "KHR_mesh_quantization", "KHR_texture_transform", "KHR_texture_basisu", "EXT_texture_webp", "EXT_texture_avif",
    "KHR_lights_punctual", "KHR_animation_pointer", "KHR_node_visibility", "KHR_xmp_json_ld",
    "KHR_materials_anisotropy", "KHR_materials_clearcoat", "KHR_materials_dispersion",
    "KHR_materials_emissive_strength", "KHR_materials_ior", "KHR_materials_iridescence", "KHR_materials_sheen",
    "KHR_materials_specular", "KHR_materials_transmission", "KHR_materials_unlit", "KHR_materials_variants",
    "KHR_materials_volume",
})  # fmt: skip

# Proposal of the project's own check list: what an image of 8192 x 8192 has.
MAX_IMAGE_PIXELS = 8192 * 8192

_FORMAT_EXTENSIONS = {
    "image/webp": "EXT_texture_webp",
    "image/avif": "EXT_texture_avif",
    "image/ktx2": "KHR_texture_basisu",
}
_TEXTURE_SOURCES = tuple(_FORMAT_EXTENSIONS.values())
_MAX_NAME = 120


@dataclass(frozen=True, kw_only=True)
class GlbImage:
    """One image of the file.

    Attributes:
        content: Its bytes; None if they are not in the file.
        header: None if the bytes are no image that we know.
    """

    content: memoryview | None
    header: ImageHeader | None


@dataclass(frozen=True, kw_only=True)
class Glb:
    """A file that passed the gates far enough to be looked at.

    Attributes:
        gltf: pygltflib's object model, without extras, names and animations.
        raw: The JSON, checked by schema and references.
        compressed: Extensions that keep the geometry from being read here.
    """

    size_bytes: int
    gltf: pygltflib.GLTF2
    raw: Mapping[str, Any]
    accessors: Accessors
    images: tuple[GlbImage, ...]
    compressed: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What opening gave.

    Attributes:
        glb: None if the file may not be read further.
        geometry_readable: Whether accessors may be read.
    """

    glb: Glb | None
    faults: tuple[Check, ...]
    geometry_readable: bool


def open_glb(data: Buffer) -> Opened:
    """Pass a file through the gates, in order. Never raises for what the bytes hold."""
    container = read_container(data)
    faults = list(container.faults)
    if container.document is None:
        return Opened(glb=None, faults=tuple(faults), geometry_readable=False)
    raw = container.document
    for gate in (check_schema, check_references):
        faults += gate(raw)
        if blocks(faults):
            return Opened(glb=None, faults=tuple(faults), geometry_readable=False)
    size_bytes = len(memoryview(data).cast("B"))
    buffers, buffer_faults = resolve_buffers(raw.get("buffers", ()), container.binary)
    accessors = Accessors(raw.get("accessors", ()), raw.get("bufferViews", ()), buffers, size_bytes)
    compressed = tuple(sorted(COMPRESSED.intersection(raw.get("extensionsRequired", ()))))
    geometry_faults = (*buffer_faults, *(() if compressed else accessors.check()))
    images, image_faults = _images(raw, accessors)
    glb = Glb(
        size_bytes=size_bytes,
        gltf=object_model(raw),
        raw=raw,
        accessors=accessors,
        images=images,
        compressed=compressed,
    )
    faults += (*geometry_faults, *image_faults, *_extension_faults(raw))
    readable = not compressed and not blocks(geometry_faults)
    return Opened(glb=glb, faults=tuple(faults), geometry_readable=readable)


def texture_image(glb: Glb, texture: int) -> GlbImage | None:
    """The image that a viewer draws for a texture: an extension's format where it offers one."""
    found = glb.gltf.textures[texture]
    for name in _TEXTURE_SOURCES:
        offered = found.extensions.get(name)
        number = offered.get("source") if isinstance(offered, dict) else None
        if isinstance(number, int) and 0 <= number < len(glb.images):
            return glb.images[number]
    return None if found.source is None else glb.images[found.source]


def _extension_faults(raw: Mapping[str, Any]) -> list[Check]:
    required = sorted(set(raw.get("extensionsRequired", ())))
    faults: list[Check] = []
    for name in (name for name in required if name not in KNOWN_EXTENSIONS):
        shown = name[:_MAX_NAME]
        if name in COMPRESSED:
            message = f"The geometry is compressed with {shown}, which cannot be decoded here yet: it cannot be judged. Export it without compression."
            faults.append(error("EXT_REQUIRED_UNSUPPORTED", message, shown))
            faults.append(not_checked("geometry and proportions", f"{shown} cannot be decoded here"))
        else:
            message = f"The file requires the extension {shown}, which viewers may not know: a shopper may see nothing. Export it without."
            faults.append(error("EXT_REQUIRED_UNSUPPORTED", message, shown))
    if "EXT_mesh_gpu_instancing" in raw.get("extensionsUsed", ()):
        faults.append(not_checked("copies made by EXT_mesh_gpu_instancing", "they are not counted here"))
    return faults


def _images(raw: Mapping[str, Any], accessors: Accessors) -> tuple[tuple[GlbImage, ...], list[Check]]:
    images: list[GlbImage] = []
    faults: list[Check] = []
    used = raw.get("extensionsUsed", ())
    for number, image in enumerate(raw.get("images", ())):
        if ("uri" in image) == ("bufferView" in image):
            message = f"Image {number} has no content, or two: the surface would be plain. Export it again."
            faults.append(error("KHR_ONE_OF_MISMATCH", message, number))
        content: memoryview | None = None
        if "uri" in image and is_external(image["uri"]):
            faults.append(external_image(number))
        elif "uri" in image:
            content = decode_data_uri(image["uri"])
            faults += [] if content is not None else [_no_picture(number)]
        elif "bufferView" in image:
            content = accessors.view(image["bufferView"])
        header = None if content is None else read_header(content)
        images.append(GlbImage(content=content, header=header))
        faults += _image_faults(number, content, header)
        if header is not None:
            faults += _format_faults(number, header.mime, image, used)
    return tuple(images), faults


def _format_faults(number: int, mime: str, image: Mapping[str, Any], used: Sequence[str]) -> list[Check]:
    """Whether an image is what it says it is, and of a format that viewers were told to expect."""
    uri = image.get("uri", "")
    said = {image.get("mimeType", mime), re.split("[;,]", uri[5:100])[0] or mime if uri else mime}
    if said != {mime}:
        message = f"Image {number} is {mime} but says that it is something else: some viewers show no surface. Export it again."
        return [error("KHR_IMAGE_MIME_TYPE_INVALID", message, mime)]
    needed = _FORMAT_EXTENSIONS.get(mime)
    if needed is not None and needed not in used:
        message = (
            f"Image {number} is {mime}, which viewers need not know unless the file says so. Export it as PNG or JPEG."
        )
        return [error("KHR_IMAGE_NON_ENABLED_MIME_TYPE", message, mime)]
    return []


def _image_faults(number: int, content: memoryview | None, header: ImageHeader | None) -> list[Check]:
    if content is None:
        return []
    if header is None:
        return [_no_picture(number)]
    if header.pixels > MAX_IMAGE_PIXELS:
        size = f"{header.width_px:,} x {header.height_px:,}"
        message = f"Image {number} claims {size} pixels: a shopper's phone would run out of memory. Make it at most 4096 wide."
        return [error("IMAGE_BOMB", message, header.pixels, MAX_IMAGE_PIXELS)]
    if header.pixels == 0 or not header.complete:
        message = f"Image {number} is cut off: part of the surface would be missing. Export it again."
        return [error("KHR_IMAGE_UNEXPECTED_EOS", message, number)]
    return []


def _no_picture(number: int) -> Check:
    message = (
        f"Image {number} is not a picture that viewers can show: the surface would be plain. Export it as PNG or JPEG."
    )
    return error("KHR_IMAGE_DATA_INVALID", message, number)
