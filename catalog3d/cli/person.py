"""Who decides at this shell."""

from __future__ import annotations

import getpass
import os
from typing import Annotated

import typer

from catalog3d.people import Act
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.people import known_person

As = Annotated[str, typer.Option("--as", metavar="NAME", help="The user who decides; without it, your login name.")]


def deciding(catalog: OpenCatalog, named: str, act: Act) -> str:
    """The name that the decision carries: that of a user of the catalog, or the login name while it has none.

    Raises:
        ProductError: USER_UNKNOWN or ROLE_REFUSED.
    """
    return known_person(catalog.registry.users, act, named=named, login_name=login_name()).name


def login_name() -> str:
    """The name of whoever is logged in to this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's account may have a number only
        return f"uid {os.getuid()}"
