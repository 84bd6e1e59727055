"""Folding rows: who inherits what from whom."""

from __future__ import annotations

from catalog3d.intake.reading import interpret
from catalog3d.intake.table import Row, Table
from catalog3d.rules import Rules
from tests.intake.tables import by_sku, names, pictures, problems, read

SHOPIFY = "Handle|Title|Option1 Name|Option1 Value|Variant SKU|Image Src|Image Position|Variant Image|Status"
CDN = "https://cdn.example/"


def test_variant_rows_inherit_name_category_and_picture_from_the_row_that_has_a_name():
    reading = read(
        """
        SKU|Name|Category|Image|Color|Dimensions
        A1|Chair|Seating|chair.jpg|red|W 45 x D 50 x H 90 cm
        A2||||blue|
        A3||Stools|stool.jpg||W 40 x D 40 x H 60 cm
        A4|||||
        B1|Lamp|Light|lamp.jpg|white|
        """,
        "chair.jpg", "stool.jpg", "lamp.jpg",
    )  # fmt: skip
    products = by_sku(reading)
    assert [p.name for p in products.values()] == ["Chair"] * 4 + ["Lamp"]
    assert [p.category for p in products.values()] == ["Seating", "Seating", "Stools", "Seating", "Light"]
    assert [p.color for p in products.values()] == ["red", "blue", "red", "red", "white"]
    assert [names(p)[0][1] for p in products.values()] == [
        "chair.jpg",
        "chair.jpg",
        "stool.jpg",
        "chair.jpg",
        "lamp.jpg",
    ]
    assert products["A2"].dimensions == products["A1"].dimensions
    assert products["A3"].dimensions != products["A1"].dimensions
    assert products["B1"].dimensions is None


def test_a_variant_in_another_color_than_the_photo_it_takes_is_said():
    reading = read(
        """
        SKU|Name|Image|Color
        A1|Chair|a.jpg|red
        A2|||blue
        A3||b.jpg|green
        A4|||Red
        A5|||
        """,
        "a.jpg", "b.jpg",
    )  # fmt: skip
    (problem,) = problems(reading, "COLOR_OF_ANOTHER")
    assert (problem.row, problem.column, problem.severity) == (3, "Image", "warning")
    assert "row 2, which is red" in problem.message
    assert len(reading.products) == 5


def test_variants_take_photos_called_like_the_products_sku_and_prefer_those_called_like_their_own():
    text = "SKU|Name\nA1|Chair\nA2|\nA3|"
    files = ("A1_front.jpg", "A1_back.jpg", "A3.jpg")
    pictured = {sku: names(product) for sku, product in by_sku(read(text, *files)).items()}
    assert pictured == {
        "A1": [("front", "A1_front.jpg"), ("back", "A1_back.jpg")],
        "A2": [("front", "A1_front.jpg"), ("back", "A1_back.jpg")],
        "A3": [("front", "A3.jpg")],
    }
    named = read("SKU|Name|Image\nA1|Chair|x.jpg\nA2||\nA3||", "x.jpg", "A3.jpg")
    assert [names(product)[0][1] for product in named.products] == ["x.jpg", "x.jpg", "A3.jpg"]


def test_status_and_action_are_not_inherited():
    reading = read("SKU|Name|Image|3D Action\nA1|Chair|a.jpg|hold\nA2|||", "a.jpg")
    assert [product.action for product in reading.products] == ["hold", ""]


def test_a_blank_name_without_a_row_above_is_an_error():
    reading = read("SKU|Name|Image\nA1||a.jpg\nA2|Chair|a.jpg", "a.jpg")
    assert [(row.sku, row.code) for row in reading.invalid] == [("A1", "NAME_MISSING")]
    assert list(by_sku(reading)) == ["A2"]


def test_a_damaged_name_or_picture_does_not_make_a_row_a_variant():
    reading = read("SKU|Name|Image\nA1|Chair|a.jpg\nA2|#REF!|a.jpg\nA3||#N/A", "a.jpg")
    assert list(by_sku(reading)) == ["A1"]
    assert [(row.sku, row.code) for row in reading.invalid] == [("A2", "CELL_DAMAGED"), ("A3", "CELL_DAMAGED")]
    assert [problem.row for problem in problems(reading, "PHOTO_LOCATION_BAD")] == [4]


def test_a_variant_of_a_product_with_a_damaged_name_says_where_that_name_stands():
    reading = read("SKU|Name|Image\nA1|Chair|a.jpg\nA2|#REF!|a.jpg\nA3||a.jpg", "a.jpg")
    assert [(row.sku, row.row, row.code) for row in reading.invalid] == [
        ("A2", 3, "CELL_DAMAGED"),
        ("A3", 4, "CELL_DAMAGED"),
    ]
    assert ["row 3" in row.message for row in reading.invalid] == [False, True]


def test_rows_with_only_a_picture_become_views_of_the_product_above():
    reading = read("SKU|Name|Image\nA1|Chair|a.jpg\n||a_back.jpg\n||a_2.jpg", "a.jpg", "a_back.jpg", "a_2.jpg")
    assert names(reading.products[0]) == [("front", "a.jpg"), ("back", "a_back.jpg"), ("detail", "a_2.jpg")]
    assert reading.rows == 3
    assert not [problem for problem in reading.problems if problem.severity == "error"]


def test_a_row_without_sku_that_says_more_is_reported_and_not_swallowed():
    reading = read("SKU|Name|Image|Color\nA1|Chair|a.jpg|red\n||a.jpg|blue", "a.jpg")
    assert [(problem.row, problem.column) for problem in problems(reading, "SKU_MISSING")] == [(3, "SKU")]


def test_shopify_rows_of_one_handle_share_a_gallery_in_the_order_of_its_positions():
    reading = read(
        f"""
        {SHOPIFY}
        chair|Chair|Color|Red|C-R|{CDN}1.jpg|1||active
        chair||||C-B|{CDN}3.jpg|3|{CDN}blue.jpg|
        chair|||||{CDN}2.jpg|2||
        lamp|Lamp|Title|Default Title|L|{CDN}lamp.jpg|1||draft
        """
    )
    products = by_sku(reading)
    assert reading.dialect == "Shopify (old export)"
    assert names(products["C-R"]) == [("front", "1.jpg"), ("detail", "2.jpg"), ("detail", "3.jpg")]
    assert names(products["C-B"])[0] == ("front", "blue.jpg")
    assert [product.name for product in products.values()] == ["Chair", "Chair", "Lamp"]
    assert products["C-R"].color == "Red"
    assert "status" not in reading.mapping


def test_a_continuation_row_may_leave_the_handle_blank():
    reading = read(f"{SHOPIFY}\nchair|Chair|Color|Red|C-R|{CDN}1.jpg|1|\n|||Blue|C-B||||")
    assert by_sku(reading)["C-B"].name == "Chair, Blue"
    assert by_sku(reading)["C-B"].color == "Blue"


def test_a_variant_without_a_name_is_told_apart_by_its_options():
    headers = ("Name", "SKU", "Image", "Option names", "Option values")
    cells = [
        ("Laptop", "L1", "a.jpg", "screen size|RAM", "13 inch|8GB"),
        ("", "L2", "", "", "15 inch|8GB"),
        ("Shoe 40", "S1", "a.jpg", "size:shoe-size", "40"),
        ("", "S2", "", "", "40"),
        ("", "S3", "", "", "o"),
        ("", "S4", "", "", "Default Title"),
        ("", "S5", "", "", ""),
    ]
    rows = tuple(Row(number=number, cells=row) for number, row in enumerate(cells, start=2))
    reading = interpret(Table(sheet="/s.csv", kind="csv", headers=headers, rows=rows), Rules(), pictures("a.jpg"))
    assert {sku: product.name for sku, product in by_sku(reading).items()} == {
        "L1": "Laptop", "L2": "Laptop, 15 inch, 8GB",
        "S1": "Shoe 40", "S2": "Shoe 40", "S3": "Shoe 40, o", "S4": "Shoe 40", "S5": "Shoe 40",
    }  # fmt: skip
    assert {product.views for product in reading.products} == {reading.products[0].views}


def test_a_row_that_names_its_parent_is_never_swallowed_as_a_picture():
    reading = read(f"ID|Type|SKU|Name|Published|Images|Parent\n1|simple|A|Chair|1|{CDN}a.jpg|\n||||||{CDN}b.jpg")
    assert reading.picture_rows == ()
    assert reading.left_out == (3,)


def test_facets_of_several_colours_are_all_kept():
    headers = ("SKU", "Name", "Image", "Facets")
    rows = (
        Row(
            number=2, cells=("A", "Shoe", "a.jpg", "category:Sports & Outdoor|category:Footwear|color:blue|color:pink")
        ),
        Row(number=3, cells=("B", "Boot", "a.jpg", "category:Boots, leather")),
    )
    reading = interpret(Table(sheet="/s.csv", kind="csv", headers=headers, rows=rows), Rules(), pictures("a.jpg"))
    assert [(product.category, product.color) for product in reading.products] == [
        ("Footwear", "blue, pink"),
        ("Boots, leather", ""),
    ]
    assert [problem.row for problem in problems(reading, "FIELD_MISSING")] == [3]
    assert [problem.message.split()[6] for problem in problems(reading, "COLUMN_MISSING")] == [
        "material.",
        "dimensions.",
    ]


def test_a_product_without_sku_takes_its_handle_and_says_so():
    reading = read(f"{SHOPIFY}\nchair|Chair||||{CDN}1.jpg|1|")
    assert reading.products[0].sku == "chair"
    assert [problem.row for problem in problems(reading, "SKU_FROM_HANDLE")] == [2]
    without = read("Slug|Name|Image\nchair|Chair|a.jpg", "a.jpg")
    assert without.products[0].sku == "chair"
    assert without.mapping["sku"] == "Slug"
    assert [problem.row for problem in problems(without, "SKU_FROM_HANDLE")] == [0]


def test_a_handle_is_no_sku_where_there_is_one():
    reading = read("Slug|Name|SKU|Image\nchair|Chair|C1|a.jpg", "a.jpg")
    assert reading.products[0].sku == "C1"
    assert reading.mapping["sku"] == "SKU"


def test_handles_that_differ_by_variant_still_inherit_from_the_row_above():
    reading = read("Slug|Name|SKU|Image\nchair|Chair|C1|a.jpg\nchair-red||C2|", "a.jpg")
    assert by_sku(reading)["C2"].name == "Chair"


def test_woocommerce_variations_inherit_from_their_parent_by_id_or_sku():
    reading = read(
        f"""
        ID|Type|SKU|Name|Published|Categories|Images|Parent|Attribute 1 name|Attribute 1 value(s)|Width (cm)|Height (cm)|Length (cm)
        44|variable|H|Hoodie|1|Clothing > Hoodies, Sale|{CDN}h.jpg, {CDN}h2.jpg||Color|Blue, Green|30|60|40
        45|variation|H-B|Hoodie - Blue|1||{CDN}blue.jpg|id:44|Color|Blue|||
        46|variation|H-G|Hoodie - Green|1|||H|Color|Green|||
        """
    )
    products = by_sku(reading)
    assert [product.category for product in products.values()] == ["Hoodies"] * 3
    assert names(products["H"]) == [("front", "h.jpg"), ("detail", "h2.jpg")]
    assert names(products["H-B"]) == [("front", "blue.jpg")]
    assert names(products["H-G"]) == names(products["H"])
    assert [products[sku].color for sku in ("H-B", "H-G")] == ["Blue", "Green"]
    size = products["H-G"].dimensions
    assert size is not None
    assert (size.width_m, size.height_m, size.depth_m) == (0.4, 0.6, 0.3)


def test_storefront_facets_and_options_give_category_and_colour():
    reading = read(
        "name|slug|assets|facets|optionGroups|optionValues|sku|variantAssets|variantFacets\n".replace("|", "\x1f")
        .replace("\x1f", "|")
        .strip()
        + "\nSofa|sofa|s.jpg|category:Home, category:Sofas|color||S1||\n|||||mint|S2|m.jpg|",
        "s.jpg", "m.jpg",
    )  # fmt: skip
    assert reading.dialect == "storefront import"
    assert by_sku(reading)["S2"].color == "mint"
    assert names(by_sku(reading)["S2"]) == [("front", "m.jpg"), ("detail", "s.jpg")]
