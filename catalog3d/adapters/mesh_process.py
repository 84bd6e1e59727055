"""Judges foreign 3D files in bounded child processes: spawned, reused, and replaced when one dies."""

from __future__ import annotations

import os
import queue
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import catalog3d
from catalog3d.adapters.mesh_wire import DRAWN, LENGTH, MAX_MESSAGE_BYTES, ORDER, READY, Order, framed
from catalog3d.errors import ProductError, RunError
from catalog3d.mesh.profiles import DEFAULT_PROFILE, ProfileLimits, limits_for
from catalog3d.mesh.refusals import crashed, killed, no_picture, refusal, timed_out
from catalog3d.mesh.report_json import REPORT
from catalog3d.product import Product
from catalog3d.quality import Check, MeshReport

# Address space of a child. Python with numpy, scipy and trimesh takes 0.4 GB of it before any file; the largest
# sound file measured (48 MB, 1.7 million triangles) 1.1 GB more; the largest allowed image 0.6 GB. The rest is air.
DEFAULT_MEMORY_BYTES = 3 * 1024**3
# A file within every budget takes about one second; this is for a busy machine.
DEFAULT_TIMEOUT_S = 60.0
DEFAULT_WORKERS = 2
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 5.0


class MeshInspector:
    """Judges files, several at a time; safe to use from several threads.

    Args:
        memory_bytes: Address space of one child.
        timeout_s: Wall seconds for the facts of one file, and again for its picture.
        workers: Children at most; each is started when it is needed.
    """

    def __init__(
        self,
        *,
        memory_bytes: int = DEFAULT_MEMORY_BYTES,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        workers: int = DEFAULT_WORKERS,
    ) -> None:
        self._memory_bytes = memory_bytes
        self._timeout_s = timeout_s
        self._workers = workers
        self._seats: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(workers):
            self._seats.put(None)
        self._running: set[_Child] = set()
        self._lock = threading.Lock()
        self._closed = False

    def inspect(
        self,
        path: Path,
        profile: str | ProfileLimits = DEFAULT_PROFILE,
        product: Product | None = None,
        *,
        limits: Mapping[str, float] | None = None,
        picture: Path | None = None,
        size_px: int = 512,
        yaw_deg: float = 0.0,
    ) -> MeshReport:
        """Judge one file (blocking); a file that kills its child gets a report that says so.

        Args:
            profile: A profile's name or its limits.
            limits: The team's own limits by check code, for a profile given by name.
            picture: Where to put a PNG or JPEG (by its suffix), whole or not at all, into an existing folder.
            yaw_deg: Turn of the picture's camera from the model's front (+X).

        Raises:
            ProductError: FILE_MISSING.
            RunError: PROFILE_UNKNOWN, LIMIT_UNKNOWN, MESH_CHILD_FAILED.
        """
        if not path.is_file():
            raise ProductError(f"There is no file {path}.", code="FILE_MISSING", fix="Check the path.")
        order = Order(
            path=str(path.resolve()),
            profile=limits_for(profile, limits) if isinstance(profile, str) else profile,
            # The child needs the declared facts, not where the photos lie.
            product=None if product is None else replace(product, views=(), prompt=""),
            picture=None if picture is None else str(picture.resolve()),
            size_px=size_px,
            yaw_deg=yaw_deg,
            limit_s=self._timeout_s,
        )
        seat = self._seats.get()
        try:
            seat = self._ready(seat)
            return self._judged(seat, order)
        finally:
            self._seats.put(seat)

    def close(self) -> None:
        """End all children; who still waits for a file gets a RunError."""
        with self._lock:
            self._closed = True
            running = list(self._running)
            self._running.clear()
        for child in running:
            child.kill()
        # Their pipes are closed only when nobody reads from them any more.
        for _ in range(self._workers):
            self._seats.get()
        for child in running:
            child.stop()
        for _ in range(self._workers):
            self._seats.put(None)

    def _ready(self, child: _Child | None) -> _Child:
        """A living child: the given one, or a new one in its place."""
        if child is not None and child.alive:
            return child
        with self._lock:
            self._require_open()
            if child is not None:
                self._running.discard(child)
            fresh = _Child(self._memory_bytes)
            self._running.add(fresh)
        fresh.wait_until_ready()
        return fresh

    def _judged(self, child: _Child, order: Order) -> MeshReport:
        try:
            child.send(ORDER.dump_json(order))
            report = REPORT.validate_json(child.receive(self._timeout_s))
        except _LostError as lost:
            child.stop()
            return refusal(order.profile, self._verdict_on(lost))
        except BaseException:
            # Ctrl-C or an answer that makes no sense: this child is not to be trusted with the next file.
            child.stop()
            raise
        if order.picture is None:
            return report
        try:
            drawn = DRAWN.validate_json(child.receive(self._timeout_s)).check
        except _LostError as lost:
            child.stop()
            drawn = no_picture(self._verdict_on(lost).message, report)
        except BaseException:
            child.stop()
            raise
        return report if drawn is None else replace(report, checks=(*report.checks, drawn))

    def _require_open(self) -> None:
        if self._closed:
            raise RunError("The check of models was stopped.", code="MESH_CHILD_FAILED", fix="Run it again.")

    def _verdict_on(self, lost: _LostError) -> Check:
        self._require_open()
        if lost.timed_out or lost.returncode in (-signal.SIGXCPU, -signal.SIGALRM):
            return timed_out(self._timeout_s)
        if lost.returncode == -signal.SIGKILL:
            return killed(self._memory_bytes)
        return crashed(f"exit {lost.returncode}")


class _LostError(Exception):
    """A child that died or did not answer in time."""

    def __init__(self, *, timed_out: bool, returncode: int | None) -> None:
        super().__init__(f"timed out: {timed_out}, return code: {returncode}")
        self.timed_out = timed_out
        self.returncode = returncode


class _Child:
    """One child process and its two pipes."""

    def __init__(self, memory_bytes: int) -> None:
        # Not a pipe: a child that complains a lot would block on it. Read only when the child cannot start.
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop()
        # -P: the working folder is not searched for modules.
        command = [sys.executable, "-P", "-m", "catalog3d.adapters.mesh_child", "--memory-bytes", str(memory_bytes)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env=_environment(),
            bufsize=0,
            # Ctrl-C is for the run: it decides what becomes of the file under way.
            start_new_session=True,
        )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def wait_until_ready(self) -> None:
        try:
            if self.receive(START_TIMEOUT_S) == READY:
                return
        except _LostError:
            pass
        self._complaints.seek(0)
        last = self._complaints.read()[-300:].decode("utf-8", "replace").strip()
        self.stop()
        raise RunError(
            f"The process that checks models does not start: {last or 'it said nothing'}",
            code="MESH_CHILD_FAILED",
            fix="Run `catalog3d doctor`, or install the project again.",
        )

    def send(self, message: bytes) -> None:
        if self._process.stdin is None:
            raise RuntimeError("a child without pipes")
        try:
            self._process.stdin.write(framed(message))
        except OSError as exc:
            raise self._lost() from exc

    def receive(self, timeout_s: float) -> bytes:
        """The next message."""
        deadline = time.monotonic() + timeout_s
        length = LENGTH.unpack(self._read(LENGTH.size, deadline))[0]
        if length > MAX_MESSAGE_BYTES:
            raise self._lost()
        return self._read(length, deadline)

    def kill(self) -> None:
        """End the process now; whoever reads its answers sees their end."""
        self._process.kill()
        self._process.wait(STOP_TIMEOUT_S)

    def stop(self) -> None:
        """End the process and give up its pipes."""
        self.kill()
        for stream in (self._process.stdin, self._process.stdout, self._complaints):
            if stream is not None:
                stream.close()

    def _read(self, size: int, deadline: float) -> bytes:
        if self._process.stdout is None:
            raise RuntimeError("a child without pipes")
        descriptor = self._process.stdout.fileno()
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        content = bytearray()
        while len(content) < size:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not waiting.poll(left_s * 1000):
                raise _LostError(timed_out=True, returncode=None)
            piece = os.read(descriptor, size - len(content))
            if not piece:
                raise self._lost()
            content += piece
        return bytes(content)

    def _lost(self) -> _LostError:
        try:
            return _LostError(timed_out=False, returncode=self._process.wait(STOP_TIMEOUT_S))
        except subprocess.TimeoutExpired:
            return _LostError(timed_out=False, returncode=None)


def _environment() -> dict[str, str]:
    """Nothing but what Python needs: the parent's secrets have no business beside a foreign file."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    root = str(Path(catalog3d.__file__).resolve().parent.parent)
    # One thread each: the children are the parallelism, and every BLAS thread costs address space.
    return {**kept, "PYTHONPATH": root, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
