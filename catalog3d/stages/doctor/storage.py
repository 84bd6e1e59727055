"""The library's store: a probe is written, read back, refused a second time, and removed."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr

from catalog3d.adapters.s3_connection import S3Account, connect
from catalog3d.adapters.s3_errors import s3_errors
from catalog3d.adapters.stores import open_store
from catalog3d.adapters.tripo.addresses import is_loopback
from catalog3d.diagnosis.findings import Finding, fine, problem, warning
from catalog3d.errors import Catalog3DError, ProductError, RunError
from catalog3d.ports import ObjectStore
from catalog3d.settings import StoreSettings
from catalog3d.stages.doctor.site import Site

CHECK_TIMEOUT_S = 5.0
_PROBE = b"catalog3d doctor was here; this file may be deleted"


def check_store(site: Site) -> Iterator[Finding]:
    if site.settings is None:
        return
    store = open_store(site.settings.store, site.home)
    folder = Path(store.location("assets")).parent
    if site.settings.store.kind == "local" and not folder.is_dir():
        yield _coming_finding(folder)
        return
    if site.settings.store.kind == "minio":
        yield _transport_finding(site.settings.store)
    store.check()
    try:
        yield probe_finding(store)
    except ProductError as error:
        raise RunError(error.message, code=error.code, fix=error.fix) from error
    if site.settings.store.kind == "minio":
        yield _versioning_finding(_account(site.settings.store))


def probe_finding(store: ObjectStore) -> Finding:
    """Use the store as a run does, with a small file of our own that is removed again."""
    key = f"doctor-probe-{secrets.token_hex(8)}.txt"
    place = store.location("assets").removesuffix("/assets")
    try:
        store.put_new(key, _PROBE, sha256=_sha256(_PROBE), content_type="text/plain")
        if store.get(key, max_bytes=1000) != _PROBE:
            return problem(
                "Store",
                f"{place} gives back other bytes than were written.",
                "Do not use this store: models would be damaged.",
            )
        if _overwrites(store, key):
            return problem(
                "Store",
                f"{place} lets a file be replaced that must never change.",
                "Use a store that honours conditional writes (If-None-Match).",
            )
    finally:
        store.delete(key)
    if store.stat(key) is not None:
        return warning("Store", f"{place} does not let files be removed: {key} stays.", "Allow this user to delete.")
    return fine("Store", f"{place}: written once, read back, and removed.")


def _overwrites(store: ObjectStore, key: str) -> bool:
    other = _PROBE + b"!"
    try:
        store.put_new(key, other, sha256=_sha256(other), content_type="text/plain")
    except ProductError as error:
        if error.code != "KEY_TAKEN":
            raise
        return False
    return True


def _coming_finding(folder: Path) -> Finding:
    """A library that no run has made yet is not made for a look."""
    there = next(path for path in folder.parents if path.is_dir())
    if os.access(there, os.W_OK):
        return fine("Store", f"{folder}: not made yet; the first run does it.")
    return problem(
        "Store", f"{folder} cannot be made: {there} is not writable.", "Give this user the right to write there."
    )


def _transport_finding(settings: StoreSettings) -> Finding:
    account = _account(settings)
    host = account.host.rpartition(":")[0] or account.host
    if account.uses_tls:
        return fine("Store address", f"{account.host}, encrypted, bucket {account.bucket}.")
    if is_loopback(host):
        return fine("Store address", f"{account.host} on this machine, bucket {account.bucket}.")
    return warning(
        "Store address",
        f"{account.host} is used without encryption: models and signatures can be read on the way.",
        "Give the store a certificate and set CATALOG3D_STORE__SECURE=true, unless the network is your own.",
    )


def _versioning_finding(account: S3Account) -> Finding:
    """Only a wish: written keys never change, but a person may still delete one."""
    client = connect(account, timeout_s=CHECK_TIMEOUT_S, retries=0).client
    fix = "Switch versioning on, if the store can: then a file that somebody deletes by mistake can be had back."
    try:
        with s3_errors(account.place):
            status = client.get_bucket_versioning(account.bucket).status
    except Catalog3DError as error:
        return warning("Store versioning", f"It could not be asked for ({error.code}).", fix)
    if status == "Enabled":
        return fine("Store versioning", f"The bucket {account.bucket} keeps deleted files.")
    return warning("Store versioning", f"The bucket {account.bucket} keeps no old versions.", fix)


def _account(settings: StoreSettings) -> S3Account:
    return S3Account(
        endpoint=settings.endpoint.strip(),
        access_key=settings.access_key or SecretStr(""),
        secret_key=settings.secret_key or SecretStr(""),
        bucket=settings.bucket.strip(),
        secure=settings.secure,
        region=settings.region,
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
