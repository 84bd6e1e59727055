"""The sample catalog: what `make demo` runs, and what newcomers look at first."""

from __future__ import annotations

import zipfile
from io import BytesIO

import numpy as np
import openpyxl
import pytest
from PIL import Image

from catalog3d.adapters.picture_decode import decode
from catalog3d.adapters.sheet_files import load_table
from catalog3d.brief import Picture, make_brief
from catalog3d.prices import price_of
from catalog3d.product import InputKind, SheetReading
from catalog3d.rules import Rules, load_rules
from catalog3d.stages.ingest import read_sheet
from catalog3d.status import Status
from examples.demo import SAMPLE, WRONG_ON_PURPOSE
from examples.make_sheets import HEADER, csv_sheet, xlsx_sheet
from examples.render_photos import SHOTS, take

CSV, XLSX = SAMPLE / "furniture.csv", SAMPLE / "furniture.xlsx"
PHOTOS = sorted((SAMPLE / "photos").iterdir())
LEAST_SIDE_PX = 1024


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load_rules(SAMPLE / "catalog.yaml")


@pytest.fixture(scope="module")
def reading(rules: Rules) -> SheetReading:
    return read_sheet(CSV, rules)


def test_the_csv_and_the_workbook_hold_the_same_rows():
    text, workbook = load_table(CSV), load_table(XLSX)
    assert text.headers == workbook.headers == HEADER
    assert [(row.number, row.cells) for row in text.rows] == [(row.number, row.cells) for row in workbook.rows]


def test_make_sheets_writes_the_committed_csv_byte_for_byte():
    assert csv_sheet() == CSV.read_bytes()


def test_make_sheets_writes_the_committed_workbook_part_for_part():
    assert parts(xlsx_sheet()) == parts(XLSX.read_bytes())


def parts(workbook: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(workbook)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_workbook_is_dressed_like_one_that_a_team_works_in():
    sheet = openpyxl.load_workbook(XLSX).active
    assert isinstance(sheet, openpyxl.worksheet.worksheet.Worksheet)
    assert all(cell.font.bold for cell in sheet[1])
    assert sheet.freeze_panes == "C2"
    allowed = sheet.data_validations.dataValidation[0]
    status_cell = f"{openpyxl.utils.get_column_letter(HEADER.index('Status') + 1)}2"
    assert status_cell in allowed
    assert allowed.formula1.strip('"').split(",") == [Rules().label(status) for status in Status]


@pytest.mark.parametrize("sheet", [CSV, XLSX], ids=lambda path: path.suffix)
def test_exactly_the_rows_that_are_wrong_on_purpose_are_wrong(sheet, rules):
    found = read_sheet(sheet, rules)
    assert {row.sku: row.code for row in found.invalid} == WRONG_ON_PURPOSE
    assert {problem.sku: problem.code for problem in found.problems} == WRONG_ON_PURPOSE


def test_the_sample_shows_every_kind_of_input(reading):
    kinds = [product.input_kind for product in reading.products]
    assert len(kinds) >= 12
    assert (kinds.count(InputKind.SKETCH), kinds.count(InputKind.PROMPT)) == (1, 1)
    first = reading.products[0]
    assert (first.sku, first.name) == ("CH123", "Modern Dining Chair")
    assert [view.slot.value for view in first.views] == ["front", "left", "back", "right"]
    assert "00412" in {product.sku for product in reading.products}


def test_every_product_says_what_a_shopper_asks(reading):
    for product in reading.products:
        assert product.category, product.sku
        assert product.material, product.sku
        assert product.color, product.sku
        assert product.dimensions is not None, product.sku
        assert product.dimensions.complete, product.sku


def test_every_photo_is_named_by_the_sheet_and_rendered_by_the_script(reading):
    used = {view.location for product in reading.products for view in product.views}
    assert used == {str(path) for path in PHOTOS}
    assert {path.name for path in PHOTOS} == set(SHOTS)


@pytest.mark.parametrize("path", PHOTOS, ids=lambda path: path.name)
def test_a_photo_is_large_enough_and_shows_its_product_on_a_plain_ground(path):
    pixels = np.asarray(decode(path, path.name).pixels.convert("RGB")).astype(int)
    assert min(pixels.shape[:2]) >= LEAST_SIDE_PX
    rim = np.concatenate([pixels[:8].reshape(-1, 3), pixels[:200, :8].reshape(-1, 3), pixels[:200, -8:].reshape(-1, 3)])
    assert rim.min() > 215
    assert np.ptp(rim, axis=1).max() < 16
    assert pixels[256:768, 256:768].min() < 100


def test_the_sample_stays_small():
    assert sum(path.stat().st_size for path in PHOTOS) < 4_000_000


def test_equal_code_renders_equal_photos(tmp_path):
    pictures = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        take("MG017.jpg", folder, 64)
        pictures.append((folder / "MG017.jpg").read_bytes())
    assert pictures[0] == pictures[1]
    assert Image.open(BytesIO(pictures[0])).size == (64, 64)


def test_the_rules_know_every_category_of_the_sheet(rules, reading):
    assert all(rules.owner_of(product.category) for product in reading.products)


def test_the_nightly_budget_buys_the_whole_sample(rules, reading):
    assert (SAMPLE / rules.nightly.sheet).is_file()
    assert rules.nightly.budget is not None
    briefs = []
    for product in reading.products:
        pictures = tuple(Picture(slot=view.slot.value, pixels_sha256="0" * 64) for view in product.views)
        briefs.append(make_brief(rules.tripo_for(product.category), pictures, product.prompt))
    assert 0 < sum(map(price_of, briefs)) <= rules.nightly.budget
