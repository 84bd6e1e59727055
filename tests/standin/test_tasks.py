"""The life of tasks: time, credits, limits, addresses, restarts."""

from __future__ import annotations

import io
import threading
import zipfile
from decimal import Decimal

import httpx
import pygltflib
import pytest
import trimesh

from catalog3d.standin.config import DEFAULT_KEY
from tests.standin.harness import AUTH, H31, Here, Seconds, box_glb, play, png

TEXT = "/v3/generation/text-to-model"


def test_task_is_queued_then_runs_then_succeeds_by_the_clock(tmp_path):
    async def story(standin: Here) -> None:
        answer = await standin.image()
        assert answer.json()["data"]["status"] == "queued"
        assert answer.json()["data"]["type"] == "image_to_model"
        task_id = await standin.made(answer)
        path = f"/v3/tasks/{task_id}"
        queued = await standin.get(path)
        assert (queued["status"], queued["progress"], queued["output"]) == ("queued", 0, {})
        standin.clock.now += 40
        running = await standin.get(path)
        assert running["status"] == "running"
        assert 0 < running["progress"] < 100
        assert running["completed_at"] is None
        standin.clock.now += 200
        done = await standin.get(path)
        assert (done["status"], done["progress"], done["credits_consumed"]) == ("success", 100, 30.0)
        assert done["created_at"] < done["completed_at"]

    play(tmp_path, story, time_scale=1.0)


def test_task_whose_file_is_not_made_yet_keeps_running_past_its_time(tmp_path):
    gate = threading.Event()

    def slow(request):
        gate.wait(5)
        return box_glb(request)

    async def story(standin: Here) -> None:
        answer = await standin.image()
        standin.clock.now += 100
        path = f"/v3/tasks/{answer.json()['data']['task_id']}"
        assert (await standin.get(path))["status"] == "running"
        gate.set()
        await standin.service.maker.idle()
        assert (await standin.get(path))["status"] == "success"

    play(tmp_path, story, make_glb=slow)


def test_model_that_can_not_be_made_fails_and_gives_the_credits_back(tmp_path):
    def broken(request):
        raise ValueError("no product in the picture")

    async def story(standin: Here) -> None:
        task = await standin.finish(await standin.image())
        assert (task["status"], task["error_code"], task["credits_consumed"]) == ("failed", 2018, 0.0)
        assert "no product in the picture" in task["error_message"]
        assert await standin.wallet() == (10000.0, 0.0)

    play(tmp_path, story, make_glb=broken)


def test_credits_are_frozen_at_creation_and_spent_at_success(tmp_path):
    async def story(standin: Here) -> None:
        answer = await standin.image(texture_quality="detailed")
        assert await standin.wallet() == (9960.0, 40.0)
        await standin.finish(answer)
        assert await standin.wallet() == (9960.0, 0.0)
        bare = await standin.post(TEXT, {"prompt": "a chair", "model": H31, "texture": False, "pbr": False})
        assert await standin.wallet() == (9950.0, 10.0)
        await standin.finish(bare)
        assert standin.service.wallet.available == Decimal("9950.00")

    play(tmp_path, story)


def test_empty_wallet_answers_as_tripo_does_and_makes_nothing(tmp_path):
    async def story(standin: Here) -> None:
        assert (await standin.image()).status_code == 200
        refused = await standin.image()
        assert refused.status_code == 403
        assert refused.json()["code"] == 2010
        assert refused.json()["message"] == "You don't have enough credit to create this task"
        assert (await standin.get("/standin/stats"))["created"] == 1
        assert await standin.wallet() == (29.5, 30.0)

    play(tmp_path, story, balance=Decimal("59.50"))


def test_full_pool_is_2000_with_retry_after_and_pools_do_not_share(tmp_path):
    async def story(standin: Here) -> None:
        token = await standin.upload()
        for _ in range(10):
            assert (await standin.image(token)).status_code == 200
        full = await standin.image(token)
        assert (full.status_code, full.json()["code"]) == (429, 2000)
        assert int(full.headers["Retry-After"]) >= 1
        assert await standin.wallet() == (9700.0, 300.0)
        for _ in range(5):
            assert (await standin.image(token, model="P1-20260311")).status_code == 200
        assert (await standin.image(token, model="P1-20260311")).json()["code"] == 2000
        await standin.service.maker.idle()
        standin.clock.now += 10
        assert (await standin.image(token)).status_code == 200

    play(tmp_path, story)


def test_creation_rate_is_1007_with_retry_after_and_reset(tmp_path):
    async def story(standin: Here) -> None:
        token = await standin.upload()
        for _ in range(3):
            assert (await standin.image(token)).status_code == 200
        limited = await standin.image(token)
        assert (limited.status_code, limited.json()["code"]) == (429, 1007)
        assert limited.headers["Retry-After"] == "60"
        assert int(limited.headers["X-RateLimit-Reset"]) == standin.clock.now + 60
        assert limited.headers["X-RateLimit-Remaining"] == "0"
        standin.clock.now += 61
        assert (await standin.image(token)).status_code == 200

    play(tmp_path, story, creations_per_minute=3, time_scale=1.0)


def test_upload_rate_is_off_unless_asked_for(tmp_path):
    async def story(standin: Here) -> None:
        for _ in range(10):
            await standin.upload()
        files = {"file": ("photo.png", png(), "image/png")}
        limited = await standin.http.post("/v3/files", files=files, headers=AUTH)
        assert (limited.status_code, limited.json()["code"]) == (429, 1007)

    play(tmp_path, story, uploads_per_minute=10, time_scale=1.0)


def test_result_address_needs_no_key_expires_and_is_new_each_time(tmp_path):
    async def story(standin: Here) -> None:
        task = await standin.finish(await standin.image())
        first = task["output"]["model_url"]
        second = (await standin.get(f"/v3/tasks/{task['task_id']}"))["output"]["model_url"]
        assert first != second
        assert httpx.URL(first).path.endswith(f"/tripo_pbr_model_{task['task_id']}.glb")
        content = await standin.http.get(first)
        assert content.status_code == 200
        assert content.content[:4] == b"glTF"
        assert len(content.content) == int(content.headers["Content-Length"])
        for forged in (first[:-1], first.replace("expires=", "expires=9"), first.partition("?")[0]):
            assert (await standin.http.get(forged)).status_code == 403
        standin.clock.now += 301
        assert (await standin.http.get(first)).status_code == 403
        fresh = (await standin.get(f"/v3/tasks/{task['task_id']}"))["output"]["model_url"]
        assert (await standin.http.get(fresh)).content == content.content

    play(tmp_path, story)


def test_equal_requests_give_equal_bytes_whatever_the_seed(tmp_path):
    made = []

    def counting(request):
        made.append(request)
        return box_glb(request)

    async def story(standin: Here) -> None:
        contents = []
        for seed in (1, 2):
            task = await standin.finish(await standin.image(model_seed=seed))
            contents.append((await standin.http.get(task["output"]["model_url"])).content)
        assert contents[0] == contents[1]
        assert len(made) == 1
        (entry,) = (await standin.get("/standin/stats"))["briefs"]
        assert (entry["created"], entry["paid"], entry["most"]) == (2, 2, 2)

    play(tmp_path, story, make_glb=counting)


def test_list_is_a_map_and_names_what_it_missed(tmp_path):
    async def story(standin: Here) -> None:
        first, second = [await standin.made(await standin.image()) for _ in range(2)]
        answer = await standin.post("/v3/tasks/list", {"task_ids": [first, "nobody", second, first]})
        data = answer.json()["data"]
        assert list(data["tasks"]) == [first, second]
        assert data["missed"] == ["nobody"]
        refused: tuple[dict[str, object], ...] = (
            {},
            {"task_ids": []},
            {"task_ids": ["x"] * 101},
            {"task_ids": [1]},
        )
        for wrong in refused:
            assert (await standin.post("/v3/tasks/list", wrong)).json()["code"] == 1004

    play(tmp_path, story)


def test_task_is_shown_to_its_own_key_only(tmp_path):
    async def story(standin: Here) -> None:
        task_id = await standin.made(await standin.image())
        other = {"Authorization": "Bearer tsk_second"}
        hidden = await standin.http.get(f"/v3/tasks/{task_id}", headers=other)
        assert (hidden.status_code, hidden.json()["code"]) == (404, 2001)
        usage = await standin.http.get("/v3/account/usage", headers=other)
        assert usage.json()["data"] == []

    play(tmp_path, story, keys=(DEFAULT_KEY, "tsk_second"))


def test_usage_lists_newest_first_in_pages(tmp_path):
    async def story(standin: Here) -> None:
        ids = []
        for _ in range(3):
            ids.append(await standin.made(await standin.image()))
            standin.clock.now += 1
        rows = await standin.get("/v3/account/usage")
        assert [row["task_id"] for row in rows] == ids[::-1]
        page = await standin.get("/v3/account/usage", params={"limit": 1, "offset": 1})
        assert [row["task_id"] for row in page] == [ids[1]]
        for limit in ("0", "201", "x", "-1"):
            answer = await standin.http.get("/v3/account/usage", params={"limit": limit}, headers=AUTH)
            assert answer.json()["code"] == 1004

    play(tmp_path, story)


def test_restarted_stand_in_knows_tasks_files_addresses_and_balance(tmp_path):
    clock = Seconds()
    kept: dict[str, str] = {}

    async def before(standin: Here) -> None:
        done = await standin.finish(await standin.image(model_seed=5))
        kept["done"] = done["task_id"]
        kept["url"] = done["output"]["model_url"]
        kept["token"] = await standin.upload(png(7))
        answer = await standin.image(await standin.upload(png(9)))
        kept["open"] = answer.json()["data"]["task_id"]
        await standin.fault("fail:2008", endpoint="text-to-model")

    async def after(standin: Here) -> None:
        assert await standin.wallet() == (9940.0, 30.0)
        assert (await standin.http.get(kept["url"])).status_code == 200
        assert (await standin.get(f"/v3/tasks/{kept['done']}"))["input"]["model_seed"] == 5
        await standin.service.maker.idle()
        clock.now += 10
        assert (await standin.get(f"/v3/tasks/{kept['open']}"))["status"] == "success"
        assert await standin.wallet() == (9940.0, 0.0)
        assert (await standin.image(kept["token"])).status_code == 200
        stats = await standin.get("/standin/stats")
        assert stats["create_posts"] == 3
        assert len(await standin.get("/standin/faults")) == 1

    play(tmp_path, before, clock=clock)
    play(tmp_path, after, clock=clock)


def test_uploads_past_their_time_are_forgotten_at_the_next_start(tmp_path):
    clock = Seconds()

    async def before(standin: Here) -> None:
        await standin.upload()

    async def after(standin: Here) -> None:
        assert list((tmp_path / "files").iterdir()) == []

    play(tmp_path, before, clock=clock)
    clock.now += 90_000
    play(tmp_path, after, clock=clock)


def test_full_state_folder_refuses_uploads(tmp_path):
    async def story(standin: Here) -> None:
        files = {"file": ("photo.png", png(), "image/png")}
        answer = await standin.http.post("/v3/files", files=files, headers=AUTH)
        assert answer.status_code == 500
        assert "full" in answer.json()["message"]

    play(tmp_path, story, max_state_bytes=10)


@pytest.mark.parametrize(("target", "suffix"), [("GLTF", ".glb"), ("obj", ".zip"), ("STL", ".stl")])
def test_conversion_costs_five_and_gives_the_format(target, suffix, tmp_path):
    async def story(standin: Here) -> None:
        source = await standin.finish(await standin.image())
        task = await standin.finish(
            await standin.post("/v3/models/convert", {"input": source["task_id"], "format": target})
        )
        assert (task["type"], task["credits_consumed"]) == ("convert_model", 5.0)
        url = task["output"]["model_url"]
        assert httpx.URL(url).path.endswith(suffix)
        content = (await standin.http.get(url)).content
        if suffix == ".zip":
            assert {"model.obj", "model.mtl"} < set(zipfile.ZipFile(io.BytesIO(content)).namelist())
            assert b"stand-in" in zipfile.ZipFile(io.BytesIO(content)).read("model.obj")[:200]
        elif suffix == ".stl":
            assert trimesh.load_mesh(io.BytesIO(content), file_type="stl").volume == pytest.approx(
                trimesh.load_mesh(
                    io.BytesIO((await standin.http.get(source["output"]["model_url"])).content), file_type="glb"
                ).volume,
                rel=1e-4,
            )
        else:
            assert content == (await standin.http.get(source["output"]["model_url"])).content

    play(tmp_path, story)


def test_conversion_scales_and_pivots_and_keeps_the_rest_of_the_file(tmp_path):
    async def story(standin: Here) -> None:
        source = await standin.finish(await standin.image())
        body = {"input": source["task_id"], "format": "GLTF", "scale_factor": 2.0, "pivot_to_center_bottom": True}
        task = await standin.finish(await standin.post("/v3/models/convert", body))
        assert task["credits_consumed"] == 10.0
        content = (await standin.http.get(task["output"]["model_url"])).content
        low, high = trimesh.load_scene(io.BytesIO(content), file_type="glb").bounds
        assert low[1] == pytest.approx(0.0, abs=1e-6)
        assert low[0] == pytest.approx(-high[0])
        assert high[0] - low[0] == pytest.approx(2.0)
        assert len(pygltflib.GLTF2.load_from_bytes(content).images) == 1

    play(tmp_path, story)


def test_conversion_refuses_what_it_can_not_do(tmp_path):
    async def story(standin: Here) -> None:
        answer = await standin.image()
        source = await standin.made(answer)

        async def code(**body):
            return (await standin.post("/v3/models/convert", {"input": source, "format": "GLTF", **body})).json()[
                "code"
            ]

        assert await code() == 2007
        standin.clock.now += 10
        assert await code(format="GLB") == 1004
        assert await code(format="USDZ") == 2002
        assert await code(format="FBX") == 2002
        assert await code(texture_size=512) == 2002
        assert await code(scale_factor=0) == 1004
        assert await code(input="nobody") == 2001
        assert await code(input=await standin.upload()) == 2004
        glb = await standin.upload(box_glb_bytes())
        assert (await standin.post("/v3/models/convert", {"input": glb, "format": "STL"})).status_code == 200

    play(tmp_path, story)


def box_glb_bytes() -> bytes:
    exported = trimesh.creation.box().export(file_type="glb")
    assert isinstance(exported, bytes)
    return exported
