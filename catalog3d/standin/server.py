"""Running a stand-in as a server of its own."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from catalog3d.adapters.bound_server import BoundServer
from catalog3d.standin.wire import TrackedProtocol


class StandinServer(BoundServer):
    """The stand-in's server.

    Args:
        port: 0 = any free one.
        on_ready: Called with the address when requests are answered.
    """

    def __init__(
        self, app: FastAPI, *, host: str = "127.0.0.1", port: int = 0, on_ready: Callable[[str], None] | None = None
    ) -> None:
        config = uvicorn.Config(
            app,
            http=TrackedProtocol,
            ws="none",
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,  # the app tells the time: its clock may be off on purpose
            timeout_graceful_shutdown=3,
        )
        super().__init__(config, host=host, port=port, on_ready=on_ready)


def announce(url: str) -> None:
    """One line of JSON for whoever started the process."""
    sys.stdout.write(json.dumps({"url": url}) + "\n")
    sys.stdout.flush()


def end_with_parent() -> None:
    """End this process soon after its parent is gone, even if that was killed."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(0)

    threading.Thread(target=watch, daemon=True, name="end-with-parent").start()
