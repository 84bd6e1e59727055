"""`python -m catalog3d.standin` as people start it: ready, killed without warning, started again."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from catalog3d.adapters.tripo import TripoClient
from catalog3d.brief import Picture, make_brief
from catalog3d.ports import PreparedView, TaskDetail, TaskState
from catalog3d.rules import TripoRules
from tests.standin.harness import png

pytestmark = pytest.mark.server
KEY = "tsk_process"


@contextmanager
def process(state: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running stand-in and its address; killed at the end if it still runs."""
    command = [sys.executable, "-m", "catalog3d.standin", "--state", str(state), "--key", KEY, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            yield running, str(json.loads(running.stdout.readline())["url"])
        finally:
            running.kill()


def children_of(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()[1:]]
    return [child for child, parent in pairs if parent == pid]


def gone(pids: list[int], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if not any(_alive(pid) for pid in pids):
            return True
        time.sleep(0.1)
    return False


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def photo(folder: Path) -> PreparedView:
    path = folder / "photo.png"
    path.write_bytes(png(120, size=96))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return PreparedView(
        slot="front",
        path=path,
        file_sha256=digest,
        pixels_sha256=digest,
        mime="image/png",
        width_px=96,
        height_px=96,
        size_bytes=path.stat().st_size,
    )


async def with_client(url: str, story: Any) -> Any:
    async with TripoClient(base_url=url, api_key=SecretStr(KEY)) as client:
        return await asyncio.wait_for(story(client), 60)


def test_killed_stand_in_leaves_no_process_and_finishes_its_tasks_after_a_restart(tmp_path):
    brief = make_brief(TripoRules(face_limit=2000), (), "a red box")

    async def order(client: TripoClient) -> str:
        await client.upload(photo(tmp_path))
        return (await client.submit(brief, {}, 5)).task_id

    with process(tmp_path / "state", "--time-scale", "0.01") as (running, url):
        task_id = asyncio.run(with_client(url, order))
        workers = children_of(running.pid)
        running.kill()
        running.wait(5)
        assert workers
        assert gone(workers, within_s=10)

    async def collect(client: TripoClient) -> TaskDetail:
        while True:
            detail = await client.task(task_id)
            if detail.state.is_final:
                done = await client.download(detail.model_url, tmp_path / "model.glb", 50_000_000)
                assert done.size_bytes > 1000
                return detail
            await asyncio.sleep(0.1)

    with process(tmp_path / "state", "--time-scale", "0.01") as (_, url):
        detail = asyncio.run(with_client(url, collect))
    assert detail.state is TaskState.SUCCESS
    assert detail.echo["model_seed"] == "5"


def test_photo_request_with_its_real_maker_is_the_same_twice(tmp_path):
    view = photo(tmp_path)
    brief = make_brief(TripoRules(face_limit=2000), (Picture(slot="front", pixels_sha256=view.pixels_sha256),))

    async def model(client: TripoClient) -> str:
        submitted = await client.submit(brief, {"front": await client.upload(view)}, 5)
        while not (detail := await client.task(submitted.task_id)).state.is_final:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)
        assert detail.state is TaskState.SUCCESS, detail.error_message
        return (await client.download(detail.model_url, tmp_path / "model.glb", 50_000_000)).sha256

    digests = []
    for state in ("one", "two"):
        with process(tmp_path / state, "--time-scale", "0.001") as (_, url):
            digests.append(asyncio.run(with_client(url, model)))
    assert digests[0] == digests[1]


def test_stand_in_ends_when_the_process_that_started_it_is_killed(tmp_path):
    script = (
        "import subprocess, sys, time\n"
        "p = subprocess.Popen([sys.executable, '-m', 'catalog3d.standin', '--state', sys.argv[1], '--with-parent'],"
        " stdout=subprocess.PIPE, text=True)\n"
        "p.stdout.readline()\nprint(p.pid, flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        standin = int(parent.stdout.readline())
        family = [standin, *children_of(standin)]
        parent.kill()
        assert gone(family, within_s=10)
