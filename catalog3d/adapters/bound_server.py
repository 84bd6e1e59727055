"""A uvicorn server that knows its address before it runs."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn


class BoundServer(uvicorn.Server):
    """uvicorn that binds its port at once.

    Args:
        config: What it serves, and how; its own host and port do not count.
        port: 0 = any free one.
        on_ready: Called with the address when requests are answered.

    Raises:
        OSError: The address cannot be listened on.
    """

    def __init__(
        self, config: uvicorn.Config, *, host: str, port: int, on_ready: Callable[[str], None] | None = None
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=256)
        # asyncio does this for the sockets it makes itself; without it each answer waits 40 ms for the client's ACK.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._socket.getsockname()[1]}"

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started and self._on_ready is not None:
            self._on_ready(self.url)

    def serve_here(self) -> None:
        """Serve until stopped, in this thread."""
        self.run(sockets=[self._socket])
