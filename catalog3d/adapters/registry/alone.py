"""One at a time, over all processes that share a registry, for work that is longer than a transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, text

from catalog3d.adapters.registry.engine import AWAY, locked_beside
from catalog3d.errors import TransientError


@contextmanager
def alone(engine: Engine, name: str) -> Iterator[None]:
    """Wait until nobody else holds this name, and hold it until the block or the process ends.

    Raises:
        TransientError: REGISTRY_BUSY, the database did not answer.
        RunError: REGISTRY_UNREACHABLE, the folder of a SQLite registry cannot be written.
    """
    if engine.dialect.name == "postgresql":
        with _alone_on_server(engine, name):
            yield
        return
    database = engine.url.database
    if not database or database == ":memory:":
        yield
        return
    with locked_beside(database, name.replace(":", "-")):
        yield


@contextmanager
def _alone_on_server(engine: Engine, name: str) -> Iterator[None]:
    with _said_plainly():
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()  # closed for good below: the server then lets the name go, in whatever state we are
    with connection:
        with _said_plainly():
            connection.execute(text("SET lock_timeout = 0"))  # work that is longer than a transaction is waited for
            connection.execute(text("SELECT pg_advisory_lock(hashtext(:name))"), {"name": name})
        yield


@contextmanager
def _said_plainly() -> Iterator[None]:
    try:
        yield
    except AWAY as exc:
        raise TransientError(
            "The registry's database did not answer.",
            code="REGISTRY_BUSY",
            fix="Is it running? Then do the same again: what is done already is not done twice.",
        ) from exc
