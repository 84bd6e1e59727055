"""Running the review page as a server of this process."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from catalog3d.errors import RunError

_STOP_S = 5
"""For answers under way when somebody presses Ctrl-C."""


class ReviewServer(uvicorn.Server):
    """uvicorn that binds its port at once, so that its address is known before it runs.

    Args:
        port: 0 = any free one.
        on_ready: Called with the address when requests are answered.

    Raises:
        RunError: PORT_IN_USE, REVIEW_HOST.
    """

    def __init__(self, app: FastAPI, *, host: str, port: int, on_ready: Callable[[str], None] | None = None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                server_header=False,
                ws="none",
                timeout_graceful_shutdown=_STOP_S,
            )
        )
        self._on_ready = on_ready
        self._socket = _bound(host, port)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._socket.getsockname()[1]}"

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started and self._on_ready is not None:
            self._on_ready(self.url)

    def serve_here(self) -> None:
        """Serve until stopped, in this thread."""
        self.run(sockets=[self._socket])


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            raise RunError(
                f"Port {port} of {host} is taken, perhaps by a review page that runs already.",
                code="PORT_IN_USE",
                fix=f"Open http://{host}:{port}, or set CATALOG3D_REVIEW__PORT to another one (0 takes a free one).",
            ) from exc
        raise RunError(
            f"The review page cannot listen on {host}, port {port}: {exc.strerror}.",
            code="REVIEW_HOST",
            fix="Set CATALOG3D_REVIEW__HOST to an address of this machine, and the port to 1024 or more.",
        ) from exc
