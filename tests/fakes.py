"""Fakes of the ports: classes that pass the same contract suites as the real adapters."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

from catalog3d.adapters.store_errors import content_changed, key_missing, key_taken, too_large
from catalog3d.keys import check_key, check_prefix
from catalog3d.ports import StoredObject


class MemoryStore:
    """An `ObjectStore` in memory.

    Attributes:
        objects: Key -> content.
        writes: Every key written, in order.
        fail_before: Raised instead of the next write or delete of a key in it, once: a kill at that instant.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.writes: list[str] = []
        self.fail_before: dict[str, BaseException] = {}
        self._lock = threading.Lock()

    def check(self) -> None:
        pass

    def put_new(self, key: str, content: bytes | Path, *, sha256: str, content_type: str) -> StoredObject:
        check_key(key)
        data = content if isinstance(content, bytes) else _bytes_of(key, content)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise content_changed(key)
        with self._lock:
            self._fail_if_told(key)
            if self.objects.get(key, data) != data:
                raise key_taken(key)
            if key not in self.objects:
                self.writes.append(key)
            self.objects[key] = data
        return _described(key, data)

    def replace(self, key: str, content: bytes, *, content_type: str) -> StoredObject:
        with self._lock:
            self._fail_if_told(check_key(key))
            self.writes.append(key)
            self.objects[key] = content
        return _described(key, content)

    def get(self, key: str, *, max_bytes: int) -> bytes | None:
        data = self.objects.get(check_key(key))
        if data is not None and len(data) > max_bytes:
            raise too_large(key, len(data), max_bytes)
        return data

    def fetch(self, key: str, target: Path, *, sha256: str) -> None:
        data = self.objects.get(check_key(key))
        if data is None:
            raise key_missing(key)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise content_changed(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    def stat(self, key: str) -> StoredObject | None:
        data = self.objects.get(check_key(key))
        return None if data is None else _described(key, data)

    def keys(self, prefix: str = "") -> Iterator[str]:
        check_prefix(prefix)
        yield from sorted(key for key in list(self.objects) if key.startswith(prefix))

    def delete(self, key: str) -> None:
        with self._lock:
            self._fail_if_told(check_key(key))
            self.objects.pop(key, None)

    def location(self, key: str) -> str:
        return f"memory:{check_key(key)}"

    def _fail_if_told(self, key: str) -> None:
        if key in self.fail_before:
            raise self.fail_before.pop(key)


def _bytes_of(key: str, path: Path) -> bytes:
    if not path.is_file():
        raise content_changed(key)
    return path.read_bytes()


def _described(key: str, data: bytes) -> StoredObject:
    return StoredObject(key=key, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
