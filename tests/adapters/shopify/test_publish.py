"""What a shopper sees after a publication, whatever came between."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from catalog3d.errors import ProductError, RunError, TransientError
from tests.adapters.shopify.shopfront import Clock, item, opened, publish, publish_and_die
from tests.shopify_standin.app import SHOP, ShopifyStandin
from tests.shopify_standin.store import Product


def chair(shop: ShopifyStandin) -> Product:
    return next(iter(shop.store.products.values()))


def test_an_approved_model_is_ready_on_the_product_that_has_its_sku(shop: ShopifyStandin, tmp_path: Path) -> None:
    asset = item(tmp_path)
    placed = publish(shop, asset)
    (model,) = shop.store.models_of(chair(shop))
    assert (model.status, model.content) == ("READY", asset.model.read_bytes())
    assert model.alt == f"Modern Dining Chair, 3D model (catalog3d_CH123_V1_{asset.sha256[:12]})"
    assert placed.remote["media_id"] == model.id
    assert placed.remote["size_m"] == "0.510 x 1.000 x 0.600"
    assert "warning" not in placed.remote
    assert placed.link == "https://shop.example/products/modern-chair"
    assert placed.destination == f"{SHOP}: modern-chair"


def test_the_same_again_changes_nothing_with_and_without_our_record(shop: ShopifyStandin, tmp_path: Path) -> None:
    placed = publish(shop, item(tmp_path))
    done = list(shop.store.did)
    assert publish(shop, item(tmp_path, previous=placed)) == placed
    assert publish(shop, item(tmp_path)) == placed
    assert shop.store.did == done


def test_the_same_file_under_a_new_version_is_not_sent_again(shop: ShopifyStandin, tmp_path: Path) -> None:
    first = item(tmp_path)
    placed = publish(shop, first)
    again = publish(shop, replace(first, version=2, name="Renamed", previous=placed))
    assert (again.version, again.remote["media_id"]) == (2, placed.remote["media_id"])
    assert shop.store.count("upload") == 1


def test_a_new_version_takes_the_place_of_the_earlier_one_only_when_it_is_ready(
    shop: ShopifyStandin, tmp_path: Path
) -> None:
    first = publish(shop, item(tmp_path))
    second = publish(shop, item(tmp_path, version=2, previous=first))
    (model,) = shop.store.models_of(chair(shop))
    assert model.id == second.remote["media_id"]
    assert shop.store.did[-1] == ("fileDelete", first.remote["media_id"])
    assert shop.asked[-3:] == ["node", "node", "fileDelete"]


def test_a_new_version_that_fails_leaves_the_earlier_one(shop: ShopifyStandin, tmp_path: Path) -> None:
    first = publish(shop, item(tmp_path))
    with pytest.raises(ProductError) as caught:
        publish(shop, item(tmp_path, version=2, content=b"not a model", previous=first))
    assert caught.value.code == "SHOPIFY_MODEL3D_VALIDATION_ERROR"
    (model,) = shop.store.models_of(chair(shop))
    assert (model.id, model.status) == (first.remote["media_id"], "READY")


def test_a_rollback_is_the_publication_of_the_earlier_version(shop: ShopifyStandin, tmp_path: Path) -> None:
    old = item(tmp_path)
    first = publish(shop, old)
    second = publish(shop, item(tmp_path, version=2, previous=first))
    third = publish(shop, replace(old, previous=second))
    (model,) = shop.store.models_of(chair(shop))
    assert (model.id, model.content) == (third.remote["media_id"], old.model.read_bytes())


def test_only_our_own_media_are_replaced_and_removed(shop: ShopifyStandin, tmp_path: Path) -> None:
    product, digest = chair(shop), "0123456789ab"
    theirs = [
        shop.store.add_file(product, kind="IMAGE", alt="front"),
        shop.store.add_file(product, filename="made-by-hand.glb", alt="by hand"),
        shop.store.add_file(product, filename=f"other_CH123_V1_{digest}.glb", alt=f"(other_CH123_V1_{digest})"),
        shop.store.add_file(product, kind="IMAGE", alt=f"(catalog3d_CH123_V1_{digest})"),
    ]
    first = publish(shop, item(tmp_path))
    second = publish(shop, item(tmp_path, version=2, previous=first))
    assert product.gallery == [*(file.id for file in theirs), second.remote["media_id"]]
    channel = opened(shop)
    channel.unpublish(second)
    channel.unpublish(second)
    assert product.gallery == [file.id for file in theirs]


def test_what_was_published_to_another_store_is_not_looked_for_in_this_one(
    shop: ShopifyStandin, tmp_path: Path
) -> None:
    placed = publish(shop, item(tmp_path))
    elsewhere = replace(placed, remote={**placed.remote, "shop": "old-store.myshopify.com"})
    channel = opened(shop)
    with pytest.raises(ProductError, match=r"CH123.*old-store") as caught:
        channel.unpublish(elsewhere)
    assert caught.value.code == "SHOPIFY_OTHER_STORE"
    publish(shop, item(tmp_path, version=2, previous=elsewhere))
    assert ("fileDelete", placed.remote["media_id"]) in shop.store.did  # by its mark, not by the foreign record


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, 13))
def test_a_publication_killed_at_any_request_ends_with_exactly_the_new_model(
    shop: ShopifyStandin, tmp_path: Path, at: int, after: bool
) -> None:
    first = publish(shop, item(tmp_path))
    second = item(tmp_path, version=2, previous=first)
    placed = publish_and_die(shop, second, at, after=after)
    assert (placed is None) == (at <= 10), "every request of a publication was killed at"
    assert first.remote["media_id"] in chair(shop).gallery or shop.store.models_of(chair(shop))[0].status == "READY"
    again = publish(shop, second)
    (model,) = shop.store.models_of(chair(shop))
    assert (model.id, model.content) == (again.remote["media_id"], second.model.read_bytes())
    assert shop.store.count("productUpdate") == 2


@pytest.mark.parametrize("at", range(6, 11))
def test_a_rollback_after_a_killed_publication_leaves_no_second_model(
    shop: ShopifyStandin, tmp_path: Path, at: int
) -> None:
    """The killed process attached V2 and told nobody; V2 must not stay beside V1."""
    old = item(tmp_path)
    first = publish(shop, old)
    publish_and_die(shop, item(tmp_path, version=2, previous=first), at, after=True)
    publish(shop, replace(old, previous=first))
    (model,) = shop.store.models_of(chair(shop))
    assert model.content == old.model.read_bytes()


def test_a_leftover_whose_alt_text_somebody_changed_stays_and_is_named(
    shop: ShopifyStandin, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    placed = publish(shop, item(tmp_path))
    shop.store.files[placed.remote["media_id"]].alt = "Our best chair"
    publish(shop, item(tmp_path, version=2))  # our record is lost
    assert len(shop.store.models_of(chair(shop))) == 2
    assert placed.remote["media_id"] in caplog.text


def test_a_recorded_model_is_replaced_though_its_alt_text_was_changed(shop: ShopifyStandin, tmp_path: Path) -> None:
    placed = publish(shop, item(tmp_path))
    shop.store.files[placed.remote["media_id"]].alt = "Our best chair"
    assert publish(shop, item(tmp_path)).remote == placed.remote  # known by its file name
    publish(shop, item(tmp_path, version=2, previous=placed))
    assert placed.remote["media_id"] not in shop.store.files


def test_an_attach_whose_answer_is_lost_is_not_done_twice(shop: ShopifyStandin, tmp_path: Path) -> None:
    shop.fault("productUpdate", "lost")
    with pytest.raises(TransientError) as caught:
        publish(shop, item(tmp_path))
    assert caught.value.code == "SHOPIFY_UNREACHABLE"
    publish(shop, item(tmp_path))
    assert (shop.store.count("productUpdate"), shop.store.count("upload")) == (1, 1)


def test_two_processes_that_publish_one_sku_at_once_leave_one_model(shop: ShopifyStandin, tmp_path: Path) -> None:
    first = publish(shop, item(tmp_path))
    second = item(tmp_path, version=2, previous=first)
    together = threading.Barrier(2)

    def attempt(_: int) -> str:
        together.wait()
        return publish(shop, second).remote["media_id"]

    with ThreadPoolExecutor(2) as pool:
        ids = set(pool.map(attempt, range(2)))
    assert chair(shop).gallery == list(ids)


def test_a_name_that_shopify_makes_unique_is_still_ours(shop: ShopifyStandin, tmp_path: Path) -> None:
    asset = item(tmp_path)
    other = shop.store.add_product("other", "OTHER")
    shop.store.add_file(other, filename=f"catalog3d_CH123_V1_{asset.sha256[:12]}.glb", alt="used twice")
    placed = publish(shop, asset)
    mine = shop.store.files[placed.remote["media_id"]]
    assert len(mine.filename) > len(f"catalog3d_CH123_V1_{asset.sha256[:12]}.glb")
    mine.alt = ""
    assert publish(shop, asset).remote == placed.remote


def test_a_model_the_merchant_deleted_comes_back(shop: ShopifyStandin, tmp_path: Path) -> None:
    placed = publish(shop, item(tmp_path))
    chair(shop).gallery.clear()
    del shop.store.files[placed.remote["media_id"]]
    again = publish(shop, item(tmp_path, previous=placed))
    assert again.remote["media_id"] in chair(shop).gallery


def test_slow_processing_is_waited_for_and_taken_up_the_next_time(shop: ShopifyStandin, tmp_path: Path) -> None:
    shop.store.polls = 200
    clock = Clock()
    with pytest.raises(TransientError) as caught:
        publish(shop, item(tmp_path), clock=clock, deadline_s=60)
    assert caught.value.code == "SHOPIFY_PROCESSING"
    assert 50 < sum(clock.waits) <= 60
    placed = publish(shop, item(tmp_path), deadline_s=3600)
    assert shop.store.count("upload") == 1
    assert shop.store.files[placed.remote["media_id"]].status == "READY"


def test_no_connection_stays_open_behind_a_call(shop: ShopifyStandin, tmp_path: Path) -> None:
    channel = opened(shop)
    channel.publish(item(tmp_path))
    shop.fault("productVariants", "404")
    with pytest.raises(RunError):
        channel.describe(item(tmp_path))
    assert channel._wire._http is None
    with channel._wire.session() as outer, channel._wire.session() as inner:
        assert outer is inner
    assert outer.is_closed


def test_a_gallery_of_many_pages_is_read_whole(shop: ShopifyStandin, tmp_path: Path) -> None:
    for number in range(230):
        shop.store.add_file(chair(shop), kind="IMAGE", alt=str(number))
    placed = publish(shop, item(tmp_path))
    publish(shop, item(tmp_path))
    assert shop.store.count("productUpdate") == 1
    assert chair(shop).gallery[-1] == placed.remote["media_id"]


def test_another_scale_than_ours_is_a_warning_not_a_failure(shop: ShopifyStandin, tmp_path: Path) -> None:
    shop.store.measures = 100.0
    placed = publish(shop, item(tmp_path))
    assert placed.remote["warning"].startswith(
        "Shopify measures 51.000 x 100.000 x 60.000 m, the checked model has 0.510 x 1.000 x 0.600 m"
    )


def test_a_size_that_is_not_told_is_said_not_to_be_checked(shop: ShopifyStandin, tmp_path: Path) -> None:
    shop.store.measures = None
    assert "not checked" in publish(shop, item(tmp_path)).remote["warning"]
    assert "warning" not in publish(shop, item(tmp_path, extents_m=None)).remote


def test_a_dry_run_tells_what_would_happen_and_does_nothing(shop: ShopifyStandin, tmp_path: Path) -> None:
    where = f"Modern Chair (modern-chair) in {SHOP}"
    channel = opened(shop)
    assert channel.describe(item(tmp_path)) == f"V1 of CH123 (0.1 MB) goes to {where}."
    assert shop.store.did == []
    placed = channel.publish(item(tmp_path))
    done = list(shop.store.did)
    assert channel.describe(item(tmp_path, previous=placed)) == f"V1 of CH123 is on {where} already."
    assert channel.describe(item(tmp_path, version=2, previous=placed)) == (
        f"V2 of CH123 (0.1 MB) goes to {where}. Then our V1 is deleted there."
    )
    with pytest.raises(ProductError, match="No product"):
        channel.describe(item(tmp_path, sku="CH999"))
    assert shop.store.did == done


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"format": "FBX"}, "SHOPIFY_FORMAT"),
        ({"size_bytes": 500_000_001}, "SHOPIFY_TOO_LARGE"),
        ({"size_bytes": 0}, "SHOPIFY_TOO_LARGE"),
        ({"size_bytes": 77}, "MODEL_CHANGED"),
        ({"model": Path("/nowhere/chair.glb")}, "MODEL_UNREADABLE"),
    ],
)
def test_a_file_that_cannot_be_sent_is_refused_before_anything_is_attached(
    shop: ShopifyStandin, tmp_path: Path, change: dict[str, Any], code: str
) -> None:
    with pytest.raises(ProductError) as caught:
        publish(shop, item(tmp_path, **change))
    assert (caught.value.code, caught.value.sku) == (code, "CH123")
    assert caught.value.fix
    assert shop.store.count("productUpdate") == 0


def test_a_product_that_is_deleted_meanwhile_is_named_in_a_sentence(shop: ShopifyStandin, tmp_path: Path) -> None:
    channel = opened(shop)
    with pytest.raises(ProductError, match="no longer in the store"):
        channel._galleries.of("gid://shopify/Product/5")
