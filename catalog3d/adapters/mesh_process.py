"""Judges foreign 3D files in bounded child processes: spawned, reused, and replaced when one dies."""

from __future__ import annotations

import os
import queue
import secrets
import signal
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from catalog3d.adapters.mesh_link import LostError, MeshChild
from catalog3d.adapters.mesh_wire import DRAWN, ORDER, Order, Picture
from catalog3d.adapters.whole_files import PART_PREFIX
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
        self._seats: queue.LifoQueue[MeshChild | None] = queue.LifoQueue()
        for _ in range(workers):
            self._seats.put(None)
        self._running: set[MeshChild] = set()
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
        if not is_file(path):
            raise ProductError(f"There is no file {path}.", code="FILE_MISSING", fix="Check the path.")
        part = None if picture is None else picture.parent.resolve() / f"{PART_PREFIX}{secrets.token_hex(8)}"
        dimensions = product.dimensions if product else None
        order = Order(
            path=os.fsencode(path.resolve()),
            profile=limits_for(profile, limits) if isinstance(profile, str) else profile,
            # The sheet's own words stay here: only numbers are compared.
            dimensions=None if dimensions is None else replace(dimensions, text=""),
            picture=None if picture is None or part is None else _wanted(picture, part, size_px, yaw_deg),
            limit_s=self._timeout_s,
        )
        seat = self._seats.get()
        try:
            seat = self._ready(seat)
            report = self._judged(seat, order)
            if report.facts is None and any(check.code == "MEMORY" for check in report.checks):
                # It is about to end itself, and must not take the next file with it.
                seat.stop()
            return report if picture is None or part is None else _with_picture(report, part, picture)
        finally:
            self._seats.put(seat)
            if part is not None:
                part.unlink(missing_ok=True)

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

    def _ready(self, child: MeshChild | None) -> MeshChild:
        """A living child: the given one, or a new one in its place."""
        if child is not None and child.alive:
            return child
        with self._lock:
            self._require_open()
            if child is not None:
                self._running.discard(child)
            fresh = MeshChild(self._memory_bytes)
            self._running.add(fresh)
        try:
            fresh.wait_until_ready()
        except BaseException:
            fresh.stop()
            with self._lock:
                self._running.discard(fresh)
                self._require_open()
            raise
        return fresh

    def _judged(self, child: MeshChild, order: Order) -> MeshReport:
        """The report; with NO_PICTURE in it if a picture was ordered and was not drawn."""
        try:
            child.send(ORDER.dump_json(order))
            report = REPORT.validate_json(child.receive(self._timeout_s))
        except LostError as lost:
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
        except LostError as lost:
            child.stop()
            drawn = no_picture(self._verdict_on(lost).message, report)
        except BaseException:
            child.stop()
            raise
        return report if drawn is None else replace(report, checks=(*report.checks, drawn))

    def _require_open(self) -> None:
        if self._closed:
            raise RunError("The check of models was stopped.", code="MESH_CHILD_FAILED", fix="Run it again.")

    def _verdict_on(self, lost: LostError) -> Check:
        self._require_open()
        if lost.timed_out or lost.returncode in (-signal.SIGXCPU, -signal.SIGALRM):
            return timed_out(self._timeout_s)
        if lost.returncode == -signal.SIGKILL:
            return killed(self._memory_bytes)
        return crashed(f"exit {lost.returncode}")


def is_file(path: Path) -> bool:
    """Whether there is a file that may be looked at; False for a name that cannot even be asked about."""
    try:
        return path.is_file()
    except OSError:
        return False


def _wanted(picture: Path, part: Path, size_px: int, yaw_deg: float) -> Picture:
    kind = "JPEG" if picture.suffix.lower() in (".jpg", ".jpeg") else "PNG"
    return Picture(path=os.fsencode(part), kind=kind, size_px=size_px, yaw_deg=yaw_deg)


def _with_picture(report: MeshReport, part: Path, picture: Path) -> MeshReport:
    """Put a drawn picture in place."""
    if any(check.code == "NO_PICTURE" for check in report.checks):
        return report
    try:
        part.replace(picture)
    except OSError as exc:
        drawn = no_picture(f"It could not be written: {exc.strerror}.", report)
        return replace(report, checks=(*report.checks, drawn))
    return report
