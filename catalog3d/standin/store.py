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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from catalog3d.standin.whole_file import PART_SUFFIX, write_once

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL, first_at REAL, last_at REAL);
CREATE TABLE IF NOT EXISTS files (
    token TEXT PRIMARY KEY, owner TEXT NOT NULL, sha256 TEXT NOT NULL, kind TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS tasks (
    task_id TEXT PRIMARY KEY, owner TEXT NOT NULL, type TEXT NOT NULL, endpoint TEXT NOT NULL,
    model TEXT NOT NULL, pool TEXT NOT NULL, echo TEXT NOT NULL, brief TEXT NOT NULL,
    price TEXT NOT NULL, created_at REAL NOT NULL, starts_at REAL NOT NULL, ends_at REAL NOT NULL,
    plan TEXT NOT NULL, status TEXT NOT NULL, completed_at REAL, error_code INTEGER,
    error_message TEXT NOT NULL, work TEXT NOT NULL, result TEXT NOT NULL, extension TEXT NOT NULL,
    downloads TEXT NOT NULL, hidden_polls INTEGER NOT NULL, stranger INTEGER NOT NULL DEFAULT 0,
    answer TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS tasks_open ON tasks (status, ends_at);
CREATE INDEX IF NOT EXISTS tasks_created ON tasks (owner, created_at);
CREATE TABLE IF NOT EXISTS faults (
    id INTEGER PRIMARY KEY, match TEXT NOT NULL, fault TEXT NOT NULL, remaining INTEGER,
    origin TEXT NOT NULL DEFAULT 'request');
CREATE TABLE IF NOT EXISTS skus (sku TEXT PRIMARY KEY, mark TEXT NOT NULL);
"""
# Columns that a state folder of an earlier version does not have.
_ADDED = (
    ("counters", "first_at REAL"), ("counters", "last_at REAL"), ("tasks", "stranger INTEGER NOT NULL DEFAULT 0"),
    ("tasks", "answer TEXT NOT NULL DEFAULT ''"), ("faults", "origin TEXT NOT NULL DEFAULT 'request'"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Counter:
    """How often something happened, and when first and last; None in counts of an earlier version."""

    name: str
    value: int
    first_at: float | None
    last_at: float | None


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
        stranger: 1 if somebody else made it: nothing of ours, and nothing to pay.
        answer: The fault that its create was answered with instead of its id, "" if it was answered.
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
    stranger: int = 0
    answer: str = ""


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
        for table, column in _ADDED:
            if column.split()[0] not in {row["name"] for row in self._db.execute(f"PRAGMA table_info({table})")}:
                self._db.execute(f"ALTER TABLE {table} ADD COLUMN {column}")

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

    def count(self, name: str, at: float) -> int:
        """Add one to a counter, at this moment, and return it."""
        row = self._db.execute(
            "INSERT INTO counters VALUES (?, 1, ?, ?) ON CONFLICT (name)"
            " DO UPDATE SET value = value + 1, last_at = excluded.last_at RETURNING value",
            (name, at, at),
        ).fetchone()
        return int(row[0])

    def counters(self) -> list[Counter]:
        return [Counter(**dict(row)) for row in self._db.execute("SELECT * FROM counters ORDER BY name")]

    def clear_counters(self, names: Iterable[str]) -> None:
        self._db.executemany("DELETE FROM counters WHERE name = ?", [(name,) for name in names])

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

    def listed_ids(
        self, owners: Sequence[str], *, ours_until: float, ended_by: float | None, newest_first: bool
    ) -> list[str]:
        """Ids of the tasks that usage shows.

        Args:
            ours_until: Tasks of ours that were made later are left out.
            ended_by: Only tasks that ended by then; None = all.
        """
        marks, direction = ", ".join("?" * len(owners)), "DESC" if newest_first else "ASC"
        rows = self._db.execute(
            f"SELECT task_id FROM tasks WHERE owner IN ({marks}) AND (stranger OR created_at <= ?)"  # noqa: S608 - own words
            " AND (? IS NULL OR (status != 'open' AND completed_at <= ?))"
            f" ORDER BY created_at {direction}, rowid {direction}",
            (*owners, ours_until, ended_by, ended_by),
        )
        return [row[0] for row in rows]

    def tasks(self) -> list[TaskRow]:
        """All, in the order in which they were made."""
        return [TaskRow(**row) for row in self._db.execute("SELECT * FROM tasks ORDER BY created_at, rowid")]

    def strangers(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM tasks WHERE stranger").fetchone()[0])

    def forget_strangers(self) -> None:
        self._db.execute("DELETE FROM tasks WHERE stranger")

    def briefs(self) -> list[dict[str, Any]]:
        """Per brief of ours: its tasks, and how many of them were, are, or were not paid."""
        rows = self._db.execute(
            "SELECT brief, count(*) AS created, sum(status = 'success') AS paid, sum(status = 'open') AS open,"
            " group_concat(task_id) AS task_ids FROM tasks WHERE NOT stranger GROUP BY brief ORDER BY min(created_at)"
        )
        return [{**dict(row), "task_ids": row["task_ids"].split(",")} for row in rows]

    def name_skus(self, marks: Mapping[str, str]) -> None:
        """Say which SKU a picture (by sha256) or a prompt belongs to."""
        self._db.executemany("INSERT OR REPLACE INTO skus VALUES (?, ?)", list(marks.items()))

    def skus(self) -> dict[str, str]:
        return {row["sku"]: row["mark"] for row in self._db.execute("SELECT * FROM skus ORDER BY sku")}

    def faults(self) -> list[dict[str, Any]]:
        rows = self._db.execute("SELECT * FROM faults ORDER BY id")
        return [{**dict(row), "match": json.loads(row["match"])} for row in rows]

    def add_fault(self, match: Mapping[str, Any], fault: str, remaining: int | None, origin: str) -> int:
        row = self._db.execute(
            "INSERT INTO faults (match, fault, remaining, origin) VALUES (?, ?, ?, ?) RETURNING id",
            (json.dumps(dict(match)), fault, remaining, origin),
        ).fetchone()
        return int(row[0])

    def spend_fault(self, fault_id: int) -> None:
        self._db.execute("UPDATE faults SET remaining = remaining - 1 WHERE id = ?", (fault_id,))
        self._db.execute("DELETE FROM faults WHERE id = ? AND remaining <= 0", (fault_id,))

    def clear_faults(self, origin: str = "") -> None:
        """All, or those of one origin."""
        self._db.execute("DELETE FROM faults WHERE ? IN ('', origin)", (origin,))

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
        for path in self.results.glob(f".*{PART_SUFFIX}"):
            path.unlink(missing_ok=True)
