"""Another surface for a model: ten credits, the same shape, the color of the words."""

from __future__ import annotations

import io

import numpy as np
import pygltflib
import pytest
from PIL import Image

from catalog3d.standin.recolouring import RecolourRequest, recolour_glb
from catalog3d.standin.request import ShapeRequest
from tests.standin.harness import Here, box_glb, play, png

TEXTURE = "/v3/models/texture"
TEXTURE_V3 = "v3.0-20250812"


def a_model() -> bytes:
    return box_glb(ShapeRequest(pictures={"front": png()}, prompt="", face_limit=None, textured=True))


def positions(content: bytes) -> bytes:
    model = pygltflib.GLTF2.load_from_bytes(content)
    accessor = model.accessors[model.meshes[0].primitives[0].attributes.POSITION]
    view = model.bufferViews[accessor.bufferView]
    blob = model.binary_blob()
    assert blob is not None
    return bytes(blob[view.byteOffset : view.byteOffset + view.byteLength])


def mean_colour(content: bytes) -> tuple[float, float, float]:
    model = pygltflib.GLTF2.load_from_bytes(content)
    surface = model.materials[0].pbrMetallicRoughness
    assert surface is not None
    view = model.bufferViews[model.images[model.textures[surface.baseColorTexture.index].source].bufferView]
    blob = model.binary_blob() or b""
    with Image.open(io.BytesIO(blob[view.byteOffset : view.byteOffset + view.byteLength])) as image:
        red, green, blue = np.asarray(image.convert("RGB")).reshape(-1, 3).mean(axis=0)
    return float(red), float(green), float(blue)


def test_the_words_change_the_color_and_leave_every_vertex_where_it_was():
    plain = a_model()
    blue = recolour_glb(RecolourRequest(content=plain, prompt="matte blue linen"))
    assert positions(blue) == positions(plain)
    red_part, _, blue_part = mean_colour(blue)
    assert blue_part > red_part + 40
    assert recolour_glb(RecolourRequest(content=plain, prompt=" ")) == plain
    assert recolour_glb(RecolourRequest(content=plain, prompt="matte blue linen")) == blue


def test_what_is_no_model_is_refused():
    with pytest.raises(ValueError, match="cannot be read"):
        recolour_glb(RecolourRequest(content=b"glTF" + b"\0" * 60, prompt="blue"))


def test_a_surface_costs_ten_credits_and_holds_a_slot_of_processing(tmp_path):
    async def story(standin: Here) -> None:
        model = await standin.finish(await standin.image())
        before = await standin.wallet()
        body = {"input": model["task_id"], "model": TEXTURE_V3, "texture_prompt": {"text": "walnut"}, "texture_seed": 5}
        answer = await standin.post(TEXTURE, body)
        assert await standin.wallet() == (before[0] - 10, 10.0)
        task = await standin.finish(answer)
        assert (task["type"], task["status"], task["credits_consumed"]) == ("texture_model", "success", 10.0)
        assert task["input"] == {**body, "pbr": True, "texture_quality": "standard"}
        assert await standin.wallet() == (before[0] - 10, 0.0)
        for _ in range(5):
            assert (await standin.post(TEXTURE, body)).status_code == 200
        assert (await standin.post(TEXTURE, body)).json()["code"] == 2000
        assert (await standin.image()).status_code == 200

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"model": "v3.1-20260211"}, 1004),
        ({"texture_quality": "golden"}, 1004),
        ({"texture_quality": "fast"}, 1004),
        ({"texture_seed": "5"}, 1004),
        ({"texture_prompt": "walnut"}, 1004),
        ({"texture_prompt": {"text": " "}}, 1004),
        ({"texture_prompt": {"text": "w" * 1025}}, 1004),
        ({"texture_prompt": {"style_image": "file_x"}}, 2002),
        ({"part_names": ["leg"]}, 2002),
        ({"input": "nobody"}, 2001),
        ({"input": None}, 1004),
    ],
)
def test_a_wrong_texture_request_makes_nothing_and_costs_nothing(change, code, tmp_path):
    async def story(standin: Here) -> None:
        model = await standin.finish(await standin.image())
        before = await standin.wallet()
        answer = await standin.post(TEXTURE, {"input": model["task_id"], "model": TEXTURE_V3, **change})
        assert answer.json()["code"] == code, answer.text
        assert await standin.wallet() == before

    play(tmp_path, story)


def test_a_model_that_is_not_finished_gets_no_surface(tmp_path):
    async def story(standin: Here) -> None:
        task_id = await standin.made(await standin.image())
        assert (await standin.post(TEXTURE, {"input": task_id})).json()["code"] == 2007

    play(tmp_path, story)


def test_the_quality_of_a_surface_has_its_price(tmp_path):
    async def story(standin: Here) -> None:
        model = await standin.finish(await standin.image())
        for quality, credits_ in (("standard", 10.0), ("detailed", 20.0), ("extreme", 30.0)):
            task = await standin.finish(
                await standin.post(TEXTURE, {"input": model["task_id"], "texture_quality": quality})
            )
            assert task["credits_consumed"] == credits_

    play(tmp_path, story)
