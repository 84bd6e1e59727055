"""The two servers that a catalog may need on this machine: Prefect's and the stand-in's."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
from pydantic import SecretStr

from catalog3d.adapters.owned_server import Launch, ServerRecord, joined_or_started, read_record
from catalog3d.adapters.prefect_environment import client_environment, server_environment, without_secrets
from catalog3d.adapters.standin_desk import StandinDesk, require_profiles
from catalog3d.errors import RunError
from catalog3d.home import Home
from catalog3d.standin.profiles import PLAIN

__all__ = ["StandinAddress", "client_environment", "prefect_server", "standin_command", "standin_key", "standin_server"]

GIVEN_URL_TIMEOUT_S = 10.0
"""For a server elsewhere, which may have to wake up."""

_PRETEND_CREDITS = 1_000_000
"""Of a new stand-in: whole catalogs are rehearsed with it, again and again."""


@dataclass(frozen=True, kw_only=True)
class StandinAddress:
    """Where the stand-in is.

    Attributes:
        url: Root, without a path.
        api_key: Its throwaway key, which opens nothing else.
    """

    url: str
    api_key: SecretStr


def standin_key() -> str:
    """A new key for a stand-in."""
    return f"tsk_standin_{secrets.token_hex(16)}"


@contextmanager
def prefect_server(
    home: Home, *, given_url: str = "", ui: bool = True, port: int = 0, start_timeout_s: float = 60.0
) -> Iterator[str]:
    """URL of the Prefect API to use: the given one, else the live server of this home, else one that we start and own.

    A server of ours ends with its last user, however that ends. It keeps everything in `home.prefect`.

    Args:
        home: Whose server.
        given_url: PREFECT_API_URL of the user's environment, or "".
        ui: Whether a server that we start serves Prefect's pages (17 MB in `home.prefect`, no measurable time).
        port: Wanted port of a server that we start, or 0 for a free one.
        start_timeout_s: How long a server that we start may take.

    Raises:
        RunError: PREFECT_UNREACHABLE for the given URL; SERVER_* and PORT_IN_USE for our own.
    """
    if given_url:
        _require_answer(given_url.rstrip("/"))
        yield given_url
        return
    launch = Launch(
        name="Prefect server",
        record=home.shared / "server.json",
        log=home.logs / "prefect-server.log",
        health_path="/api/health",
        command=_prefect_command,
        environment=lambda chosen: server_environment(home, f"http://127.0.0.1:{chosen}/api", ui=ui),
        port=port,
        start_timeout_s=start_timeout_s,
        ui=ui,
    )
    with joined_or_started(launch) as record:
        if ui and not record.ui:
            raise RunError(
                f"A run is using a Prefect server without pages ({record.url}).",
                code="SERVER_BUSY",
                fix="Start this again when the run has ended.",
            )
        yield f"{record.url}/api"


@contextmanager
def standin_server(
    home: Home,
    *,
    port: int = 0,
    profile: str = "",
    make_key: Callable[[], str] = standin_key,
    start_timeout_s: float = 60.0,
) -> Iterator[StandinAddress]:
    """The stand-in of this home: the live one, else one that we start and own.

    Args:
        home: Whose stand-in; its tasks and files lie in `home.shared/standin`.
        port: Wanted port of a stand-in that we start, or 0 for a free one.
        profile: Account profiles that it shall have meanwhile, with commas; "" = those of a live one, plain of a new one.
        make_key: Makes the key of a new stand-in. One that is started again keeps its key, and with it its tasks.
        start_timeout_s: How long a stand-in that we start may take.

    Raises:
        RunError: SERVER_* and PORT_IN_USE; PROFILE_UNKNOWN, STANDIN_SILENT.
    """
    if profile:
        require_profiles(profile)
    record_file = home.shared / "standin.json"
    known = read_record(record_file)
    key = known.api_key.get_secret_value() if known and known.api_key else make_key()
    launch = Launch(
        name="stand-in",
        record=record_file,
        log=home.logs / "standin.log",
        health_path="/healthz",
        command=lambda chosen: standin_command(home, port=chosen, key=key, profile=profile or PLAIN),
        environment=lambda _chosen: without_secrets(os.environ),
        port=port,
        start_timeout_s=start_timeout_s,
        api_key=SecretStr(key),
    )
    with joined_or_started(launch) as record:
        address = StandinAddress(url=record.url, api_key=_key_of(record, record_file))
        with StandinDesk(address.url, address.api_key).behaving(profile) if profile else nullcontext():
            yield address


def standin_command(home: Home, *, port: int, key: str, profile: str = PLAIN) -> list[str]:
    """How the stand-in of this home is started. Its key is in the command line: it opens nothing but this toy."""
    state = home.shared / "standin"
    address = ["--host", "127.0.0.1", "--port", str(port)]
    account = ["--key", key, "--balance", str(_PRETEND_CREDITS), "--profile", profile]
    return [sys.executable, "-P", "-m", "catalog3d.standin", *address, "--state", str(state), *account]


def _prefect_command(port: int) -> list[str]:
    return [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]


def _key_of(record: ServerRecord, record_file: Path) -> SecretStr:
    if record.api_key is None:
        raise RunError(
            f"The record of the stand-in has no key ({record_file}).",
            code="STANDIN_RECORD_INVALID",
            fix="Delete the file when nothing runs, then start again.",
        )
    return record.api_key


def _require_answer(api_url: str) -> None:
    """The given server must be there; whether its key is right is between the user and Prefect's client."""
    try:
        status = httpx.get(f"{api_url}/health", timeout=GIVEN_URL_TIMEOUT_S).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise _unreachable(api_url, type(exc).__name__) from exc
    if status not in {httpx.codes.OK, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise _unreachable(api_url, f"HTTP {status}")


def _unreachable(api_url: str, reason: str) -> RunError:
    return RunError(
        f"PREFECT_API_URL names a Prefect server that does not answer: {_without_password(api_url)} ({reason}).",
        code="PREFECT_UNREACHABLE",
        fix="Start that server, or unset PREFECT_API_URL: then one is started here.",
    )


def _without_password(url: str) -> str:
    """The URL without user name, password and query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
