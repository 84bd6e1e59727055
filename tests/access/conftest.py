"""A registry with three people, on SQLite and on PostgreSQL, and a site in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog3d.adapters.registry.engine import open_engine, sqlite_url
from catalog3d.adapters.registry.users import UserRecord
from catalog3d.people import Role
from tests.access.site import GOOD, Site, cheap, served
from tests.clock import HandClock
from tests.postgres_server import fresh_database


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def nobody(tmp_path: Path, clock: HandClock) -> Iterator[UserRecord]:
    """A registry without users."""
    users = UserRecord(open_engine(sqlite_url(tmp_path / "registry.db")), clock, cheap())
    yield users
    users.close()


def three_people(users: UserRecord) -> UserRecord:
    for name, role in (("vera", Role.VIEWER), ("maria", Role.REVIEWER), ("olga", Role.OPERATOR)):
        users.add(name, role, GOOD)
    return users


@pytest.fixture
def users(nobody: UserRecord) -> UserRecord:
    return three_people(nobody)


@pytest.fixture
def site(users: UserRecord, clock: HandClock) -> Iterator[Site]:
    with served(users, clock) as running:
        yield running


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def any_site(request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock) -> Iterator[Site]:
    """The site on both databases."""
    if request.param == "sqlite":
        yield request.getfixturevalue("site")
        return
    with fresh_database(request.getfixturevalue("postgres_server")) as url:
        users = three_people(UserRecord(open_engine(url), clock, cheap()))
        with served(users, clock) as running:
            yield running
        users.close()
