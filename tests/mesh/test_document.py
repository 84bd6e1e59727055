"""What the JSON says is only believed where it holds."""

from __future__ import annotations

import base64
import time
from typing import Any

import numpy as np
import pytest

from catalog3d.mesh.document import MAX_IMAGE_PIXELS, open_glb
from catalog3d.mesh.findings import blocks
from catalog3d.product import Severity
from tests.mesh.glbs import cube, encoded, pack, png

BASE: dict[str, Any] = {"asset": {"version": "2.0"}}


def codes(data: bytes) -> set[str]:
    return {fault.code for fault in open_glb(data).faults}


def test_sound_file_opens_without_faults_and_may_be_read():
    opened = open_glb(cube().textured(png()).packed())
    assert opened.faults == ()
    assert opened.geometry_readable
    assert opened.glb is not None
    header = opened.glb.images[0].header
    assert header is not None
    assert (header.mime, header.width_px, header.height_px) == ("image/png", 512, 512)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({}, "KHR_UNDEFINED_PROPERTY"),
        ({"asset": {}}, "KHR_UNDEFINED_PROPERTY"),
        ({"asset": {"version": "two"}}, "KHR_PATTERN_MISMATCH"),
        ({"asset": {"version": "1.0"}}, "KHR_UNKNOWN_ASSET_MAJOR_VERSION"),
        ({"asset": {"version": "2.0", "minVersion": "2.1"}}, "KHR_ASSET_MIN_VERSION_GREATER_THAN_VERSION"),
        ({**BASE, "nodes": []}, "KHR_EMPTY_ENTITY"),
        ({**BASE, "nodes": None}, "KHR_TYPE_MISMATCH"),
        ({**BASE, "nodes": [{"mesh": -1}]}, "KHR_VALUE_NOT_IN_RANGE"),
        ({**BASE, "nodes": [{"mesh": "0"}]}, "KHR_TYPE_MISMATCH"),
        ({**BASE, "nodes": [{"mesh": 7}]}, "KHR_UNRESOLVED_REFERENCE"),
        ({**BASE, "nodes": [{"rotation": [0, 0, 1]}]}, "KHR_EMPTY_ENTITY"),
        ({**BASE, "scene": 0}, "KHR_UNRESOLVED_REFERENCE"),
        ({**BASE, "extensionsRequired": ["EXT_a"], "extensionsUsed": ["EXT_b"]}, "KHR_UNUSED_EXTENSION_REQUIRED"),
        ({**BASE, "materials": [{"extensions": {"KHR_materials_unlit": {}}}]}, "KHR_UNDECLARED_EXTENSION"),
        ({**BASE, "extensionsUsed": ["EXT_a", "EXT_a"]}, "KHR_DUPLICATE_ELEMENTS"),
        ({**BASE, "images": [{}]}, "KHR_ONE_OF_MISMATCH"),
        ({**BASE, "nodes": [{"matrix": [1] * 16, "scale": [1, 1, 1]}]}, "KHR_NODE_MATRIX_TRS"),
    ],
)
def test_json_against_the_specification_is_an_error(document, code):
    opened = open_glb(pack(document))
    assert code in {fault.code for fault in opened.faults if fault.severity is Severity.ERROR}


def test_file_that_breaks_the_schema_is_not_read_further():
    assert open_glb(pack({"asset": {"version": 2}})).glb is None


def test_a_thousand_wrong_numbers_are_a_few_findings():
    wrong = {**BASE, "nodes": [{"children": ["x"] * 1_000_000}] + [{"mesh": -1}] * 5000}
    start = time.perf_counter()
    faults = open_glb(pack(wrong)).faults
    assert time.perf_counter() - start < 5
    assert len(faults) <= 21
    assert faults[-1].code == "MORE_FINDINGS"


def test_part_of_itself_is_a_cycle():
    cycle = [{"children": [1]}, {"children": [2]}, {"children": [0]}]
    assert codes(pack({**BASE, "nodes": cycle})) == {"SCENE_CYCLE"}
    assert codes(pack({**BASE, "nodes": [{"children": [0]}]})) == {"SCENE_CYCLE"}


def test_very_deep_scene_is_refused():
    nodes: list[dict[str, Any]] = [{"children": [number + 1]} for number in range(9000)]
    assert codes(pack({**BASE, "nodes": [*nodes, {}]})) == {"SCENE_DEPTH"}


def test_node_below_two_parents_is_refused():
    nodes = [{"children": [2]}, {"children": [2]}, {}]
    assert codes(pack({**BASE, "nodes": nodes})) == {"KHR_NODE_PARENT_OVERRIDE"}


def test_children_listed_twice_do_not_double_the_work_at_every_level():
    draft = cube()
    draft.document["nodes"] = [{"children": [n + 1, n + 1]} for n in range(100)] + [{"mesh": 0}]
    start = time.perf_counter()
    assert "KHR_DUPLICATE_ELEMENTS" in codes(draft.packed())
    assert time.perf_counter() - start < 2


def test_root_listed_twice_is_refused():
    draft = cube()
    draft.document["scenes"] = [{"nodes": [0, 0]}]
    assert codes(draft.packed()) == {"KHR_DUPLICATE_ELEMENTS"}


def test_required_extension_that_viewers_may_not_know_is_an_error():
    draft = cube()
    draft.document |= {"extensionsUsed": ["ACME_magic"], "extensionsRequired": ["ACME_magic"]}
    opened = open_glb(draft.packed())
    assert [(fault.code, fault.value) for fault in opened.faults] == [("EXT_REQUIRED_UNSUPPORTED", "ACME_magic")]


def test_compressed_geometry_is_said_to_be_unchecked():
    draft = cube()
    draft.document |= {"extensionsUsed": ["KHR_draco_mesh_compression"]}
    draft.document |= {"extensionsRequired": ["KHR_draco_mesh_compression"]}
    opened = open_glb(draft.packed())
    assert not opened.geometry_readable
    assert [fault.code for fault in opened.faults] == ["EXT_REQUIRED_UNSUPPORTED", "NOT_CHECKED"]


@pytest.mark.parametrize("uri", ["texture.png", "https://example.com/t.png", "file:///etc/passwd", "../../secret", ""])
def test_anything_outside_the_file_is_refused_and_not_fetched(uri):
    draft = cube()
    draft.document["images"] = [{"uri": uri}]
    assert codes(draft.packed()) == {"EXTERNAL_URI"}


def test_external_buffer_is_refused():
    draft = cube()
    draft.document["buffers"] = []
    document = {**draft.document, "buffers": [{"byteLength": 4, "uri": "mesh.bin"}]}
    assert "EXTERNAL_URI" in codes(pack(document))


def test_image_in_a_data_uri_is_read():
    draft = cube()
    draft.document["images"] = [{"uri": "data:image/png;base64," + base64.b64encode(png()).decode()}]
    assert codes(draft.packed()) == set()


@pytest.mark.parametrize("uri", ["data:image/png;base64,%%%", "data:image/png", "data:,hello"])
def test_broken_data_uri_is_no_picture(uri):
    draft = cube()
    draft.document["images"] = [{"uri": uri}]
    assert codes(draft.packed()) == {"KHR_IMAGE_DATA_INVALID"}


def test_image_bomb_is_refused_by_its_header_alone():
    bomb = bytearray(png(16, 16))
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    (fault,) = open_glb(cube().textured(bytes(bomb)).packed()).faults
    assert (fault.code, fault.value, fault.limit) == ("IMAGE_BOMB", 3_600_000_000, MAX_IMAGE_PIXELS)


def test_image_of_no_known_format_is_an_error():
    assert codes(cube().textured(b"GIF89a" + bytes(100)).packed()) == {"KHR_IMAGE_DATA_INVALID"}


def test_image_that_is_cut_off_is_an_error():
    assert codes(cube().textured(png()[:-20]).packed()) == {"KHR_IMAGE_UNEXPECTED_EOS"}


def test_image_that_is_not_what_it_says_is_an_error():
    assert codes(cube().textured(png(), "image/jpeg").packed()) == {"KHR_IMAGE_MIME_TYPE_INVALID"}


@pytest.mark.parametrize(
    ("kind", "mime", "extension"),
    [("WEBP", "image/webp", "EXT_texture_webp"), ("AVIF", "image/avif", "EXT_texture_avif")],
)
def test_newer_image_formats_need_their_extension(kind, mime, extension):
    picture = encoded(np.full((64, 32, 3), 90, dtype=np.uint8), kind)
    draft = cube().textured(picture, mime)
    assert codes(draft.packed()) == {"KHR_IMAGE_NON_ENABLED_MIME_TYPE"}
    draft.document["textures"] = [{"extensions": {extension: {"source": 0}}}]
    draft.document |= {"extensionsUsed": [extension], "extensionsRequired": [extension]}
    opened = open_glb(draft.packed())
    assert opened.faults == ()
    assert opened.glb is not None
    header = opened.glb.images[0].header
    assert header is not None
    assert (header.width_px, header.height_px) == (32, 64)


def test_accessor_that_asks_for_gigabytes_is_refused_without_allocating():
    draft = cube()
    draft.document["accessors"].append({"componentType": 5126, "count": 600_000_000, "type": "VEC3"})
    opened = open_glb(draft.packed())
    assert {fault.code for fault in opened.faults} == {"ACCESSOR_ALLOC"}
    assert not opened.geometry_readable


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"count": 10_000}, "KHR_ACCESSOR_TOO_LONG"),
        ({"byteOffset": 2**31}, "KHR_ACCESSOR_TOO_LONG"),
        ({"byteOffset": 2, "count": 1}, "KHR_ACCESSOR_OFFSET_ALIGNMENT"),
        ({"componentType": 5130}, "KHR_VALUE_NOT_IN_LIST"),
        ({"type": "VEC9"}, "KHR_VALUE_NOT_IN_LIST"),
        ({"bufferView": 99}, "KHR_UNRESOLVED_REFERENCE"),
        ({"min": [0]}, "KHR_ACCESSOR_BOUNDS_LENGTH"),
    ],
)
def test_accessor_that_leaves_its_data_is_refused(change, code):
    draft = cube()
    draft.document["accessors"][0] |= change
    opened = open_glb(draft.packed())
    assert code in {fault.code for fault in opened.faults}
    assert not opened.geometry_readable


def test_view_beyond_the_buffer_is_refused():
    draft = cube()
    draft.document["bufferViews"][0]["byteLength"] = 2**40
    assert not open_glb(draft.packed()).geometry_readable


def test_geometry_that_is_not_in_the_file_is_said():
    document = {**cube().document, "buffers": [{"byteLength": 1000}]}
    assert "KHR_BUFFER_MISSING_GLB_DATA" in codes(pack(document))


def test_half_characters_in_a_file_can_be_written_into_a_report():
    draft = cube()
    draft.document |= {"extensionsUsed": ["ACME_\ud800"], "extensionsRequired": ["ACME_\ud800"]}
    opened = open_glb(draft.packed())
    assert blocks(opened.faults)
    for fault in opened.faults:
        assert f"{fault.message} {fault.value}".encode()
