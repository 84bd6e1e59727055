"""Write-once PUT: a signed request with `If-None-Match: *`, which minio's public calls cannot send.

The headers are signed, not the URL: stores refuse `x-amz-*` headers beside a presigned URL that does not cover
them (AWS; MinIO since 2023-09; SeaweedFS 4.48, measured), and a presigned URL would show up in httpx's log lines.
"""

from __future__ import annotations

import base64
import binascii
from contextlib import closing
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from minio import Minio
from minio.credentials.credentials import Credentials
from minio.signer import sign_v4_s3

from catalog3d.adapters.s3_errors import Place, code_error, code_of
from catalog3d.adapters.whole_files import chunks_of

SHA256_METADATA = "x-amz-meta-sha256"
SHA256_CHECKSUM = "x-amz-checksum-sha256"
_MAX_ERROR_BYTES = 64 * 1024


class Put(Enum):
    """What became of a write-once PUT."""

    WRITTEN = "written, and the store confirmed the content's checksum"
    WRITTEN_UNCONFIRMED = "written; the store does not compare checksums"
    KEY_EXISTS = "the key is taken"


def checksum(sha256: str) -> str:
    """A hex digest as S3's checksum headers want it."""
    return base64.b64encode(binascii.unhexlify(sha256)).decode("ascii")


class WriteOncePut:
    """Sends write-once PUTs to one bucket; thread-safe.

    Args:
        addresses: A client without credentials, which tells the plain address of an object; it sends nothing.
        region: Part of the signature.
    """

    def __init__(
        self, *, addresses: Minio, bucket: str, region: str, credentials: Credentials, http: httpx.Client, place: Place
    ) -> None:
        self._addresses = addresses
        self._bucket = bucket
        self._region = region
        self._credentials = credentials
        self._http = http
        self._place = place

    def send(self, name: str, content: bytes | Path, *, sha256: str, size_bytes: int, content_type: str) -> Put:
        """PUT the content unless the key exists; one request, streamed.

        Raises:
            httpx.HTTPError: No usable answer: it may or may not be written.
            Catalog3DError: The store's refusal (`s3_errors.code_error`).
        """
        url = urlsplit(self._addresses.get_presigned_url("PUT", self._bucket, name))
        now = datetime.now(UTC)
        headers: dict[str, str | list[str] | tuple[str]] = {
            "Host": url.netloc,
            "Content-Length": str(size_bytes),
            "Content-Type": content_type,
            "If-None-Match": "*",
            SHA256_METADATA: sha256,
            SHA256_CHECKSUM: checksum(sha256),
            "x-amz-content-sha256": sha256,
            "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
        }
        signed = sign_v4_s3(
            method="PUT",
            url=url,
            region=self._region,
            headers=headers,
            credentials=self._credentials,
            content_sha256=sha256,
            date=now,
        )
        plain = {name: value for name, value in signed.items() if isinstance(value, str)}
        with (
            closing(chunks_of(content)) as body,
            self._http.stream("PUT", url.geturl(), headers=plain, content=body) as response,
        ):
            return self._outcome(response, sha256)

    def _outcome(self, response: httpx.Response, sha256: str) -> Put:
        if response.status_code in {200, 201, 204}:
            confirmed = response.headers.get(SHA256_CHECKSUM) == checksum(sha256)
            return Put.WRITTEN if confirmed else Put.WRITTEN_UNCONFIRMED
        if response.status_code == 412:
            return Put.KEY_EXISTS
        raise code_error(code_of(_beginning(response)), response.status_code, self._place)


def _beginning(response: httpx.Response) -> str:
    for chunk in response.iter_bytes(_MAX_ERROR_BYTES):
        return chunk.decode("utf-8", "replace")
    return ""
