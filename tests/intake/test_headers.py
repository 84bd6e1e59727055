"""Headers: synonyms, dialects, the team's mapping, and our own columns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog3d.intake.dialects import recognize
from catalog3d.intake.header_text import normalized, side_order_in, unit_in
from catalog3d.intake.headers import map_columns
from catalog3d.intake.vocabulary import OUR_COLUMNS, SYNONYMS


def _mapping(headers: str, mapping: dict[str, str] | None = None) -> dict[str, str]:
    names = headers.split(",")
    return map_columns(names, recognize(names), mapping or {}).mapping()


def test_a_plain_team_sheet_needs_no_mapping():
    headers = "SKU,Product name,Category,Product image,Material,Color,Dimensions,Target format,Asset status"
    fields = ["sku", "name", "category", "image", "material", "color", "dimensions", "format", "status"]
    assert _mapping(headers) == dict(zip(fields, headers.split(","), strict=True))


@pytest.mark.parametrize(
    "header", ["\ufeffproduct_name", "  Product  Name ", "PRODUCT-NAME", "Product name*", "Product Name:"]
)
def test_case_spaces_marks_and_bom_do_not_matter_and_the_spelling_is_kept(header):
    assert _mapping(f"SKU,{header}")["name"] == header


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Item No", "sku"), ("Artikelnummer", "sku"), ("Référence", "sku"), ("Farbe", "color"), ("Couleur", "color"),
        ("Finish", "color"), ("Fabric", "material"), ("Maße", "dimensions"), ("Size (L x W x H)", "dimensions"),
        ("Size (cm)", "dimensions"), ("Breite [mm]", "width"), ("height_in", "height"), ("Photo file", "image"),
        ("Front", "front"), ("image_front", "front"), ("Back view", "back"), ("Bild vorne", "front"),
        ("Left side photo", "left"), ("photo right", "right"), ("Detail", "detail"), ("Sketch", "sketch"),
        ("Prompt", "prompt"), ("Reviewer", "owner"), ("Destination", "channel"), ("Output", "format"),
        ("3D Action", "action"),
    ],
)  # fmt: skip
def test_common_words_are_known(header, field):
    assert _mapping(f"x,{header}").get(field) == header


@pytest.mark.parametrize("header", ["Notes", "Description", "Size", "Shipping length", "Image alt text", "Details"])
def test_words_that_mean_something_else_are_left_alone(header):
    assert _mapping(f"x,{header}") == {}


def test_further_pictures_are_numbered_in_order():
    found = _mapping("SKU,Image 3,Image 1,Image 2")
    assert found == {"sku": "SKU", "image": "Image 1", "image 2": "Image 2", "image 3": "Image 3"}


@pytest.mark.parametrize(
    ("headers", "dialect"),
    [
        ("Handle,Title,Body (HTML),Variant SKU,Image Src,Status", "Shopify (old export)"),
        ("Title,URL handle,Description,SKU,Product image URL,Status", "Shopify (new export)"),
        ("id,title,image_link,g:color", "Google product feed"),
        ("ID,Type,SKU,Name,Published,Images", "WooCommerce"),
        ("name,slug,assets,facets,sku", "storefront import"),
        ("SKU,Name,Image", "team sheet"),
        ("SKU,Type,Name,Image", "team sheet"),
    ],
)
def test_dialects_are_recognized_by_their_anchors(headers, dialect):
    assert recognize(headers.split(",")).name == dialect


def test_shop_states_are_not_our_status():
    assert "status" not in _mapping("Handle,Title,Variant SKU,Image Src,Published,Status")
    assert "status" not in _mapping("ID,Type,SKU,Name,Published,Images")
    assert _mapping("Handle,Title,Variant SKU,Status,Asset Status")["status"] == "Asset Status"


def test_the_mapping_of_the_rules_wins_and_a_wrong_one_is_noticed():
    names = ["Code", "SKU", "Name"]
    columns = map_columns(names, recognize(names), {"sku": "code", "color": "Shade"})
    assert columns.mapping() == {"sku": "Code", "name": "Name"}
    assert columns.unknown == {"color": "Shade"}


def test_a_column_with_contents_wins_over_a_blank_one():
    names = ["SKU", "Name", "Category", "Type"]
    assert map_columns(names, recognize(names), {}, [True, True, False, True]).mapping()["category"] == "Type"


@given(st.sampled_from(OUR_COLUMNS), st.sampled_from([str, str.lower, str.upper, lambda text: text.replace(" ", "_")]))
def test_our_own_columns_are_never_taken_for_something_else(header, spelled):
    allowed = {"3D Status": "status", "3D Action": "action"}
    found = _mapping(f"x,{spelled(header)}")
    assert found in ({}, {allowed.get(header, ""): spelled(header)})


def test_no_word_means_two_fields():
    seen: dict[str, str] = {}
    for field, words in SYNONYMS.items():
        for word in words:
            assert seen.setdefault(normalized(word), field) == field, word


def test_headers_tell_units_and_order():
    assert [unit_in(text) for text in ("Width (cm)", "width_in", "Breite [mm]", "Length (in|cm)", "Width")] == [
        "cm", "in", "mm", "", "",
    ]  # fmt: skip
    assert side_order_in("Size (L x W x H)") == ("l", "w", "h")
    assert side_order_in("Maße BxTxH cm") == ("b", "t", "h")
    assert side_order_in("Dimensions") == ()


@given(st.lists(st.text(max_size=30), min_size=1, max_size=12))
def test_any_headers_can_be_mapped_and_no_column_is_used_twice(headers):
    columns = map_columns(headers, recognize(headers), {})
    assert len(set(columns.index.values())) == len(columns.index)
