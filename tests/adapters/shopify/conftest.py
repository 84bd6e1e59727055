"""A store for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.shopify_standin.app import ShopifyStandin, running_shopify


@pytest.fixture(scope="session")
def shopify_server() -> Iterator[ShopifyStandin]:
    with running_shopify() as standin:
        yield standin


@pytest.fixture
def shop(shopify_server: ShopifyStandin) -> ShopifyStandin:
    """With one product, `modern-chair`, whose variant is CH123."""
    shopify_server.reset(shopify_server.url)
    shopify_server.store.add_product("modern-chair", "CH123")
    return shopify_server
