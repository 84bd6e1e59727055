"""One mesh child as its parent sees it: a process, two pipes, and an environment without secrets."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import catalog3d
from catalog3d.adapters.mesh_wire import LENGTH, MAX_MESSAGE_BYTES, READY, framed
from catalog3d.errors import RunError

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 5.0

# What Python, its libraries and the dynamic linker read; whatever else a parent has may be a secret.
_KEPT_NAMES = frozenset({"PATH", "HOME", "LANG", "TMPDIR", "PYTHONHOME", "PYTHONPATH"})
_KEPT_PREFIXES = ("LC_", "LD_", "DYLD_", "OPENBLAS_", "OMP_", "MKL_")


class LostError(Exception):
    """A child that died or did not answer in time.

    Attributes:
        returncode: As `subprocess` has it (negative = a signal); None while it still runs.
    """

    def __init__(self, *, timed_out: bool, returncode: int | None) -> None:
        super().__init__(f"timed out: {timed_out}, return code: {returncode}")
        self.timed_out = timed_out
        self.returncode = returncode


class MeshChild:
    """One child process and its two pipes.

    Args:
        memory_bytes: The address space that the child allows itself.
    """

    def __init__(self, memory_bytes: int) -> None:
        # Not a pipe: a child that complains a lot would block on it. Read only when the child cannot start.
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop()
        # -P: the working folder is not searched for modules.
        command = [sys.executable, "-P", "-m", "catalog3d.adapters.mesh_child", "--memory-bytes", str(memory_bytes)]
        try:
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
        except BaseException:
            self._complaints.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def wait_until_ready(self) -> None:
        """Wait for the child's first word.

        Raises:
            RunError: MESH_CHILD_FAILED, with the child's own last words.
        """
        with contextlib.suppress(LostError):
            if self.receive(START_TIMEOUT_S) == READY:
                return
        self._complaints.seek(0)
        last = self._complaints.read()[-300:].decode("utf-8", "replace").strip()
        raise RunError(
            f"The process that checks models does not start: {last or 'it said nothing'}",
            code="MESH_CHILD_FAILED",
            fix="Run `catalog3d doctor`, or install the project again.",
        )

    def send(self, message: bytes) -> None:
        """Send one message.

        Raises:
            LostError: The child is gone.
        """
        if self._process.stdin is None:
            raise RuntimeError("a child without pipes")
        try:
            self._process.stdin.write(framed(message))
        except OSError as exc:
            raise self._lost() from exc

    def receive(self, timeout_s: float) -> bytes:
        """The next message.

        Raises:
            LostError: The child is gone, is late, or sends what is no message.
        """
        deadline = time.monotonic() + timeout_s
        length = LENGTH.unpack(self._read(LENGTH.size, deadline))[0]
        if length > MAX_MESSAGE_BYTES:
            raise LostError(timed_out=False, returncode=None)
        return self._read(length, deadline)

    def kill(self) -> None:
        """End the process now; whoever reads its answers sees their end."""
        self._process.kill()
        # A process that hangs in the kernel (a dead network disk) ends when it can: nobody waits for it longer.
        with contextlib.suppress(subprocess.TimeoutExpired):
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
                raise LostError(timed_out=True, returncode=None)
            piece = os.read(descriptor, size - len(content))
            if not piece:
                raise self._lost()
            content += piece
        return bytes(content)

    def _lost(self) -> LostError:
        try:
            return LostError(timed_out=False, returncode=self._process.wait(STOP_TIMEOUT_S))
        except subprocess.TimeoutExpired:
            return LostError(timed_out=False, returncode=None)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in _KEPT_NAMES or name.startswith(_KEPT_PREFIXES)}
    root = str(Path(catalog3d.__file__).resolve().parent.parent)
    path = os.pathsep.join(part for part in (root, kept.get("PYTHONPATH")) if part)
    # One thread each: the children are the parallelism, and every BLAS thread costs address space.
    return {**kept, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
