"""Running the review page as a server of this process."""

from __future__ import annotations

import errno
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from catalog3d.adapters.bound_server import BoundServer
from catalog3d.errors import RunError

_STOP_S = 5
"""For answers under way when somebody presses Ctrl-C."""


class ReviewServer(BoundServer):
    """The review page's server.

    Args:
        port: 0 = any free one.
        on_ready: Called with the address when requests are answered.

    Raises:
        RunError: PORT_IN_USE, REVIEW_HOST.
    """

    def __init__(self, app: FastAPI, *, host: str, port: int, on_ready: Callable[[str], None] | None = None) -> None:
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=_STOP_S,
        )
        try:
            super().__init__(config, host=host, port=port, on_ready=on_ready)
        except OSError as exc:
            raise _refused(exc, host, port) from exc


def _refused(error: OSError, host: str, port: int) -> RunError:
    if error.errno == errno.EADDRINUSE:
        return RunError(
            f"Port {port} of {host} is taken, perhaps by a review page that runs already.",
            code="PORT_IN_USE",
            fix=f"Open http://{host}:{port}, or set CATALOG3D_REVIEW__PORT to another one (0 takes a free one).",
        )
    return RunError(
        f"The review page cannot listen on {host}, port {port}: {error.strerror}.",
        code="REVIEW_HOST",
        fix="Set CATALOG3D_REVIEW__HOST to an address of this machine, and the port to 1024 or more.",
    )
