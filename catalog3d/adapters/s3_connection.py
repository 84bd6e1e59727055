"""Connections to one S3 store: bounded waits, few retries, TLS that trusts what the machine trusts."""

from __future__ import annotations

import re
import ssl
import weakref
from dataclasses import dataclass

import certifi
import httpx
import urllib3
from minio import Minio
from minio.credentials.credentials import Credentials
from pydantic import SecretStr

from catalog3d.adapters.s3_errors import Place
from catalog3d.adapters.s3_put import WriteOncePut
from catalog3d.errors import RunError

CONNECT_TIMEOUT_S = 3.0
CONNECTIONS = 32
"""Kept open to one store; more than the threads that use it at once."""

_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


@dataclass(frozen=True, kw_only=True)
class S3Account:
    """Where a bucket is and who we are there.

    Attributes:
        endpoint: Host and port; a scheme before it wins over `secure`.
        region: Part of every signature; MinIO's default is us-east-1.
    """

    endpoint: str
    access_key: SecretStr
    secret_key: SecretStr
    bucket: str
    secure: bool = True
    region: str = "us-east-1"

    @property
    def host(self) -> str:
        return self.endpoint.strip().split("://")[-1].rstrip("/")

    @property
    def uses_tls(self) -> bool:
        scheme, found, _ = self.endpoint.strip().lower().partition("://")
        return scheme == "https" if found else self.secure

    @property
    def place(self) -> Place:
        return Place(endpoint=self.host, bucket=self.bucket)


@dataclass(frozen=True, kw_only=True)
class S3Connection:
    """Both ways to ask a store, with the same patience."""

    client: Minio
    write_once: WriteOncePut


def connect(account: S3Account, *, timeout_s: float, retries: int) -> S3Connection:
    """Make the clients; nothing is sent yet.

    Args:
        timeout_s: For one answer. minio's own default would be 5 minutes, five times over.
        retries: Of a lost connection or a 5xx; reads that time out are tried once more at most.

    Raises:
        RunError: STORE_SETTINGS, for an endpoint or bucket name that cannot be one.
    """
    tls = _tls() if account.uses_tls else None
    if not _HOST.fullmatch(account.host):
        raise _not_an_address(account)
    addresses = _minio(account, None, signed=False)
    try:
        addresses.get_presigned_url("PUT", account.bucket, "any")
    except ValueError as exc:
        raise _not_an_address(account) from exc
    credentials = Credentials(account.access_key.get_secret_value(), account.secret_key.get_secret_value())
    http = _http(timeout_s, tls)
    write_once = WriteOncePut(
        addresses=addresses,
        bucket=account.bucket,
        region=account.region,
        credentials=credentials,
        http=http,
        place=account.place,
    )
    weakref.finalize(write_once, http.close)  # urllib3's pools do the same by themselves
    return S3Connection(client=_minio(account, _pool(timeout_s, retries, tls)), write_once=write_once)


def _minio(account: S3Account, pool: urllib3.PoolManager | None, *, signed: bool = True) -> Minio:
    try:
        return Minio(
            account.host,
            account.access_key.get_secret_value() if signed else None,
            account.secret_key.get_secret_value() if signed else None,
            secure=account.uses_tls,
            region=account.region,
            http_client=pool,
        )
    except ValueError as exc:
        raise _not_an_address(account) from exc


def _not_an_address(account: S3Account) -> RunError:
    return RunError(
        f"{account.host!r} with the bucket {account.bucket!r} cannot be the address of an S3 store.",
        code="STORE_SETTINGS",
        fix="CATALOG3D_STORE__ENDPOINT is a host and port such as store.example:9000; see CATALOG3D_STORE__BUCKET too.",
    )


def _pool(timeout_s: float, retries: int, tls: ssl.SSLContext | None) -> urllib3.PoolManager:
    return urllib3.PoolManager(
        maxsize=CONNECTIONS,
        timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=timeout_s),
        retries=urllib3.Retry(
            total=retries,
            read=min(retries, 1),
            backoff_factor=0.2,
            status_forcelist=[500, 502, 503, 504],
            raise_on_status=False,
        ),
        ssl_context=tls,
    )


def _http(timeout_s: float, tls: ssl.SSLContext | None) -> httpx.Client:
    return httpx.Client(
        timeout=httpx.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S),
        limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        verify=tls or False,
        trust_env=False,
        follow_redirects=False,
    )


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()  # the machine's own authorities, or those of SSL_CERT_FILE
    context.load_verify_locations(certifi.where())
    return context
