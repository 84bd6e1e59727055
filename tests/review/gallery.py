"""A catalog with real models for the tests of the review page, and the page itself as a real server."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any, Self

import httpx
import numpy as np
import trimesh
from PIL import Image

from catalog3d.adapters.mesh_process import MeshInspector
from catalog3d.asset import Asset
from catalog3d.asset_record import AssetRecord, PhotoDigest, Provenance, asset_key
from catalog3d.ledger import Generation
from catalog3d.product import Product, Severity
from catalog3d.quality import Check, MeshReport
from catalog3d.review.access import AccessPolicy
from catalog3d.review.app import create_app
from catalog3d.review.server import ReviewServer
from catalog3d.stages.resting import resting
from catalog3d.status import Status
from tests.catalogs import Shop, open_shop

WARNING = Check(
    code="TRIANGLES",
    severity=Severity.WARNING,
    message="The model has 120,000 triangles.",
    value=120_000,
    limit=100_000,
)
DOUBT = Check(
    code="PROPORTION_MISMATCH",
    severity=Severity.WARNING,
    message="The proportions are 30 % off.",
    value=30.0,
    limit=5.0,
)
BLOCK = Check(
    code="FILE_TOO_LARGE", severity=Severity.ERROR, message="The file has 20 MB.", value=20_000_000, limit=15_000_000
)


def textured_box(seed: str) -> bytes:
    """A box with a two-coloured texture; another seed gives other bytes."""
    color = tuple(hashlib.sha256(seed.encode()).digest()[:3])
    pixels = np.zeros((512, 512, 3), dtype=np.uint8)
    pixels[:, :256], pixels[:, 256:] = (220, 30, 40), color
    box = trimesh.creation.box((0.5, 0.9, 0.45))
    uv = np.asarray(box.vertices)[:, :2] + 0.5
    box.visual = trimesh.visual.TextureVisuals(uv=uv, image=Image.fromarray(pixels))
    exported = box.export(file_type="glb")
    assert isinstance(exported, bytes)
    return exported


@dataclass(frozen=True, kw_only=True)
class Gallery(Shop):
    """A shop whose models are real files.

    Attributes:
        ordered: SKUs whose retakes the page began.
    """

    ordered: list[str] = field(default_factory=list)

    def make(self, sku: str, *checks: Check) -> Asset:
        asset = super().make(sku, *checks)
        rest = resting(self.catalog, sku)
        assert rest is not None
        self.put(sku, rest.status, reason=rest.reason, message=rest.message)
        return asset

    def again(self, sku: str, *checks: Check) -> Asset:
        """Another version, from another photo."""
        self.photograph(sku, f"after {len(self.catalog.registry.catalog.assets(sku))}")
        return self.make(sku, *checks)

    def store(self, product: Product, asset: Asset, generation: Generation, *checks: Check) -> Asset:
        content = textured_box(generation.digest)
        sha256 = hashlib.sha256(content).hexdigest()
        model = self.folder / "model.glb"
        model.write_bytes(content)
        pixels = [
            PhotoDigest(slot=picture.slot, file_sha256=picture.pixels_sha256, pixels_sha256=picture.pixels_sha256)
            for picture in generation.brief.pictures
        ]
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
            provenance=Provenance(realm=generation.realm, digest=generation.digest, photos=tuple(pixels)),
            checks=checks,
            dimensions_m=(0.45, 0.9, 0.5) if product.dimensions else None,
        )
        kept = self.catalog.library.add_asset(record, model, None)
        report = MeshReport(profile="web-ar", checks=checks, facts=None)
        return self.catalog.registry.catalog.note_stored(
            asset, key=kept.key, picture_key="", sha256=sha256, size_bytes=len(content), report=report
        )

    def status(self, sku: str) -> Status:
        return self.stands(sku).status

    def said(self, sku: str) -> list[tuple[str, str, str, str]]:
        """Decision, person, reason and note of each decision about a SKU."""
        found = self.catalog.registry.catalog.decisions(sku)
        return [(one.decision.value, one.person, one.reason, one.note) for one in found]


@contextmanager
def open_gallery(folder: Path, *rows: dict[str, str]) -> Iterator[Gallery]:
    with open_shop(folder) as shop:
        gallery = Gallery(folder=folder, catalog=shop.catalog)
        gallery.write(*(rows or ({"SKU": "A1"},)))
        yield gallery


@contextmanager
def served(gallery: Gallery, **policy: Any) -> Iterator[str]:
    """The review page of a catalog on a free port; its address."""
    ready, inspector = threading.Event(), MeshInspector()
    rules = AccessPolicy(host="127.0.0.1", login_name="maria", **policy)
    app = create_app(gallery.catalog, inspector, rules, gallery.ordered.append)
    server = ReviewServer(app, host="127.0.0.1", port=0, on_ready=lambda _url: ready.set())
    thread = threading.Thread(target=server.serve_here, daemon=True)
    thread.start()
    try:
        assert ready.wait(10)
        yield server.url
    finally:
        server.should_exit = True
        thread.join(10)
        inspector.close()


class Visitor:
    """A browser without JavaScript: it loads pages and sends the forms that are on them."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(
            base_url=url, trust_env=False, timeout=60, headers={"origin": url, "accept": "text/html"}
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_how: object) -> None:
        self.http.close()

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(path, **options)

    def open(self, path: str) -> str:
        answer = self.http.get(path, follow_redirects=True)
        assert answer.status_code == 200, answer.text
        return answer.text

    def send(self, path: str, page: str, **values: Any) -> httpx.Response:
        """Send the form of a page, with its hidden fields as they are there unless given."""
        hidden = re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"', page)
        fields = {name: unescape(value) for name, value in hidden}
        return self.http.post(path, data={**fields, **values})

    def decide(self, asset: Asset, decision: str, page: str = "", **values: Any) -> httpx.Response:
        path = f"/assets/{asset.id}"
        return self.send(f"{path}/decide", page or self.open(path), decision=decision, **values)
