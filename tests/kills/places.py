"""The servers and places of a siege: who plays Tripo, where registry and library are, which Prefect server all use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from catalog3d.adapters.local_servers import prefect_server
from catalog3d.adapters.registry.engine import sqlite_url
from catalog3d.home import Home
from catalog3d.settings import StoreSettings
from tests.kills.siege import Account, Siege, lookups_scaled
from tests.kills.team import make_catalog
from tests.pipeline.team import KEY, with_tripo
from tests.s3_server import ACCESS_KEY, REGION, SECRET_KEY, S3Server
from tests.standin.harness import served


@contextmanager
def shared_prefect(folder: Path) -> Iterator[str]:
    """One Prefect server that outlives all kills, as a team's own would; gives its API's address."""
    with prefect_server(Home(root=folder, catalog="live"), ui=False) as url:
        yield url


@contextmanager
def laid_siege(
    folder: Path,
    *,
    skus: int,
    profile: str,
    prefect_url: str,
    seed: int,
    scale: float,
    longest_task_s: float = 1800.0,
    postgres_url: str = "",
    s3: S3Server | None = None,
    processes: int = 1,
    calm_s: float = 240.0,
) -> Iterator[Siege]:
    """A fresh catalog and an account of that profile; registry and library in the folder unless servers are given.

    With servers for both, every second run works in a home of its own, as on another machine.

    Args:
        longest_task_s: At Tripo, as the team's settings say it: how long one of its tasks may stay unseen.
    """
    home = Home(root=folder / "catalog", catalog="live")
    with served(folder / "provider", keys=(KEY,), time_scale=scale, seed=seed) as server:
        account = Account(url=server.url)
        account.become(profile)
        environment = {
            **with_tripo(server.url),
            **lookups_scaled(scale, longest_task_s=longest_task_s),
            "PREFECT_API_URL": prefect_url,
        }
        store = StoreSettings()
        if postgres_url:
            environment["CATALOG3D_REGISTRY_URL"] = postgres_url
        if s3:
            store = _bucket(s3)
            environment |= _told(store)
        catalog = make_catalog(home.root, skus, environment)
        if postgres_url and s3:
            catalog = catalog.elsewhere(folder / "another-machine" / "catalog")
        siege = Siege(
            catalog=catalog,
            account=account,
            registry_url=postgres_url or _seen_by_us(home.registry_file),
            store=store,
            seed=seed,
            processes=processes,
            calm_s=calm_s,
        )
        try:
            yield siege
        finally:
            siege.end()


def _bucket(s3: S3Server) -> StoreSettings:
    return StoreSettings(
        kind="minio",
        endpoint=s3.endpoint,
        access_key=SecretStr(ACCESS_KEY),
        secret_key=SecretStr(SECRET_KEY),
        bucket=s3.new_bucket(),
        secure=False,
        region=REGION,
    )


def _told(store: StoreSettings) -> dict[str, str]:
    """The settings of a bucket as a team writes them into its environment."""
    said = {
        "KIND": store.kind,
        "ENDPOINT": store.endpoint,
        "ACCESS_KEY": ACCESS_KEY,
        "SECRET_KEY": SECRET_KEY,
        "BUCKET": store.bucket,
        "SECURE": "false",
        "REGION": store.region,
    }
    return {f"CATALOG3D_STORE__{name}": value for name, value in said.items()}


def _seen_by_us(registry: Path) -> str:
    """A URL that never creates the file: whoever looks must not change what a run finds at its start."""
    return sqlite_url(registry).replace("sqlite:///", "sqlite:///file:") + "?mode=rw&uri=true"
