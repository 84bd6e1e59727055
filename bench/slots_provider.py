"""The stand-in of `bench/slots.py`, as a process of its own: each product takes the time that the catalog gives it.

It makes one model and gives it to everybody, since the provider's own work is not what is measured. Its upload
limit names the wait in the scaled image of whole seconds, as all of its time is scaled.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import deque
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from bench.slots_catalog import number_of, picture
from catalog3d.standin import tasks
from catalog3d.standin.accounts import RateWindow
from catalog3d.standin.answers import Refusal
from catalog3d.standin.app import create_app
from catalog3d.standin.config import StandinConfig
from catalog3d.standin.orders import Order
from catalog3d.standin.request import ShapeRequest
from catalog3d.standin.server import StandinServer, announce, end_with_parent
from catalog3d.standin.shapes import make_glb

KEY = "tsk_benchmark"
_QUEUED_S = 2.0  # the stand-in queues every task for that long, beside the time it takes


class ScaledWindow(RateWindow):
    """So many uploads in any minute of the provider's time."""

    def __init__(self, per_minute: int, scale: float) -> None:
        self._per_minute, self._scale = per_minute, scale
        self._times: deque[float] = deque()

    def pass_(self) -> None:
        now = time.time()
        while self._times and self._times[0] + 60 * self._scale <= now:
            self._times.popleft()
        if len(self._times) >= self._per_minute:
            seconds = math.ceil((self._times[0] + 60 * self._scale - now) / self._scale)
            refusal = Refusal(1007)
            refusal.headers["Retry-After"] = f"{max(1, seconds) * self._scale:.3f}"
            raise refusal
        self._times.append(now)

    def headers(self, *_: object, **__: object) -> dict[str, str]:
        return {}


class OneModel:
    """Made once, and given to all."""

    def __init__(self, faces: int) -> None:
        self._model = make_glb(
            ShapeRequest(pictures={"front": picture(1, 0)}, prompt="", face_limit=faces, textured=True)
        )

    def __call__(self, _request: ShapeRequest) -> bytes:
        return self._model


def main() -> None:
    """Serve until the parent is gone; prints `{"url": ...}` when it is ready."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--seconds", type=Path, required=True, help="JSON list: seconds of each product, not scaled")
    parser.add_argument("--scale", type=float, required=True)
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--uploads-per-minute", type=int, required=True)
    parser.add_argument("--faces", type=int, default=20_000, help="triangles of the model")
    given = parser.parse_args()
    end_with_parent()
    seconds: list[float] = json.loads(given.seconds.read_text())

    def taken_s(order: Order, _task_id: str) -> float:
        return seconds[number_of((given.state / "files" / order.pictures["front"]).read_bytes())] - _QUEUED_S

    if not hasattr(tasks, "_duration_s"):
        raise SystemExit("catalog3d.standin.tasks has no _duration_s any more: the times cannot be set")
    vars(tasks)["_duration_s"] = taken_s
    config = StandinConfig(
        state=given.state,
        keys=(KEY,),
        balance=Decimal(10**6),
        time_scale=given.scale,
        slots={"H": given.slots, "P": given.slots, "processing": given.slots},
    )

    def threads() -> Executor:
        return ThreadPoolExecutor(2)

    app = create_app(config, OneModel(given.faces), new_executor=threads)
    window = ScaledWindow(given.uploads_per_minute, given.scale)
    app.state.service = replace(app.state.service, uploads=window)
    StandinServer(app, on_ready=announce).serve_here()


if __name__ == "__main__":
    main()
