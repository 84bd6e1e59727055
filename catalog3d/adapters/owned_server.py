"""Local servers that we start, share and never leave behind.

One server of a kind per home. Whoever uses it holds a shared flock on its `.users` file; the process of guard.py stops the
server once nobody does. Starting is serialised by a `.start` file. The record file says where the server is; it counts
only while its guard lives and the server answers.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_serializer

import catalog3d
from catalog3d.adapters.guard import CHILDREN_S, GRACE_S, guarded_lock
from catalog3d.adapters.prefect_environment import write_atomically
from catalog3d.errors import RunError

LOG_SIZE_BYTES = 5_000_000
RECORD_SIZE_BYTES = 10_000
STOP_TIMEOUT_S = CHILDREN_S + GRACE_S + 5.0
"""A guard needs its grace times and little more; where no flow runs are under way it ends within GRACE_S."""

_SOURCES = Path(catalog3d.__file__).resolve().parents[1]
_LEFT_RUNNING: list[subprocess.Popen[bytes]] = []
"""Guards of servers that others still use: kept so that Python does not warn about a child that nobody awaits."""


class ServerRecord(BaseModel):
    """What the record file says.

    Attributes:
        url: Root of the server, without a path.
        pid: Of the guard; a person may stop the server with `kill PID`.
        ui: Whether it serves pages for people.
        api_key: Of the stand-in, else None.
    """

    model_config = ConfigDict(frozen=True)

    url: str
    pid: int
    ui: bool = False
    api_key: SecretStr | None = None

    @field_serializer("api_key", when_used="json")
    def _reveal_in_the_record(self, key: SecretStr | None) -> str | None:
        return key.get_secret_value() if key else None


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How to start a server, and how to know that it is there.

    Attributes:
        name: For people, such as "Prefect server".
        record: JSON file; `.users`, `.start` and the guard's lock lie beside it.
        log: Receives stdout and stderr of the server.
        health_path: A GET of it answers 200 once the server is ready.
        command: Port -> argument list.
        environment: Port -> the server's whole environment.
        port: Wanted port, or 0 for a free one.
        start_timeout_s: Prefect needs up to 20 s for its first start on 2 busy cores.
    """

    name: str
    record: Path
    log: Path
    health_path: str
    command: Callable[[int], list[str]]
    environment: Callable[[int], Mapping[str, str]]
    port: int = 0
    start_timeout_s: float = 60.0
    ui: bool = False
    api_key: SecretStr | None = None


@contextmanager
def joined_or_started(launch: Launch) -> Iterator[ServerRecord]:
    """The server of this home: the living one if there is one, else a new one. It stays while anybody uses it.

    Raises:
        RunError: SERVER_START_FAILED, SERVER_START_TIMEOUT, SERVER_NOT_ANSWERING, SERVER_BUSY.
    """
    launch.record.parent.mkdir(parents=True, exist_ok=True)
    launch.log.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        with _locked(launch, ".start", fcntl.LOCK_EX, timeout_s=2 * launch.start_timeout_s):
            users = stack.enter_context(_locked(launch, ".users", fcntl.LOCK_SH, timeout_s=STOP_TIMEOUT_S))
            record = _living(launch)
            if record is None:
                guard, port = _start_guard(launch)
                stack.callback(_leave, guard, users)
                record = _recorded(launch, guard.pid, port)
                _await_ready(launch, record, lambda: guard.poll() is None)
        yield record


@contextmanager
def guarded(
    command: list[str],
    *,
    users_lock: Path,
    log: Path,
    environment: Mapping[str, str],
    name: str,
    timeout_s: float = STOP_TIMEOUT_S,
) -> Iterator[Callable[[], bool]]:
    """A command of ours without an address, such as a Prefect worker; gives a function that says whether it still runs.

    Raises:
        RunError: SERVER_BUSY if another process runs it for the same lock and does not end within `timeout_s`.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with _flocked(users_lock, fcntl.LOCK_EX, timeout_s=timeout_s, name=name) as users:
        guard = _popen_guard(command, users_lock=users_lock, log=log, environment=environment)
        try:
            yield lambda: guard.poll() is None
        finally:
            _leave(guard, users)


def read_record(path: Path) -> ServerRecord | None:
    """What the record file says, stale or not; None if there is none or it is damaged."""
    try:
        with path.open("rb") as file:
            return ServerRecord.model_validate_json(file.read(RECORD_SIZE_BYTES))
    except (OSError, ValidationError):
        return None


def health_of(url: str, *, timeout_s: float = 2.0) -> int:
    """HTTP status that a GET of `url` on this machine answers, or 0 if nothing answers."""
    try:
        return httpx.get(url, timeout=timeout_s, trust_env=False).status_code
    except httpx.HTTPError:
        return 0


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def last_lines(log: Path, *, count: int = 8, size_bytes: int = 20_000) -> str:
    """The end of a log file, or "" if there is none."""
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - size_bytes))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-count:])
    return ""


def _living(launch: Launch) -> ServerRecord | None:
    """The recorded server if its guard lives; waits for one that another user has just begun to start."""
    users_lock = _lock_path(launch, ".users")
    record = read_record(launch.record)
    if record is None or not _is_guarded(users_lock):
        return None
    deadline = time.monotonic() + launch.start_timeout_s
    while time.monotonic() < deadline:
        if health_of(record.url + launch.health_path) == httpx.codes.OK:
            return record
        if not _is_guarded(users_lock):
            return None
        time.sleep(0.2)
    raise RunError(
        f"The {launch.name} of this catalog (process {record.pid}) runs but does not answer at {record.url}.",
        code="SERVER_NOT_ANSWERING",
        fix=f"Stop it with: kill {record.pid}, then start again. Its log is {launch.log}.",
    )


def _is_guarded(users_lock: Path) -> bool:
    """Whether a guard for this lock lives: it holds its own lock all its life."""
    try:
        with guarded_lock(users_lock).open("r+b") as alive:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _start_guard(launch: Launch) -> tuple[subprocess.Popen[bytes], int]:
    if launch.port and not is_free(launch.port):
        raise RunError(
            f"Port {launch.port} of this machine is in use, so the {launch.name} cannot start there.",
            code="PORT_IN_USE",
            fix="Choose another with --port, or stop the program that uses it.",
        )
    port = launch.port or free_port()
    with suppress(FileNotFoundError):
        if launch.log.stat().st_size > LOG_SIZE_BYTES:
            launch.log.replace(launch.log.with_name(launch.log.name + ".1"))
    guard = _popen_guard(
        launch.command(port),
        users_lock=_lock_path(launch, ".users"),
        log=launch.log,
        environment=launch.environment(port),
    )
    return guard, port


def _popen_guard(
    command: list[str], *, users_lock: Path, log: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """The guard in a session of its own: a Ctrl-C in the terminal reaches the program, not its servers.

    It runs in the log's folder and without the working folder on its path, so that no file of the user's can stand in for
    a module.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "catalog3d.adapters.guard", str(users_lock), str(log), "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=log.parent,
            env={**environment, **_import_path(environment)},
            start_new_session=True,
        )


def _import_path(environment: Mapping[str, str]) -> dict[str, str]:
    """Lets a child import this package from a source tree that is not installed."""
    if _SOURCES.name == "site-packages":
        return {}
    given = environment.get("PYTHONPATH", "")
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(_SOURCES), given]))}


def _recorded(launch: Launch, pid: int, port: int) -> ServerRecord:
    """Written before the server is ready: if we are killed now, the next user waits for it and starts no second one."""
    record = ServerRecord(url=f"http://127.0.0.1:{port}", pid=pid, ui=launch.ui, api_key=launch.api_key)
    write_atomically(launch.record, record.model_dump_json())
    return record


def _await_ready(launch: Launch, record: ServerRecord, is_running: Callable[[], bool]) -> None:
    deadline = time.monotonic() + launch.start_timeout_s
    while time.monotonic() < deadline:
        if not is_running():
            raise RunError(
                f"The {launch.name} ended while it started. Its last words:\n{last_lines(launch.log)}",
                code="SERVER_START_FAILED",
                fix=f"Read {launch.log}, then start again.",
            )
        if health_of(record.url + launch.health_path) == httpx.codes.OK:
            return
        time.sleep(0.1)
    raise RunError(
        f"The {launch.name} did not answer within {launch.start_timeout_s:g} s. Its last words:\n{last_lines(launch.log)}",
        code="SERVER_START_TIMEOUT",
        fix=f"Read {launch.log}; if the machine was merely busy, start again.",
    )


def _leave(guard: subprocess.Popen[bytes], users: IO[bytes]) -> None:
    """Stop the server at once if we are its last user; else leave it to the others."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _LEFT_RUNNING.append(guard)
        return
    guard.terminate()
    try:
        guard.wait(timeout=STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:  # it is about to kill; it does so without us
        _LEFT_RUNNING.append(guard)
    except KeyboardInterrupt:
        guard.terminate()  # for the second time: it does not wait for flow runs any more
        _LEFT_RUNNING.append(guard)
        raise


def _lock_path(launch: Launch, suffix: str) -> Path:
    return launch.record.with_suffix(suffix)


@contextmanager
def _locked(launch: Launch, suffix: str, kind: int, *, timeout_s: float) -> Iterator[IO[bytes]]:
    with _flocked(_lock_path(launch, suffix), kind, timeout_s=timeout_s, name=launch.name) as lock:
        yield lock


@contextmanager
def _flocked(path: Path, kind: int, *, timeout_s: float, name: str) -> Iterator[IO[bytes]]:
    """A flock that ends with the block or with this process, whatever ends it.

    Raises:
        RunError: SERVER_BUSY after `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    with path.open("ab") as lock:
        while True:
            try:
                fcntl.flock(lock, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError as exc:
                if time.monotonic() >= deadline:
                    raise RunError(
                        f"Another process has kept the {name} of this catalog busy for {timeout_s:g} s.",
                        code="SERVER_BUSY",
                        fix="Wait until it has ended, or stop it, then start again.",
                    ) from exc
                time.sleep(0.05)
        yield lock
