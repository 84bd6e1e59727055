"""Builders of the values that many tests need."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from catalog3d.asset import Approval, Asset, asset_identity
from catalog3d.brief import Brief, Picture, make_brief
from catalog3d.channels import Placed
from catalog3d.ledger import Generation, LedgerState, Outcome
from catalog3d.product import Product, Slot, ViewSource
from catalog3d.publication import Publication, PublicationState
from catalog3d.rules import TripoRules

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def a_product(sku: str = "CH123", **changes: Any) -> Product:
    view = ViewSource(slot=Slot.FRONT, location=f"/photos/{sku}.jpg")
    return replace(Product(sku=sku, name="Modern Dining Chair", row=2, category="Chairs", views=(view,)), **changes)


def a_brief(photo: str = "a") -> Brief:
    return make_brief(TripoRules(), (Picture(slot="front", pixels_sha256=photo * 64),))


def a_generation(brief: Brief | None = None, **changes: Any) -> Generation:
    brief = brief or a_brief()
    made = Generation(
        id=1,
        realm="tripo:test",
        digest=brief.digest,
        attempt=1,
        state=LedgerState.SETTLED,
        outcome=Outcome.SUCCESS,
        brief=brief,
        pool="H",
        base_url="https://tripo.test",
        key_fingerprint="0" * 12,
        model_seed=7,
        file_tokens={"front": "file_1"},
        expected_credits=Decimal(30),
        credits_consumed=Decimal(30),
        task_id="task-1",
        error_code="",
        error_message="",
        raw_key="raw/x.glb",
        raw_sha256="d" * 64,
        raw_size_bytes=10,
        lease_fence=1,
        run_id="run-1",
        created_at=NOW,
        sent_at=NOW,
        given_up_at=None,
        accepted_at=NOW,
        submitted_at=NOW,
        settled_at=NOW,
    )
    return replace(made, **changes)


def an_asset(product: Product | None = None, **changes: Any) -> Asset:
    product = product or a_product()
    made = Asset(
        id=1,
        sku=product.sku,
        version=1,
        format="GLB",
        identity=asset_identity(1, product),
        generation_id=1,
        file=f"{product.sku}_ModernDiningChair_V1_GLB.glb",
        key=f"assets/{product.sku}/{product.sku}_ModernDiningChair_V1_GLB.glb",
        picture_key="",
        sha256="d" * 64,
        size_bytes=10,
        stored=True,
        approval=Approval.PENDING,
        verdict="pass",
        checks=(),
        created_at=NOW,
    )
    return replace(made, **changes)


def a_publication(asset: Asset | None = None, channel: str = "storefront", **changes: Any) -> Publication:
    """A live one, of `an_asset` unless another is given."""
    asset = asset or an_asset()
    placed = Placed(channel=channel, sku=asset.sku, version=asset.version, sha256=asset.sha256, destination="there")
    made = Publication(
        id=asset.id,
        asset_id=asset.id,
        placed=placed,
        state=PublicationState.LIVE,
        previous_id=None,
        extents_m=None,
        size_bytes=asset.size_bytes,
        format=asset.format,
        told=True,
        serial=1,
        message="",
        at=NOW,
    )
    return replace(made, **changes)
