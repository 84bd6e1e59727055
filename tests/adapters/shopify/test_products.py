"""Which product a SKU's model goes to, and what happens when two SKUs want the same one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from catalog3d.adapters.shopify.marks import spelled
from catalog3d.channels import Item
from catalog3d.errors import ProductError, TransientError
from tests.adapters.shopify.shopfront import item, opened, publish
from tests.shopify_standin.app import ShopifyStandin


@pytest.mark.parametrize("ref", ["gid://shopify/Product/{number}", "{number}", "oak-table", " oak-table "])
def test_the_sheet_may_name_the_product_by_id_or_handle(shop: ShopifyStandin, tmp_path: Path, ref: str) -> None:
    table = shop.store.add_product("oak-table", "SOME-OTHER-SKU")
    ref = ref.format(number=table.id.rpartition("/")[2])
    placed = publish(shop, item(tmp_path, product_ref=ref))
    assert placed.remote["product_id"] == table.id


def test_an_unknown_product_is_a_sentence_with_the_fix(shop: ShopifyStandin, tmp_path: Path) -> None:
    with pytest.raises(ProductError, match=r"CH123: The store has no product 'oka-table'") as caught:
        publish(shop, item(tmp_path, product_ref="oka-table"))
    assert "handle" in caught.value.fix


def test_a_sku_is_found_by_every_letter_though_the_search_is_not_so_exact(shop: ShopifyStandin, tmp_path: Path) -> None:
    shop.store.add_product("lower-case", "ch123")
    shop.store.add_product("longer", "CH123-XL")
    placed = publish(shop, item(tmp_path))
    assert placed.destination.endswith(": modern-chair")


def test_a_sku_in_other_letters_is_not_taken_for_it(shop: ShopifyStandin, tmp_path: Path) -> None:
    with pytest.raises(ProductError, match="The nearest is CH123") as caught:
        publish(shop, item(tmp_path, sku="cH123"))
    assert caught.value.code == "SHOPIFY_NO_PRODUCT"


def test_a_sku_with_quotes_is_searched_for_as_it_is(shop: ShopifyStandin, tmp_path: Path) -> None:
    table = shop.store.add_product("table", 'TB 24" \\ oak')
    assert publish(shop, item(tmp_path, sku='TB 24" \\ oak')).remote["product_id"] == table.id


def test_several_products_of_one_sku_are_named_and_nothing_is_done(shop: ShopifyStandin, tmp_path: Path) -> None:
    shop.store.add_product("modern-chair-copy", "CH123")
    with pytest.raises(ProductError, match="modern-chair, modern-chair-copy") as caught:
        publish(shop, item(tmp_path))
    assert caught.value.code == "SHOPIFY_SEVERAL_PRODUCTS"
    assert "handle" in caught.value.fix
    assert shop.store.did == []


def two_colors(shop: ShopifyStandin, folder: Path) -> tuple[Item, Item]:
    shop.store.add_product("sofa", "SF-RED", "SF-BLUE")
    return item(folder, sku="SF-RED"), item(folder, sku="SF-BLUE", version=2)


def test_a_second_sku_of_a_product_is_refused_by_the_rule(shop: ShopifyStandin, tmp_path: Path) -> None:
    red, blue = two_colors(shop, tmp_path)
    first = publish(shop, red)
    with pytest.raises(ProductError, match="sofa already shows the model of SF-RED") as caught:
        publish(shop, blue)
    assert (caught.value.code, caught.value.sku) == ("SHOPIFY_SHARED_PRODUCT", "SF-BLUE")
    assert "SF-RED" in caught.value.fix
    channel = opened(shop)
    channel.unpublish(first)
    publish(shop, blue)


def test_by_the_rule_first_the_first_model_stays_and_stands_for_both(shop: ShopifyStandin, tmp_path: Path) -> None:
    red, blue = two_colors(shop, tmp_path)
    first = publish(shop, red, shared_product="first")
    second = publish(shop, blue, shared_product="first")
    assert second.remote["shown_sku"] == "SF-RED"
    assert "media_id" not in second.remote
    assert "shows the model of SF-RED, which stands for SF-BLUE too" in second.destination
    channel = opened(shop)
    channel.unpublish(second)
    newer = publish(shop, item(tmp_path, sku="SF-RED", version=3, previous=first), shared_product="first")
    (sofa,) = (product for product in shop.store.products.values() if product.handle == "sofa")
    assert sofa.gallery == [newer.remote["media_id"]]


def test_of_two_skus_that_race_for_a_product_exactly_one_stays(shop: ShopifyStandin, tmp_path: Path) -> None:
    def attempt(asset: Item) -> str:
        for _ in range(5):
            try:
                return publish(shop, asset).sku
            except ProductError as error:
                return error.code
            except TransientError:
                continue
        return "never"

    assets = two_colors(shop, tmp_path)
    with ThreadPoolExecutor(2) as pool:
        ended = sorted(pool.map(attempt, assets))
    assert ended[0] in {"SF-BLUE", "SF-RED", "SHOPIFY_SHARED_PRODUCT"}
    assert "SHOPIFY_SHARED_PRODUCT" in ended
    (sofa,) = (product for product in shop.store.products.values() if product.handle == "sofa")
    assert len(shop.store.models_of(sofa)) == 1


def test_a_model_in_our_record_keeps_its_place_whatever_somebody_puts_before_it(
    shop: ShopifyStandin, tmp_path: Path
) -> None:
    red, _ = two_colors(shop, tmp_path)
    (sofa,) = (product for product in shop.store.products.values() if product.handle == "sofa")
    first = publish(shop, red)
    by_hand = shop.store.add_file(sofa, filename="catalog3d_SF-BLUE_V1_0123456789ab.glb", alt="from the files page")
    sofa.gallery.reverse()
    assert publish(shop, item(tmp_path, sku="SF-RED", previous=first)) == first
    second = publish(shop, item(tmp_path, sku="SF-RED", version=2, previous=first))
    assert sofa.gallery == [by_hand.id, second.remote["media_id"]]


def test_who_moves_to_a_product_that_another_sku_holds_leaves_nothing_behind(
    shop: ShopifyStandin, tmp_path: Path
) -> None:
    red, _ = two_colors(shop, tmp_path)
    publish(shop, red)
    alone = publish(shop, item(tmp_path, sku="SF-BLUE", product_ref="modern-chair"))
    moved = item(tmp_path, sku="SF-BLUE", product_ref="sofa", previous=alone)
    with pytest.raises(ProductError):
        publish(shop, moved)
    assert alone.remote["media_id"] in shop.store.files  # refused: what was there is there still
    assert publish(shop, moved, shared_product="first").remote["shown_sku"] == "SF-RED"
    assert alone.remote["media_id"] not in shop.store.files


@pytest.mark.parametrize("sku", ["Stuhl/Ä 12", "a_b", "~7e~", "x" * 300, "SKU (1)", "木の椅子"])
def test_any_sku_is_recognised_by_its_mark(shop: ShopifyStandin, tmp_path: Path, sku: str) -> None:
    product = shop.store.add_product("odd", sku)
    asset = item(tmp_path, "odd", product_ref="odd")
    first = publish(shop, Item(**{**asset.__dict__, "sku": sku}))
    again = publish(shop, Item(**{**asset.__dict__, "sku": sku}))
    assert again.remote == first.remote
    assert product.gallery == [first.remote["media_id"]]
    name = shop.store.files[first.remote["media_id"]].filename
    assert name.isascii()
    assert len(name) < 255


def test_different_skus_are_spelled_differently() -> None:
    skus = ["a b", "a-b", "a/b", "a~20~b", "a_b", "A b", "y" * 121, "y" * 122]
    assert len({spelled(sku) for sku in skus}) == len(skus)


def test_a_failed_model_of_another_sku_does_not_hold_the_product(shop: ShopifyStandin, tmp_path: Path) -> None:
    _, blue = two_colors(shop, tmp_path)
    (sofa,) = (product for product in shop.store.products.values() if product.handle == "sofa")
    shop.store.add_file(sofa, status="FAILED", filename="catalog3d_SF-RED_V1_0123456789ab.glb", alt="x")
    placed = publish(shop, blue)
    assert placed.remote["media_id"] in sofa.gallery


def test_a_product_not_on_sale_is_linked_in_the_admin(shop: ShopifyStandin, tmp_path: Path) -> None:
    product = next(iter(shop.store.products.values()))
    product.online_url = None
    number = product.id.rpartition("/")[2]
    assert publish(shop, item(tmp_path)).link == f"https://admin.shopify.com/store/little-chairs/products/{number}"


def test_catalogs_that_share_a_store_leave_each_other_alone(shop: ShopifyStandin, tmp_path: Path) -> None:
    first = publish(shop, item(tmp_path), mark="north")
    second = publish(shop, item(tmp_path, version=2), mark="south")
    assert first.remote["media_id"] != second.remote["media_id"]
    assert len(shop.store.files) == 2
