"""Finds the product of a SKU. Exactly one, or a sentence that says how to name it."""

from __future__ import annotations

import re

from catalog3d.adapters.shopify.answers import Product, ProductAnswer, VariantsAnswer, read_as
from catalog3d.adapters.shopify.client import AdminApi
from catalog3d.adapters.shopify.operations import PRODUCT_BY_HANDLE, PRODUCT_BY_ID, VARIANTS_BY_SKU
from catalog3d.adapters.tripo.answers import clean_words
from catalog3d.channels import Item
from catalog3d.errors import ProductError

_GID = re.compile(r"gid://shopify/Product/\d{1,20}")
_MAX_LINK_CHARS = 2000
_NAME_IT = "Write the product's handle (the last part of its address) into the sheet."


def find_product(api: AdminApi, item: Item) -> Product:
    """The product that the sheet names by id or handle, else the one that has a variant of this very SKU.

    Raises:
        ProductError: SHOPIFY_NO_PRODUCT, SHOPIFY_SEVERAL_PRODUCTS.
    """
    named = item.product_ref.strip()
    if not named:
        return _by_sku(api, item.sku)
    if _GID.fullmatch(named) or (named.isascii() and named.isdecimal()):
        gid = named if named.startswith("gid:") else f"gid://shopify/Product/{named}"
        found = read_as(ProductAnswer, api.ask(PRODUCT_BY_ID, {"id": gid})).product
    else:
        found = read_as(ProductAnswer, api.ask(PRODUCT_BY_HANDLE, {"identifier": {"handle": named}})).product
    if found is None:
        raise ProductError(
            f"The store has no product {named[:100]!r}.",
            code="SHOPIFY_NO_PRODUCT",
            fix="Correct the product's handle or id in the sheet, or create the product in Shopify first.",
        )
    return found


def _by_sku(api: AdminApi, sku: str) -> Product:
    quoted = sku.replace("\\", "\\\\").replace('"', '\\"')
    answer = read_as(VariantsAnswer, api.ask(VARIANTS_BY_SKU, {"query": f'sku:"{quoted}"'}))
    found = answer.product_variants
    # Shopify's search takes words and ignores case; SKUs are told apart by every letter.
    products = {variant.product.id: variant.product for variant in found.nodes if variant.sku == sku}
    if len(products) == 1 and not found.page_info.has_next_page:
        return next(iter(products.values()))
    if not products and not found.page_info.has_next_page:
        near = next((variant.sku for variant in found.nodes if variant.sku), "")
        hint = f" The nearest is {clean_words(near)}." if near else ""
        raise ProductError(
            f"No product of the store has a variant with this SKU.{hint}",
            code="SHOPIFY_NO_PRODUCT",
            fix=f"Enter the SKU at the variant in Shopify. Or: {_NAME_IT}",
        )
    handles = ", ".join(clean_words(product.handle) for product in list(products.values())[:5])
    raise ProductError(
        f"Several products of the store match this SKU{f': {handles}' if handles else ''}.",
        code="SHOPIFY_SEVERAL_PRODUCTS",
        fix=_NAME_IT,
    )


def address(shop: str, product: Product) -> str:
    """Store and handle: where a person looks for it."""
    return f"{shop}: {clean_words(product.handle)}"


def link(shop: str, product: Product) -> str:
    """The product's page, or its page in the admin while it is not on sale."""
    public = product.online_store_url or ""
    if public.startswith("https://") and public.isprintable() and len(public) < _MAX_LINK_CHARS:
        return public
    return f"https://admin.shopify.com/store/{shop.partition('.')[0]}/products/{product.id.rpartition('/')[2]}"
