"""Keys, forms and validation: refused as Tripo refuses, with nothing made and nothing charged."""

from __future__ import annotations

import json
import struct
import zlib

import pytest

from catalog3d.standin.config import DEFAULT_KEY
from tests.standin.harness import AUTH, H31, Here, play, png

IMAGE = "/v3/generation/image-to-model"
VIEWS = "/v3/generation/multiview-to-model"
TEXT = "/v3/generation/text-to-model"


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer tsk_other", f"Basic {DEFAULT_KEY}", DEFAULT_KEY, f"Bearer {DEFAULT_KEY}x", "Bearer é"],
)
@pytest.mark.parametrize("path", ["/v3/account/balance", "/v3/tasks/x", "/standin/stats", "/standin/faults"])
def test_without_the_key_nothing_is_told(authorization, path, tmp_path):
    async def story(standin: Here) -> None:
        answer = await standin.http.get(path, headers={"Authorization": authorization.encode("latin-1")})
        assert answer.status_code == 401
        assert answer.json()["code"] == 2
        assert answer.json()["status"] == "error"
        assert answer.json()["request_id"] == answer.headers["X-Request-ID"]

    play(tmp_path, story)


def test_every_answer_has_its_ids_and_rate_headers(tmp_path):
    async def story(standin: Here) -> None:
        answer = await standin.http.get("/v3/account/balance", headers={**AUTH, "X-Tripo-Trace-ID": "trace-1"})
        assert answer.headers["X-Tripo-Trace-ID"] == "trace-1"
        assert answer.headers["X-RateLimit-Limit"] == "200"
        assert answer.headers["X-RateLimit-Remaining"] == "200"
        assert answer.headers["X-Request-ID"]
        assert answer.json() == {"code": 0, "status": "success", "data": {"balance": 10000.0, "frozen": 0.0}}

    play(tmp_path, story)


def test_unknown_routes_methods_and_bodies_have_the_codes_of_tripo(tmp_path):
    async def story(standin: Here) -> None:
        assert (await standin.post("/v3/nowhere")).json()["code"] == 4001
        wrong_method = await standin.http.get(IMAGE, headers=AUTH)
        assert (wrong_method.status_code, wrong_method.json()["code"]) == (405, 1003)
        wrong_type = await standin.http.post(IMAGE, content=b"x", headers=AUTH)
        assert (wrong_type.status_code, wrong_type.json()["code"]) == (415, 1003)
        headers = {**AUTH, "Content-Type": "application/json"}
        for content in (b"{", b"[]", b"[" * 100_000, b"\xff"):
            answer = await standin.http.post(IMAGE, content=content, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (400, 1003)
        assert (await standin.post("/v3/mesh/decimate", {"input": "x"})).json()["code"] == 2002

    play(tmp_path, story)


@pytest.mark.parametrize(
    "change",
    [
        {"model": None},
        {"model": "tripo-v3.1"},
        {"model": "v9.9-20300101"},
        {"texture": "yes"},
        {"texture_quality": "golden"},
        {"texture_quality": "fast"},
        {"face_limit": -1},
        {"face_limit": 0},
        {"face_limit": 1_500_001},
        {"face_limit": 1.5},
        {"model_seed": "7"},
        {"model": "P1-20260311", "quad": False},
        {"model": "P1-20260311", "face_limit": 80_000},
        {"model": "P1-20260311", "face_limit": 10},
        {"model": "v2.5-20250123", "geometry_quality": "detailed"},
        {"generate_parts": True},
        {"input": "file_unknown"},
        {"input": ""},
        {"input": "data:image/png;base64,AAAA"},
        {"input": None, "file": {"type": "png", "data": "AAAA"}},
    ],
)
def test_wrong_parameter_is_1004_that_names_no_field_and_costs_nothing(change, tmp_path):
    async def story(standin: Here) -> None:
        answer = await standin.image(**change)
        assert (answer.status_code, answer.json()["code"]) == (400, 1004)
        assert answer.json()["message"] == "One or more of your parameter is invalid"
        assert answer.headers["X-Standin-Reason"]
        assert (await standin.get("/standin/stats"))["created"] == 0
        assert await standin.wallet() == (10000.0, 0.0)

    play(tmp_path, story)


def test_what_the_stand_in_can_not_make_is_said_plainly(tmp_path):
    async def story(standin: Here) -> None:
        for options in ({"quad": True}, {"compress": "geometry"}, {"input": "https://cdn.example/a.png"}):
            answer = await standin.image(**options)
            assert answer.json()["code"] in {2002, 2020}
            assert "stand-in" in answer.headers["X-Standin-Reason"]

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("inputs", "slots"),
    [
        (["f", "l", "b", "r"], ["front", "left", "back", "right"]),
        (["f", None, "b", ""], ["front", "back"]),
        (["f", {}, {}, "r"], ["front", "right"]),
        ([{"right": "r"}, {"front": "f"}], ["front", "right"]),
        ([{"file_token": "f"}, {"type": "png", "file_token": "l"}], ["front", "left"]),
        ([{"front": {"type": "png", "file_token": "f"}}, {"back": "b"}], ["front", "back"]),
    ],
)
def test_every_form_of_views_is_understood(inputs, slots, tmp_path):
    async def story(standin: Here) -> None:
        token = await standin.upload()

        def real(item):
            if isinstance(item, dict):
                return {name: real(value) if name != "type" else value for name, value in item.items()}
            return token if item else item

        answer = await standin.post(VIEWS, {"inputs": [real(item) for item in inputs], "model": H31})
        assert answer.status_code == 200, answer.headers
        (entry,) = (await standin.get("/standin/stats"))["briefs"]
        assert list(entry["brief"]["pictures"]) == sorted(slots)

    play(tmp_path, story)


@pytest.mark.parametrize(
    "inputs",
    [None, [], ["T"], [None, "T"], [{"back": "T"}, {"left": "T"}], [{"front": "T"}, {"front": "T"}],
     [{"top": "T"}, {"front": "T"}], ["T"] * 5, [{"front": "T"}, {"back": "file_x"}], "T"],
)  # fmt: skip
def test_views_without_front_or_without_a_second_are_refused(inputs, tmp_path):
    async def story(standin: Here) -> None:
        token = await standin.upload()
        body = json.dumps({"inputs": inputs, "model": H31}).replace('"T"', json.dumps(token))
        answer = await standin.post(VIEWS, json.loads(body))
        assert (answer.status_code, answer.json()["code"]) == (400, 1004)

    play(tmp_path, story)


@pytest.mark.parametrize(
    "body", [{}, {"prompt": " "}, {"prompt": "x" * 1025}, {"prompt": "a", "negative_prompt": "x" * 256}]
)
def test_prompt_out_of_bounds_is_refused(body, tmp_path):
    async def story(standin: Here) -> None:
        answer = await standin.post(TEXT, {"model": H31, **body})
        assert answer.json()["code"] == 1004

    play(tmp_path, story)


def test_unknown_extra_fields_pass_and_defaults_and_seed_are_echoed(tmp_path):
    async def story(standin: Here) -> None:
        task = await standin.finish(await standin.image(shiny=True, face_limit=500))
        echo = task["input"]
        assert echo["shiny"] is True
        assert echo["texture"] is True
        assert echo["pbr"] is True
        assert echo["texture_quality"] == "standard"
        assert isinstance(echo["model_seed"], int)
        seeded = await standin.finish(await standin.image(model_seed=7))
        assert seeded["input"]["model_seed"] == 7

    play(tmp_path, story)


def png_that_claims(width: int, height: int) -> bytes:
    """A small file that says it is a large picture."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + png()[33:]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", 2003),
        (b"GIF89a...", 2004),
        (b"<svg/>", 2004),
        (png()[:-30] + bytes(18), 2003),
        (png(size=10), 2022),
        (png_that_claims(7_000, 7_000), 2022),
        (png_that_claims(60_000, 60_000), 2022),
    ],
)
def test_upload_that_is_no_usable_picture_is_refused(content, code, tmp_path):
    async def story(standin: Here) -> None:
        files = {"file": ("photo.png", content, "image/png")}
        answer = await standin.http.post("/v3/files", files=files, headers=AUTH)
        assert answer.json()["code"] == code

    play(tmp_path, story)


def test_upload_beyond_20_mb_is_cut_off(tmp_path):
    async def story(standin: Here) -> None:
        files = {"file": ("photo.png", bytes(20_200_000), "image/png")}
        declared = await standin.http.post("/v3/files", files=files, headers=AUTH)
        assert (declared.status_code, declared.json()["code"]) == (400, 2021)

        async def endless():
            while True:
                yield bytes(1_000_000)

        counted = await standin.http.post("/v3/files", content=endless(), headers=AUTH)
        assert counted.json()["code"] in {1003, 2021}
        no_form = await standin.http.post("/v3/files", content=b"x", headers=AUTH)
        assert no_form.json()["code"] == 1003

    play(tmp_path, story)


def test_file_token_expires_and_belongs_to_its_key(tmp_path):
    async def story(standin: Here) -> None:
        token = await standin.upload()
        other = await standin.http.post(
            IMAGE, json={"input": token, "model": H31}, headers={"Authorization": "Bearer tsk_second"}
        )
        assert other.json()["code"] == 1004
        standin.clock.now += 86_401
        assert (await standin.image(token)).json()["code"] == 1004

    play(tmp_path, story, keys=(DEFAULT_KEY, "tsk_second"))


def test_presigned_put_needs_its_signature_and_then_makes_the_token_usable(tmp_path):
    async def story(standin: Here) -> None:
        given = (await standin.post("/v3/files/presign", {"format": "png"})).json()["data"]
        assert (await standin.image(given["file_token"])).json()["code"] == 1004
        address = given["presigned_url"]
        forged = await standin.http.put(address.replace("signature=", "signature=0"), content=png())
        assert forged.status_code == 403
        assert (await standin.http.put(address, content=png())).status_code == 200
        assert (await standin.image(given["file_token"])).status_code == 200
        standin.clock.now += 1801
        assert (await standin.http.put(address, content=png())).status_code == 403
        assert (await standin.post("/v3/files/presign", {"format": "exe"})).json()["code"] == 2004

    play(tmp_path, story)
