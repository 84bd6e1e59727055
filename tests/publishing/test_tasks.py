"""What Prefect adds to publishing: something unforeseen is one SKU's failure, never the run's."""

from __future__ import annotations

import asyncio

import pytest

from catalog3d.errors import ProductError
from tasks import publications
from tasks.publish import publish_asset
from tests.catalogs import Shop
from tests.publishing.shelves import Shelf, publishing_of


def test_something_unforeseen_at_a_channel_is_one_skus_failure(erp_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf()
    shelf.fails["publish"] = KeyError("of the channel's own")
    monkeypatch.setitem(publications._under_way, "run", publishing_of(erp_shop, shelf))
    with pytest.raises(ProductError) as failed:
        asyncio.run(publish_asset.fn("A1", "erp", "run"))
    assert (failed.value.code, failed.value.sku) == ("UNEXPECTED", "A1")
