"""An HTTP server on the loopback that answers like an S3 store in trouble, as a test tells it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

XML = "application/xml"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the server says; `hang_up` closes the connection instead of answering."""

    status: int = 200
    code: str = ""
    body: str = ""
    content_type: str = XML
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False

    @property
    def content(self) -> bytes:
        text = self.body or (self.code and f"<Error><Code>{self.code}</Code><Message>m</Message></Error>")
        return text.encode()


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Script = Callable[[Request], Answer]


@contextmanager
def scripted_s3(script: Script) -> Iterator[str]:
    """Yields host and port of a server that answers every request by the script."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = script(Request(method=self.command, path=self.path, headers=headers, body=body))
            if answer.hang_up:
                self.close_connection = True
                return
            content = b"" if self.command == "HEAD" else answer.content
            self.send_response(answer.status)
            for name, value in {"Content-Type": answer.content_type, **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = handle_one  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
