"""Tripo's own SDK, unchanged, against a real stand-in server on loopback."""

from __future__ import annotations

import asyncio
import os
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trimesh

from catalog3d.standin.config import DEFAULT_KEY
from catalog3d.standin.server import StandinServer
from tests.standin.harness import png, served

os.environ["TRIPO_DISABLE_GEO_DETECTION"] = "1"  # or importing the SDK asks strangers where this machine is
import tripo3d

pytestmark = pytest.mark.server
MODEL = "v3.1-20260211"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandinServer]:
    with served(tmp_path_factory.mktemp("state"), time_scale=0.002) as running:
        yield running


def drive(server: StandinServer, story: Callable[[tripo3d.TripoClient], Awaitable[Any]], key: str = DEFAULT_KEY) -> Any:
    async def main() -> Any:
        async with tripo3d.TripoClient(api_key=key, v3_base_url=server.url) as client:
            return await asyncio.wait_for(story(client), 30)

    return asyncio.run(main())


async def finished(client: tripo3d.TripoClient, task_id: str) -> tripo3d.Task:
    task = await client.wait_for_task(task_id, polling_interval=0.1, timeout=20)
    assert task.status == tripo3d.TaskStatus.SUCCESS, task.error_message
    return task


def photo(folder: Path, red: int) -> Path:
    path = folder / f"photo{red}.png"
    path.write_bytes(png(red))
    return path


def test_sdk_makes_a_model_of_a_photo_and_downloads_it(server, tmp_path):
    async def story(client: tripo3d.TripoClient) -> None:
        before = await client.get_balance()
        task_id = await client.image_to_model(photo(tmp_path, 10), model_version=MODEL, face_limit=5000, model_seed=3)
        task = await finished(client, task_id)
        assert (task.type, task.progress, task.credits_consumed) == ("image_to_model", 100, 30.0)
        assert (task.input["model"], task.input["face_limit"], task.input["model_seed"]) == (MODEL, 5000, 3)
        files = await client.download_task_models(task, str(tmp_path))
        assert files["model"] == str(tmp_path / f"{task_id}_model.glb")
        assert trimesh.load_scene(files["model"]).geometry
        after = await client.get_balance()
        assert before.balance - after.balance == pytest.approx(30.0)
        assert after.frozen == 0.0

    drive(server, story)


def test_sdk_makes_a_model_of_a_text_with_its_own_default_model(server):
    async def story(client: tripo3d.TripoClient) -> None:
        task = await finished(client, await client.text_to_model("an oak chair", texture=False, pbr=False))
        assert (task.type, task.credits_consumed) == ("text_to_model", 10.0)
        assert task.input["model"] == "v2.5-20250123"

    drive(server, story)


def test_sdk_makes_a_model_of_several_views_with_gaps(server, tmp_path):
    async def story(client: tripo3d.TripoClient) -> None:
        views = [photo(tmp_path, 20), None, photo(tmp_path, 30), None]
        task = await finished(client, await client.multiview_to_model(views, model_version=MODEL))
        assert (task.type, task.credits_consumed) == ("multiview_to_model", 30.0)

    drive(server, story)


def test_sdk_uploads_converts_lists_and_reads_usage(server, tmp_path):
    async def story(client: tripo3d.TripoClient) -> None:
        token = (await client.upload_file(photo(tmp_path, 40)))["file_token"]
        model = await finished(client, await client.image_to_model(token, model_version=MODEL))
        converted = await finished(client, await client.convert_model(model.task_id, "OBJ"))
        files = await client.download_task_models(converted, str(tmp_path))
        assert "model.obj" in zipfile.ZipFile(files["model"]).namelist()
        batch = await client.list_tasks([model.task_id, converted.task_id, "nobody"])
        assert set(batch.tasks) == {model.task_id, converted.task_id}
        assert batch.missed == ["nobody"]
        usage = await client.get_usage(limit=2)
        assert [row.task_id for row in usage] == [converted.task_id, model.task_id]
        assert [row.credits_consumed for row in usage] == [5.0, 30.0]

    drive(server, story)


def test_sdk_gives_a_model_another_surface(server, tmp_path):
    async def story(client: tripo3d.TripoClient) -> None:
        model = await finished(client, await client.image_to_model(photo(tmp_path, 45), model_version=MODEL))
        task_id = await client.texture_model(
            model.task_id, text_prompt="dark walnut", model_version="v3.0-20250812", texture_seed=11
        )
        task = await finished(client, task_id)
        assert (task.type, task.credits_consumed) == ("texture_model", 10.0)
        assert (task.input["input"], task.input["texture_seed"]) == (model.task_id, 11)
        assert task.input["texture_prompt"] == {"text": "dark walnut"}
        files = await client.download_task_models(task, str(tmp_path))
        assert trimesh.load_scene(files["model"]).geometry
        by_default = await finished(client, await client.texture_model(model.task_id))
        assert (by_default.input["model"], by_default.credits_consumed) == ("v2.5-20250123", 10.0)

    drive(server, story)


def test_sdk_presigns_an_upload(server, tmp_path):
    async def story(client: tripo3d.TripoClient) -> None:
        given = await client.presign_upload("png")
        await client._http.put_file(given.upload_url, str(photo(tmp_path, 50)), "image/png")
        task = await finished(client, await client.image_to_model(given.file_token, model_version=MODEL))
        assert task.output.model_url

    drive(server, story)


def test_sdk_understands_our_refusals(server, tmp_path):
    async def story(client: tripo3d.TripoClient) -> None:
        for call, code in (
            (client.image_to_model(photo(tmp_path, 60), model_version="tripo-v3.1"), 1004),
            (client.convert_model("nobody", "GLTF"), 2001),
            (client.get_task("nobody"), 2001),
        ):
            with pytest.raises(tripo3d.TripoAPIError) as caught:
                await call
            assert caught.value.code == code
            assert caught.value.request_id

    drive(server, story)

    async def locked_out(client: tripo3d.TripoClient) -> None:
        with pytest.raises(tripo3d.TripoAPIError) as caught:
            await client.get_balance()
        assert caught.value.code == 2

    drive(server, locked_out, key="tsk_other")
