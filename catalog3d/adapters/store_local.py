"""The library as a local folder."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from catalog3d.adapters.store_errors import content_changed, disk_errors, key_missing, key_taken, too_large
from catalog3d.adapters.whole_files import (
    PART_PREFIX,
    chunks_of,
    clear_stale_parts,
    make_folder,
    receive,
    require_content,
    require_source,
    sha256_of,
    sync_folder,
    write_part,
)
from catalog3d.errors import ProductError
from catalog3d.keys import check_key, check_prefix, is_key
from catalog3d.ports import StoredObject

_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class LocalStore:
    """An `ObjectStore` in a folder that several processes may write at once.

    A file appears under its name by a hard link, which fails if the name is taken: readers never see half a file,
    and of two writers one wins. Where the file system has no hard links (exFAT, some network shares), a lock file
    in the folder does the same among writers of this program. A killed writer leaves at most a `.part-*` file,
    which is never a key; `check` sweeps those of the day before.

    Args:
        root: Created by `check` or the first write.
        link: `os.link`, or what stands for it.
    """

    def __init__(self, root: Path, *, link: Callable[[Path, Path], None] = os.link) -> None:
        self._root = root.expanduser().absolute()
        self._link = link

    def check(self) -> None:
        with disk_errors(self._root):
            make_folder(self._root)
            clear_stale_parts(self._root, below=True)
            write_part(self._root, [b"can this folder be written?"]).path.unlink()

    def put_new(self, key: str, content: bytes | Path, *, sha256: str, content_type: str) -> StoredObject:  # noqa: ARG002 - files have no type
        require_source(key, content)
        with disk_errors(self._root):
            path = self._path(key)
            if path.exists():
                require_content(key, content, sha256)
                return self._same_or_taken(key, sha256)
            make_folder(path.parent)
            part = write_part(path.parent, chunks_of(content))
            try:
                if part.sha256 != sha256 or sha256_of(part.path)[0] != sha256:
                    raise content_changed(key)
                won = self._claim(part.path, path)
            finally:
                part.path.unlink(missing_ok=True)
            sync_folder(path.parent)
            if won:
                return StoredObject(key=key, size_bytes=part.size_bytes, sha256=sha256)
            return self._same_or_taken(key, sha256)

    def replace(self, key: str, content: bytes, *, content_type: str) -> StoredObject:  # noqa: ARG002 - files have no type
        with disk_errors(self._root):
            path = self._path(key)
            make_folder(path.parent)
            part = write_part(path.parent, chunks_of(content))
            try:
                part.path.replace(path)
            finally:
                part.path.unlink(missing_ok=True)
            sync_folder(path.parent)
            return StoredObject(key=key, size_bytes=part.size_bytes, sha256=part.sha256)

    def get(self, key: str, *, max_bytes: int) -> bytes | None:
        with disk_errors(self._root):
            path = self._path(key)
            if not path.is_file():
                return None
            with path.open("rb") as file:
                content = file.read(max_bytes + 1)
            if len(content) > max_bytes:
                raise too_large(key, path.stat().st_size, max_bytes)
            return content

    def fetch(self, key: str, target: Path, *, sha256: str) -> None:
        with disk_errors(self._root):
            path = self._path(key)
            if not path.is_file():
                raise key_missing(key)
            path.open("rb").close()  # what cannot be read is the library's fault, the rest is the target's
        with disk_errors(target.parent):
            receive(chunks_of(path), target, key=key, sha256=sha256)

    def stat(self, key: str) -> StoredObject | None:
        with disk_errors(self._root):
            path = self._path(key)
            if not path.is_file():
                return None
            digest, size = sha256_of(path)
            return StoredObject(key=key, size_bytes=size, sha256=digest)

    def keys(self, prefix: str = "") -> Iterator[str]:
        check_prefix(prefix)
        with disk_errors(self._root):
            found = [key for key in self._walk(prefix) if key.startswith(prefix) and is_key(key)]
        yield from sorted(found)

    def delete(self, key: str) -> None:
        with disk_errors(self._root):
            path = self._path(key)
            if path.is_file():
                path.unlink(missing_ok=True)
                sync_folder(path.parent)

    def location(self, key: str) -> str:
        return str(self._root / check_key(key))

    def _walk(self, prefix: str) -> Iterator[str]:
        start = self._root / prefix.rpartition("/")[0]
        for folder, subfolders, files in os.walk(start, onerror=_raise_unless_missing):
            subfolders[:] = [name for name in subfolders if not name.startswith(".")]
            for name in files:
                path = Path(folder, name)
                if not path.is_symlink():
                    yield path.relative_to(self._root).as_posix()

    def _path(self, key: str) -> Path:
        path = self._root / check_key(key)
        real_root = os.path.realpath(self._root)
        if path.is_symlink() or not Path(os.path.realpath(path.parent)).is_relative_to(real_root):
            raise ProductError(
                f"{key} is a link or leads out of the library folder.",
                code="KEY_INVALID",
                fix=f"Replace the link under {self._root} by a real folder or file.",
            )
        return path

    def _claim(self, part: Path, path: Path) -> bool:
        """Give a complete file its name; False if the name is taken."""
        try:
            self._link(part, path)
        except FileExistsError:
            return False
        except OSError as exc:
            if exc.errno not in _NO_HARD_LINKS:
                raise
            return _claim_under_lock(part, path)
        return True

    def _same_or_taken(self, key: str, sha256: str) -> StoredObject:
        stored = self.stat(key)
        if stored is None or stored.sha256 != sha256:
            raise key_taken(key)
        return stored


def _claim_under_lock(part: Path, path: Path) -> bool:
    with (path.parent / f"{PART_PREFIX}lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            return False
        part.rename(path)
        return True


def _raise_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error
