"""A real PostgreSQL server for the tests, started on a free port in a throw-away folder."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest


def _binary(name: str) -> str | None:
    found = shutil.which(name)
    if found:
        return found
    candidates = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(candidates[-1]) if candidates else None


def lacking(what: str) -> None:
    """Skip with a reason; a failure where everything is required (CI)."""
    if os.environ.get("CATALOG3D_TEST_REQUIRE_ALL") == "1":
        pytest.fail(f"{what}, and everything is required here")
    pytest.skip(what)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_postgres() -> Iterator[str]:
    """Yields the URL of a server (without a database name)."""
    initdb, postgres = _binary("initdb"), _binary("postgres")
    if not initdb or not postgres:
        lacking("PostgreSQL is not installed")
        return
    folder = Path(tempfile.mkdtemp(prefix="catalog3d-pg-"))
    account: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        account = {"user": nobody.pw_uid, "group": nobody.pw_gid}
    data, port = folder / "data", _free_port()
    subprocess.run(
        [initdb, "-D", str(data), "-U", "catalog3d", "--auth=trust", "--no-sync", "-E", "UTF8"],
        check=True,
        capture_output=True,
        cwd=folder,
        **account,
    )
    settings = ["fsync=off", "listen_addresses=127.0.0.1", f"port={port}", f"unix_socket_directories={folder}"]
    arguments = [part for setting in settings for part in ("-c", setting)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [postgres, "-D", str(data), *arguments], stdout=log, stderr=log, cwd=folder, **account
        )
    try:
        _wait(port, process)
        yield f"postgresql+psycopg://catalog3d@127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="catalog3d", dbname="postgres").close()
        except psycopg.OperationalError:
            assert process.poll() is None, "PostgreSQL ended while starting"
            time.sleep(0.1)
        else:
            return
    raise AssertionError("PostgreSQL did not answer within 30 s")


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """An empty database on a running server."""
    name = f"t{uuid.uuid4().hex[:12]}"
    plain = server.replace("postgresql+psycopg", "postgresql") + "/postgres"
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield f"{server}/{name}"
