"""What all tests share: a clean environment, and servers that are started once."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.postgres_server import running_postgres


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests reaches them."""
    for name in list(os.environ):
        if name.startswith(("CATALOG3D_", "TRIPO_", "PREFECT_")) and name != "CATALOG3D_TEST_REQUIRE_ALL":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with running_postgres() as url:
        yield url
