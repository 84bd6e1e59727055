"""What is remembered about picture files and URLs between runs, so that unchanged photos are not read again.

A cache in one small SQLite file: it may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from catalog3d.errors import RunError

_TABLES = """
CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, mark TEXT NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS urls (url_sha256 TEXT PRIMARY KEY, sha256 TEXT NOT NULL);
"""
_CHUNK_BYTES = 1 << 20


class PictureMemory:
    """Digests of files by path, size and times; contents of URLs by URL. Safe to share among threads.

    Args:
        folder: Created if needed.

    Raises:
        RunError: HOME_NOT_WRITABLE; so may all methods.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "pictures.db"
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None, timeout=30)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.executescript(_TABLES)
        except (OSError, sqlite3.Error) as exc:
            raise self._broken(exc) from exc

    def close(self) -> None:
        self._connection.close()

    def file_sha256(self, path: Path) -> str:
        """sha256 of a file's content, read only if its size, times or inode changed.

        Raises:
            OSError: The file cannot be read.
        """
        mark = _mark(path)
        known = self._row("SELECT sha256 FROM files WHERE path = ? AND mark = ?", (os.fsencode(path), mark))
        if known:
            return known
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
        sha256 = digest.hexdigest()
        if _mark(path) == mark:
            self._write("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", (os.fsencode(path), mark, sha256))
        return sha256

    def url_content(self, url: str) -> str | None:
        """sha256 of what a URL gave before."""
        return self._row("SELECT sha256 FROM urls WHERE url_sha256 = ?", (_key(url),))

    def remember_url(self, url: str, sha256: str) -> None:
        """Keep what a URL gave. Only the URL's digest is stored: signed URLs are secrets."""
        self._write("INSERT OR REPLACE INTO urls VALUES (?, ?)", (_key(url), sha256))

    def _row(self, query: str, values: Sequence[str | bytes]) -> str | None:
        try:
            with self._lock:
                row = self._connection.execute(query, values).fetchone()
        except sqlite3.Error as exc:
            raise self._broken(exc) from exc
        return str(row[0]) if row else None

    def _write(self, query: str, values: Sequence[str | bytes]) -> None:
        try:
            with self._lock:
                self._connection.execute(query, values)
        except sqlite3.Error as exc:
            raise self._broken(exc) from exc

    def _broken(self, exc: Exception) -> RunError:
        return RunError(
            f"The picture cache {self._path} cannot be used: {exc}.",
            code="HOME_NOT_WRITABLE",
            fix="Check who may write it; if it is damaged, delete it: it is made again.",
        )


def _mark(path: Path) -> str:
    found = path.stat()
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}:{found.st_ino}"


def _key(url: str) -> str:
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()
