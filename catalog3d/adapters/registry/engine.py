"""Opens the registry's database: SQLite by default, PostgreSQL by URL, always at the newest schema."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    InterfaceError,
    InternalError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from catalog3d.errors import RunError, TransientError

# Another process's write transaction lasts milliseconds; a sick disk shows as a clear error after this.
_BUSY_TIMEOUT_S = 30
# As long as a lease lasts: whoever was away for longer may be taken over, and must not go on with an old transaction.
_IDLE_TIMEOUT_S = 60


AWAY = (OperationalError, InterfaceError, InternalError, PoolTimeoutError)
"""What a database says when it is busy, restarting, or out of connections."""


def sqlite_url(file: Path) -> str:
    """The URL of a registry in a file."""
    return f"sqlite:///{file}"


def open_engine(url: str) -> Engine:
    """Connect and bring the schema up to date (safe when several processes do so at once).

    Raises:
        RunError: REGISTRY_UNREACHABLE or REGISTRY_NEWER; the password in the URL is never shown.
    """
    try:
        engine = _sqlite(url) if url.startswith("sqlite") else _server(url)
    except (ArgumentError, NoSuchModuleError, ImportError) as exc:
        raise RunError(
            "CATALOG3D_REGISTRY_URL is not a database URL that this installation can use.",
            code="REGISTRY_UNREACHABLE",
            fix="Use sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME (and install catalog3d[postgres]).",
        ) from exc
    try:
        _upgrade(engine)
    except OperationalError as exc:
        shown = make_url(url).render_as_string(hide_password=True)
        raise RunError(
            f"The registry at {shown} does not answer.",
            code="REGISTRY_UNREACHABLE",
            fix="Is the database running, is the folder writable, and are user and password right?",
        ) from exc
    except CommandError as exc:
        raise RunError(
            "The registry was written by a newer catalog3d than this one.",
            code="REGISTRY_NEWER",
            fix="Update catalog3d on this machine.",
        ) from exc
    return engine


@contextmanager
def write(engine: Engine) -> Iterator[Session]:
    """One write transaction: serialised on SQLite, committed at the end, rolled back on any error.

    Raises:
        TransientError: The database was busy or went away; nothing was written.
    """
    with Session(engine.execution_options(writes=True), expire_on_commit=False) as session:
        try:
            with session.begin():
                yield session
        except AWAY as exc:
            raise TransientError("The registry did not answer.", code="REGISTRY_BUSY", fix="Trying again.") from exc


@contextmanager
def read(engine: Engine) -> Iterator[Session]:
    """A session for reading only."""
    with Session(engine, expire_on_commit=False) as session:
        try:
            yield session
        except AWAY as exc:
            raise TransientError("The registry did not answer.", code="REGISTRY_BUSY", fix="Trying again.") from exc


def serialise(session: Session, name: str) -> None:
    """Hold everybody else who serialises on `name` until this transaction ends.

    SQLite's write transactions already exclude each other; PostgreSQL needs an advisory lock.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": name})


def _server(url: str) -> Engine:
    """PostgreSQL, where a writer that is suspended in its transaction must not stop all others for good."""
    engine = create_engine(url, pool_pre_ping=True)
    if engine.dialect.name == "postgresql":

        @event.listens_for(engine, "connect")
        def _bound(connection: Any, _record: Any) -> None:
            with connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = '{_BUSY_TIMEOUT_S}s'")
                cursor.execute(f"SET idle_in_transaction_session_timeout = '{_IDLE_TIMEOUT_S}s'")
            connection.commit()

    return engine


def _sqlite(url: str) -> Engine:
    database = make_url(url).database
    if database:
        try:
            Path(database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise RunError(
                f"The folder of the registry cannot be made: {Path(database).parent}.",
                code="REGISTRY_UNREACHABLE",
                fix="Choose a home that you may write to.",
            ) from exc
    engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's documented way to start transactions ourselves
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # a committed `sending` must survive a power cut
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _config(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["engine"] = engine
    return config


def _upgrade(engine: Engine) -> None:
    config = _config(engine)
    head = ScriptDirectory.from_config(config).get_current_head()
    with _one_at_a_time(engine):
        with engine.connect() as connection:
            if MigrationContext.configure(connection).get_current_revision() == head:
                return
        command.upgrade(config, "head")


@contextmanager
def _one_at_a_time(engine: Engine) -> Iterator[None]:
    """Around the first connection too: it makes the file and sets its journal mode, for which SQLite does not wait."""
    database = engine.url.database
    if engine.dialect.name != "sqlite" or not database or database == ":memory:":
        yield  # PostgreSQL: the migration environment takes an advisory lock
        return
    with locked_beside(database, "upgrade"):
        yield


@contextmanager
def locked_beside(database: str, name: str) -> Iterator[None]:
    """Hold a lock file beside a SQLite file, exclusively among all processes of this machine.

    Raises:
        RunError: REGISTRY_UNREACHABLE.
    """
    path = Path(f"{database}.{name}.lock")
    try:
        handle = path.open("w")
    except OSError as exc:
        raise RunError(
            f"The folder of the registry cannot be written: {path.parent}.",
            code="REGISTRY_UNREACHABLE",
            fix="Choose a home that you may write to.",
        ) from exc
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
