"""Who decides where nobody logs in: in the shell, and in a run that Prefect starts."""

from __future__ import annotations

import shlex

from catalog3d.adapters.registry.users import UserRecord
from catalog3d.errors import ProductError
from catalog3d.people import Act, Person, Role


def known_person(users: UserRecord, act: Act, *, named: str, login_name: str) -> Person:
    """The person who does this: somebody the catalog knows, with a role that allows it.

    Args:
        named: Whom the caller names, or "" for the one who is logged in to the machine.
        login_name: Their name there, which stands for itself as long as the catalog has no users.

    Raises:
        ProductError: USER_UNKNOWN or ROLE_REFUSED.
    """
    if not named and not users.exist():
        return Person(name=login_name, role=Role.OPERATOR)
    wanted = named or login_name
    person = users.find(wanted)
    if person is None:
        raise ProductError(f"There is no user called {wanted}.", code="USER_UNKNOWN", fix=_way_out(users, wanted))
    person.require(act)
    return person


def _way_out(users: UserRecord, name: str) -> str:
    add = f"`catalog3d user add {shlex.quote(name)} --role reviewer`"
    if not users.exist():
        return f"Add them with {add}, or leave the name out: then it is you."
    return f"Name one with --as (`catalog3d user list` shows who there is), or have an operator run {add}."
