"""Whatever the bytes are, there is a report."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog3d.errors import ProductError
from catalog3d.mesh.report_json import REPORT, files_json
from catalog3d.render import render_glb
from tests.mesh.glbs import cube, pack, png
from tests.mesh.judging import judged

WHOLE = cube().textured(png(64, 64)).packed()
JSON_START = 20

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
WILD = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
FLIPS = st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=12)


def survives(data: bytes) -> None:
    report = judged(data)
    assert REPORT.validate_json(REPORT.dump_json(report)).verdict is report.verdict
    json.dumps(files_json([("x", report)]), allow_nan=False)
    try:
        render_glb(data, size_px=16, supersample=1)
    except ProductError as refused:
        assert refused.code in ("NOT_DRAWABLE", "RENDER_TOO_COMPLEX")  # noqa: PT017 - both endings are right


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_noise(data):
    survives(data)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_noise_behind_a_sound_header(data):
    survives(b"glTF\x02\x00\x00\x00" + (12 + len(data)).to_bytes(4, "little") + data)


@settings(max_examples=400, deadline=None)
@given(FLIPS)
def test_sound_file_with_flipped_bytes(flips):
    data = bytearray(WHOLE)
    for place, value in flips:
        data[place] = value
    survives(bytes(data))


@settings(deadline=None)
@given(st.integers(0, len(WHOLE)), st.integers(0, len(WHOLE)))
def test_sound_file_with_a_piece_cut_out(start, end):
    survives(WHOLE[:start] + WHOLE[end:])


def _replaced(document: Any, path: list[int], value: Any) -> Any:
    """The document with one part, found by walking `path`, put in place of another."""
    if not path or not isinstance(document, dict | list) or not document:
        return value
    keys = list(document) if isinstance(document, dict) else list(range(len(document)))
    key = keys[path[0] % len(keys)]
    copy: Any = dict(document) if isinstance(document, dict) else list(document)
    copy[key] = _replaced(document[key], path[1:], value)
    return copy


@settings(max_examples=400, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=6), WILD)
def test_sound_file_with_any_part_of_its_json_replaced(path, value):
    draft = cube().textured(png(64, 64))
    document = {**draft.document, "buffers": [{"byteLength": len(draft.binary)}]}
    survives(pack(_replaced(document, path, value), bytes(draft.binary)))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 23), st.integers(0, 2), st.floats(width=32))
def test_corner_at_any_place(corner, axis, value):
    draft = cube()
    view = draft.document["bufferViews"][0]
    points = np.frombuffer(bytes(draft.binary[: view["byteLength"]]), dtype="<f4").reshape(-1, 3).copy()
    points[corner, axis] = value
    draft.binary[: view["byteLength"]] = points.tobytes()
    survives(draft.packed())
