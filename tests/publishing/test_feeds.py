"""Feeds and import files: they parse back to what went in, and no value of a sheet becomes a formula or a further line."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser

import pytest

from catalog3d.adapters.channels.feeds import akeneo_csv, google_feed, json_feed, woocommerce_csv
from catalog3d.adapters.channels.snippet import snippet
from catalog3d.channels import Listed

LINK = "https://cdn.example/3d/models/CH123.glb"


def entry(sku: str = "CH123", link: str = LINK, size_bytes: int = 1000) -> Listed:
    return Listed(
        sku=sku,
        name="Chaise « Légère »",
        version=2,
        format="GLB",
        sha256="d" * 64,
        size_bytes=size_bytes,
        link=link,
        extents_m=(0.45, 0.9, 0.5),
    )


def rows(content: bytes, delimiter: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode()), delimiter=delimiter))


def test_the_json_feed_has_all_that_a_shop_needs() -> None:
    (model,) = json.loads(json_feed([entry(), entry("GONE", "")]))["models"]
    assert model == {
        "sku": "CH123",
        "name": "Chaise « Légère »",
        "link": LINK,
        "version": 2,
        "format": "GLB",
        "sha256": "d" * 64,
        "size_bytes": 1000,
        "dimensions_m": {"width": 0.45, "height": 0.9, "depth": 0.5},
    }


def test_googles_feed_is_tab_separated_with_its_two_columns() -> None:
    feed, notes = google_feed([entry(), entry("B2", "https://cdn.example/B2.glb"), entry("C3", "/home/C3.glb")])
    assert feed.decode().splitlines()[0] == "id\tvirtual_model_link"
    assert rows(feed, "\t") == [
        {"id": "CH123", "virtual_model_link": LINK},
        {"id": "B2", "virtual_model_link": "https://cdn.example/B2.glb"},
    ]
    assert notes == ()


@pytest.mark.parametrize(
    ("listed", "why"),
    [
        (entry("S" * 51), "50 characters"),
        (entry("=cmd()"), "formula"),
        (entry("A\tB"), "line"),
        (entry(link=f"https://cdn.example/{'x' * 2000}"), "2000"),
        (entry(size_bytes=15_000_001), "15 MB"),
    ],
)
def test_what_google_would_refuse_is_left_out_and_said(listed: Listed, why: str) -> None:
    feed, (note,) = google_feed([listed])
    assert rows(feed, "\t") == []
    assert why in note


@pytest.mark.parametrize("sku", ["=1+1", "+49", "-7", "@home"])
def test_woocommerce_gets_the_apostrophe_that_its_importer_takes_back(sku: str) -> None:
    content, notes = woocommerce_csv([entry(sku)], "model_3d_url")
    (row,) = rows(content, ",")
    assert row["SKU"] == f"'{sku}"
    taken_back = row["SKU"][1:] if row["SKU"][:2] in ("'=", "'+", "'-", "'@") else row["SKU"]
    assert (taken_back, notes) == (sku, ())


def test_import_files_hold_the_identifier_and_our_column_only() -> None:
    woo, _ = woocommerce_csv([entry(), entry("GONE", "")], "model_3d_url")
    assert rows(woo, ",") == [{"SKU": "CH123", "Meta: model_3d_url": LINK}, {"SKU": "GONE", "Meta: model_3d_url": ""}]
    akeneo, _ = akeneo_csv([entry('a;"b"')], "sku", "model_3d_url")
    assert rows(akeneo, ";") == [{"sku": 'a;"b"', "model_3d_url": LINK}]


@pytest.mark.parametrize("sku", ["=1+1", "+49", "-7", "@home", "\uff1d1"])
def test_no_cell_of_an_import_file_begins_a_formula(sku: str) -> None:
    for content, notes in (woocommerce_csv([entry(sku)], "key"), akeneo_csv([entry(sku)], "sku", "key")):
        for line in content.decode().splitlines():
            assert line[0] not in "=+-@\uff1d"
        assert notes or b"'" in content


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_a_product_name_cannot_break_out_of_its_snippet() -> None:
    page = Page()
    page.feed(snippet(name='"><script>alert(1)</script>', model=LINK, viewer="https://cdn.example/viewer.js").decode())
    assert [attrs.get("src") for tag, attrs in page.tags if tag == "script"] == ["https://cdn.example/viewer.js"]
    (viewer,) = [attrs for tag, attrs in page.tags if tag == "model-viewer"]
    assert (viewer["src"], viewer["alt"]) == (LINK, '"><script>alert(1)</script> in 3D')
    assert viewer["ar-scale"] == "fixed"  # at the product's true size
