"""What all tests share: a clean environment, and servers that are started once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.team import KEY, Provider
from tests.postgres_server import running_postgres
from tests.s3_server import S3Server, running_s3
from tests.standin.harness import served

# A shell that starts the tests in the background lets them, and all that they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests reaches them."""
    for name in list(os.environ):
        if name.startswith(("CATALOG3D_", "TRIPO_", "PREFECT_")) and not name.startswith("CATALOG3D_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with running_postgres() as url:
        yield url


@pytest.fixture(scope="module")
def new_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Provider]]:
    """Starts stand-ins that play Tripo: real servers on loopback, whose models are boxes."""
    with ExitStack() as stack:

        def start(time_scale: float = 0.005, **how: Any) -> Provider:
            state: Path = tmp_path_factory.mktemp("provider")
            server = stack.enter_context(served(state, keys=(KEY,), time_scale=time_scale, **how))
            return Provider(url=server.url)

        yield start


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    with running_s3() as server:
        yield server
