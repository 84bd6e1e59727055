"""`init`: a folder to start from, made of the names of photos."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from typer.testing import CliRunner

from catalog3d.adapters import starter
from catalog3d.adapters.starter import make_starter
from catalog3d.adapters.starter_rules import STARTER_RULES
from catalog3d.cli.app import app
from catalog3d.errors import RunError
from catalog3d.product import Product, Severity, SheetReading
from catalog3d.rules import Rules, load_rules, parse_rules
from catalog3d.stages.ingest import read_sheet

PHOTO = (Path(__file__).resolve().parents[2] / "examples" / "photos" / "CD033.jpg").read_bytes()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "given"
    folder.mkdir()
    return folder


def put(folder: Path, *names: str) -> None:
    """A photo of each name; every file is another picture."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode("utf-8", "surrogateescape"))


def started(tmp_path: Path, photos: Path | None) -> SheetReading:
    made = make_starter(tmp_path / "new", photos)
    return read_sheet(made.sheet, load_rules(made.rules_file))


def proposed(tmp_path: Path, photos: Path, *names: str) -> dict[str, str]:
    """SKU -> its views as `front=name left=name`, of a starter sheet that intake has read."""
    put(photos, *names)
    reading = started(tmp_path, photos)
    assert not reading.invalid
    return {product.sku: shown(product) for product in reading.products}


def shown(product: Product) -> str:
    return " ".join(f"{view.slot}={Path(view.location).name}" for view in product.views)


def cells(sheet: Path) -> list[dict[str, str]]:
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_views_of_one_product_become_one_row(tmp_path, photos):
    names = ("CH123_front.jpg", "CH123_left.jpg", "ch123-BACK.png", "CH123 right.jpg", "CH123_detail.jpg")
    views = (
        "front=CH123_front.jpg left=CH123_left.jpg back=ch123-BACK.png right=CH123 right.jpg detail=CH123_detail.jpg"
    )
    assert proposed(tmp_path, photos, *names) == {"CH123": views}


def test_a_photo_without_a_side_is_a_row_of_its_own(tmp_path, photos):
    found = proposed(
        tmp_path, photos, "CH123.jpg", "00412.jpg", "IMG_01.jpg", "IMG_02.jpg", "CH-12.jpg", "404.038.96.jpg"
    )
    assert set(found) == {"CH123", "00412", "IMG_01", "IMG_02", "CH-12", "404.038.96"}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("CH123_1.jpg", "CH123_2.jpg"), {"CH123": "front=CH123_1.jpg detail=CH123_2.jpg"}),
        (("chair.jpg", "chair-2.jpg"), {"chair": "front=chair.jpg detail=chair-2.jpg"}),
        (("stool_front.jpg", "stool_1.jpg"), {"stool": "front=stool_front.jpg detail=stool_1.jpg"}),
        (("CH-12.jpg", "CH-12_left.jpg", "CH-1.jpg"), {"CH-1": "front=CH-1.jpg", "CH-12": "front=CH-12.jpg left=CH-12_left.jpg"}),
        (("table_top.jpg",), {"table_top": "front=table_top.jpg"}),
        (("table.jpg", "table_top.jpg"), {"table": "front=table.jpg detail=table_top.jpg"}),
        (("CH1/front.jpg", "CH1/left.jpg", "CH2/1.jpg", "CH2/2.jpg"),
         {"CH1": "front=front.jpg left=left.jpg", "CH2": "front=1.jpg detail=2.jpg"}),
        (("CH1/CH1.jpg", "CH1/CH1_left.jpg", "CH1/back.jpg"), {"CH1": "front=CH1.jpg left=CH1_left.jpg back=back.jpg"}),
        (("chair.png", "chair.jpg"), {"chair": "front=chair.jpg"}),
    ],
)  # fmt: skip
def test_the_end_of_a_name_is_a_view_where_the_other_names_say_so(tmp_path, photos, names, expected):
    assert proposed(tmp_path, photos, *names) == expected


def test_a_code_before_words_is_the_sku_and_the_words_are_the_name(tmp_path, photos):
    put(photos, "CH123_modern_dining_chair.jpg", "TB204 - Oak Table_front.jpg", "oak-side-table.jpg", "XK9.jpg")
    reading = started(tmp_path, photos)
    assert {product.sku: product.name for product in reading.products} == {
        "CH123": "Modern Dining Chair",
        "TB204": "Oak Table",
        "oak-side-table": "Oak Side Table",
        "XK9": "XK9",
    }


def test_a_code_that_several_products_share_is_not_their_sku(tmp_path, photos):
    assert set(proposed(tmp_path, photos, "2024_oak_chair.jpg", "2024_oak_table.jpg")) == {
        "2024_oak_chair",
        "2024_oak_table",
    }


def test_equal_names_in_two_folders_are_two_products(tmp_path, photos):
    found = proposed(tmp_path, photos, "chairs/oak.jpg", "tables/oak.jpg")
    assert set(found) == {"oak", "oak-2"}
    assert [row["Front"] for row in cells(tmp_path / "new" / "products.csv")] == [
        "photos/chairs/oak.jpg",
        "photos/tables/oak.jpg",
    ]


HOSTILE = ("=1+1.jpg", "-x.jpg", "+y.jpg", "@SUM(A1).jpg", "'quoted'.jpg", "\uff1dz.jpg", "a,b; c.jpg", " blank.jpg",
           "1.5E+11.jpg", "data:x.jpg", "#REF!.jpg", "---.jpg", "x" * 200 + ".jpg", "100% 'wool' & silk.jpg")  # fmt: skip


def test_no_cell_is_a_formula_whatever_the_files_are_called(tmp_path, photos):
    put(photos, *HOSTILE)
    reading = started(tmp_path, photos)
    assert len(reading.products) == len(HOSTILE)
    assert not [problem for problem in reading.problems if problem.severity is Severity.ERROR]
    for row in cells(tmp_path / "new" / "products.csv"):
        assert all(cell[0].isalnum() for cell in row.values() if cell)


NAMES = st.lists(
    st.tuples(
        st.text("aB1- _.é=+'(", min_size=1, max_size=6),
        st.sampled_from(["", "_front", "-left", " back", "_detail", "_top", "_1", "-2", "_03", ".12", "_view_2"]),
    ).map("".join),
    min_size=1,
    max_size=8,
    unique_by=str.casefold,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stems=NAMES)
def test_every_photo_is_in_exactly_one_row_and_every_row_can_run(tmp_path_factory, stems):
    tmp_path = tmp_path_factory.mktemp("any")
    (tmp_path / "given").mkdir()
    names = [f"{stem}.jpg" for stem in stems if not stem.startswith(".")]
    put(tmp_path / "given", *names)
    if not names:
        return
    reading = started(tmp_path, tmp_path / "given")
    assert not reading.invalid
    assert not [problem for problem in reading.problems if problem.severity is Severity.ERROR]
    used = [Path(view.location).name for product in reading.products for view in product.views]
    assert sorted(used) == sorted(names)


def test_photos_are_copied_with_their_folders_and_the_originals_stay(tmp_path, photos):
    put(photos, "a/one.jpg", "two.jpg", "notes.txt", ".hidden.jpg")
    before = {path: path.read_bytes() for path in photos.rglob("*") if path.is_file()}
    made = make_starter(tmp_path / "new", photos)
    assert made.photos_folder == tmp_path / "new" / "photos"
    copies = {str(path.relative_to(made.photos_folder)) for path in made.photos_folder.rglob("*") if path.is_file()}
    assert copies == {"a/one.jpg", "two.jpg"}
    assert {path: path.read_bytes() for path in photos.rglob("*") if path.is_file()} == before


def test_photos_that_lie_beside_the_sheet_are_not_copied(tmp_path):
    put(tmp_path / "new" / "images", "one.jpg", "sub/two.jpg")
    made = make_starter(tmp_path / "new", tmp_path / "new" / "images")
    assert made.rows == 2
    assert made.photos_folder == tmp_path / "new" / "images"
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["catalog.yaml", "images", "products.csv"]


def test_without_photos_the_sheet_takes_what_lies_in_the_picture_folder(tmp_path):
    put(tmp_path / "new" / "Bilder", "one.jpg")
    made = make_starter(tmp_path / "new", None)
    assert (made.rows, made.photos_folder.name) == (1, "Bilder")


def test_an_empty_folder_gets_headers_and_a_folder_for_photos(tmp_path):
    made = make_starter(tmp_path / "new", None)
    assert made.rows == 0
    assert list(made.photos_folder.iterdir()) == []
    assert made.sheet.read_text(encoding="utf-8-sig").splitlines()[0].startswith("SKU,Name,Category")


@pytest.mark.parametrize("name", ["products.csv", "catalog.yaml"])
def test_nothing_that_exists_is_overwritten(tmp_path, photos, name):
    put(photos, "one.jpg")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / name).write_text("theirs")
    with pytest.raises(RunError, match=name) as caught:
        make_starter(tmp_path / "new", photos)
    assert caught.value.code == "STARTER_EXISTS"
    assert (tmp_path / "new" / name).read_text() == "theirs"
    assert [path.name for path in (tmp_path / "new").iterdir()] == [name]


def test_a_photo_that_has_another_ones_place_stops_before_anything_is_copied(tmp_path, photos):
    put(photos, "a.jpg", "b.jpg")
    put(tmp_path / "new" / "photos", "other")
    (tmp_path / "new" / "photos" / "other").rename(tmp_path / "new" / "photos" / "b.jpg")
    assert refused(tmp_path, photos) == "PHOTO_EXISTS"
    assert [path.name for path in (tmp_path / "new" / "photos").iterdir()] == ["b.jpg"]


def test_photos_that_were_copied_before_are_no_obstacle(tmp_path, photos):
    put(photos, "a.jpg", "b.jpg")
    put(tmp_path / "new" / "photos", "a.jpg")
    assert make_starter(tmp_path / "new", photos).rows == 2


def refused(tmp_path: Path, photos: Path | None) -> str:
    with pytest.raises(RunError) as caught:
        make_starter(tmp_path / "new", photos)
    assert caught.value.fix
    assert not (tmp_path / "new" / "products.csv").exists()
    assert not (tmp_path / "new" / "catalog.yaml").exists()
    return caught.value.code


def test_a_photo_folder_that_is_missing_or_empty_is_said(tmp_path, photos):
    assert refused(tmp_path, tmp_path / "nowhere") == "PHOTOS_FOLDER_MISSING"
    assert refused(tmp_path, photos) == "PHOTOS_NONE"


@pytest.mark.parametrize("name", ["two\nlines.jpg", "zero\u200bwidth.jpg", os.fsdecode(b"latin-\xe9/a.jpg")])
def test_a_name_that_a_sheet_cannot_show_is_said(tmp_path, photos, name):
    put(photos, name)
    assert refused(tmp_path, photos) == "PHOTO_NAME_BAD"


def test_more_than_may_be_copied_is_left_to_its_owner(tmp_path, photos, monkeypatch):
    put(photos, "a.jpg", "b.jpg")
    monkeypatch.setattr(starter, "MAX_COPIED_BYTES", 9)
    assert refused(tmp_path, photos) == "PHOTOS_TOO_LARGE"


def test_a_picture_folder_that_is_a_link_is_refused(tmp_path, photos):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "photos").symlink_to(photos)
    assert refused(tmp_path, None) == "PHOTOS_FOLDER_LINKED"


def test_a_file_in_the_place_of_a_folder_is_said(tmp_path):
    (tmp_path / "new").write_text("a file")
    assert refused(tmp_path, None) == "FOLDER_NOT_WRITABLE"


def test_nothing_is_left_half_written(tmp_path, photos):
    put(photos, "a.jpg")
    make_starter(tmp_path / "new", photos)
    assert not list((tmp_path / "new").rglob(".*"))


def test_the_starter_rules_are_the_defaults():
    assert parse_rules(STARTER_RULES) == Rules()


def test_the_starter_rules_show_every_value_and_explain_it():
    assert undocumented(Rules, yaml.safe_load(STARTER_RULES)) == []
    lines = STARTER_RULES.splitlines()
    sections = [place for place, line in enumerate(lines) if line and not line.startswith((" ", "#"))]
    assert all(lines[place - 1].startswith("#") for place in sections)


def undocumented(model: type[BaseModel], shown_values: dict[str, object], path: str = "") -> list[str]:
    """Fields of the rules that the file does not show."""
    missing = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if name not in shown_values:
            missing.append(path + name)
        elif isinstance(inner, type) and issubclass(inner, BaseModel):
            value = shown_values[name]
            assert isinstance(value, dict)
            missing += undocumented(inner, value, f"{path}{name}.")
    return missing


def remarks_as_rules() -> Iterable[str]:
    """Every example of the remarks, as YAML."""
    block: list[str] = []
    for line in [*STARTER_RULES.splitlines(), ""]:
        if line.startswith("#   "):
            block.append(line[4:])
        elif block:
            yield "\n".join(block)
            block = []


def test_the_examples_in_the_remarks_are_rules_that_work():
    examples = list(remarks_as_rules())
    assert len(examples) >= 4
    for text in examples:
        assert parse_rules(text) != Rules()


def test_init_then_check_needs_nothing_in_between(tmp_path, photos):
    for name in ("CH123_front.jpg", "CH123_left.jpg", "TB204_Oak_Table.jpg"):
        (photos / name).write_bytes(PHOTO)
    run = CliRunner()
    made = run.invoke(app, ["init", str(tmp_path / "new"), "--photos", str(photos)])
    assert made.exit_code == 0, made.output
    assert "2 rows" in made.output
    checked = run.invoke(app, ["check", str(tmp_path / "new" / "products.csv"), "--offline", "--json"])
    assert checked.exit_code == 0, checked.output
    again = run.invoke(app, ["init", str(tmp_path / "new"), "--photos", str(photos)])
    assert again.exit_code == 2
    assert "STARTER_EXISTS" in again.output
