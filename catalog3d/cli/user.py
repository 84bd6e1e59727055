"""`user`: who may look, decide and operate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from catalog3d.adapters.registry.users import User, UserRecord
from catalog3d.adapters.wiring import open_catalog
from catalog3d.cli.errors import console, print_json, sentence_on_error
from catalog3d.errors import ProductError, RunError
from catalog3d.people import MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS, Act, Person, Role, clean_name

user = typer.Typer(name="user", no_args_is_help=True, rich_markup_mode="markdown")

REFUSED = 1

Name = Annotated[str, typer.Argument(help="The user's name. Upper and lower case are the same.")]
_PASSWORD_STDIN = typer.Option("--password-stdin", help="Read the password as one line from stdin, instead of asking.")
FromStdin = Annotated[bool, _PASSWORD_STDIN]


@user.callback()
def about() -> None:
    """The people of this catalog: who may look, decide and operate.

    A viewer looks; a reviewer decides as well; an operator also orders what costs credits, publishes and runs sheets.
    As long as there are no users, the review page needs no login on this machine, and decisions carry the login name.
    """


@user.command()
def add(
    name: Name,
    role: Annotated[Role, typer.Option(help="What they may do.")],
    password_stdin: FromStdin = False,
    back: Annotated[
        bool, typer.Option("--back", help="It is the same person as the removed user of that name.")
    ] = False,
) -> None:
    """Add somebody; they can log in at once.

    Exit code: 0, or 1 if it was refused.
    """
    with sentence_on_error(json_=False, exit_code=REFUSED), open_catalog(Path.cwd(), offline=True) as catalog:
        clean_name(name)
        users = catalog.registry.users
        person = users.add(name, role, _new_password(from_stdin=password_stdin), is_back=back)
        _say(f"[green]Added[/] {_shown(person)}.")
        _say_what_is_missing(users)


@user.command("list")
def list_users(
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Show everybody, removed ones too."""
    with sentence_on_error(json_=json_, exit_code=REFUSED), open_catalog(Path.cwd(), offline=True) as catalog:
        everybody = catalog.registry.users.all()
        if json_:
            print_json({"users": [_as_json(one) for one in everybody]})
        elif everybody:
            console().print(_table(everybody))
        else:
            _say("There are no users: the review page needs no login on this machine, and works on no other.")
            _say("`catalog3d user add NAME --role operator` adds the first one.")


@user.command()
def role(name: Name, role: Annotated[Role, typer.Argument(help="What they may do from now on.")]) -> None:
    """Let somebody do more or less, from their next click on.

    Exit code: 0, or 1 if it was refused.
    """
    with sentence_on_error(json_=False, exit_code=REFUSED), open_catalog(Path.cwd(), offline=True) as catalog:
        person = catalog.registry.users.set_role(name, role)
        _say(f"{_shown(person)} may now {escape(_may(person.role))}.")


@user.command()
def password(name: Name, password_stdin: FromStdin = False) -> None:
    """Give somebody another password, and log them out everywhere.

    Exit code: 0, or 1 if it was refused.
    """
    with sentence_on_error(json_=False, exit_code=REFUSED), open_catalog(Path.cwd(), offline=True) as catalog:
        users = catalog.registry.users
        _require_known(users, name)
        person = users.set_password(name, _new_password(from_stdin=password_stdin))
        _say(f"{_shown(person)} has another password, and is logged out everywhere.")


@user.command()
def remove(name: Name) -> None:
    """Let somebody in no longer, at once. The name stays theirs: it stands under their decisions.

    Exit code: 0, or 1 if it was refused.
    """
    with sentence_on_error(json_=False, exit_code=REFUSED), open_catalog(Path.cwd(), offline=True) as catalog:
        users = catalog.registry.users
        _say(f"[red]Removed[/] {_shown(users.remove(name))}.")
        if not users.exist():
            _say("There are no users now: the review page needs no login on this machine, and works on no other.")


def _new_password(*, from_stdin: bool) -> str:
    """Asked for twice without showing it; never an argument, which others could see in the list of processes."""
    if from_stdin:
        line = sys.stdin.readline(4 * MAX_PASSWORD_CHARS)
        return line.removesuffix("\n").removesuffix("\r")
    if not _somebody_is_there():
        raise RunError(
            "Nobody is there to type a password.",
            code="PASSWORD_MISSING",
            fix="Run it on a terminal, or hand the password over with --password-stdin.",
        )
    _say(f"At least {MIN_PASSWORD_CHARS} characters: four or five words that do not belong together are good.")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True))


def _somebody_is_there() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _require_known(users: UserRecord, name: str) -> None:
    if users.find(name) is None:
        raise ProductError(
            f"There is no user called {name}.", code="USER_UNKNOWN", fix="`catalog3d user list` shows who there is."
        )


def _say_what_is_missing(users: UserRecord) -> None:
    roles = {one.person.role for one in users.all() if one.removed_at is None}
    if Role.OPERATOR not in roles:
        _say("There is no operator yet, who may run sheets and publish: catalog3d user add NAME --role operator")


def _table(everybody: list[User]) -> Table:
    table = Table("Name", "Role", "May", "Added", "Password of", "Removed")
    for one in everybody:
        days = [
            moment.strftime("%Y-%m-%d") if moment else ""
            for moment in (one.created_at, one.password_at, one.removed_at)
        ]
        kind = one.person.role
        style = "dim" if one.removed_at else ""
        table.add_row(escape(one.person.name), kind.value, _may(kind) if not one.removed_at else "", *days, style=style)
    return table


def _as_json(one: User) -> dict[str, str | None]:
    return {
        "name": one.person.name,
        "role": one.person.role.value,
        "created_at": one.created_at.isoformat(),
        "password_at": one.password_at.isoformat(),
        "removed_at": one.removed_at.isoformat() if one.removed_at else None,
    }


def _may(role: Role) -> str:
    return ", ".join(act.words for act in Act if role.may(act))


def _shown(person: Person) -> str:
    return f"{escape(person.name)} ({person.role.value})"


def _say(sentence: str) -> None:
    console().print(sentence, soft_wrap=True)
