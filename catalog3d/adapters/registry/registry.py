"""The registry as one thing to hand around."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from catalog3d.adapters.registry.catalog import CatalogRecord, PixelDigestRecord
from catalog3d.adapters.registry.engine import open_engine, sqlite_url
from catalog3d.adapters.registry.ledger import Ledger
from catalog3d.adapters.registry.lookups import LookupRecord
from catalog3d.adapters.registry.rebuild import Rebuild
from catalog3d.adapters.registry.retakes import RetakeRecord
from catalog3d.adapters.registry.runs import RunRecord
from catalog3d.adapters.registry.users import UserRecord
from catalog3d.home import Home
from catalog3d.ports import Clock


@dataclass(frozen=True, kw_only=True)
class Registry:
    """Everything that is recorded about one catalog.

    Attributes:
        name: The catalog's in this database, which several may share.
    """

    engine: Engine
    name: str
    ledger: Ledger
    catalog: CatalogRecord
    retakes: RetakeRecord
    runs: RunRecord
    pixels: PixelDigestRecord
    lookups: LookupRecord
    rebuild: Rebuild
    users: UserRecord

    def close(self) -> None:
        self.users.close()
        self.engine.dispose()


def open_registry(home: Home, url: str, clock: Clock, catalog: str = "") -> Registry:
    """Open (and create or upgrade) the registry of a home.

    Args:
        url: CATALOG3D_REGISTRY_URL, or "" for a SQLite file in the home.
        catalog: Its name there; "" = live or rehearsal, as the home is.
    """
    is_shared = bool(url) or home.catalog == "live"  # in a rehearsal of its own, people are those of the live registry
    catalog = catalog or home.catalog
    engine = open_engine(url or sqlite_url(home.registry_file))
    return Registry(
        engine=engine,
        name=catalog,
        ledger=Ledger(engine, clock),
        catalog=CatalogRecord(engine, catalog, clock),
        retakes=RetakeRecord(engine, catalog, clock),
        runs=RunRecord(engine, catalog, clock),
        pixels=PixelDigestRecord(engine, clock),
        lookups=LookupRecord(engine, clock),
        rebuild=Rebuild(engine, catalog, clock),
        users=UserRecord(engine if is_shared else Home(root=home.root, catalog="live").registry_file, clock),
    )
