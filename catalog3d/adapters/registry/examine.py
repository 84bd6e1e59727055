"""Looks at a registry without changing it: no table is made, no schema upgraded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError, NoSuchModuleError

from catalog3d.adapters.registry import engine as registry_engine
from catalog3d.errors import RunError

CONNECT_TIMEOUT_S = 5


@dataclass(frozen=True, kw_only=True)
class RegistryLook:
    """How a registry is.

    Attributes:
        kind: sqlite or postgresql.
        shown: Its URL without the password.
        file: Of SQLite, else None.
        schema: "none" (not made yet), "current", "older" or "newer".
        keeps_commits: Whether a committed transaction survives a power cut, as far as the database says.
        durability: The settings that say so, for people.
        clock_offset_s: Database's clock minus ours; None for a file.
    """

    kind: str
    shown: str
    file: Path | None
    schema: str
    keeps_commits: bool = True
    durability: str = ""
    clock_offset_s: float | None = None


def examine(url: str) -> RegistryLook:
    """Look at the registry behind a URL.

    Raises:
        RunError: REGISTRY_UNREACHABLE.
    """
    try:
        parsed = make_url(url)
        file = Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None
        if file is not None and not file.is_file():
            return RegistryLook(kind="sqlite", shown=str(file), file=file, schema="none")
        engine = _reader(url, file)
    except (ArgumentError, NoSuchModuleError, ImportError) as exc:
        raise RunError(
            "CATALOG3D_REGISTRY_URL is not a database URL that this installation can use.",
            code="REGISTRY_UNREACHABLE",
            fix="Use sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME (and install catalog3d[postgres]).",
        ) from exc
    shown = str(file) if file else parsed.render_as_string(hide_password=True)
    try:
        with engine.connect() as connection:
            return _look(connection, shown, file)
    except (DatabaseError, InterfaceError) as exc:
        raise RunError(
            f"The registry at {shown} cannot be read ({type(exc.orig).__name__}).",
            code="REGISTRY_UNREACHABLE",
            fix="Is the database running, is the file readable and undamaged, and are user and password right?",
        ) from exc
    finally:
        engine.dispose()


def _reader(url: str, file: Path | None) -> Engine:
    if file is None:
        return create_engine(url, connect_args={"connect_timeout": CONNECT_TIMEOUT_S})
    return create_engine(f"sqlite:///file:{file.absolute()}?mode=ro&uri=true", connect_args={"timeout": 5})


def _look(connection: Connection, shown: str, file: Path | None) -> RegistryLook:
    schema = _schema(connection)
    if connection.dialect.name == "sqlite":
        return RegistryLook(
            kind="sqlite", shown=shown, file=file, schema=schema, durability="synchronous=FULL in every process of ours"
        )
    asked_at = datetime.now(UTC)
    told = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    between = asked_at + (datetime.now(UTC) - asked_at) / 2
    values = {name: connection.execute(text(f"SHOW {name}")).scalar_one() for name in ("fsync", "synchronous_commit")}
    return RegistryLook(
        kind=connection.dialect.name,
        shown=shown,
        file=None,
        schema=schema,
        keeps_commits=values["fsync"] == "on" and values["synchronous_commit"] != "off",
        durability=", ".join(f"{name}={value}" for name, value in values.items()),
        clock_offset_s=(told - between).total_seconds(),
    )


def _schema(connection: Connection) -> str:
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None:
        return "none"
    scripts = ScriptDirectory(str(Path(registry_engine.__file__).parent / "migrations"))
    if current == scripts.get_current_head():
        return "current"
    try:
        scripts.get_revision(current)
    except CommandError:
        return "newer"
    return "older"


def synchronous_of(engine: Engine) -> int:
    """What SQLite promises about commits on connections of ours: 2 is FULL, 3 EXTRA (SQLite, PRAGMA synchronous)."""
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())
