"""The whole of intake on small sheets: fields, rules, and every problem at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import catalog3d.intake
from catalog3d.errors import RunError
from catalog3d.intake.problems import CODES
from catalog3d.intake.reading import interpret
from catalog3d.intake.table import Row, Table, TableNote
from catalog3d.product import InputKind, Severity
from catalog3d.rules import Rules
from tests.intake.tables import by_sku, pictures, problems, read, table


def _codes(reading, severity=Severity.ERROR):
    return [(problem.row, problem.code) for problem in reading.problems if problem.severity is severity]


def test_a_full_row_becomes_a_product():
    reading = read(
        """
        SKU|Product name|Category|Product image|Material|Color|Dimensions|Target format|Channel|Owner|Priority|3D Action
        007|Modern  Chair|Furniture > Chairs|a.jpg|Oak|Black|W 45 x D 50 x H 90 cm|glb|Shopify, storefront|Ann|high|Hold
        """,
        "a.jpg",
    )
    (product,) = reading.products
    assert (product.sku, product.name, product.category, product.row) == ("007", "Modern Chair", "Chairs", 2)
    assert (product.material, product.color, product.owner) == ("Oak", "Black", "Ann")
    assert (product.formats, product.channels) == (("GLB",), ("shopify", "storefront"))
    assert (product.priority, product.action, product.input_kind) == (10, "hold", InputKind.PHOTO)
    assert reading.problems == ()


def test_all_problems_of_all_rows_come_at_once():
    reading = read(
        """
        SKU|Name|Image|Target format|Channel|Dimensions
        A1||missing.jpg|DWG|moon|
        |Lamp|a.jpg|||
        1.23457E+12|Desk|a.jpg|||
        A4|Sofa|a.jpg|||big
        A4|Sofa again|a.jpg|||
        #REF!|Bed|a.jpg|||
        """,
        "a.jpg",
    )
    assert sorted(_codes(reading)) == [
        (2, "CHANNEL_UNKNOWN"), (2, "FORMAT_UNKNOWN"), (2, "NAME_MISSING"), (2, "PHOTO_MISSING"),
        (3, "SKU_MISSING"), (4, "SKU_DAMAGED"), (6, "SKU_DUPLICATE"), (7, "SKU_DAMAGED"),
    ]  # fmt: skip
    assert [(row.sku, row.code) for row in reading.invalid] == [("A1", "NAME_MISSING")]
    assert "and 3 more" in reading.invalid[0].message
    assert list(by_sku(reading)) == ["A4"]
    assert (5, "DIMENSIONS_UNREADABLE") in _codes(reading, Severity.WARNING)
    assert all(problem.message.endswith((".", "?")) for problem in reading.problems)


def test_a_duplicate_names_both_rows_and_case_makes_a_difference():
    reading = read("SKU|Name|Image\nab|Chair|a.jpg\nAB|Desk|a.jpg\nab|||", "a.jpg")
    (problem,) = problems(reading, "SKU_DUPLICATE")
    assert problem.row == 4
    assert "row 2" in problem.message
    assert "row 4" in problem.message
    assert list(by_sku(reading)) == ["ab", "AB"]
    assert reading.invalid == ()


@pytest.mark.parametrize("sku", ["x" * 101, "a\u0007b", "a\nb", "a\u200bb", "a\u00a0b"])
def test_skus_that_cannot_be_used_are_named(sku):
    sheet = Table(
        sheet="/s.csv", kind="csv", headers=("SKU", "Name", "Image"), rows=(Row(number=2, cells=(sku, "n", "a.jpg")),)
    )
    reading = interpret(sheet, Rules(), pictures("a.jpg"))
    assert _codes(reading) == [(2, "SKU_BAD")]
    assert reading.products == ()


@pytest.mark.parametrize("sku", ["0012", "12E5", "CH-1/2", "304.096.29", "ä1", "1E+5X"])
def test_unusual_skus_are_kept_as_they_are(sku):
    assert read(f"SKU|Name|Image\n{sku}|n|a.jpg", "a.jpg").products[0].sku == sku


def test_other_formats_are_kept_behind_the_base_and_said_to_be_later():
    reading = read("SKU|Name|Image|Format\nA|n|a.jpg|USDZ + glb\nB|n|a.jpg|.fbx\nC|n|a.jpg|", "a.jpg")
    assert [product.formats for product in reading.products] == [("GLB", "USDZ"), ("GLB", "FBX"), ("GLB",)]
    assert [problem.row for problem in problems(reading, "FORMAT_NOT_MADE_YET")] == [2, 3]


def test_only_a_column_named_prompt_is_a_prompt():
    reading = read("SKU|Name|Prompt|Notes\nA|Vase|a blue  vase|make it red\nB|Vase||make it red")
    assert (reading.products[0].input_kind, reading.products[0].prompt) == (InputKind.PROMPT, "a blue vase")
    assert [(row.sku, row.code) for row in reading.invalid] == [("B", "PHOTO_MISSING")]


def test_photo_wins_over_sketch_and_prompt_and_that_is_said():
    reading = read("SKU|Name|Image|Sketch|Prompt\nA|n|a.jpg|s.png|a vase\nB|n||s.png|", "a.jpg", "s.png")
    assert [product.input_kind for product in reading.products] == [InputKind.PHOTO, InputKind.SKETCH]
    assert reading.products[0].prompt == ""
    assert _codes(reading, Severity.INFO) == [(2, "SKETCH_IGNORED"), (2, "PROMPT_IGNORED")]


def test_the_kind_of_input_may_be_named():
    text = "SKU|Name|Image|Prompt|Input kind\nA|n|a.jpg||Sketch\nB|n|a.jpg|a vase|prompt\nC|n|a.jpg||prompt\nD|n|a.jpg||clay"
    reading = read(text, "a.jpg")
    products = by_sku(reading)
    assert products["A"].input_kind is InputKind.SKETCH
    assert (products["B"].input_kind, products["B"].views) == (InputKind.PROMPT, ())
    assert [(row.sku, row.code) for row in reading.invalid] == [("C", "PROMPT_MISSING")]
    assert products["D"].input_kind is InputKind.PHOTO


def test_a_missing_picture_is_never_replaced_by_the_prompt():
    reading = read("SKU|Name|Image|Prompt\nA|n|gone.jpg|a vase")
    assert [(row.sku, row.code) for row in reading.invalid] == [("A", "PHOTO_MISSING")]


def test_required_fields_of_the_rules_make_blanks_errors():
    rules = Rules(required_fields=("category", "format", "dimensions"))
    reading = read(
        "SKU|Name|Image|Category|Format|Dims\nA|n|a.jpg|||big\nB|n|a.jpg|X|GLB|W 1 x D 1 x H 1 m", "a.jpg", rules=rules
    )
    assert _codes(reading) == [
        (2, "DIMENSIONS_UNREADABLE"),
        (2, "REQUIRED_FIELD_MISSING"),
        (2, "REQUIRED_FIELD_MISSING"),
    ]
    assert [problem.column for problem in problems(reading, "REQUIRED_FIELD_MISSING")] == ["Category", "Format"]
    assert list(by_sku(reading)) == ["B"]


def test_a_column_that_is_missing_is_said_once_and_a_blank_cell_per_row():
    reading = read("SKU|Name|Image|Color\nA|n|a.jpg|red\nB|m|a.jpg|", "a.jpg")
    assert [problem.row for problem in problems(reading, "COLUMN_MISSING")] == [0, 0, 0]
    assert [(problem.row, problem.column) for problem in problems(reading, "FIELD_MISSING")] == [(3, "Color")]


def test_a_status_column_with_shop_states_is_left_to_the_shop():
    reading = read("SKU|Name|Image|Status\nA|n|a.jpg|active", "a.jpg")
    assert "status" not in reading.mapping
    assert len(problems(reading, "STATUS_COLUMN_NOT_OURS")) == 1
    assert read("SKU|Name|Image|Status\nA|n|a.jpg|Generated", "a.jpg").mapping["status"] == "Status"


def test_every_row_is_a_product_invalid_left_out_or_a_picture():
    reading = read(
        """
        SKU|Name|Image
        A|Chair|a.jpg
        ||b.jpg
        B||gone.jpg
        A|Chair again|a.jpg
        |Lamp|a.jpg
        """,
        "a.jpg", "b.jpg",
    )  # fmt: skip
    assert [product.row for product in reading.products] == [2]
    assert [row.row for row in reading.invalid] == [4]
    assert (reading.left_out, reading.picture_rows) == ((5, 6), (3,))
    assert [problem.code for problem in reading.problems if problem.severity is Severity.INFO] == [
        "VARIANTS_FOLDED",
        "PICTURE_ROWS",
    ]


def test_a_prompt_longer_than_tripo_takes_is_refused_before_the_run():
    reading = read(f"SKU|Name|Prompt\nA|n|{'a' * 1024}\nB|n|{'a' * 1025}")
    assert [product.sku for product in reading.products] == ["A"]
    assert [(row.sku, row.code) for row in reading.invalid] == [("B", "PROMPT_TOO_LONG")]


def test_control_characters_of_a_cell_reach_no_field():
    cells = ("A", "Ch\x00air\x1b[2J", "Seats\x07", "a\nvase \x00")
    sheet = Table(
        sheet="/s.csv", kind="csv", headers=("SKU", "Name", "Category", "Prompt"), rows=(Row(number=2, cells=cells),)
    )
    product = interpret(sheet, Rules(), pictures()).products[0]
    assert (product.name, product.category, product.prompt) == ("Ch air [2J", "Seats", "a vase")


def test_a_shifted_row_cannot_run():
    rows = (Row(number=2, cells=("A", "n", "a.jpg"), surplus=("x",)), Row(number=3, cells=("B", "n", "a.jpg")))
    sheet = Table(sheet="/s.csv", kind="csv", headers=("SKU", "Name", "Image"), rows=rows)
    reading = interpret(sheet, Rules(), pictures("a.jpg"))
    assert [(row.sku, row.code) for row in reading.invalid] == [("A", "ROW_TOO_LONG")]
    assert list(by_sku(reading)) == ["B"]


def test_notes_of_the_reader_are_passed_on_for_used_columns():
    notes = (
        TableNote(row=2, column=1, code="CELL_TOO_LONG", message="Long."),
        TableNote(row=2, column=2, code="CELL_TOO_LONG", message="Not used."),
    )
    sheet = Table(
        sheet="/s.csv",
        kind="csv",
        headers=("SKU", "Name", "Blurb"),
        rows=(Row(number=2, cells=("A", "n", "b")),),
        notes=notes,
    )
    reading = interpret(sheet, Rules(), pictures("A.jpg"))
    assert [problem.column for problem in problems(reading, "CELL_TOO_LONG")] == ["Name"]


@pytest.mark.parametrize(
    ("text", "mapping", "code", "fix"),
    [
        ("Code X|Name|Image\nA|n|a.jpg", {}, "SKU_COLUMN_MISSING", "mapping.sku"),
        ("SKU|Image\nA|a.jpg", {}, "NAME_COLUMN_MISSING", "mapping.name"),
        ("SKU|Name\nA|n", {"sku": "Gone"}, "", ""),
        ("Code|Name\nA|n", {"sku": "Gone"}, "SKU_COLUMN_MISSING", "mapping.sku"),
        ("Our products|\n|\nSKU|Name\nA|n", {}, "SKU_COLUMN_MISSING", "Row 3"),
        ("SKU|Name", {}, "SHEET_EMPTY", "below"),
    ],
)
def test_a_sheet_that_cannot_be_used_at_all_stops_with_a_fix(text, mapping, code, fix):
    rules = Rules(mapping=mapping)
    if not code:
        assert [problem.code for problem in read(text, "A.jpg", rules=rules).problems][:1] == ["COLUMN_NOT_FOUND"]
        return
    with pytest.raises(RunError) as caught:
        interpret(table(text), rules, pictures())
    assert caught.value.code == code
    assert fix in caught.value.fix


def test_every_code_that_intake_uses_is_explained_in_one_sentence():
    assert all(sentence.endswith(".") and len(sentence) < 120 for sentence in CODES.values())
    source = "".join(path.read_text() for path in Path(catalog3d.intake.__path__[0]).glob("*.py"))
    used = set(re.findall(r'"([A-Z]{3,}(?:_[A-Z]+)+)"', source))
    assert {code for code in used if code.split("_")[0] in {"SKU", "PHOTO", "SHEET", "DIMENSIONS", "ROW"}} <= set(CODES)
