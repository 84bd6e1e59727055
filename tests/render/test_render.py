"""Pictures of models, drawn in numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from catalog3d.errors import ProductError
from catalog3d.render import render_glb
from tests.mesh.glbs import Draft, cube, encoded, grid, model, pack, png

RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)
SIDE = 96


def quarters(*colors: Sequence[int]) -> bytes:
    """A texture of four colours: upper left, upper right, lower left, lower right."""
    pixels = np.zeros((512, 512, len(colors[0])), dtype=np.uint8)
    for number, color in enumerate(colors):
        row, column = divmod(number, 2)
        pixels[row * 256 : row * 256 + 256, column * 256 : column * 256 + 256] = color
    return encoded(pixels)


def drawn(draft: Draft, **how: object) -> NDArray[np.int64]:
    """A picture from straight ahead, unless told otherwise."""
    settings: dict[str, object] = {"size_px": SIDE, "pitch_deg": 0.0, **how}
    return np.asarray(render_glb(draft.packed(), **settings), dtype=np.int64)  # type: ignore[arg-type]


def looks(pixel: NDArray[np.int64], color: Sequence[int]) -> bool:
    """Whether a lit pixel has about the hue of a pure colour."""
    strong, weak = pixel[[value > 0 for value in color]], pixel[[value == 0 for value in color]]
    return bool(strong.min() > 120 and weak.max(initial=0) < 60)


def covered(picture: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Pixels that are not the grey studio."""
    found: NDArray[np.bool_] = np.ptp(picture, axis=2) > 40
    return found


def test_picture_is_square_rgb_of_the_asked_size():
    picture = render_glb(cube().packed(), size_px=128)
    assert (picture.size, picture.mode) == ((128, 128), "RGB")
    assert render_glb(cube().packed(), size_px=1).size == (16, 16)


def test_silhouette_is_where_it_should_be():
    mask = covered(drawn(cube((1.0, 2.0, 0.5)).textured(png())))
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].mean() > 0.97
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    # Seen from +X: depth 0.5 across, height 2 up, nearly without perspective.
    assert height / width == pytest.approx(4, rel=0.06)
    assert height / SIDE == pytest.approx(0.84, abs=0.03)
    assert (rows[0] + rows[-1]) / 2 == pytest.approx((SIDE - 1) / 2, abs=1)
    assert (columns[0] + columns[-1]) / 2 == pytest.approx((SIDE - 1) / 2, abs=1)


def test_texture_is_visible_and_the_right_way_up():
    picture = drawn(cube().textured(quarters(RED, GREEN, BLUE, YELLOW)))
    for (row, column), color in zip(((30, 30), (30, 66), (66, 30), (66, 66)), (RED, GREEN, BLUE, YELLOW), strict=True):
        assert looks(picture[row, column], color)


@pytest.mark.parametrize(("yaw", "color"), [(0, RED), (90, BLUE), (180, GREEN), (270, YELLOW)])
def test_camera_walks_around_the_model_from_its_front(yaw, color):
    draft = cube()
    # +x, -x, +y, -y, +z, -z: the order in which the cube has its sides.
    sides = np.repeat([(1, 0, 0), (0, 1, 0), (1, 1, 1), (1, 1, 1), (1, 1, 0), (0, 0, 1)], 4, axis=0)
    draft.primitive["attributes"]["COLOR_0"] = draft.accessor(sides.astype("<f4"), "VEC3", 5126)
    assert looks(drawn(draft, yaw_deg=float(yaw))[SIDE // 2, SIDE // 2], color)


def test_front_may_point_another_way():
    draft = cube((0.2, 1.0, 1.0)).textured(png())
    assert covered(drawn(draft, front="+x")).sum() > 3 * covered(drawn(draft, front="+z")).sum()


def test_edges_are_smoothed():
    draft = cube().textured(png(color=(255, 0, 0)))
    turned = {"yaw_deg": 20.0, "pitch_deg": 20.0}
    rough, smooth = drawn(draft, supersample=1, **turned), drawn(draft, supersample=4, **turned)
    # Half covered pixels lie between the red of the cube and the near white of the studio.
    between = [int(((picture[..., 1] > 70) & (picture[..., 1] < 200)).sum()) for picture in (rough, smooth)]
    assert between[1] > 2 * between[0] + 20


def test_same_file_gives_the_same_picture():
    draft = cube().textured(quarters(RED, GREEN, BLUE, YELLOW))
    assert (drawn(draft, yaw_deg=33.0) == drawn(draft, yaw_deg=33.0)).all()


def test_nearer_surface_hides_the_farther_one():
    points = np.array([[0.0, -1, -1], [0, -1, 1], [0, 1, 0], [1, -1, -1], [1, -1, 1], [1, 1, 0]])
    colors = np.repeat([(0, 0, 1), (1, 0, 0)], 3, axis=0)
    for order in ([[0, 2, 1], [3, 5, 4]], [[3, 5, 4], [0, 2, 1]]):
        draft = model(points, np.array(order))
        draft.document["materials"][0]["doubleSided"] = True
        draft.primitive["attributes"]["COLOR_0"] = draft.accessor(colors.astype("<f4"), "VEC3", 5126)
        assert looks(drawn(draft)[SIDE * 2 // 3, SIDE // 2], RED)


def test_back_of_a_surface_is_not_drawn_unless_it_has_two_sides():
    points = np.array([[0.0, -1, -1], [0, -1, 1], [0, 1, 0]])
    draft = model(points, np.array([[0, 1, 2]]))
    draft.document["materials"][0]["pbrMetallicRoughness"] = {"baseColorFactor": [1, 0, 0, 1]}
    shown = {yaw: covered(drawn(draft, yaw_deg=yaw)).any() for yaw in (0.0, 180.0)}
    assert sorted(shown.values()) == [False, True]
    draft.document["materials"][0]["doubleSided"] = True
    assert all(covered(drawn(draft, yaw_deg=yaw)).any() for yaw in shown)


def test_mirrored_node_still_shows_its_front():
    draft = cube().textured(png(color=RED))
    draft.document["nodes"][0]["scale"] = [1, 1, -1]
    assert looks(drawn(draft)[SIDE // 2, SIDE // 2], RED)


def test_alpha_mask_cuts_and_blend_lets_through():
    clear = (255, 0, 0, 0)
    picture = quarters(clear, (*RED, 255), clear, (*RED, 255))
    masked = cube((0.0001, 1, 1)).textured(picture)
    masked.document["materials"][0]["alphaMode"] = "MASK"
    shown = covered(drawn(masked))
    assert shown[SIDE // 2, SIDE * 2 // 3]
    assert not shown[SIDE // 2, SIDE // 3]
    blended = cube().textured(quarters(*[(*RED, 128)] * 4))
    blended.document["materials"][0]["alphaMode"] = "BLEND"
    middle = drawn(blended)[SIDE // 2, SIDE // 2]
    assert middle[0] > 200
    assert 60 < middle[1] < 220


def test_floor_is_darker_right_below_the_model():
    picture = np.asarray(render_glb(cube().textured(png()).packed(), size_px=SIDE), dtype=np.int64)
    bottom = int(np.flatnonzero(covered(picture).any(axis=1))[-1])
    assert picture[bottom + 2, SIDE // 2].mean() < picture[bottom + 2, 2].mean() - 3


@pytest.mark.parametrize(
    "data",
    [b"", b"glTF", pack({"asset": {"version": "2.0"}}), pack({"asset": {"version": "2.0"}, "scenes": [{}]})],
    ids=["empty", "cut", "no scene", "empty scene"],
)
def test_nothing_to_draw_is_said_and_does_not_crash(data):
    with pytest.raises(ProductError) as refused:
        render_glb(data)
    assert refused.value.code == "NOT_DRAWABLE"


def test_model_without_extent_is_an_empty_studio():
    points = np.zeros((3, 3))
    picture = drawn(model(points, np.array([[0, 1, 2]])))
    assert not covered(picture).any()


def test_damaged_texture_shows_the_plain_colour():
    draft = cube().textured(png()[:200] + b"\0" * 100 + b"IEND")
    draft.document["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"] = [0, 1, 0, 1]
    assert looks(drawn(draft)[SIDE // 2, SIDE // 2], GREEN)


def test_image_bomb_is_not_decoded():
    bomb = bytearray(png(16, 16))
    bomb[16:24] = (12_000).to_bytes(4, "big") * 2
    assert not covered(drawn(cube().textured(bytes(bomb)))).any()


def test_texture_transform_and_wrapping_are_followed():
    draft = cube().textured(quarters(RED, GREEN, BLUE, YELLOW))
    info = draft.document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]
    info["extensions"] = {"KHR_texture_transform": {"offset": [0.5, 0.5]}}
    draft.document["extensionsUsed"] = ["KHR_texture_transform"]
    assert looks(drawn(draft)[30, 30], YELLOW)
    assert looks(drawn(draft)[66, 66], RED)


def test_too_many_triangles_are_refused():
    draft = grid(60)
    draft.document["nodes"] = [{"mesh": 0} for _ in range(400)]
    draft.document["scenes"] = [{"nodes": list(range(400))}]
    with pytest.raises(ProductError) as refused:
        render_glb(draft.packed(), size_px=16)
    assert refused.value.code == "RENDER_TOO_COMPLEX"


def test_stack_of_full_size_triangles_is_refused_before_it_takes_minutes():
    draft = cube()
    draft.document["nodes"] = [{"mesh": 0} for _ in range(9000)]
    draft.document["scenes"] = [{"nodes": list(range(9000))}]
    with pytest.raises(ProductError) as refused:
        render_glb(draft.packed(), size_px=512)
    assert refused.value.code == "RENDER_TOO_COMPLEX"


def test_parts_that_share_one_list_of_corners_cost_only_their_own():
    draft = grid(150)
    count = draft.document["accessors"][-1]["count"]
    part = draft.primitive
    view = draft.document["accessors"][part["indices"]]["bufferView"]
    draft.document["accessors"] += [
        {"bufferView": view, "byteOffset": 12 * first, "componentType": 5125, "count": 3, "type": "SCALAR"}
        for first in range(0, count // 3, count // 3 // 900)
    ]
    first = len(draft.document["accessors"]) - 900
    draft.document["meshes"][0]["primitives"] = [{**part, "indices": first + number} for number in range(900)]
    assert isinstance(render_glb(draft.packed(), size_px=16), Image.Image)
