"""People in the database: their roles, the hashes of their passwords, and where they are logged in.

They belong to the registry, not to one of its catalogs: whoever rehearses is the same person later.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, delete, exists, select
from sqlalchemy.orm import Session

from catalog3d.adapters.passwords import Passwords
from catalog3d.adapters.registry.engine import open_engine, read, serialise, sqlite_url, write
from catalog3d.adapters.registry.tables import SessionRow, UserRow
from catalog3d.errors import Catalog3DError, ProductError
from catalog3d.people import Person, Role, clean_name, clean_password
from catalog3d.ports import Clock

_TOKEN_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class User:
    """A person as the registry has them.

    Attributes:
        removed_at: When they were removed; None for those who may log in.
    """

    person: Person
    created_at: datetime
    password_at: datetime
    removed_at: datetime | None


class UserRecord:
    """The users of one registry. What it changes holds from the next request on, in every process.

    Args:
        where: The registry's database, or a SQLite file that is made once there is somebody to write down.
    """

    def __init__(self, where: Engine | Path, clock: Clock, passwords: Passwords | None = None) -> None:
        self._where = where
        self._opened: Engine | None = None if isinstance(where, Path) else where
        self._clock = clock
        self._passwords = passwords or Passwords()

    def close(self) -> None:
        """Let go of a database that nobody else uses."""
        if self._opened is not None:
            self._opened.dispose()

    def exist(self) -> bool:
        """Whether there is anybody who may log in."""
        if not self._is_there:
            return False
        with read(self._engine) as session:
            return bool(session.scalar(select(exists().where(UserRow.removed_at.is_(None)))))

    def all(self) -> list[User]:
        """Everybody by name, removed ones too."""
        if not self._is_there:
            return []
        with read(self._engine) as session:
            return [_user(row) for row in session.scalars(select(UserRow).order_by(UserRow.name))]

    def find(self, name: str) -> Person | None:
        """Who has this name, however it is written; None for strangers and those who were removed."""
        key = _key(name)
        if not key or not self._is_there:
            return None
        with read(self._engine) as session:
            row = session.get(UserRow, key)
            return None if row is None or row.removed_at is not None else _person(row)

    def add(self, name: str, role: Role, password: str, *, is_back: bool = False) -> Person:
        """Write down somebody new, or somebody who was removed and is back.

        Raises:
            ProductError: NAME_INVALID, PASSWORD_INVALID, USER_EXISTS, USER_REMOVED.
        """
        name = clean_name(name)
        kept = self._passwords.hash(clean_password(password, name))
        now = self._clock.now()
        with self._changing() as session:
            row = session.get(UserRow, name)
            if row is not None:
                _require_free(row, is_back=is_back)
                row.role, row.password_hash, row.password_at, row.removed_at = role.value, kept, now, None
            else:
                row = UserRow(name=name, role=role.value, password_hash=kept, created_at=now, password_at=now)
                session.add(row)
            return _person(row)

    def set_role(self, name: str, role: Role) -> Person:
        """Let somebody do more or less, from their next request on.

        Raises:
            ProductError: USER_UNKNOWN, LAST_OPERATOR.
        """
        with self._changing() as session:
            row = _existing(session, name)
            if role is not Role.OPERATOR:
                _require_another_operator(session, row)
            row.role = role.value
            return _person(row)

    def set_password(self, name: str, password: str) -> Person:
        """Give somebody another password and log them out everywhere.

        Raises:
            ProductError: USER_UNKNOWN, PASSWORD_INVALID.
        """
        kept = self._passwords.hash(clean_password(password, name))
        with self._changing() as session:
            row = _existing(session, name)
            row.password_hash, row.password_at = kept, self._clock.now()
            _log_out_everywhere(session, row.name)
            return _person(row)

    def remove(self, name: str) -> Person:
        """Let somebody in no longer, at once; the name stays theirs, because it stands in the record.

        Raises:
            ProductError: USER_UNKNOWN, LAST_OPERATOR.
        """
        with self._changing() as session:
            row = _existing(session, name)
            _require_another_operator(session, row)
            row.removed_at, row.password_hash = self._clock.now(), ""
            _log_out_everywhere(session, row.name)
            return _person(row)

    def log_in(self, name: str, password: str, lifetime_s: float) -> tuple[Person, str] | None:
        """Open a session for whoever has this name and password.

        Takes as long for a name that nobody has. A hash of older parameters is replaced.

        Returns:
            The person and the token that their browser keeps, or None.
        """
        key = _key(name)
        kept = self._hash_of(key)
        if not self._passwords.fits(kept, password):
            return None
        newer = self._passwords.hash(password) if self._passwords.is_outdated(kept) else kept
        token, now = secrets.token_urlsafe(_TOKEN_BYTES), self._clock.now()
        with self._changing() as session:
            row = session.get(UserRow, key)
            if row is None or row.password_hash != kept:
                return None  # removed, or given another password, while this one was checked
            row.password_hash = newer
            session.execute(delete(SessionRow).where(SessionRow.expires_at <= now))
            expires_at = now + timedelta(seconds=lifetime_s)
            session.add(SessionRow(token_sha256=_digest(token), name=key, created_at=now, expires_at=expires_at))
            return _person(row), token

    def person_of(self, token: str) -> Person | None:
        """Who is logged in with this token, in the role they have now."""
        if not self._is_there:
            return None
        query = (
            select(UserRow)
            .join(SessionRow, SessionRow.name == UserRow.name)
            .where(
                SessionRow.token_sha256 == _digest(token),
                SessionRow.expires_at > self._clock.now(),
                UserRow.removed_at.is_(None),
            )
        )
        with read(self._engine) as session:
            row = session.scalars(query).first()
            return None if row is None else _person(row)

    def log_out(self, token: str) -> None:
        """End a session; one that has ended already is no matter."""
        if self._is_there:
            with write(self._engine) as session:
                session.execute(delete(SessionRow).where(SessionRow.token_sha256 == _digest(token)))

    @property
    def _is_there(self) -> bool:
        return self._opened is not None or (isinstance(self._where, Path) and self._where.is_file())

    @property
    def _engine(self) -> Engine:
        if self._opened is None:
            assert isinstance(self._where, Path)  # noqa: S101 - what is no file is opened from the start
            self._opened = open_engine(sqlite_url(self._where))
        return self._opened

    @contextmanager
    def _changing(self) -> Iterator[Session]:
        with write(self._engine) as session:
            serialise(session, "users")
            yield session

    def _hash_of(self, key: str) -> str:
        if not key or not self._is_there:
            return ""
        with read(self._engine) as session:
            query = select(UserRow.password_hash).where(UserRow.name == key, UserRow.removed_at.is_(None))
            return session.scalar(query) or ""


def _key(name: str) -> str:
    """The name as it is kept; "" for what cannot be one."""
    try:
        return clean_name(name)
    except Catalog3DError:
        return ""


def _existing(session: Session, name: str) -> UserRow:
    row = session.get(UserRow, _key(name))
    if row is None or row.removed_at is not None:
        raise ProductError(
            f"There is no user called {name}.", code="USER_UNKNOWN", fix="`catalog3d user list` shows who there is."
        )
    return row


def _require_free(row: UserRow, *, is_back: bool) -> None:
    if row.removed_at is None:
        raise ProductError(
            f"There is a user called {row.name} already.",
            code="USER_EXISTS",
            fix="Choose another name; `catalog3d user role` and `catalog3d user password` change what they have.",
        )
    if not is_back:
        raise ProductError(
            f"{row.name} was removed on {row.removed_at:%Y-%m-%d}, and the name stands under decisions.",
            code="USER_REMOVED",
            fix="If it is the same person, add --back; if not, choose another name.",
        )


def _require_another_operator(session: Session, row: UserRow) -> None:
    """Somebody must stay who can do everything, unless nobody stays at all."""
    others = session.scalars(select(UserRow.role).where(UserRow.removed_at.is_(None), UserRow.name != row.name)).all()
    if row.role == Role.OPERATOR and others and Role.OPERATOR not in others:
        raise ProductError(
            f"{row.name} is the only operator.",
            code="LAST_OPERATOR",
            fix='Make somebody else one first: catalog3d user role "NAME" operator.',
        )


def _log_out_everywhere(session: Session, name: str) -> None:
    session.execute(delete(SessionRow).where(SessionRow.name == name))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _person(row: UserRow) -> Person:
    return Person(name=row.name, role=Role(row.role))


def _user(row: UserRow) -> User:
    return User(person=_person(row), created_at=row.created_at, password_at=row.password_at, removed_at=row.removed_at)
