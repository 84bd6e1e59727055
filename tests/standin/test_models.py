"""The models that the stand-in makes: closed, centred, honest about what they are, and like the photo."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from catalog3d.quality import Verdict
from catalog3d.render import render_glb
from catalog3d.standin.mask import Cutout, Method, cut_out
from catalog3d.standin.pictures import decode
from catalog3d.standin.request import ShapeRequest
from catalog3d.standin.shapes import make_glb
from tests.mesh.judging import judged

PHOTOS = Path(__file__).resolve().parents[2] / "examples" / "photos"
GROUND = (238, 238, 236)
SIDE = 480


def photo(name: str) -> bytes:
    return (PHOTOS / f"{name}.jpg").read_bytes()


def made(pictures: dict[str, bytes], prompt: str = "", **changes: Any) -> bytes:
    request: dict[str, Any] = {"pictures": pictures, "prompt": prompt, "face_limit": None, "textured": True, **changes}
    return make_glb(ShapeRequest(**request))


def jpeg(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=92)
    return stream.getvalue()


def drawing(draw_on: Any = None, ground: tuple[int, int, int] = GROUND) -> bytes:
    image = Image.new("RGB", (SIDE, SIDE), ground)
    if draw_on is not None:
        draw_on(ImageDraw.Draw(image))
    return jpeg(image)


def red_panel_with_blue_half(draw: ImageDraw.ImageDraw) -> None:
    draw.rectangle((120, 90, 240, 390), fill=(190, 30, 30))
    draw.rectangle((240, 90, 330, 390), fill=(30, 50, 170))


def asset(glb: bytes) -> dict[str, Any]:
    (length,) = struct.unpack_from("<I", glb, 12)
    found: dict[str, Any] = json.loads(glb[20 : 20 + length])["asset"]
    return found


def texture(glb: bytes) -> Image.Image:
    start = glb.index(b"\xff\xd8\xff")
    return Image.open(io.BytesIO(glb[start:]))


def surface(glb: bytes) -> trimesh.Trimesh:
    """The model with its texture seams closed."""
    mesh: trimesh.Trimesh = trimesh.load_scene(io.BytesIO(glb), file_type="glb").to_mesh()
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    return mesh


def cutout(picture: bytes) -> Cutout:
    return cut_out(decode(picture))


def sound(glb: bytes, faces_at_most: int = 36_000) -> trimesh.Trimesh:
    """Everything that holds for each model of the stand-in."""
    mesh = surface(glb)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume > 0
    assert len(mesh.faces) <= faces_at_most
    assert mesh.extents.max() == pytest.approx(1, abs=1e-3)
    assert mesh.bounds.mean(axis=0) == pytest.approx((0, 0, 0), abs=1e-3)
    report = judged(glb)
    assert report.verdict is not Verdict.FAIL, report.worst
    assert report.facts is not None
    assert report.facts.standin
    assert report.facts.watertight
    assert "stand-in" in asset(glb)["generator"]
    assert asset(glb)["extras"]["standin"] is True
    assert asset(glb)["extras"]["method"]
    return mesh


def looks(glb: bytes, side_px: int = 128, yaw_deg: float = 0.0) -> NDArray[np.int64]:
    return np.asarray(render_glb(glb, size_px=side_px, yaw_deg=yaw_deg, pitch_deg=0), dtype=np.int64)


@pytest.mark.parametrize("name", ["00412", "CD033", "CH123_front", "NT060", "PL088", "TB204"])
def test_model_of_one_photo_is_closed_centred_and_labelled_and_passes_our_own_check(name):
    glb = made({"front": photo(name)})
    sound(glb)
    assert judged(glb).verdict is Verdict.PASS


@pytest.mark.parametrize("sku", ["AC720", "BK550", "CH123"])
def test_model_of_four_photos_has_the_depth_of_its_side_photo(sku):
    pictures = {side: photo(f"{sku}_{side}") for side in ("front", "left", "back", "right")}
    glb = made(pictures)
    mesh = sound(glb)
    assert "visual hull of front, left, back, right" in asset(glb)["extras"]["method"]
    depth, height, width = mesh.extents
    for side, extent in (("front", width), ("left", depth)):
        solid = cutout(pictures[side]).solid
        rows, columns = (np.ptp(np.flatnonzero(solid.any(axis=axis))) for axis in (1, 0))
        assert extent / height == pytest.approx(columns / rows, rel=0.08)


@pytest.mark.parametrize(
    "prompt", ["oak dining chair", "brass floor lamp", "white vase", "something", "\u6905\u5b50 \U0001fa91"]
)
def test_model_of_words_is_closed_and_labelled(prompt):
    glb = made({}, prompt)
    sound(glb)
    assert asset(glb)["extras"]["method"] == "placeholder for words"


@pytest.mark.parametrize("limit", [12, 60, 500, 5000])
@pytest.mark.parametrize("name", ["MG017", "00412", "NT060"])
def test_face_limit_is_kept_and_the_model_stays_closed(limit, name):
    sound(made({"front": photo(name)}, face_limit=limit), limit)


def test_coarse_hull_that_would_lose_its_legs_is_not_taken():
    pictures = {side: photo(f"CH123_{side}") for side in ("front", "left")}
    mesh = sound(made(pictures, face_limit=300), 300)
    assert mesh.extents[1] == pytest.approx(1, abs=0.01)


def test_same_request_gives_the_same_bytes():
    assert made({"front": photo("LM045")}) == made({"front": photo("LM045")})


def test_front_of_the_photo_faces_plus_x_the_right_way_up_and_the_right_way_round():
    glb = made({"front": drawing(red_panel_with_blue_half)})
    picture = looks(glb)
    assert picture[64, 40].argmax() == 0
    assert picture[64, 85].argmax() == 2
    mirrored = looks(glb, yaw_deg=180)
    assert mirrored[64, 40].argmax() == 2
    rows, columns = (np.flatnonzero((np.ptp(picture, axis=2) > 60).any(axis=axis)) for axis in (1, 0))
    assert (np.ptp(columns) + 1) / (np.ptp(rows) + 1) == pytest.approx(210 / 300, abs=0.05)


def test_ground_does_not_show_at_the_rim():
    picture = looks(made({"front": drawing(red_panel_with_blue_half, (30, 220, 40))}), yaw_deg=60.0)
    green = (picture[..., 1] > picture[..., 0] + 40) & (picture[..., 1] > picture[..., 2] + 40)
    assert green.mean() < 0.002


def test_texture_has_sides_that_old_phones_take():
    for name in ("CH123_front", "CK015"):
        assert {*texture(made({"front": photo(name)})).size} <= {512, 1024}


def test_model_without_texture_is_plain():
    glb = made({"front": photo("MG017")}, textured=False)
    assert b"\xff\xd8\xff" not in glb
    sound(glb)


def test_turned_things_are_round():
    depth, _, width = sound(made({"front": photo("00412")})).extents
    assert depth == pytest.approx(width, rel=0.02)


def test_openings_stay_open():
    solid = cutout(photo("CH123_front")).solid
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    assert solid[rows[0] : rows[-1], columns[0] : columns[-1]].mean() < 0.6


def test_highlight_that_touches_the_outline_does_not_break_the_product_in_two():
    """A candle on a chrome foot, in which the pale studio is reflected."""
    found = cutout(photo("CD033"))
    assert found.method is Method.GROUND
    assert ndimage.label(found.solid)[1] == 1


def test_product_that_the_border_cuts_becomes_a_card_of_the_whole_photo():
    def cut(draw: ImageDraw.ImageDraw) -> None:
        draw.rectangle((0, 200, 300, SIDE), fill=(60, 90, 60))

    glb = made({"front": drawing(cut)})
    assert cutout(drawing(cut)).method is Method.CARD
    assert asset(glb)["extras"]["method"] == "extruded, outline by whole photo"
    sound(glb)


def test_shreds_are_not_taken_for_a_product():
    def scattered(draw: ImageDraw.ImageDraw) -> None:
        for x, y in ((60, 60), (320, 80), (90, 320), (300, 300)):
            draw.rectangle((x, y, x + 90, y + 90), fill=(60, 90, 60))

    assert cutout(drawing(scattered)).method is Method.CARD


@pytest.mark.parametrize("color", [(255, 255, 255), (0, 0, 0), (238, 238, 236)])
def test_picture_of_nothing_is_a_card(color):
    glb = made({"front": drawing(ground=color)})
    assert "whole photo" in asset(glb)["extras"]["method"]
    sound(glb)


def test_transparency_is_the_outline():
    image = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((60, 30, 240, 270), fill=(200, 120, 40, 255))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    assert cutout(stream.getvalue()).method is Method.ALPHA
    mesh = sound(made({"front": stream.getvalue()}))
    assert mesh.extents[2] / mesh.extents[1] == pytest.approx(180 / 240, abs=0.03)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not a readable"),
        (b"\xff\xd8\xff" + bytes(100), "not a readable"),
        (b"<svg/>", "not a readable"),
        (jpeg(Image.new("RGB", (8, 8))), "under 16"),
        (bytes(20_000_001), "20.0 MB"),
    ],
    ids=["empty", "broken", "another kind", "tiny", "heavy"],
)
def test_picture_that_cannot_be_used_is_said(content, why):
    with pytest.raises(ValueError, match=why):
        made({"front": content})


def test_picture_bomb_is_refused_by_its_header():
    stream = io.BytesIO()
    Image.new("1", (7000, 7000)).save(stream, "PNG")
    with pytest.raises(ValueError, match="49 megapixels"):
        made({"front": stream.getvalue()})


def test_request_for_nothing_is_refused():
    with pytest.raises(ValueError, match="neither a picture nor a description"):
        made({}, "  ")
    with pytest.raises(ValueError, match="at least 12"):
        made({}, "a chair", face_limit=11)
