"""A receiver of webhooks: a real HTTP server on loopback that verifies as the Standard Webhooks specification says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "whsec_" + base64.b64encode(b"thirty-two bytes of a test secret").decode()


@dataclass(kw_only=True)
class Receiver:
    """What was received.

    Attributes:
        answers: (status, body) of the next requests; 200 when there are no more.
        requests: Every (id, timestamp, body), verified or not.
        taken: Event id -> the event, each once.
    """

    url: str = ""
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    forged: int = 0
    taken: dict[str, Any] = field(default_factory=dict)

    def take(self, headers: Any, body: bytes) -> tuple[int, bytes]:
        event, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
        self.requests.append((event, timestamp, body))
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        expected = hmac.new(key, f"{event}.{timestamp}.".encode() + body, hashlib.sha256).digest()
        version, _, given = headers["webhook-signature"].partition(",")
        if version != "v1" or not hmac.compare_digest(base64.b64decode(given), expected):
            self.forged += 1
            return 401, b""
        status, answer = self.answers.pop(0) if self.answers else (200, b"")
        if 200 <= status < 300:
            self.taken.setdefault(event, json.loads(body))
        return status, answer


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = receiver.take(self.headers, body)
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            try:
                self.wfile.write(answer)
            except OSError:  # a sender that reads only so much
                return

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook?token=hidden"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
