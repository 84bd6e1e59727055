"""What changed since a model was made, old beside new; and what becomes of a SKU that leaves its sheet."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from catalog3d.asset import Approval
from catalog3d.cli.app import app
from catalog3d.errors import ProductError
from catalog3d.product import Slot, ViewSource
from catalog3d.stages.changes import changes_of
from catalog3d.stages.decide import decide
from catalog3d.stages.ingest import sheet_mapping
from catalog3d.stages.sheet_writer import write_standings
from tests.catalogs import Shop


def seen(shop: Shop, sku: str = "A1") -> str:
    """Prepare a SKU's photo as a run does; its pixel digest."""
    view = ViewSource(slot=Slot.FRONT, location=str(shop.folder / f"{sku}.png"))
    return shop.catalog.pictures.prepare(view).pixels_sha256


def test_a_changed_photo_is_shown_old_beside_new_with_the_price_of_the_new_one(shop: Shop) -> None:
    old = seen(shop)
    shop.make("A1")
    assert changes_of(shop.catalog, "A1") is None
    shop.photograph("A1", "second")
    new = seen(shop)
    changes = changes_of(shop.catalog, "A1")
    assert changes is not None
    assert (changes.version, changes.reason, changes.credits) == (1, "PHOTO_CHANGED", Decimal(30))
    (photo,) = changes.differences
    assert (photo.before, photo.after, photo.file) == (old, new, "A1.png")
    assert {digest: place.read_bytes()[:4] for digest, place in changes.pictures.items()} == {
        old: b"\x89PNG",
        new: b"\x89PNG",
    }


def test_what_is_not_on_this_machine_is_told_by_its_digest_alone(shop: Shop) -> None:
    shop.make("A1")
    shop.photograph("A1", "second")
    changes = changes_of(shop.catalog, "A1")
    assert changes is not None
    assert (len(changes.differences), changes.pictures) == (1, {})


def test_a_sku_that_left_its_sheet_is_listed_and_keeps_all_that_it_has(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write({"SKU": "A1"}, {"SKU": "A2"})
    shop.make("A1")
    shop.make("A2")
    decide(shop.catalog, "A1", Approval.APPROVED, person="Ada")
    shop.write({"SKU": "A2"})
    shop.note()
    write_standings(shop.catalog, shop.sheet, sheet_mapping(shop.sheet, shop.catalog.rules))
    monkeypatch.chdir(shop.folder)
    told = {row["sku"]: row for row in json.loads(CliRunner().invoke(app, ["status", "--json"]).stdout)["skus"]}
    assert {sku: (row["in_sheet"], row["status"]) for sku, row in told.items()} == {
        "A1": (False, "approved"),
        "A2": (True, "generated"),
    }
    assert "In no sheet any more: A1." in CliRunner().invoke(app, ["status"]).stderr
    assert shop.approved_files() == ["A1_Chair_V1_GLB.glb"]
    with pytest.raises(ProductError) as refused:
        changes_of(shop.catalog, "A1")
    assert refused.value.code == "NOT_IN_SHEET"
