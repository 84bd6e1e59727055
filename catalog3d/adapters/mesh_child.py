"""The child process that opens foreign 3D files: orders on stdin, reports on stdout, one file at a time.

It bounds itself (memory, CPU seconds, a last alarm), and it ends when its parent is gone: its stdin
closes even when the parent is killed. It has no secrets in its environment and never imports prefect.
"""

from __future__ import annotations

import argparse
import contextlib
import mmap
import os
import queue
import resource
import signal
import stat
import sys
import threading
import traceback
from pathlib import Path
from typing import BinaryIO

from catalog3d.adapters.mesh_wire import DRAWN, LENGTH, MAX_MESSAGE_BYTES, ORDER, READY, Drawn, Order, Picture, framed
from catalog3d.errors import ProductError
from catalog3d.mesh.checks import judge
from catalog3d.mesh.findings import error
from catalog3d.mesh.refusals import crashed, no_picture, out_of_memory, refusal, unreadable
from catalog3d.mesh.report_json import REPORT
from catalog3d.mesh.scan import scan_glb
from catalog3d.quality import Check, MeshReport
from catalog3d.render import render_glb

# Twice the largest file any channel takes (Shopify: 500 MB); a larger one is not even opened.
MAX_FILE_BYTES = 1024**3
PARENT_LOOK_S = 2.0
GRACE_S = 5.0


def main() -> None:
    """Serve orders until stdin ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--memory-bytes", type=int, required=True)
    memory_bytes = parser.parse_args().memory_bytes
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    # Whatever a library prints must not look like an answer.
    os.dup2(2, 1)
    _bound(memory_bytes)
    orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(sys.stdin.buffer, orders), daemon=True).start()
    threading.Thread(target=_follow_parent, args=(os.getppid(),), daemon=True).start()
    _send(answers, READY)
    while True:
        _serve(orders.get(), answers, memory_bytes)


def _bound(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # macOS knows the limit but does not let it be set; there the wall clock is what bounds a file.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _receive(stream: BinaryIO, orders: queue.SimpleQueue[Order]) -> None:
    while True:
        head = stream.read(LENGTH.size)
        length = LENGTH.unpack(head)[0] if len(head) == LENGTH.size else 0
        if not 0 < length <= MAX_MESSAGE_BYTES:
            # The parent closed the pipe or is gone: there is nothing left to do, not even to tidy up.
            os._exit(0)
        orders.put(ORDER.validate_json(stream.read(length)))


def _follow_parent(parent: int) -> None:
    """End with the parent even where something else still holds the pipe open."""
    wait = threading.Event()
    while os.getppid() == parent:
        wait.wait(PARENT_LOOK_S)
    os._exit(0)


def _serve(order: Order, answers: BinaryIO, memory_bytes: int) -> None:
    _allow(order.limit_s)
    try:
        report = _inspected(order)
    except MemoryError:
        report = refusal(order.profile, out_of_memory(memory_bytes))
        _send(answers, REPORT.dump_json(report))
        if order.picture is not None:
            _send(answers, DRAWN.dump_json(Drawn(check=no_picture("", report))))
        # What was allocated is still about in pieces: the next file gets a fresh process.
        os._exit(0)
    except OSError as exc:
        report = refusal(order.profile, unreadable(exc.strerror or type(exc).__name__))
    except Exception as exc:  # noqa: BLE001 - a fault of ours on one file must not stop the others
        traceback.print_exc()
        report = refusal(order.profile, crashed(type(exc).__name__))
    _send(answers, REPORT.dump_json(report))
    if order.picture is not None:
        _allow(order.limit_s)
        _send(answers, DRAWN.dump_json(Drawn(check=_drawn(order, order.picture, report))))
    signal.setitimer(signal.ITIMER_REAL, 0)


def _allow(limit_s: float) -> None:
    """Give the next piece of work its time: the parent's clock comes first, these end an orphan or a stuck call."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    seconds = int(used.ru_utime + used.ru_stime + 2 * limit_s + GRACE_S)
    if hard != resource.RLIM_INFINITY:
        seconds = min(seconds, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, hard))
    signal.setitimer(signal.ITIMER_REAL, limit_s + GRACE_S)


def _inspected(order: Order) -> MeshReport:
    descriptor = os.open(order.path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return refusal(order.profile, error("GLB_MALFORMED", "This is not a file."))
        if status.st_size > MAX_FILE_BYTES:
            message = f"The file has {status.st_size / 1e6:,.0f} MB: no shop takes it. Generate it again with fewer triangles."
            return refusal(order.profile, error("FILE_TOO_LARGE", message, status.st_size, MAX_FILE_BYTES))
        return judge(scan_glb(_mapped(descriptor, status.st_size)), order.profile, order.dimensions)
    finally:
        os.close(descriptor)


def _mapped(descriptor: int, size_bytes: int) -> memoryview:
    # An empty file cannot be mapped. The map is freed with the last array that looks into it.
    return memoryview(mmap.mmap(descriptor, size_bytes, access=mmap.ACCESS_READ) if size_bytes else b"")


def _drawn(order: Order, wanted: Picture, report: MeshReport) -> Check | None:
    """Draw the picture; the finding if that did not work."""
    try:
        _draw(order, wanted)
    except ProductError as exc:
        reason = f"{exc.message} {exc.fix}".strip()
    except MemoryError:
        reason = "It needs more memory than one file may have."
    except OSError as exc:
        reason = f"It could not be written: {exc.strerror}."
    except Exception as exc:  # noqa: BLE001 - a picture is never worth a lost report
        traceback.print_exc()
        reason = f"It could not be drawn ({type(exc).__name__})."
    else:
        return None
    return no_picture(reason, report)


def _draw(order: Order, wanted: Picture) -> None:
    with Path(os.fsdecode(order.path)).open("rb") as file:
        data = _mapped(file.fileno(), os.fstat(file.fileno()).st_size)
    image = render_glb(data, size_px=wanted.size_px, yaw_deg=wanted.yaw_deg)
    with Path(os.fsdecode(wanted.path)).open("xb") as target:
        image.save(target, wanted.kind, quality=90, optimize=True)
        target.flush()
        os.fsync(target.fileno())


def _send(answers: BinaryIO, message: bytes) -> None:
    answers.write(framed(message))


if __name__ == "__main__":
    main()
