"""A stand-in in this process, with a clock that is moved by hand and models that are boxes."""

from __future__ import annotations

import asyncio
import hashlib
import io
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import trimesh
from PIL import Image

from catalog3d.standin.app import create_app
from catalog3d.standin.config import DEFAULT_KEY, StandinConfig
from catalog3d.standin.request import ShapeRequest
from catalog3d.standin.server import StandinServer

H31 = "v3.1-20260211"
AUTH = {"Authorization": f"Bearer {DEFAULT_KEY}"}


def png(red: int = 200, size: int = 32) -> bytes:
    """A picture; different reds are different pictures."""
    target = io.BytesIO()
    Image.new("RGB", (size, size), (red, 40, 40)).save(target, "PNG")
    return target.getvalue()


def box_glb(request: ShapeRequest) -> bytes:
    """A box whose height tells requests apart: equal requests give equal bytes."""
    told = [*request.pictures.values(), request.prompt.encode(), repr((request.face_limit, request.textured)).encode()]
    height = 1.0 + int(hashlib.sha256(b"|".join(told)).hexdigest()[:4], 16) / 65536
    box = trimesh.creation.box((1.0, height, 0.5))
    uv = np.asarray(box.vertices)[:, :2] + 0.5
    picture = Image.new("RGB", (8, 8), (90, 60, 30))
    box.visual = trimesh.visual.TextureVisuals(uv=uv, image=picture)
    exported = box.export(file_type="glb")
    assert isinstance(exported, bytes)
    return exported


class Seconds:
    """A clock of seconds since the epoch that moves only when told to."""

    def __init__(self) -> None:
        self.now = 1_795_348_800.0

    def __call__(self) -> float:
        return self.now


class Here:
    """A client of the stand-in, with the key."""

    def __init__(self, http: httpx.AsyncClient, clock: Seconds, app: Any) -> None:
        self.http = http
        self.clock = clock
        self.service = app.state.service

    async def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return await self.http.post(path, json=body, headers=AUTH, **options)

    async def get(self, path: str, **options: Any) -> Any:
        """The data of an answer that must be a success."""
        answer = await self.http.get(path, headers=AUTH, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def upload(self, content: bytes | None = None) -> str:
        files = {"file": ("photo.png", png() if content is None else content, "image/png")}
        answer = await self.http.post("/v3/files", files=files, headers=AUTH)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["data"]["file_token"])

    async def image(self, token: str | None = None, **options: Any) -> httpx.Response:
        body = {"input": token or await self.upload(), "model": H31, **options}
        return await self.post("/v3/generation/image-to-model", body)

    async def made(self, answer: httpx.Response) -> str:
        """The task id of a create, after its file is made."""
        assert answer.status_code == 200, answer.text
        await self.service.maker.idle()
        return str(answer.json()["data"]["task_id"])

    async def finish(self, answer: httpx.Response) -> Any:
        """The task of a create, after its time."""
        task_id = await self.made(answer)
        self.clock.now += 10
        return await self.get(f"/v3/tasks/{task_id}")

    async def fault(self, fault: str, times: int = 1, **match: Any) -> None:
        answer = await self.post("/standin/faults", {"match": match, "fault": fault, "times": times})
        assert answer.status_code == 200, answer.headers

    async def wallet(self) -> tuple[float, float]:
        data = await self.get("/v3/account/balance")
        return data["balance"], data["frozen"]


@asynccontextmanager
async def here(
    state: Path,
    clock: Seconds | None = None,
    make_glb: Callable[[ShapeRequest], bytes] = box_glb,
    **config: Any,
) -> AsyncIterator[Here]:
    clock = clock or Seconds()
    app = create_app(
        StandinConfig(state=state, **config), make_glb, clock=clock, new_executor=lambda: ThreadPoolExecutor(2)
    )
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 50_000))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://standin") as http,
    ):
        yield Here(http, clock, app)


def play(state: Path, story: Callable[[Here], Awaitable[None]], **config: Any) -> None:
    """Run a story against a stand-in on a state folder."""

    async def main() -> None:
        async with here(state, **config) as standin:
            await story(standin)

    asyncio.run(main())


@contextmanager
def served(state: Path, **config: Any) -> Iterator[StandinServer]:
    """A real server on loopback, in a thread, with real time."""
    app = create_app(StandinConfig(state=state, **config), box_glb, new_executor=lambda: ThreadPoolExecutor(2))
    ready = threading.Event()
    server = StandinServer(app, on_ready=lambda _: ready.set())
    thread = threading.Thread(target=server.serve_here, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join(10)
