"""The library in a bucket of MinIO or another S3 store."""

from __future__ import annotations

import hashlib
import io
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minio.error import S3Error
from urllib3.response import BaseHTTPResponse

from catalog3d.adapters.s3_connection import S3Account, connect
from catalog3d.adapters.s3_errors import MISSING_CODES, code_error, s3_errors
from catalog3d.adapters.s3_put import SHA256_CHECKSUM, SHA256_METADATA, Put, checksum
from catalog3d.adapters.store_errors import content_changed, disk_errors, key_missing, key_taken, too_large
from catalog3d.adapters.whole_files import CHUNK_BYTES, receive, require_content, require_source, sha256_of
from catalog3d.errors import RunError, TransientError
from catalog3d.keys import check_key, check_prefix, is_key
from catalog3d.ports import StoredObject

# minio sends anything larger than a part in several requests; replaced objects are small documents.
_MIN_PART_BYTES = 5 * 1024 * 1024
_PREFIX = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class MinioStore:
    """An `ObjectStore` in a bucket that exists already. One per process; its methods may run in many threads.

    New keys are written with `If-None-Match: *`, so of several writers one wins; the store compares the content's
    checksum, or it is read back. Objects carry their sha256 as metadata.

    Args:
        prefix: "" or folders ending in `/`, before every key.
        timeout_s: How long one answer may take; contended writes need several seconds (SeaweedFS 4.48, measured 8 s).
        check_timeout_s: The same for `check`, which must say within seconds what is wrong.

    Raises:
        RunError: STORE_SETTINGS, for an endpoint or bucket name that cannot be one.
    """

    def __init__(
        self, account: S3Account, *, prefix: str = "", timeout_s: float = 30.0, check_timeout_s: float = 5.0
    ) -> None:
        if not _PREFIX.fullmatch(prefix):
            raise ValueError(f"prefix {prefix!r} must be folders that end in /")
        self._place = account.place
        self._bucket = account.bucket
        self._prefix = prefix
        self._checking = connect(account, timeout_s=check_timeout_s, retries=0)
        working = connect(account, timeout_s=timeout_s, retries=3)
        self._client, self._put = working.client, working.write_once

    def check(self) -> None:
        """Write, write once more in vain, and delete one small object.

        Raises:
            RunError: STORE_UNREACHABLE, STORE_KEY_REFUSED, STORE_BUCKET_MISSING, STORE_NOT_WRITE_ONCE and the like.
        """
        try:
            with s3_errors(self._place):
                self._check_bucket()
                self._check_write_once()
        except TransientError as exc:
            raise RunError(exc.message, code=exc.code, fix=exc.fix, details=exc.details) from exc

    def put_new(self, key: str, content: bytes | Path, *, sha256: str, content_type: str) -> StoredObject:
        name = self._name(key)
        require_source(key, content)
        size = require_content(key, content, sha256)
        stored = StoredObject(key=key, size_bytes=size, sha256=sha256)
        if self._holds(key, sha256):
            return stored
        try:
            with s3_errors(self._place):
                outcome = self._put.send(name, content, sha256=sha256, size_bytes=size, content_type=content_type)
        except TransientError:
            # The answer was lost, or a rival was faster (AWS says 409): what is there now decides.
            if self._holds(key, sha256):
                return stored
            raise
        if outcome is Put.KEY_EXISTS and not self._holds(key, sha256):
            raise TransientError(f"{key} was there and is gone again.", code="STORE_BUSY")
        if outcome is Put.WRITTEN_UNCONFIRMED and self._content_sha256(name) != sha256:
            raise content_changed(key)
        return stored

    def replace(self, key: str, content: bytes, *, content_type: str) -> StoredObject:
        name = self._name(key)
        digest, size = sha256_of(content)
        metadata: dict[str, str | list[str] | tuple[str]] = {
            SHA256_METADATA: digest,
            SHA256_CHECKSUM: checksum(digest),
        }
        with s3_errors(self._place):
            self._client.put_object(
                self._bucket,
                name,
                io.BytesIO(content),
                size,
                content_type=content_type,
                metadata=metadata,
                part_size=max(size, _MIN_PART_BYTES),
            )
        return StoredObject(key=key, size_bytes=size, sha256=digest)

    def get(self, key: str, *, max_bytes: int) -> bytes | None:
        with self._opened(self._name(key)) as response:
            if response is None:
                return None
            content = b"".join(_bounded(response, max_bytes + 1))
            if len(content) > max_bytes:
                raise too_large(key, int(response.headers.get("Content-Length", len(content))), max_bytes)
            return content

    def fetch(self, key: str, target: Path, *, sha256: str) -> None:
        with self._opened(self._name(key)) as response:
            if response is None:
                raise key_missing(key)
            with disk_errors(target.parent):
                receive(response.stream(CHUNK_BYTES), target, key=key, sha256=sha256)

    def stat(self, key: str) -> StoredObject | None:
        name = self._name(key)
        with s3_errors(self._place):
            try:
                found = self._client.stat_object(self._bucket, name)
            except S3Error as exc:
                if exc.code in MISSING_CODES:
                    return None
                raise
        told = next((v for k, v in (found.metadata or {}).items() if k.lower() == SHA256_METADATA), "")
        sha256 = told if _SHA256.fullmatch(told) else ""
        return StoredObject(key=key, size_bytes=found.size or 0, sha256=sha256)

    def keys(self, prefix: str = "") -> Iterator[str]:
        check_prefix(prefix)
        with s3_errors(self._place):
            listed = self._client.list_objects(self._bucket, prefix=self._prefix + prefix, recursive=True)
            names = [(found.object_name or "").removeprefix(self._prefix) for found in listed]
        # Stores differ in their order (SeaweedFS lists folder by folder).
        yield from sorted(name for name in names if is_key(name))

    def delete(self, key: str) -> None:
        name = self._name(key)
        with s3_errors(self._place):
            self._client.remove_object(self._bucket, name)

    def location(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._name(key)}"

    def _check_bucket(self) -> None:
        # A store may create a missing bucket at the first write: ask before writing.
        if not self._checking.client.bucket_exists(self._bucket):
            raise code_error("NoSuchBucket", 404, self._place)

    def _check_write_once(self) -> None:
        name, content = f"{self._prefix}.check-{secrets.token_hex(8)}", b"can this bucket be written?"
        sha256, size = sha256_of(content)
        outcomes = [
            self._checking.write_once.send(name, content, sha256=sha256, size_bytes=size, content_type="text/plain")
            for _ in range(2)
        ]
        self._checking.client.remove_object(self._bucket, name)
        if outcomes[1] is not Put.KEY_EXISTS:
            raise RunError(
                f"The store at {self._place.endpoint} overwrites files that must never change (no If-None-Match).",
                code="STORE_NOT_WRITE_ONCE",
                fix="Use a store that honours conditional writes, such as a current MinIO fork, SeaweedFS or AWS S3.",
            )

    def _name(self, key: str) -> str:
        return self._prefix + check_key(key)

    def _holds(self, key: str, sha256: str) -> bool:
        """Whether the key holds this content; False if there is no such key.

        Raises:
            ProductError: KEY_TAKEN if it holds other content.
        """
        found = self.stat(key)
        if found is None:
            return False
        if (found.sha256 or self._content_sha256(self._name(key))) != sha256:
            raise key_taken(key)
        return True

    def _content_sha256(self, name: str) -> str:
        with self._opened(name) as response:
            if response is None:
                return ""
            return _sha256_of_stream(response)

    @contextmanager
    def _opened(self, name: str) -> Iterator[BaseHTTPResponse | None]:
        with s3_errors(self._place):
            try:
                response = self._client.get_object(self._bucket, name)
            except S3Error as exc:
                if exc.code not in MISSING_CODES:
                    raise
                response = None
            try:
                yield response
            finally:
                if response is not None:
                    response.close()
                    response.release_conn()


def _bounded(response: BaseHTTPResponse, max_bytes: int) -> Iterator[bytes]:
    left = max_bytes
    for chunk in response.stream(CHUNK_BYTES):
        yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return


def _sha256_of_stream(response: BaseHTTPResponse) -> str:
    digest = hashlib.sha256()
    for chunk in response.stream(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()
