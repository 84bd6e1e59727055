"""Opens the library's store as the settings say."""

from __future__ import annotations

from pydantic import SecretStr

from catalog3d.adapters.s3_connection import S3Account
from catalog3d.adapters.store_local import LocalStore
from catalog3d.adapters.store_minio import MinioStore
from catalog3d.errors import RunError
from catalog3d.home import Home
from catalog3d.keys import RESERVED_FOLDER
from catalog3d.ports import ObjectStore
from catalog3d.settings import StoreSettings


def open_store(settings: StoreSettings, home: Home) -> ObjectStore:
    """The store of a catalog; nothing is sent or created yet, `check` does that.

    Raises:
        RunError: STORE_SETTINGS, naming the variable that is missing or wrong.
    """
    rehearsing = home.catalog == "rehearsal"
    if settings.kind == "local":
        if settings.root is None:
            return LocalStore(home.models)
        root = home.root / settings.root.expanduser()
        return LocalStore(root / RESERVED_FOLDER if rehearsing else root)
    account = S3Account(
        endpoint=_required(settings.endpoint, "ENDPOINT"),
        access_key=_required_secret(settings.access_key, "ACCESS_KEY"),
        secret_key=_required_secret(settings.secret_key, "SECRET_KEY"),
        bucket=_required(settings.bucket, "BUCKET"),
        secure=settings.secure,
        region=settings.region,
    )
    return MinioStore(account, prefix=f"{RESERVED_FOLDER}/" if rehearsing else "")


def _required(value: str, name: str) -> str:
    if not value.strip():
        raise RunError(
            f"CATALOG3D_STORE__KIND is minio, but CATALOG3D_STORE__{name} is not set.",
            code="STORE_SETTINGS",
            fix=f"Set CATALOG3D_STORE__{name}, or CATALOG3D_STORE__KIND=local.",
        )
    return value.strip()


def _required_secret(value: SecretStr | None, name: str) -> SecretStr:
    return SecretStr(_required(value.get_secret_value() if value else "", name))
