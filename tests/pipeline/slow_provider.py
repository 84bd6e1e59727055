"""A stand-in that plays Tripo and takes its time: models that are not finished, creates that are not answered."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import Request, Response

from catalog3d.standin.app import create_app
from catalog3d.standin.config import StandinConfig
from catalog3d.standin.server import StandinServer
from tests.pipeline.team import KEY, Provider
from tests.standin.harness import box_glb


class Clock:
    """Stands still, so that no model is ever finished, until it is let go; then it races."""

    def __init__(self) -> None:
        self._at = time.time()
        self._let_go: float | None = None

    def __call__(self) -> float:
        return self._at if self._let_go is None else self._at + 200 * (time.time() - self._let_go)

    def let_go(self) -> None:
        self._let_go = time.time()


@dataclass(kw_only=True)
class SlowProvider:
    """Plays Tripo with a clock that can stand still and answers to creates that can take long."""

    seen: Provider
    clock: Clock
    answer_s: float = 0.0
    unanswered: int = 0


@contextmanager
def slow_provider(state: Path) -> Iterator[SlowProvider]:
    clock = Clock()
    config = StandinConfig(state=state, keys=(KEY,))
    app = create_app(config, box_glb, clock=clock, new_executor=lambda: ThreadPoolExecutor(2))
    ready = threading.Event()
    server = StandinServer(app, on_ready=lambda _: ready.set())
    provider = SlowProvider(seen=Provider(url=server.url), clock=clock)

    @app.middleware("http")
    async def answer_late(request: Request, call_next: Callable[[Request], Any]) -> Response:
        answer: Response = await call_next(request)
        made = request.url.path.startswith("/v3/generation/") and answer.status_code == 200
        if made and provider.answer_s:
            provider.unanswered += 1
            await asyncio.sleep(provider.answer_s)
            provider.unanswered -= 1
        return answer

    thread = threading.Thread(target=server.serve_here, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield provider
    finally:
        server.should_exit = True
        thread.join(10)
