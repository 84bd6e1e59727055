"""A real catalog on disk for tests: a sheet with photos, a registry and a library. Only the provider is left out."""

from __future__ import annotations

import csv
import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from catalog3d.adapters.registry.catalog import Change, Standing
from catalog3d.adapters.registry.ledger import Caps, Intent
from catalog3d.adapters.wiring import open_catalog
from catalog3d.asset import Asset, asset_identity
from catalog3d.asset_record import AssetRecord, Provenance, asset_key
from catalog3d.brief import pool_of
from catalog3d.ledger import Generation, Lease, Outcome
from catalog3d.naming import file_name
from catalog3d.plan import PlanItem
from catalog3d.product import Product
from catalog3d.quality import Check, MeshReport
from catalog3d.request import RunRequest
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.looking import look_at_products
from catalog3d.stages.planning import make_plan, note_plan
from catalog3d.status import Stage, Status

HEADER = ("SKU", "Name", "Category", "Material", "Color", "Dimensions", "Image", "3D Action")
AMPLE = Caps(run=Decimal(10**6), day=Decimal(10**6))
REALM = "tripo:test"


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A team's folder and its open catalog."""

    folder: Path
    catalog: OpenCatalog

    @property
    def sheet(self) -> Path:
        return self.folder / "sheet.csv"

    def write(self, *rows: dict[str, str]) -> None:
        """The sheet, from rows that say what differs from a chair; photos that it names are made if missing."""
        with self.sheet.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(dict.fromkeys([*HEADER, *(k for row in rows for k in row)])))
            writer.writeheader()
            for row in rows:
                writer.writerow({"Name": "Chair", "Category": "Chairs", "Image": f"{row['SKU']}.png", **row})
        for row in rows:
            if not (self.folder / f"{row['SKU']}.png").exists():
                self.photograph(row["SKU"])

    def photograph(self, sku: str, seed: str = "first") -> None:
        """Put a photo beside the sheet; another seed gives another picture."""
        noise = random.Random(f"{sku}/{seed}").randbytes(96 * 96 * 3)
        Image.frombytes("RGB", (96, 96), noise).save(self.folder / f"{sku}.png")

    def request(self, **wishes: Any) -> RunRequest:
        return RunRequest(sheet=str(self.sheet), **wishes)

    def plan(self, **wishes: Any) -> dict[str, PlanItem]:
        """SKU -> what a run would do about it."""
        return {item.sku: item for item in make_plan(self.catalog, self.request(**wishes)).plan.items}

    def note(self, **wishes: Any) -> None:
        """Plan, and write down where the SKUs stand that need no work."""
        note_plan(self.catalog, make_plan(self.catalog, self.request(**wishes)))

    def stands(self, sku: str) -> Standing:
        standing = self.catalog.registry.catalog.standing(sku)
        assert standing is not None
        return standing

    def put(self, sku: str, status: Status, **values: Any) -> None:
        """Say where a SKU stands, as a run would."""
        self.catalog.registry.catalog.change([Change(sku=sku, status=status, **values)])

    def intent(self, sku: str, run_id: str = "run-0") -> tuple[Generation, Lease]:
        """What a run writes down before it sends anything for a SKU."""
        generation = self.open_intent(sku, run_id)
        lease = self.catalog.registry.ledger.take_lease(generation.id, "worker")
        assert lease is not None
        return generation, lease

    def open_intent(self, sku: str, run_id: str = "run-0", *, after_attempt: int = 0) -> Generation:
        """The generation of a SKU's present photo, opened or found."""
        brief = look_at_products(self.catalog, make_plan(self.catalog, self.request()).reading, None)[1][sku].brief
        assert brief is not None
        intent = Intent(
            realm=self.catalog.realm,
            brief=brief,
            pool=pool_of(brief.model),
            base_url="https://tripo.test",
            key_fingerprint="0" * 12,
            model_seed=7,
            expected_credits=Decimal(30),
            run_id=run_id,
            after_attempt=after_attempt,
        )
        return self.catalog.registry.ledger.open_intent(intent, AMPLE)

    def buy(self, sku: str, outcome: Outcome = Outcome.SUCCESS, **how: Any) -> Generation:
        """The paid task of a SKU's present photo, ended; one that already gave a model is used again."""
        item = self.plan(stale=True, only=(sku,))[sku]
        known = self.catalog.registry.ledger.latest(self.catalog.realm, item.price_group)
        if known is not None and known.succeeded:
            return known
        _, lease = self.intent(sku)
        return self.catalog.registry.ledger.settle(lease, outcome, credits_consumed=Decimal(30), **how)

    def make(self, sku: str, *checks: Check) -> Asset:
        """Do for one SKU what a run does: buy its model if needed, name it, store it, say where it stands."""
        self.note()
        generation = self.buy(sku)
        product = self.plan()[sku].product
        assert product is not None
        asset = self.store(product, self.reserve(product, generation), generation, *checks)
        self.put(sku, Status.GENERATING)
        self.put(sku, Status.GENERATED, stage=Stage.UPDATE_STATUS.value, generation_id=generation.id)
        return asset

    def reserve(self, product: Product, generation: Generation, run_id: str = "run-0") -> Asset:
        """The version of a generation, as name_version allots it."""
        rule = self.catalog.rules.naming
        return self.catalog.registry.catalog.allot_version(
            product.sku,
            format="GLB",
            identity=asset_identity(generation.id, product),
            generation_id=generation.id,
            run_id=run_id,
            file_name=lambda version: file_name(
                rule, sku=product.sku, name=product.name, version=version, format="GLB", extension="glb"
            ),
        )

    def store(self, product: Product, asset: Asset, generation: Generation, *checks: Check) -> Asset:
        """Put a reserved version into the library, as upload_asset does."""
        content = b"glTF " + generation.digest.encode()
        sha256 = hashlib.sha256(content).hexdigest()
        model = self.folder / "model.glb"
        model.write_bytes(content)
        record = AssetRecord(
            sku=product.sku,
            name=product.name,
            version=asset.version,
            format=asset.format,
            file=asset.file,
            key=asset_key(asset.sku, asset.file),
            sha256=sha256,
            size_bytes=len(content),
            created_at=asset.created_at,
            updated_at=asset.created_at,
            provenance=Provenance(realm=generation.realm, digest=generation.digest),
            checks=checks,
        )
        kept = self.catalog.library.add_asset(record, model, None)
        report = MeshReport(profile="web-ar", checks=checks, facts=None)
        return self.catalog.registry.catalog.note_stored(
            asset, key=kept.key, picture_key="", sha256=sha256, size_bytes=len(content), report=report
        )

    def approved_files(self) -> list[str]:
        return [key.removeprefix("approved/") for key in self.catalog.store.keys("approved/")]


def with_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a team that pays Tripo, and a wallet that holds enough without asking anybody."""
    monkeypatch.setattr("catalog3d.adapters.wiring.wallet_of", lambda _settings: lambda: Decimal(10**6))
    monkeypatch.setenv("CATALOG3D_TRIPO__API_KEY", "tsk_catalogs")
    monkeypatch.setenv("CATALOG3D_TRIPO__ACCOUNT", "test")


@contextmanager
def open_shop(folder: Path) -> Iterator[Shop]:
    """The catalog of a folder, whose sheet has one chair if there is none yet."""
    with open_catalog(folder) as catalog:
        shop = Shop(folder=folder, catalog=catalog)
        if not shop.sheet.exists():
            shop.write({"SKU": "A1"})
        yield shop
