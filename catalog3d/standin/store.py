"""What a stand-in remembers: one SQLite file and the uploaded and made files beside it.

Every change is committed before it is answered, so that a stand-in that is killed and started again
still knows its tasks, its files and its balance.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS files (
    token TEXT PRIMARY KEY, owner TEXT NOT NULL, sha256 TEXT NOT NULL, kind TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS tasks (
    task_id TEXT PRIMARY KEY, owner TEXT NOT NULL, type TEXT NOT NULL, endpoint TEXT NOT NULL,
    model TEXT NOT NULL, pool TEXT NOT NULL, echo TEXT NOT NULL, brief TEXT NOT NULL,
    price TEXT NOT NULL, created_at REAL NOT NULL, starts_at REAL NOT NULL, ends_at REAL NOT NULL,
    plan TEXT NOT NULL, status TEXT NOT NULL, completed_at REAL, error_code INTEGER,
    error_message TEXT NOT NULL, work TEXT NOT NULL, result TEXT NOT NULL, extension TEXT NOT NULL,
    downloads TEXT NOT NULL, hidden_polls INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS tasks_open ON tasks (status, ends_at);
CREATE INDEX IF NOT EXISTS tasks_created ON tasks (owner, created_at);
CREATE TABLE IF NOT EXISTS faults (
    id INTEGER PRIMARY KEY, match TEXT NOT NULL, fault TEXT NOT NULL, remaining INTEGER);
"""


@dataclass(frozen=True, kw_only=True)
class FileRow:
    """An upload.

    Attributes:
        kind: png, jpg, webp or glb; "" for a presigned upload that has not arrived.
    """

    token: str
    owner: str
    sha256: str
    kind: str
    size_bytes: int
    created_at: float


@dataclass(frozen=True, kw_only=True)
class TaskRow:
    """One task as it is stored; times are seconds since the epoch.

    Attributes:
        plan: What will become of it: success, failed:<code>, banned, expired, cancelled, stuck, status:<word>.
        status: "open" until it is settled, then the final word.
        brief: Canonical JSON of what decides the model.
        work: JSON of what has to be made.
        result: Name of the made file, "" until it is made.
        downloads: Faults of its downloads as a JSON object: fault -> how many are left (-1 = all).
        hidden_polls: So many queries are still answered "not found".
    """

    task_id: str
    owner: str
    type: str
    endpoint: str
    model: str
    pool: str
    echo: str
    brief: str
    price: str
    created_at: float
    starts_at: float
    ends_at: float
    plan: str
    status: str
    completed_at: float | None
    error_code: int | None
    error_message: str
    work: str
    result: str
    extension: str
    downloads: str
    hidden_polls: int


_PART_SUFFIX = ".part"
_TASK_COLUMNS = tuple(column.name for column in fields(TaskRow))


class Store:
    """The state folder. Used from one event loop only."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = root / "files"
        self.results = root / "results"
        for folder in (root, self.files, self.results):
            folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(root / "standin.db", isolation_level=None, check_same_thread=False, timeout=10)
        self._db.row_factory = sqlite3.Row
        # A killed process loses nothing with WAL and NORMAL; only a power cut could.
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; may be nested (the outermost one counts)."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def fact(self, name: str, default: str) -> str:
        """A stored value; the default is stored if there is none yet."""
        self._db.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", (name, default))
        return str(self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()[0])

    def set_fact(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def secret(self) -> bytes:
        return bytes.fromhex(self.fact("secret", secrets.token_hex(32)))

    def count(self, name: str) -> int:
        """Add one to a counter and return it."""
        row = self._db.execute(
            "INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
            (name,),
        ).fetchone()
        return int(row[0])

    def counters(self) -> dict[str, int]:
        return {row["name"]: row["value"] for row in self._db.execute("SELECT * FROM counters ORDER BY name")}

    def add_file(self, row: FileRow) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)",
            (row.token, row.owner, row.sha256, row.kind, row.size_bytes, row.created_at),
        )

    def file(self, token: str) -> FileRow | None:
        row = self._db.execute("SELECT * FROM files WHERE token = ?", (token,)).fetchone()
        return FileRow(**row) if row else None

    def add_task(self, row: TaskRow) -> None:
        marks = ", ".join("?" * len(_TASK_COLUMNS))
        values = [getattr(row, name) for name in _TASK_COLUMNS]
        self._db.execute(f"INSERT INTO tasks ({', '.join(_TASK_COLUMNS)}) VALUES ({marks})", values)  # noqa: S608 - own names

    def change_task(self, task_id: str, **changes: Any) -> None:
        names = [name for name in changes if name in _TASK_COLUMNS]
        assignments = ", ".join(f"{name} = ?" for name in names)
        values = [changes[name] for name in names]
        self._db.execute(f"UPDATE tasks SET {assignments} WHERE task_id = ?", [*values, task_id])  # noqa: S608 - own names

    def task(self, task_id: str) -> TaskRow | None:
        row = self._db.execute("SELECT * FROM tasks WHERE task_id = ?", (task_id,)).fetchone()
        return TaskRow(**row) if row else None

    def open_tasks(self) -> list[TaskRow]:
        return [
            TaskRow(**row) for row in self._db.execute("SELECT * FROM tasks WHERE status = 'open' ORDER BY ends_at")
        ]

    def tasks_of(self, owner: str, limit: int, offset: int) -> list[TaskRow]:
        """Newest first."""
        rows = self._db.execute(
            "SELECT * FROM tasks WHERE owner = ? ORDER BY created_at DESC, rowid DESC LIMIT ? OFFSET ?",
            (owner, limit, offset),
        )
        return [TaskRow(**row) for row in rows]

    def briefs(self) -> list[dict[str, Any]]:
        """Per brief: its tasks, and how many of them were, are, or were not paid."""
        rows = self._db.execute(
            "SELECT brief, count(*) AS created, sum(status = 'success') AS paid, sum(status = 'open') AS open,"
            " group_concat(task_id) AS task_ids FROM tasks GROUP BY brief ORDER BY min(created_at)"
        )
        return [{**dict(row), "task_ids": row["task_ids"].split(",")} for row in rows]

    def paid_prices(self) -> list[str]:
        return [row[0] for row in self._db.execute("SELECT price FROM tasks WHERE status = 'success'")]

    def faults(self) -> list[dict[str, Any]]:
        rows = self._db.execute("SELECT * FROM faults ORDER BY id")
        return [{**dict(row), "match": json.loads(row["match"])} for row in rows]

    def add_fault(self, match: dict[str, Any], fault: str, remaining: int | None) -> int:
        row = self._db.execute(
            "INSERT INTO faults (match, fault, remaining) VALUES (?, ?, ?) RETURNING id",
            (json.dumps(match), fault, remaining),
        ).fetchone()
        return int(row[0])

    def spend_fault(self, fault_id: int) -> None:
        self._db.execute("UPDATE faults SET remaining = remaining - 1 WHERE id = ?", (fault_id,))
        self._db.execute("DELETE FROM faults WHERE id = ? AND remaining <= 0", (fault_id,))

    def clear_faults(self) -> None:
        self._db.execute("DELETE FROM faults")

    def keep_file(self, content: bytes) -> str:
        """Store an upload under its digest and return that."""
        digest = hashlib.sha256(content).hexdigest()
        write_once(self.files / digest, content)
        return digest

    def size_bytes(self) -> int:
        """Everything stored, uploads and results."""
        total = 0
        for folder in (self.files, self.results):
            for entry in os.scandir(folder):
                # Another upload may just be put in place, and its unfinished file is gone.
                with suppress(FileNotFoundError):
                    total += entry.stat().st_size
        return total

    def prune_uploads(self, older_than: float) -> None:
        """Forget tokens past their time, files that no token and no open task needs, and what a kill left half written.

        Only while nothing is made or uploaded.
        """
        with self.transaction():
            self._db.execute("DELETE FROM files WHERE created_at < ?", (older_than,))
            needed = {row[0] for row in self._db.execute("SELECT DISTINCT sha256 FROM files")}
            needed_by_work = " ".join(task.work for task in self.open_tasks())
        for path in self.files.iterdir():
            if path.name not in needed and path.name not in needed_by_work:
                path.unlink(missing_ok=True)
        for path in self.results.glob(f".*{_PART_SUFFIX}"):
            path.unlink(missing_ok=True)


def write_once(target: Path, content: bytes) -> None:
    """Write a file whose name decides its content: whole or not at all."""
    if target.exists():
        return
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=_PART_SUFFIX)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
