"""What is measured on a file, and what a profile says about it."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from catalog3d.product import Severity
from catalog3d.quality import Verdict
from tests.mesh.glbs import Draft, cube, grid, model, pack, png
from tests.mesh.judging import codes, found, judged, sides

TRIANGLE = np.array([[0, 1, 2]])
CORNERS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])


def moved(draft: Draft, **node: object) -> bytes:
    draft.document["nodes"][0] |= node
    return draft.packed()


def test_sound_textured_cube_passes_with_its_facts():
    data = cube((0.5, 1.0, 0.25)).textured(png()).packed()
    report = judged(data, dimensions=sides(0.5, 1.0, 0.25))
    assert report.verdict is Verdict.PASS
    assert report.checks == ()
    facts = report.facts
    assert facts is not None
    assert (facts.triangles, facts.vertices, facts.materials, facts.textures) == (12, 24, 1, 1)
    assert facts.extents_m == (0.5, 1.0, 0.25)
    assert facts.bounds_min_m == (-0.25, -0.5, -0.125)
    assert facts.largest_texture_px == 512
    assert facts.watertight is True
    assert facts.size_bytes == len(data)
    assert facts.sha256 == hashlib.sha256(data).hexdigest()
    assert (facts.generator, facts.standin) == ("tests", False)


def test_malformed_file_fails_without_facts():
    report = judged(b"not a model")
    assert (report.verdict, report.facts) == (Verdict.FAIL, None)
    assert report.worst is not None
    assert report.worst.code == "GLB_MALFORMED"


@pytest.mark.parametrize(
    "document",
    [
        {"asset": {"version": "2.0"}},
        {"asset": {"version": "2.0"}, "scenes": [{}], "scene": 0},
        {"asset": {"version": "2.0"}, "nodes": [{"name": "empty"}], "scenes": [{"nodes": [0]}]},
    ],
)
def test_scene_that_shows_nothing_fails(document):
    report = judged(pack(document))
    assert found(report, "NO_GEOMETRY").severity is Severity.ERROR
    assert report.facts is not None
    assert (report.facts.triangles, report.facts.extents_m) == (0, None)


def test_mesh_that_hangs_in_no_scene_shows_nothing():
    draft = cube()
    draft.document["scenes"] = [{}]
    assert "NO_GEOMETRY" in codes(judged(draft.packed()))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_corner_at_no_place_fails(bad):
    points = CORNERS.copy()
    points[2, 1] = bad
    report = judged(model(points, TRIANGLE).packed())
    assert (found(report, "NONFINITE_POSITION").value, report.verdict) == (1, Verdict.FAIL)


def test_node_that_puts_its_mesh_at_no_place_fails():
    assert "NONFINITE_POSITION" in codes(judged(moved(cube(), translation=[0, 1e300, 0], scale=[1e300, 1, 1])))


def test_index_out_of_range_fails_with_their_number():
    report = judged(model(CORNERS, np.array([[0, 1, 2], [0, 1, 3], [7, 2**32 - 1, 0]])).packed())
    assert found(report, "INDEX_OOB").value == 3


def test_bounds_that_the_data_does_not_have_fail():
    draft = cube()
    draft.document["accessors"][0]["max"] = [0.5, 0.5, 99.0]
    check = found(judged(draft.packed()), "BOUNDS_LIE")
    assert (check.value, check.limit) == ("0.5, 0.5, 0.5", "0.5, 0.5, 99")


def test_triangles_beyond_the_budget_warn_then_fail():
    assert "TRIANGLES" not in codes(judged(grid(100).packed()))
    warned = found(judged(grid(240).packed()), "TRIANGLES")
    assert (warned.severity, warned.value, warned.limit) == (Severity.WARNING, 115_200, 100_000)
    failed = found(judged(grid(280).packed()), "TRIANGLES")
    assert (failed.severity, failed.value, failed.limit) == (Severity.ERROR, 156_800, 150_000)


def test_copies_count_towards_the_budget_though_the_file_stays_small():
    draft = grid(20)
    draft.document["nodes"] = [{"mesh": 0} for _ in range(200)]
    draft.document["scenes"] = [{"nodes": list(range(200))}]
    report = judged(draft.packed())
    assert found(report, "TRIANGLES").value == 160_000
    assert found(report, "DRAWS").value == 200


def test_a_thousand_copies_are_counted_and_not_welded():
    draft = grid(60)
    draft.document["nodes"] = [{"mesh": 0} for _ in range(1_000)]
    draft.document["scenes"] = [{"nodes": list(range(1_000))}]
    report = judged(draft.packed())
    assert found(report, "TRIANGLES").value == 7_200_000
    assert report.facts is not None
    assert report.facts.watertight is None
    assert "holes and degenerate triangles" in {check.value for check in report.checks if check.code == "NOT_CHECKED"}


@pytest.mark.parametrize(
    ("side", "code", "severity"),
    [
        (4096, "TEXTURE_MAX", Severity.WARNING),
        (4097, "TEXTURE_MAX", Severity.ERROR),
        (256, "TEXTURE_MIN", Severity.WARNING),
        (600, "TEXTURE_NPOT", Severity.WARNING),
    ],
)
def test_texture_beyond_the_budget_is_found_by_its_header(side, code, severity):
    header = bytearray(png(16, 16))
    header[16:24] = side.to_bytes(4, "big") * 2
    assert found(judged(cube().textured(bytes(header)).packed()), code).severity is severity


def test_many_textures_together_are_too_much():
    header = bytearray(png(16, 16))
    header[16:24] = (2048).to_bytes(4, "big") * 2
    draft = cube().textured(bytes(header))
    for _ in range(9):
        draft.document["textures"].append({"source": draft.image(bytes(header))})
    assert found(judged(draft.packed()), "TEXTURE_TOTAL_PX").value == 10 * 2048 * 2048


def test_image_that_no_texture_shows_costs_nothing():
    draft = cube().textured(png())
    draft.image(png(100, 100))
    assert codes(judged(draft.packed())) == set()


def test_texture_without_coordinates_fails():
    draft = cube().textured(png())
    del draft.primitive["attributes"]["TEXCOORD_0"]
    assert found(judged(draft.packed()), "UV_MISSING").severity is Severity.ERROR


def test_missing_normals_warn():
    draft = cube()
    del draft.primitive["attributes"]["NORMAL"]
    assert found(judged(draft.packed()), "NORMAL_MISSING").severity is Severity.WARNING


def test_lights_and_cameras_in_the_file_warn_and_animations_are_said_to_be_unchecked():
    draft = cube()
    draft.document["cameras"] = [{"type": "perspective", "perspective": {"yfov": 1, "znear": 1}}]
    draft.document["nodes"].append({"camera": 0})
    draft.document["animations"] = [{"channels": [], "samplers": []}]
    report = judged(draft.packed())
    assert found(report, "LIGHTS_CAMERAS").value == 1
    assert {"animations", "cameras"} <= {check.value for check in report.checks if check.code == "NOT_CHECKED"}


@pytest.mark.parametrize(("mode", "word"), [(0, "points"), (1, "lines"), (3, "a line strip")])
def test_points_and_lines_fail(mode, word):
    draft = cube()
    draft.primitive["mode"] = mode
    assert found(judged(draft.packed()), "NON_TRIANGLE_MODE").value == word


def test_strips_and_fans_are_triangles():
    for mode in (5, 6):
        draft = model(np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0.5]]), np.array([[0, 1, 2, 3]]))
        draft.primitive["mode"] = mode
        report = judged(draft.packed())
        assert report.facts is not None
        assert report.facts.triangles == 2


def test_hole_is_a_note_when_small_and_a_warning_when_large():
    draft = cube()
    draft.document["accessors"][-1]["count"] -= 3
    report = judged(draft.packed())
    assert found(report, "BOUNDARY_EDGES").severity is Severity.WARNING
    assert report.facts is not None
    assert report.facts.watertight is False
    assert found(judged(draft.packed(), limits={"BOUNDARY_EDGES": 50}), "BOUNDARY_EDGES").severity is Severity.INFO


def test_surface_that_is_inside_out_fails():
    draft = cube()
    indices = draft.document["accessors"][-1]
    view = draft.document["bufferViews"][indices["bufferView"]]
    start, end = view["byteOffset"], view["byteOffset"] + view["byteLength"]
    turned = np.frombuffer(bytes(draft.binary[start:end]), dtype="<u4").reshape(-1, 3)[:, ::-1]
    draft.binary[start:end] = turned.tobytes()
    assert found(judged(draft.packed()), "INVERTED_VOLUME").severity is Severity.ERROR


def test_mirrored_node_does_not_turn_a_surface_inside_out():
    assert "INVERTED_VOLUME" not in codes(judged(moved(cube(), scale=[-1, 1, 1])))


def test_triangles_without_area_fail_beyond_five_percent():
    points = np.concatenate([CORNERS, np.zeros((3, 3))])
    report = judged(model(points, np.array([[0, 1, 2], [3, 4, 5]])).packed())
    assert (found(report, "DEGENERATE").severity, found(report, "DEGENERATE").value) == (Severity.ERROR, 50.0)


def test_size_is_measured_after_the_node_moved_it():
    turned = moved(cube((1, 2, 4)), scale=[2, 2, 2], rotation=[0, 0.5**0.5, 0, 0.5**0.5], translation=[0, 5, 0])
    facts = judged(turned).facts
    assert facts is not None
    assert facts.extents_m == pytest.approx((8, 4, 2))
    assert facts.bounds_min_m == pytest.approx((-4, 3, -1))


@pytest.mark.parametrize(
    ("scale", "severity"), [(0.005, Severity.ERROR), (0.05, None), (50, None), (200, Severity.ERROR)]
)
def test_size_that_no_product_has_fails(scale, severity):
    report = judged(moved(cube(), scale=[scale] * 3))
    assert [check.severity for check in report.checks if check.code == "SCALE_IMPLAUSIBLE"] == (
        [severity] if severity else []
    )


def test_node_that_scales_to_nothing_fails():
    assert "ZERO_SCALE" in codes(judged(moved(cube(), scale=[1, 0, 1])))


def test_node_that_slants_fails():
    slanted = [1, 0, 0, 0, 0.5, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    assert "KHR_NODE_MATRIX_NON_TRS" in codes(judged(moved(cube(), matrix=slanted)))
    turned = [0, 0, -3, 0, 0, 3, 0, 0, 3, 0, 0, 0, 1, 2, 3, 1]
    assert codes(judged(moved(cube(), matrix=turned))) == set()


def test_flat_shape_warns_unless_the_sheet_says_so():
    rug = cube((2.0, 0.01, 1.0)).packed()
    assert found(judged(rug), "DEGENERATE_SHAPE").value == 200
    assert "DEGENERATE_SHAPE" not in codes(judged(rug, dimensions=sides(2.0, 0.01, 1.0)))


def test_flat_card_of_the_stand_in_is_no_doubt_about_the_product():
    draft = cube((2.0, 0.01, 1.0))
    draft.document["asset"]["generator"] = "catalog3d stand-in"
    assert found(judged(draft.packed()), "DEGENERATE_SHAPE").severity is Severity.INFO


def test_large_file_warns_then_fails_with_its_size():
    draft = cube()
    draft.view(bytes(6_000_000))
    assert found(judged(draft.packed()), "FILE_TOO_LARGE").severity is Severity.WARNING
    draft.view(bytes(10_000_000))
    assert found(judged(draft.packed()), "FILE_TOO_LARGE").severity is Severity.ERROR


def test_same_fault_in_a_thousand_parts_is_said_five_times():
    draft = cube()
    draft.document["meshes"] = [{"primitives": [{"attributes": {"NORMAL": 1}, "indices": 3} for _ in range(1000)]}]
    report = judged(draft.packed())
    assert len([check for check in report.checks if check.code == "KHR_MESH_PRIMITIVE_NO_POSITION"]) == 5


def test_errors_come_first():
    draft = cube()
    del draft.primitive["attributes"]["NORMAL"]
    order = [check.severity for check in judged(moved(draft, scale=[900] * 3)).checks]
    assert order == sorted(order, key=[Severity.ERROR, Severity.WARNING, Severity.INFO].index)


def test_standin_is_known_by_its_generator_or_its_extras():
    for asset in ({"generator": "catalog3d stand-in"}, {"extras": {"standin": True}}):
        draft = cube()
        draft.document["asset"] = {"version": "2.0", **asset}
        facts = judged(draft.packed()).facts
        assert facts is not None
        assert facts.standin


def test_quantized_positions_are_measured_in_metres():
    steps = np.array([[0, 0, 0], [127, 0, 0], [0, 127, 0], [0, 0, 127]], dtype="<i1")
    draft = cube()
    padded = np.zeros((4, 4), dtype="<i1")
    padded[:, :3] = steps
    view = draft.view(padded.tobytes(), byteStride=4)
    draft.document["accessors"].append(
        {"bufferView": view, "componentType": 5120, "normalized": True, "count": 4, "type": "VEC3",
         "min": [0, 0, 0], "max": [127, 127, 127]}
    )  # fmt: skip
    faces = draft.accessor(np.array([0, 2, 1, 0, 1, 3, 0, 3, 2, 1, 2, 3], dtype="<u2"), "SCALAR", 5123)
    draft.primitive.update({"attributes": {"POSITION": len(draft.document["accessors"]) - 2}, "indices": faces})
    draft.document |= {"extensionsUsed": ["KHR_mesh_quantization"], "extensionsRequired": ["KHR_mesh_quantization"]}
    facts = judged(draft.packed()).facts
    assert facts is not None
    assert facts.extents_m == pytest.approx((1, 1, 1))
    assert facts.watertight is True
