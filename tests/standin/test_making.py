"""Making and keeping files: a dead worker, a full or untidy folder, foreign models."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from catalog3d.standin.conversion import ConvertRequest, convert_glb
from catalog3d.standin.making import Maker
from catalog3d.standin.request import ShapeRequest
from catalog3d.standin.store import Store, TaskRow
from tests.mesh.glbs import cube, pack


class Broken(Executor):
    """Workers of which one has died."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(BrokenExecutor("a worker died"))
        return future


def task(number: int) -> TaskRow:
    work: dict[str, Any] = {
        "kind": "shape",
        "pictures": {},
        "prompt": f"chair {number}",
        "face_limit": None,
        "textured": True,
    }
    return TaskRow(
        task_id=f"task-{number}", owner="o", type="text_to_model", endpoint="text-to-model", model="m", pool="H",
        echo="{}", brief="{}", price="1", created_at=1.0, starts_at=1.0, ends_at=1.0, plan="success", status="open",
        completed_at=None, error_code=None, error_message="", work=json.dumps(work), result="", extension=".glb",
        downloads="{}", hidden_polls=0,
    )  # fmt: skip


def make(request: ShapeRequest) -> bytes:
    return request.prompt.encode()


def made(folder: Path, executors: list[Executor]) -> tuple[list[str], list[str]]:
    """Results and failures of two tasks whose workers are taken from the list."""
    store = Store(folder)
    failures: list[str] = []
    rows = [task(1), task(2)]
    for row in rows:
        store.add_task(row)

    async def story() -> None:
        maker = Maker(
            store, make, lambda task_id, reason: failures.append(f"{task_id}: {reason}"), lambda: executors.pop(0)
        )
        for row in rows:
            maker.start(row)
        await maker.idle()
        await maker.close()

    asyncio.run(story())
    found = [store.task(row.task_id) for row in rows]
    store.close()
    return [row.result for row in found if row is not None and row.result], failures


def test_dead_worker_costs_no_task(tmp_path):
    results, failures = made(tmp_path, [Broken(), ThreadPoolExecutor(2)])
    assert (len(results), failures) == (2, [])
    assert sorted(path.read_bytes() for path in (tmp_path / "results").iterdir()) == [b"chair 1", b"chair 2"]


def test_workers_that_die_again_fail_their_tasks_and_not_the_server(tmp_path):
    results, failures = made(tmp_path, [Broken() for _ in range(4)])
    assert results == []
    assert len(failures) == 2
    assert "BrokenExecutor" in failures[0]


def test_file_that_is_put_in_place_while_the_folder_is_measured_is_no_error(tmp_path):
    store = Store(tmp_path)
    store.keep_file(b"12345")
    (store.files / ".gone.part").symlink_to(tmp_path / "nothing")
    assert store.size_bytes() == 5
    store.close()


def test_half_written_files_are_gone_after_the_next_start(tmp_path):
    store = Store(tmp_path)
    for folder in (store.files, store.results):
        (folder / ".abc.part").write_bytes(b"half")
    (store.results / "whole.glb").write_bytes(b"whole")
    store.prune_uploads(older_than=0)
    assert [path.name for path in store.results.iterdir()] == ["whole.glb"]
    assert list(store.files.iterdir()) == []
    store.close()


def test_foreign_model_that_asks_for_gigabytes_is_not_converted():
    draft = cube()
    draft.document["accessors"].append({"componentType": 5126, "count": 600_000_000, "type": "VEC3"})
    for content in (draft.packed(), b"glTF", pack({"asset": {"version": "2.0"}, "nodes": [{"children": [0]}]})):
        with pytest.raises(ValueError, match="cannot be read"):
            convert_glb(ConvertRequest(content=content, target_format="OBJ", scale=1.0, pivot=False))
