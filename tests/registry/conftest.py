"""A registry on SQLite and, where there is a server, on PostgreSQL: every claim holds on both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog3d.adapters.registry.registry import Registry, open_registry
from catalog3d.home import Home
from tests.clock import HandClock
from tests.postgres_server import fresh_database


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def registry(request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock) -> Iterator[Registry]:
    home = Home(root=tmp_path, catalog="live")
    if request.param == "sqlite":
        opened = open_registry(home, "", clock)
        yield opened
        opened.close()
        return
    server = request.getfixturevalue("postgres_server")
    with fresh_database(server) as url:
        opened = open_registry(home, url, clock)
        yield opened
        opened.close()
