"""A live shop with an ERP webhook in its rules and one approved chair."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.catalogs import Shop, open_shop, with_key
from tests.publishing.shelves import approve

RULES = """\
channels:
  storefront: {kind: storefront, base_url: "https://cdn.example/3d/"}
  erp: {kind: webhook, url: "https://erp.example/hook"}
  shop: {kind: woocommerce}
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with_key(monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "catalog.yaml").write_text(RULES)
    with open_shop(tmp_path) as opened:
        yield opened


@pytest.fixture
def erp_shop(shop: Shop) -> Shop:
    """Its chair is approved, and goes to the ERP only."""
    shop.write({"SKU": "A1", "Channel": "erp"})
    shop.make("A1")
    approve(shop)
    return shop
