"""The gate that every foreign file passes first."""

from __future__ import annotations

import json
import struct
import time

import pytest

from catalog3d.mesh.container import MAX_JSON_BYTES, MAX_JSON_DEPTH, MAX_JSON_OBJECTS, MAX_NODES, read_container
from catalog3d.product import Severity
from tests.mesh.glbs import BIN_CHUNK, JSON_CHUNK, container, cube, pack

SMALL = b'{"asset":{"version":"2.0"}} '
assert len(SMALL) % 4 == 0


def codes(data: bytes) -> list[str]:
    return [fault.code for fault in read_container(data).faults]


def said(data: bytes) -> str:
    (fault,) = read_container(data).faults
    assert fault.code == "GLB_MALFORMED"
    assert fault.severity is Severity.ERROR
    return fault.message


def test_sound_file_gives_its_json_and_its_binary_without_faults():
    read = read_container(container((JSON_CHUNK, SMALL), (BIN_CHUNK, b"abcd")))
    assert read.document == {"asset": {"version": "2.0"}}
    assert bytes(read.binary or b"") == b"abcd"
    assert read.faults == ()


def test_file_without_binary_chunk_is_sound():
    assert read_container(container((JSON_CHUNK, SMALL))).binary is None


@pytest.mark.parametrize("length", [0, 1, 11])
def test_fewer_bytes_than_a_header_are_no_glb(length):
    assert f"it has {length} bytes" in said(cube().packed()[:length])


@pytest.mark.parametrize("keep", [12, 13, 19, 20, 21, 100, -1, -4])
def test_truncated_file_names_how_much_is_missing(keep):
    whole = cube().packed()
    cut = whole[:keep]
    assert f"it ends after {len(cut):,} of {len(whole):,} bytes" in said(cut)


def test_wrong_magic_is_refused():
    assert "letters glTF" in said(container((JSON_CHUNK, SMALL), magic=b"glTX"))
    assert "letters glTF" in said(b"<html>not found</html>")


@pytest.mark.parametrize("version", [0, 1, 3, 2**32 - 1])
def test_other_container_versions_are_refused(version):
    assert f"version is {version}" in said(container((JSON_CHUNK, SMALL), version=version))


def test_header_that_declares_less_than_a_chunk_is_refused():
    assert "declares only 12 bytes" in said(container((JSON_CHUNK, SMALL), length=12))


def test_bytes_after_the_declared_end_are_said_and_not_read():
    data = pack(SMALL) + b"PK\x03\x04 a hidden archive"
    read = read_container(data)
    assert read.document is not None
    (fault,) = read.faults
    assert (fault.code, fault.severity, fault.value) == ("GLB_EXTRA_DATA", Severity.WARNING, 21)


@pytest.mark.parametrize("lie", [len(SMALL) + 4, 2**31, 2**32 - 4])
def test_chunk_that_declares_more_than_the_file_has_is_refused(lie):
    whole = bytearray(container((JSON_CHUNK, SMALL)))
    struct.pack_into("<I", whole, 12, lie)
    assert "more than the file has left" in said(bytes(whole))


def test_chunk_that_is_not_padded_is_refused():
    assert "not padded" in said(container((JSON_CHUNK, SMALL[:-1]), (BIN_CHUNK, b"a")))


@pytest.mark.parametrize(
    "chunks",
    [
        [(BIN_CHUNK, b"abcd"), (JSON_CHUNK, SMALL)],
        [(JSON_CHUNK, SMALL), (JSON_CHUNK, SMALL)],
        [(JSON_CHUNK, SMALL), (BIN_CHUNK, b"abcd"), (BIN_CHUNK, b"abcd")],
        [(JSON_CHUNK, SMALL), (b"XXXX", b"abcd"), (BIN_CHUNK, b"abcd")],
        [(JSON_CHUNK, b"")],
    ],
    ids=["binary first", "two JSON", "two binaries", "binary third", "empty JSON"],
)
def test_chunks_in_another_order_are_refused(chunks):
    assert codes(container(*chunks)) == ["GLB_MALFORMED"]


def test_unknown_chunk_is_only_said():
    assert codes(container((JSON_CHUNK, SMALL), (b"XMP ", b"abcd"))) == ["GLB_UNKNOWN_CHUNK"]


def test_huge_json_is_refused_before_it_is_parsed():
    text = b'{"extras":"' + b"a" * MAX_JSON_BYTES + b'"}'
    (fault,) = read_container(pack(text)).faults
    assert (fault.code, fault.limit) == ("JSON_TOO_LARGE", MAX_JSON_BYTES)


@pytest.mark.parametrize("bomb", [b"[" * 1_000_000, b'{"a":' * 200_000, b'{"a":' + b"[" * 65 + b"]" * 65 + b"}"])
def test_json_nested_too_deeply_is_refused_quickly(bomb):
    start = time.perf_counter()
    assert codes(pack(bomb)) == ["JSON_DEPTH"]
    assert time.perf_counter() - start < 2


def test_json_may_be_nested_to_the_limit():
    inner = b"[" * (MAX_JSON_DEPTH - 1) + b"]" * (MAX_JSON_DEPTH - 1)
    assert codes(pack(b'{"extras":' + inner + b"}")) == []


def test_brackets_inside_strings_do_not_count_as_depth():
    assert codes(pack(b'{"extras":"' + b"[" * 1000 + b'\\"{{{"}')) == []


def test_more_objects_than_a_page_can_hold_are_refused():
    text = b'{"extras":[' + b",".join([b"{}"] * (MAX_JSON_OBJECTS + 1)) + b"]}"
    assert codes(pack(text)) == ["JSON_TOO_LARGE"]


def test_more_nodes_than_a_page_can_hold_are_refused():
    assert codes(pack({"asset": {"version": "2.0"}, "nodes": [{}] * (MAX_NODES + 1)})) == ["NODE_COUNT"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"{", "cannot be read"),
        (b"[1,2]", "not an object"),
        (b"null", "not an object"),
        (b'{"a":"\xff\xfe"}', "UTF-8"),
        (b'\xef\xbb\xbf{"a":1}', "cannot be read"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":-Infinity}', "Infinity"),
        (b'{"a":1e999}', "too large"),
        (b'{"a":' + b"9" * 5000 + b"}", "beyond 2^53"),
        (b'{"a":9007199254740993}', "beyond 2^53"),
        (b'{"a":"unfinished', "cannot be read"),
    ],
)
def test_text_that_is_no_json_object_is_refused_with_the_reason(text, why):
    assert why in said(pack(text))


def test_whole_numbers_written_with_a_point_are_whole():
    read = read_container(pack(b'{"count":3.0,"half":0.5}'))
    assert read.document == {"count": 3, "half": 0.5}
    assert isinstance((read.document or {})["count"], int)


def test_reads_from_a_memoryview_without_copying():
    data = memoryview(pack(json.dumps({"asset": {"version": "2.0"}}).encode(), b"0123"))
    assert read_container(data).binary is not None
