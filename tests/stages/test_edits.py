"""Edits to a finished catalog that must not bill: rules, and photos that are saved again."""

from __future__ import annotations

import pytest
from PIL import Image

from catalog3d.status import Status
from tests.catalogs import Shop, open_shop

RULES = {
    "another number of faces": ("tripo:\n  face_limit: 12345\n", Status.STALE, "PARAMETERS_CHANGED"),
    "another model": ("tripo:\n  model: P1-20260311\n", Status.STALE, "PARAMETERS_CHANGED"),
}


@pytest.mark.parametrize("edit", RULES)
def test_edited_rules_bill_nothing_and_say_stale(shop: Shop, edit: str) -> None:
    shop.make("A1")
    rules, status, reason = RULES[edit]
    (shop.folder / "catalog.yaml").write_text(rules)
    with open_shop(shop.folder) as edited:
        item = edited.plan()["A1"]
        assert (item.do, int(item.credits), item.status, item.reason) == (False, 0, status, reason)


def test_a_photo_saved_again_with_the_same_pixels_changes_nothing(shop: Shop) -> None:
    shop.make("A1")
    photo = shop.folder / "A1.png"
    before = photo.read_bytes()
    with Image.open(photo) as picture:
        picture.save(photo, "PNG", compress_level=0)
    assert photo.read_bytes() != before
    item = shop.plan()["A1"]
    assert (item.do, int(item.credits), item.status) == (False, 0, Status.GENERATED)


def test_a_photo_saved_again_with_other_pixels_bills_nothing_and_says_stale(shop: Shop) -> None:
    shop.make("A1")
    photo = shop.folder / "A1.png"
    with Image.open(photo) as picture:
        picture.load()
    picture.save(photo, "JPEG", quality=80)
    item = shop.plan()["A1"]
    assert (item.do, int(item.credits), item.status, item.reason) == (False, 0, Status.STALE, "PHOTO_CHANGED")
