"""Picture cells: lists, sides, near misses, and what must not be reached."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog3d.intake.picture_files import FileIndex
from catalog3d.intake.views import Viewer, as_views, pieces_of
from catalog3d.product import Slot
from tests.intake.tables import names, pictures, problems, read


def _found(cell: str, *files: str) -> list[str]:
    gathered = Viewer(pictures(*files)).gather([("image", cell)])
    return [location.rpartition("/")[2] for _, location in gathered.pictures]


def _codes(cell: str, *files: str) -> list[str]:
    return [fault.code for fault in Viewer(pictures(*files)).gather([("image", cell)]).faults]


@pytest.mark.parametrize("cell", ["CH123.jpg", "ch123.JPG", "CH123", "ch123", "CH123.Jpg ", "./CH123.jpg"])
def test_a_file_is_found_without_case_and_without_ending(cell):
    assert _found(cell, "CH123.jpg") == ["CH123.jpg"]


def test_names_match_across_unicode_forms():
    assert _found("Stühle.jpg", "Stu\u0308hle.jpg") == ["Stu\u0308hle.jpg"]


@pytest.mark.parametrize("cell", ["a.jpg;b.jpg", "a.jpg, b.jpg", "a.jpg|b.jpg", "a.jpg\nb.jpg", " a ; b ;; "])
def test_lists_are_split(cell):
    assert _found(cell, "a.jpg", "b.jpg") == ["a.jpg", "b.jpg"]


def test_a_name_with_a_comma_that_exists_is_not_split():
    assert _found("chair, red.jpg", "chair, red.jpg") == ["chair, red.jpg"]


@pytest.mark.parametrize(
    ("cell", "pieces"),
    [
        ("https://x.example/w_200,h_300/a.jpg", ["https://x.example/w_200,h_300/a.jpg"]),
        ("https://x.example/a.jpg,https://x.example/b.jpg", ["https://x.example/a.jpg", "https://x.example/b.jpg"]),
        ("https://x.example/a.jpg; https://x.example/b.jpg", ["https://x.example/a.jpg", "https://x.example/b.jpg"]),
        ("a.jpg, https://x.example/b.jpg", ["a.jpg", "https://x.example/b.jpg"]),
        ("a.jpg (https://x.example/signed)", ["https://x.example/signed"]),
        ('=IMAGE("https://x.example/a.jpg")', ["https://x.example/a.jpg"]),
        ("", []),
    ],
)
def test_web_addresses_keep_their_commas(cell, pieces):
    assert pieces_of(cell, FileIndex()) == pieces


def test_a_missing_picture_names_the_file_the_folders_and_near_matches():
    reading = read("SKU|Name|Product photo\nA1|Chair|chiar.jpg", "chair.jpg")
    (problem,) = problems(reading, "PHOTO_MISSING")
    assert (problem.row, problem.sku, problem.column, problem.value) == (2, "A1", "Product photo", "chiar.jpg")
    assert "/team/images" in problem.message
    assert "Is it chair.jpg?" in problem.message
    assert [row.code for row in reading.invalid] == ["PHOTO_MISSING"]


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("../../etc/secret.jpg", "PHOTO_OUTSIDE"),
        ("..\\secret.jpg", "PHOTO_OUTSIDE"),
        ("/etc/other.jpg", "PHOTO_OUTSIDE"),
        ("C:\\Users\\Ann\\other.jpg", "PHOTO_OUTSIDE"),
        ("file:///etc/other.jpg", "PHOTO_OUTSIDE"),
        ("ftp://x.example/a.jpg", "PHOTO_LOCATION_BAD"),
        ("s3://bucket/a.jpg", "PHOTO_LOCATION_BAD"),
        ("data:image/png;base64", "PHOTO_LOCATION_BAD"),
        ("#REF!", "PHOTO_LOCATION_BAD"),
        ("https://x.example/" + "a" * 3000, "PHOTO_LOCATION_BAD"),
        ("b.jpg", "PHOTO_MISSING"),
    ],
)
def test_what_may_not_be_reached_is_refused_by_name(cell, code):
    assert code in _codes(cell, "secret.jpg")
    assert _found(cell, "secret.jpg") == []


@pytest.mark.parametrize(
    "cell",
    [
        "https://ann:secret@x.example/a.jpg",
        "HTTP://secret@x.example",
        "ftp://ann:secret@x.example/a.jpg",
        "https://ann:sec/ret:secret@x.example/ b.jpg",
        "https://x.example/a.jpg, https://ann:secret@x.example/b.jpg",
    ],
)
def test_a_login_in_a_web_address_is_refused_and_never_shown(cell):
    reading = read(f"SKU|Name|Image\nA1|Chair|{cell}")
    (problem,) = problems(reading, "PHOTO_LOCATION_BAD")
    assert "secret" not in f"{problem.message} {problem.value} {reading.invalid[0].message}"
    assert [row.code for row in reading.invalid] == ["PHOTO_LOCATION_BAD"]


def test_an_at_sign_in_a_path_is_no_login():
    assert _codes("https://cdn.example/@shop/a.jpg") == []


@pytest.mark.parametrize("cell", ["http://", "https:///a.jpg", "https://x.example/a b.jpg", "https://?a"])
def test_an_incomplete_web_address_is_refused(cell):
    assert _codes(cell) == ["PHOTO_LOCATION_BAD"]


@pytest.mark.parametrize("name", ["marble-table-top.jpg", "wide angle.jpg", "sofa_detail.jpg"])
def test_the_only_photo_of_a_row_is_its_front_whatever_its_name_seems_to_say(name):
    reading = read(f"SKU|Name|Image\nA|Table|{name}", name)
    assert names(reading.products[0]) == [("front", name)]


def test_a_photo_whose_name_speaks_of_a_detail_is_the_front_only_where_there_is_no_other():
    reading = read("SKU|Name|Image\nA|Sofa|sofa_detail.jpg; sofa.jpg", "sofa.jpg", "sofa_detail.jpg")
    assert names(reading.products[0]) == [("front", "sofa.jpg"), ("detail", "sofa_detail.jpg")]


def test_the_name_in_a_web_address_says_the_side_as_a_file_name_does():
    url = "https://x.example/chair%20back.jpg?v=front"
    assert Viewer(pictures()).gather([("image", url)]).pictures == [(Slot.BACK, url)]


def test_messages_stay_short_however_long_a_cell_is():
    reading = read(f"SKU|Name|Image|Format|Channel\nA|n|{'x' * 9_000}.jpg|{'y' * 9_000}|{'z' * 9_000}")
    assert {problem.code for problem in reading.problems} >= {"PHOTO_LOCATION_BAD", "FORMAT_UNKNOWN", "CHANNEL_UNKNOWN"}
    assert all(len(problem.message) < 400 and len(problem.value) <= 120 for problem in reading.problems)


def test_a_foreign_path_is_found_by_its_name_and_that_is_said():
    assert _found("C:\\Users\\Ann\\CH1.jpg", "CH1.jpg") == ["CH1.jpg"]
    assert _codes("C:\\Users\\Ann\\CH1.jpg", "CH1.jpg") == ["PHOTO_FOUND_BY_NAME"]


def test_several_files_of_one_name_are_named():
    index = FileIndex(folders=("/a", "/b"), files=("/a/x.jpg", "/b/x.jpg"))
    gathered = Viewer(index).gather([("image", "x.jpg")])
    assert [location for _, location in gathered.pictures] == ["/a/x.jpg"]
    assert [(fault.code, fault.severity) for fault in gathered.faults] == [("PHOTO_AMBIGUOUS", "warning")]


def test_files_named_like_the_sku_are_found_where_the_sheet_names_none():
    files = [
        "CH123_front.jpg",
        "ch123-left.PNG",
        "CH123 back.jpg",
        "CH123_rechts.jpg",
        "CH123_2.jpg",
        "CH1234_front.jpg",
    ]
    reading = read("SKU|Name\nCH123|Chair", *files)
    assert names(reading.products[0]) == [
        ("front", "CH123_front.jpg"),
        ("left", "ch123-left.PNG"),
        ("back", "CH123 back.jpg"),
        ("right", "CH123_rechts.jpg"),
        ("detail", "CH123_2.jpg"),
    ]


def test_a_file_that_belongs_to_another_sku_is_not_taken_as_a_side():
    reading = read("SKU|Name\nCH1|Chair\nCH1-2|Stool", "CH1.jpg", "CH1-2.jpg")
    assert [names(product) for product in reading.products] == [[("front", "CH1.jpg")], [("front", "CH1-2.jpg")]]


def test_skus_with_characters_that_files_cannot_have_are_found():
    assert names(read("SKU|Name\n4058/09|Tool", "4058-09.jpg").products[0]) == [("front", "4058-09.jpg")]
    assert names(read("SKU|Name\n304.096.29|Desk", "304.096.29.jpg").products[0]) == [("front", "304.096.29.jpg")]


def test_sides_come_from_columns_then_from_file_names_and_the_rest_is_detail():
    reading = read(
        "SKU|Name|Front|Back|Image 2\nA|Chair|1.jpg|2.jpg|x_left.jpg; y.jpg", "1.jpg", "2.jpg", "x_left.jpg", "y.jpg"
    )
    assert names(reading.products[0]) == [
        ("front", "1.jpg"), ("left", "x_left.jpg"), ("back", "2.jpg"), ("detail", "y.jpg"),
    ]  # fmt: skip


def test_close_ups_alone_are_no_product_photo():
    reading = read("SKU|Name|Detail\nA|Chair|1.jpg", "1.jpg")
    assert [row.code for row in reading.invalid] == ["PHOTO_ONLY_DETAILS"]


def test_a_back_without_a_front_is_used_with_a_warning():
    reading = read("SKU|Name|Back\nA|Chair|1.jpg", "1.jpg")
    assert names(reading.products[0]) == [("back", "1.jpg")]
    assert len(problems(reading, "PHOTO_FRONT_MISSING")) == 1


_PICTURES = st.lists(st.tuples(st.one_of(st.none(), st.sampled_from(Slot)), st.sampled_from("abcdef")), max_size=8)


@given(_PICTURES)
def test_every_picture_is_kept_once_and_no_main_side_twice(found):
    views = as_views(found)
    assert sorted(view.location for view in views) == sorted({location for _, location in found})
    sides = [view.slot for view in views if view.slot is not Slot.DETAIL]
    assert len(sides) == len(set(sides))


@given(st.text(max_size=200))
def test_any_cell_is_either_resolved_or_reported(cell):
    gathered = Viewer(pictures("a.jpg", "b_back.png")).gather([("image", cell)])
    for _, location in gathered.pictures:
        assert location.startswith(("/team/images/", "http://", "https://", "HTTP", "Http"))
