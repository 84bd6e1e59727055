"""`user` on the command line, and who may decide at a shell."""

from __future__ import annotations

import json
import os
import pty
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from typer.testing import CliRunner, Result

import catalog3d.adapters.registry.users
from catalog3d.adapters.passwords import Passwords
from catalog3d.cli.app import app
from tests.catalogs import Shop, open_shop, with_key

GOOD, OTHER = "lamp river cloud seven", "stone paper field nine"


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap = Passwords(PasswordHasher.from_parameters(CHEAPEST))
    monkeypatch.setattr(catalog3d.adapters.registry.users, "Passwords", lambda: cheap)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with_key(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("getpass.getuser", lambda: "Ada")
    with open_shop(tmp_path) as opened:
        yield opened


def typed(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=answer)


def added(name: str, role: str) -> None:
    said = typed("user", "add", name, "--role", role, "--password-stdin", answer=f"{GOOD}\n")
    assert said.exit_code == 0, said.stderr


def deciders(shop: Shop) -> list[str]:
    return [decision.person for decision in shop.catalog.registry.catalog.decisions("A1")]


def test_users_are_added_listed_changed_and_removed(shop: Shop) -> None:
    assert "There are no users" in typed("user", "list").stderr
    said = typed("user", "add", "Maria", "--role", "reviewer", "--password-stdin", answer=f"{GOOD}\n")
    assert (said.exit_code, "Added maria (reviewer)." in said.stderr) == (0, True)
    assert "There is no operator yet" in said.stderr
    added("olga", "operator")
    assert "may now look at the catalog." in typed("user", "role", "maria", "viewer").stderr
    before = shop.catalog.registry.users.log_in("maria", GOOD, 60)
    assert before is not None
    typed("user", "password", "maria", "--password-stdin", answer=f"{OTHER}\r\n")
    assert shop.catalog.registry.users.log_in("maria", GOOD, 60) is None
    assert shop.catalog.registry.users.log_in("maria", OTHER, 60) is not None
    assert "Removed maria (viewer)." in typed("user", "remove", "Maria").stderr
    listed = json.loads(typed("user", "list", "--json").stdout)["users"]
    assert [(one["name"], one["role"], one["removed_at"] is None) for one in listed] == [
        ("maria", "viewer", False),
        ("olga", "operator", True),
    ]
    table = typed("user", "list").stderr
    assert "olga" in table
    assert GOOD not in table


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("add", "a/b", "--role", "viewer", "--password-stdin"), "NAME_INVALID"),
        (("add", "olga", "--role", "viewer", "--password-stdin"), "USER_EXISTS"),
        (("role", "mario", "viewer"), "USER_UNKNOWN"),
        (("password", "mario", "--password-stdin"), "USER_UNKNOWN"),
        (("remove", "mario"), "USER_UNKNOWN"),
        (("add", "eva", "--role", "viewer"), "PASSWORD_MISSING"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(shop: Shop, arguments: tuple[str, ...], code: str) -> None:
    added("olga", "operator")
    said = typed("user", *arguments, answer=f"{GOOD}\n")
    assert (said.exit_code, said.stderr.split()[0]) == (1, code)
    assert GOOD not in said.output


def test_a_bad_password_is_refused_and_not_shown(shop: Shop) -> None:
    said = typed("user", "add", "maria", "--role", "viewer", "--password-stdin", answer="hunter2\n")
    assert (said.exit_code, "PASSWORD_INVALID" in said.stderr) == (1, True)
    assert "hunter2" not in said.output
    assert not shop.catalog.registry.users.exist()


def test_there_is_no_option_that_takes_a_password() -> None:
    assert typed("user", "add", "maria", "--role", "viewer", "--password", GOOD).exit_code == 2


def test_a_password_is_asked_for_twice_on_a_terminal_and_not_echoed(tmp_path: Path) -> None:
    """A real terminal, whose screen must show everything but the password."""
    arguments = [sys.executable, "-m", "catalog3d.cli.app", "user", "add", "maria", "--role", "operator"]
    environment = {**os.environ, "TERM": "dumb"}
    child, screen = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.execvpe(sys.executable, arguments, environment)  # noqa: S606 - a child of its own terminal
    shown = b""
    for prompt in (b"Password:", b"The same again:"):
        shown += read_until(screen, prompt)
        while termios.tcgetattr(screen)[3] & termios.ECHO:  # the prompt is shown before the echo is off
            time.sleep(0.005)
        os.write(screen, GOOD.encode() + b"\n")
    shown += read_until(screen, b"Added maria")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(screen)
    assert GOOD.encode() not in shown


def read_until(screen: int, expected: bytes) -> bytes:
    shown = b""
    while expected not in shown:
        piece = os.read(screen, 4096)
        assert piece, shown
        shown += piece
    return shown


def test_the_login_name_is_asked_for_in_one_place() -> None:
    """Whoever takes it elsewhere writes down a name that the catalog may not know: `cli.person.deciding` looks."""
    package = Path(catalog3d.__file__).parent
    found = [path for path in package.rglob("*.py") if "getpass.getuser" in path.read_text(encoding="utf-8")]
    assert [str(path.relative_to(package)) for path in found] == ["cli/person.py"]


def test_without_users_a_decision_carries_the_login_name(shop: Shop) -> None:
    shop.make("A1")
    assert typed("approve", "A1").exit_code == 0
    assert deciders(shop) == ["Ada"]


def test_a_name_that_nobody_has_is_refused_before_there_are_users_too(shop: Shop) -> None:
    shop.make("A1")
    said = typed("approve", "A1", "--as", "maria")
    assert (said.exit_code, said.stderr.split()[0]) == (1, "USER_UNKNOWN")
    assert deciders(shop) == []


def test_once_there_are_users_the_shell_names_one_of_them(shop: Shop) -> None:
    shop.make("A1")
    added("olga", "operator")
    added("maria", "reviewer")
    said = typed("approve", "A1")
    assert (said.exit_code, said.stderr.split()[0]) == (1, "USER_UNKNOWN")
    assert "There is no user called Ada." in said.stderr
    assert "--as" in said.stderr
    assert deciders(shop) == []
    assert typed("approve", "A1", "--as", "Maria").exit_code == 0
    assert typed("reject", "A1", "--reason", "WRONG_SHAPE", "--as", "olga").exit_code == 0
    assert deciders(shop) == ["maria", "olga"]


def test_the_login_name_is_enough_if_it_is_a_user(shop: Shop) -> None:
    shop.make("A1")
    added("ADA", "operator")
    assert typed("approve", "A1").exit_code == 0
    assert deciders(shop) == ["ada"]


@pytest.mark.parametrize(
    ("role", "command", "exit_code"),
    [
        ("viewer", ("approve", "A1"), 1),
        ("viewer", ("reject", "A1", "--reason", "WRONG_SHAPE"), 1),
        ("reviewer", ("retake", "A1", "--reason", "WRONG_SHAPE", "--yes"), 2),
        ("reviewer", ("resolve", "A1", "--resubmit"), 1),
    ],
)
def test_a_role_that_may_not_is_refused_before_anything_happens(
    shop: Shop, role: str, command: tuple[str, ...], exit_code: int
) -> None:
    shop.make("A1")
    added("olga", "operator")
    added("maria", role)
    said = typed(*command, "--as", "maria")
    assert (said.exit_code, said.stderr.split()[0]) == (exit_code, "ROLE_REFUSED")
    assert deciders(shop) == []
