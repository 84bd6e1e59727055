"""Users in the registry: passwords hashed, and every change in force at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from sqlalchemy import select, update

from catalog3d.adapters.passwords import Passwords
from catalog3d.adapters.registry.engine import read, write
from catalog3d.adapters.registry.registry import Registry, open_registry
from catalog3d.adapters.registry.tables import SessionRow, UserRow
from catalog3d.adapters.registry.users import UserRecord
from catalog3d.errors import ProductError
from catalog3d.home import Home
from catalog3d.people import Person, Role
from tests.clock import HandClock

GOOD, OTHER = "lamp river cloud seven", "stone paper field nine"
HOUR_S = 3600.0


def cheap() -> Passwords:
    return Passwords(PasswordHasher.from_parameters(CHEAPEST))


@pytest.fixture
def users(registry: Registry, clock: HandClock) -> UserRecord:
    return UserRecord(registry.engine, clock, cheap())


@pytest.fixture
def team(users: UserRecord) -> UserRecord:
    users.add("Maria", Role.REVIEWER, GOOD)
    users.add("Olga", Role.OPERATOR, GOOD)
    return users


def token_of(users: UserRecord, name: str = "maria", password: str = GOOD) -> str:
    opened = users.log_in(name, password, HOUR_S)
    assert opened is not None
    return opened[1]


def hash_of(registry: Registry, name: str) -> str:
    with read(registry.engine) as session:
        return session.get_one(UserRow, name).password_hash


def test_a_user_is_found_however_the_name_is_written(team: UserRecord) -> None:
    assert team.find("MARIA") == team.find(" maria ") == Person(name="maria", role=Role.REVIEWER)
    assert team.find("mario") is None
    assert team.find("<script>") is None
    assert [one.person.name for one in team.all()] == ["maria", "olga"]


def test_the_same_name_is_given_once_however_many_add_it(users: UserRecord) -> None:
    def add(number: int) -> str:
        try:
            return users.add("maria", Role.VIEWER if number % 2 else Role.OPERATOR, GOOD).role.value
        except ProductError as error:
            return error.code

    with ThreadPoolExecutor(4) as pool:
        said = sorted(pool.map(add, range(8)), key=lambda word: word == "USER_EXISTS")
    assert said[1:] == ["USER_EXISTS"] * 7
    assert [one.person.role.value for one in users.all()] == said[:1]


def test_a_password_is_kept_as_an_argon2id_hash_with_the_parameters_of_rfc_9106(registry: Registry) -> None:
    registry.users.add("maria", Role.VIEWER, GOOD)
    kept = hash_of(registry, "maria")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert GOOD not in kept


def test_the_right_password_opens_a_session_and_a_wrong_one_does_not(team: UserRecord) -> None:
    opened = team.log_in("Maria", GOOD, HOUR_S)
    assert opened is not None
    person, token = opened
    assert team.person_of(token) == person == Person(name="maria", role=Role.REVIEWER)
    for name, password in (("maria", OTHER), ("maria", ""), ("maria", GOOD + " "), ("nobody", GOOD), ("", GOOD)):
        assert team.log_in(name, password, HOUR_S) is None
    assert team.log_in("maria", "x" * 10**6, HOUR_S) is None


def test_only_a_digest_of_the_token_is_kept(team: UserRecord, registry: Registry) -> None:
    token = token_of(team)
    with read(registry.engine) as session:
        rows = session.scalars(select(SessionRow)).all()
    assert len(rows) == 1
    assert token not in repr(vars(rows[0]))
    assert team.person_of(rows[0].token_sha256) is None


def test_a_session_ends_with_its_time_and_its_row_with_the_next_login(
    team: UserRecord, registry: Registry, clock: HandClock
) -> None:
    token = token_of(team)
    clock.advance(HOUR_S - 1)
    assert team.person_of(token) is not None
    clock.advance(1)
    assert team.person_of(token) is None
    token_of(team, "olga")
    with read(registry.engine) as session:
        assert list(session.scalars(select(SessionRow.name))) == ["olga"]


def test_a_session_ends_at_once_with_logout_removal_or_another_password(team: UserRecord) -> None:
    first, second = token_of(team), token_of(team)
    team.log_out(first)
    assert (team.person_of(first), team.person_of(second) is not None) == (None, True)
    team.set_password("Maria", OTHER)
    assert team.person_of(second) is None
    third = token_of(team, password=OTHER)
    team.remove("maria")
    assert team.person_of(third) is None
    assert team.log_in("maria", OTHER, HOUR_S) is None


def test_another_process_hears_of_a_change_at_once(team: UserRecord, registry: Registry, clock: HandClock) -> None:
    token = token_of(team)
    elsewhere = UserRecord(registry.engine, clock, cheap())
    elsewhere.set_role("maria", Role.VIEWER)
    assert team.person_of(token) == Person(name="maria", role=Role.VIEWER)


def test_a_removed_name_stays_that_of_its_person(team: UserRecord) -> None:
    team.remove("maria")
    assert team.find("maria") is None
    with pytest.raises(ProductError) as refused:
        team.add("maria", Role.OPERATOR, OTHER)
    assert refused.value.code == "USER_REMOVED"
    assert team.add("maria", Role.VIEWER, OTHER, is_back=True).role is Role.VIEWER
    token_of(team, password=OTHER)


def test_the_last_operator_stays_as_long_as_anybody_else_does(team: UserRecord) -> None:
    for change in (lambda: team.remove("olga"), lambda: team.set_role("olga", Role.REVIEWER)):
        with pytest.raises(ProductError) as refused:
            change()
        assert refused.value.code == "LAST_OPERATOR"
    team.remove("maria")
    team.remove("olga")
    assert not team.exist()


def test_nobody_can_change_a_user_who_is_not_there(team: UserRecord) -> None:
    for change in (
        lambda: team.set_role("mario", Role.VIEWER),
        lambda: team.set_password("mario", OTHER),
        lambda: team.remove("mario"),
    ):
        with pytest.raises(ProductError) as refused:
            change()
        assert refused.value.code == "USER_UNKNOWN"


def test_an_older_hash_is_replaced_at_the_next_login_and_only_then(
    team: UserRecord, registry: Registry, clock: HandClock
) -> None:
    before = hash_of(registry, "maria")
    token_of(team)
    assert hash_of(registry, "maria") == before
    dearer = UserRecord(registry.engine, clock, Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)))
    assert dearer.log_in("maria", OTHER, HOUR_S) is None
    assert hash_of(registry, "maria") == before
    token_of(dearer)
    assert hash_of(registry, "maria").startswith("$argon2id$v=19$m=16,t=2,p=1$")
    token_of(dearer)


def test_a_login_that_was_overtaken_by_a_new_password_opens_nothing(
    registry: Registry, clock: HandClock, team: UserRecord
) -> None:
    class Slow(Passwords):
        def fits(self, kept: str, password: str) -> bool:
            fits = super().fits(kept, password)
            team.set_password("maria", OTHER)
            return fits

    slow = UserRecord(registry.engine, clock, Slow(PasswordHasher.from_parameters(CHEAPEST)))
    assert slow.log_in("maria", GOOD, HOUR_S) is None


def test_a_broken_hash_fits_no_password(team: UserRecord, registry: Registry) -> None:
    for broken in ("", "plain", "$argon2id$v=19$m=8,t=1,p=1$x$y"):
        with write(registry.engine) as session:
            session.execute(update(UserRow).where(UserRow.name == "maria").values(password_hash=broken))
        assert team.log_in("maria", GOOD, HOUR_S) is None


def test_an_unknown_name_is_not_told_apart_by_its_time() -> None:
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=16384, parallelism=1))
    kept = passwords.hash(GOOD)

    def fastest_s(kept: str) -> float:
        times = []
        for _ in range(5):
            start = time.process_time()
            assert not passwords.fits(kept, OTHER)
            times.append(time.process_time() - start)
        return min(times)

    assert fastest_s("") == pytest.approx(fastest_s(kept), rel=0.5)


def test_people_of_a_rehearsal_are_those_of_the_real_catalog(tmp_path: Path, clock: HandClock) -> None:
    rehearsal = open_registry(Home(root=tmp_path, catalog="rehearsal"), "", clock)
    assert (rehearsal.users.exist(), rehearsal.users.all(), rehearsal.users.find("maria")) == (False, [], None)
    assert rehearsal.users.log_in("maria", GOOD, HOUR_S) is None
    live = Home(root=tmp_path, catalog="live")
    assert not live.registry_file.exists()
    rehearsal.users.add("maria", Role.VIEWER, GOOD)
    rehearsal.close()
    registry = open_registry(live, "", clock)
    assert registry.users.find("maria") is not None
    registry.close()
