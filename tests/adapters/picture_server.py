"""A real HTTP server on loopback that answers as a test says, also badly."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class PictureServer:
    """What the server does and what it saw.

    Attributes:
        answers: Path without query -> what answers it; other paths get 404.
        asked: Paths that were asked for, with query.
        hosts: The Host headers that came with them.
    """

    port: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)

    def url(self, path: str, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


def sends(body: bytes, status: int = 200, **headers: str) -> Answer:
    """An ordinary answer; `content_type="text/html"` becomes a header of that name."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"content_length": str(len(body))} | headers).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def redirects(location: str, status: int = 302) -> Answer:
    return sends(b"", status, location=location)


def writes(*pieces: bytes, pause: threading.Event | None = None, pause_s: float = 5.0) -> Answer:
    """Raw bytes of an answer, status line included; `pause` is waited for before each piece but the first."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        for number, piece in enumerate(pieces):
            if number and pause is not None:
                pause.wait(pause_s)
            try:
                handler.wfile.write(piece)
                handler.wfile.flush()
            except OSError:  # the client has left
                return

    return answer


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[PictureServer]:
    """A server in a thread."""
    known = PictureServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            known.asked.append(self.path)
            known.hosts.append(self.headers["Host"])
            known.answers.get(self.path.partition("?")[0], sends(b"nothing here", 404))(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            """Tests are quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
            """Clients that leave early are part of the tests."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    known.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def certificate(folder: Path, host: str) -> Path:
    """A self-signed certificate for a host name, with its key, as one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{host}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def loopback(address: str) -> bool:
    """A guard for tests: this machine is allowed, and nothing else is."""
    return ipaddress.ip_address(address).is_loopback
