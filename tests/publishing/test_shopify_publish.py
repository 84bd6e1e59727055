"""Publication runs that end in a Shopify store, planned and recorded like those to every other channel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog3d.stages.publish import preview
from tests.catalogs import Shop, open_shop, with_key
from tests.publishing.shelves import approve, next_version, publish, publishing_of
from tests.shopify_standin import store as shopify_store
from tests.shopify_standin.app import CLIENT_ID, CLIENT_SECRET, SHOP, ShopifyStandin, running_shopify


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ShopifyStandin]:
    monkeypatch.setattr(shopify_store, "extents", lambda _content: [0.5, 1.0, 0.25])  # this shop's models are no GLBs
    with running_shopify() as standin:
        standin.store.add_product("chair", "A1")
        standin.store.polls = 1
        yield standin


@pytest.fixture
def chairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: ShopifyStandin) -> Iterator[Shop]:
    with_key(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CATALOG3D_CHANNELS__EU__CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("CATALOG3D_CHANNELS__EU__CLIENT_SECRET", CLIENT_SECRET)
    options = f'{{base_url: "{store.url}", poll_s: 1}}'
    (tmp_path / "catalog.yaml").write_text(f"channels:\n  eu: {{kind: shopify, shop: {SHOP}, options: {options}}}\n")
    with open_shop(tmp_path) as opened:
        opened.write({"SKU": "A1", "Channel": "eu"})
        opened.make("A1")
        approve(opened)
        yield opened


def shown(store: ShopifyStandin) -> list[str]:
    return [file.filename.split("_")[2] for file in store.store.files.values()]


def test_the_whole_life_of_a_model_in_a_shopify_store(chairs: Shop, store: ShopifyStandin) -> None:
    planned = publishing_of(chairs)
    (step,) = (step for wave in planned.waves for step in wave)
    assert preview(planned, step).message == f"V1 of A1 (0.1 MB) goes to Chair (chair) in {SHOP}."
    first = publish(chairs)["A1", "eu"]
    assert (first.outcome, first.version, first.link) == ("published", 1, "https://shop.example/products/chair")
    assert publish(chairs)["A1", "eu"].outcome == "live already"
    next_version(chairs)
    assert publish(chairs)["A1", "eu"].version == 2
    assert shown(store) == ["V2"]
    publish(chairs, only=("A1",), rollback=True)
    assert shown(store) == ["V1"]
    publish(chairs, only=("A1",), unpublish=True)
    assert shown(store) == []


def test_what_shopify_refuses_is_a_line_of_the_report_and_v1_stays(chairs: Shop, store: ShopifyStandin) -> None:
    publish(chairs)
    next_version(chairs)
    store.store.fails_next = "MODEL3D_VALIDATION_ERROR"
    line = publish(chairs)["A1", "eu"]
    assert (line.code, "the model is not valid" in line.message) == ("SHOPIFY_MODEL3D_VALIDATION_ERROR", True)
    assert shown(store) == ["V1"]
