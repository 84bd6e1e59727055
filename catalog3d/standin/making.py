"""Making the files: at most two at once, in processes of their own, so that the server stays quick.

Equal work gives equal bytes, so that a file is made once and kept under the digest of its work.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import json
import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from typing import Any

from catalog3d import __version__
from catalog3d.standin.conversion import ConvertRequest, convert_glb
from catalog3d.standin.recolouring import RecolourRequest, recolour_glb
from catalog3d.standin.request import ShapeRequest
from catalog3d.standin.store import Store, TaskRow
from catalog3d.standin.whole_file import write_once

MakeGlb = Callable[[ShapeRequest], bytes]
WORKERS = 2

logger = logging.getLogger("catalog3d.standin")


def spawned_workers() -> Executor:
    """Worker processes that end when the server does, even when it is killed."""
    return ProcessPoolExecutor(
        max_workers=WORKERS,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_end_with_parent,
        initargs=(os.getpid(),),
    )


def _end_with_parent(parent: int) -> None:
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(0)

    threading.Thread(target=watch, daemon=True, name="end-with-parent").start()


def make_in_worker(request: ShapeRequest) -> bytes:
    """A stand-in model. The imaging libraries are loaded where it runs, so that the server itself starts quickly."""
    from catalog3d.standin.shapes import make_glb  # noqa: PLC0415 - see above

    return make_glb(request)


def _load_shapes() -> None:
    importlib.import_module("catalog3d.standin.shapes")


class Maker:
    """Turns the work of tasks into stored results, in the background.

    Args:
        make_glb: Makes a model; must be importable by name when `new_executor` makes processes.
        failed: Called with task id and reason when a file can not be made.
    """

    def __init__(
        self,
        store: Store,
        make_glb: MakeGlb,
        failed: Callable[[str, str], None],
        new_executor: Callable[[], Executor] = spawned_workers,
    ) -> None:
        self._store = store
        self._make_glb = make_glb
        self._failed = failed
        self._new_executor = new_executor
        self._executor: Executor | None = None
        self._turns = asyncio.Semaphore(WORKERS)
        self._jobs: dict[str, asyncio.Task[None]] = {}

    def start(self, task: TaskRow) -> None:
        """Begin to make a task's file; call it on the event loop."""
        if task.plan == "success" and not task.result and task.task_id not in self._jobs:
            job = asyncio.create_task(self._make(task))
            self._jobs[task.task_id] = job
            job.add_done_callback(lambda _: self._jobs.pop(task.task_id, None))

    def warm_up(self) -> None:
        """Start the workers before the first task needs them."""
        if self._executor is None:
            self._executor = self._new_executor()
        for _ in range(WORKERS):
            self._executor.submit(_load_shapes)

    async def idle(self) -> None:
        """Wait until everything begun is made."""
        while self._jobs:
            await asyncio.gather(*self._jobs.values(), return_exceptions=True)

    async def close(self) -> None:
        """Stop; what is not made is begun again at the next start."""
        for job in list(self._jobs.values()):
            job.cancel()
        await asyncio.gather(*self._jobs.values(), return_exceptions=True)
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)

    async def _make(self, task: TaskRow) -> None:
        name = _name(task)
        try:
            async with self._turns:
                if not (self._store.results / name).exists():
                    await self._make_once(json.loads(task.work), name)
        except Exception as exc:  # noqa: BLE001 - whatever breaks in the maker fails this task, not the server
            logger.warning("task %s could not be made: %r", task.task_id, exc)
            self._failed(task.task_id, f"The stand-in could not make this model: {type(exc).__name__}: {exc}")
            return
        self._store.change_task(task.task_id, result=name)

    async def _make_once(self, work: Mapping[str, Any], name: str) -> None:
        make, request = await asyncio.to_thread(self._job, work)
        try:
            content = await self._run(make, request)
        except BrokenExecutor:
            # One dead worker ends the work of all: this file may be innocent, so it gets a second try.
            content = await self._run(make, request)
        await asyncio.to_thread(write_once, self._store.results / name, content)

    async def _run(self, make: Callable[[Any], bytes], request: Any) -> bytes:
        if self._executor is None:
            self._executor = self._new_executor()
        executor = self._executor
        try:
            return await asyncio.get_running_loop().run_in_executor(executor, make, request)
        except BrokenExecutor:
            if self._executor is executor:
                self._executor = None
            executor.shutdown(wait=False, cancel_futures=True)
            raise

    def _job(self, work: Mapping[str, Any]) -> tuple[Callable[[Any], bytes], Any]:
        if work["kind"] == "shape":
            pictures = {slot: (self._store.files / sha).read_bytes() for slot, sha in work["pictures"].items()}
            return self._make_glb, ShapeRequest(
                pictures=pictures,
                prompt=work["prompt"],
                face_limit=work["face_limit"],
                textured=work["textured"],
            )
        if work["kind"] == "texture":
            return recolour_glb, RecolourRequest(
                content=(self._store.root / work["source"]).read_bytes(), prompt=work["prompt"]
            )
        return convert_glb, ConvertRequest(
            content=(self._store.root / work["source"]).read_bytes(),
            target_format=work["format"],
            scale=work["scale"],
            pivot=work["pivot"],
        )


def _name(task: TaskRow) -> str:
    digest = hashlib.sha256(f"{__version__}\n{task.work}".encode()).hexdigest()
    return digest[:40] + task.extension
