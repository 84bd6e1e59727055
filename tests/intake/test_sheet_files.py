"""Reading real files: any separator and encoding, every cell as text, rows counted as a person counts them."""

from __future__ import annotations

import csv
import gc
import io
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog3d.adapters.sheet_files import load_table
from catalog3d.errors import RunError
from catalog3d.rules import Rules
from catalog3d.stages.ingest import read_sheet

HEADERS = ["SKU", "Name", "Farbe", "Image"]
ROWS = [
    ["007", "Stühle für Müller", "grün, hell", "a.jpg"],
    ["0012345678901234567890", 'The "best"\nlamp', "blue; dark", ""],
]


def _written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def _csv(rows: list[list[str]], delimiter: str = ",", newline: str = "\r\n") -> str:
    target = io.StringIO()
    csv.writer(target, delimiter=delimiter, lineterminator=newline).writerows(rows)
    return target.getvalue()


def _workbook(path: Path, **sheets: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_separator_encoding_and_line_ends_are_found_out(
    delimiter: str, newline: str, encoding: str, tmp_path: Path
) -> None:
    path = _written(tmp_path / "sheet.txt", _csv([HEADERS, *ROWS], delimiter, newline), encoding)
    table = load_table(path)
    assert (table.delimiter, list(table.headers)) == (delimiter, HEADERS)
    assert [list(row.cells) for row in table.rows] == ROWS
    assert [row.number for row in table.rows] == [2, 3]
    assert [note.code for note in table.notes] == (["ENCODING_GUESSED"] if encoding == "cp1252" else [])


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Название;Артикул\nКресло дубовое;A1\nШкаф круглый большой;A2\n", "cp1251"),  # noqa: RUF001 - Russian
        ("Kategória,Név,SKU\nSzék,Öltözőszekrény ő ű,A1\n", "cp1250"),
    ],
)
def test_other_old_encodings_are_guessed_and_that_is_said(text: str, encoding: str, tmp_path: Path) -> None:
    table = load_table(_written(tmp_path / "sheet.csv", text * 20, encoding))
    assert table.headers == tuple(text.splitlines()[0].replace(";", ",").split(","))
    assert [note.code for note in table.notes] == ["ENCODING_GUESSED"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_long_sheet_reads_the_same_on_both_sides_of_the_sample(newline: str, tmp_path: Path) -> None:
    rows = [[f"S{number:05}", f"Name {number}", "x" * (number % 40)] for number in range(9_000)]
    path = _written(tmp_path / "sheet.csv", _csv([["SKU", "Name", "Blurb"], *rows], newline=newline))
    assert path.stat().st_size > 300_000
    assert [list(row.cells) for row in load_table(path).rows] == rows


def test_headers_are_trimmed_and_cells_keep_their_zeros(tmp_path: Path) -> None:
    path = _written(tmp_path / "s.csv", "\ufeff  SKU ,\u200bProduct   name , \n 007 , 1.0 ,x\n1e5,TRUE,\n")
    table = load_table(path)
    assert table.headers == ("SKU", "Product name", "")[:2]
    assert [row.cells[:2] for row in table.rows] == [("007", "1.0"), ("1e5", "TRUE")]


def test_rows_are_numbered_as_a_person_counts_them(tmp_path: Path) -> None:
    """Blank rows and titles count, a cell with line breaks is one row, and Excel hides its `sep=` line."""
    path = _written(tmp_path / "s.csv", 'sep=;\nSKU;Name\n\nA;"two\nlines"\n;\nB;Lamp\n')
    table = load_table(path)
    assert (table.header_row, [row.number for row in table.rows]) == (1, [3, 5])
    book = _workbook(tmp_path / "s.xlsx", Products=[["SKU", "Name"], [None], ["A", "Chair"], ["", "  "], ["B", "Lamp"]])
    assert [row.number for row in load_table(book).rows] == [3, 5]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_titles_above_the_headers_are_passed_over_and_that_is_said(delimiter: str, tmp_path: Path) -> None:
    rows = [
        ["Our products, spring; v2", ""],
        [],
        ["by Ann", "", "", "x"],
        ["SKU", "Name", "Image"],
        ["A", "n", "a.jpg"],
    ]
    (tmp_path / "a.jpg").write_bytes(b"x")
    for path in (
        _written(tmp_path / "s.csv", _csv(rows, delimiter)),
        _workbook(tmp_path / "s.xlsx", Products=[list(row) for row in rows]),
    ):
        table, reading = load_table(path), read_sheet(path, Rules())
        assert (table.headers, table.header_row) == (("SKU", "Name", "Image"), 4)
        assert [(product.sku, product.row) for product in reading.products] == [("A", 5)]
        assert [problem.message for problem in reading.problems if problem.code == "TITLE_ROWS"] == [
            "The headers stand in row 4: the rows above them are not read."
        ]


def test_headers_below_the_twentieth_row_are_not_looked_for(tmp_path: Path) -> None:
    """Nor does write-back look there."""
    for blank, found in ((17, True), (18, False)):
        path = _written(tmp_path / "s.csv", "Our products" + "\n" * (blank + 1) + "SKU,Name\nA,n\n")
        assert (load_table(path).headers == ("SKU", "Name")) is found


def test_headers_that_only_the_mapping_knows_stay_the_first_row(tmp_path: Path) -> None:
    path = _written(tmp_path / "s.csv", "Kode,Ting,Billede\nA,Chair,a.jpg\nB,Lamp,a.jpg\n")
    (tmp_path / "a.jpg").write_bytes(b"x")
    rules = Rules(mapping={"sku": "Kode", "name": "Ting", "image": "Billede"})
    assert [product.row for product in read_sheet(path, rules).products] == [2, 3]


def test_a_letter_that_was_lost_makes_a_sku_unusable(tmp_path: Path) -> None:
    rows = "".join(f"S{number},Name,{'x' * 60}\n" for number in range(5_000))
    path = tmp_path / "s.csv"
    path.write_bytes(f"SKU,Name,Blurb\n{rows}A\0B,Name,x\n".encode())
    reading = read_sheet(path, Rules())
    assert [problem.row for problem in reading.problems if problem.code == "SKU_DAMAGED"] == [5_002]
    assert reading.left_out == (5_002,)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "SHEET_EMPTY"), (b"\n\n , ,\n", "SHEET_EMPTY"), (b"SKU,Name\n", "SHEET_EMPTY"), (b"\xef\xbb\xbf", "SHEET_EMPTY"),
        (b"\0\1\2\3", "SHEET_UNREADABLE"), (b'SKU,Name\nA,"never closed' + b"x" * 200_000, "SHEET_UNREADABLE"),
        (b"<html><table>", "SHEET_FORMAT_UNKNOWN"), (b"<?xml version='1.0'?>", "SHEET_FORMAT_UNKNOWN"),
        (b"%PDF-1.4", "SHEET_FORMAT_UNKNOWN"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "SHEET_FORMAT_UNKNOWN"),
        (b"PK\x03\x04 but no archive", "SHEET_UNREADABLE"), (b"a" * 300 + b"," * 600 + b"z", "SHEET_TOO_LARGE"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_sheet_is_refused_with_a_fix(content: bytes, code: str, tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        read_sheet(path, Rules())
    assert caught.value.code == code
    assert caught.value.fix


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.csv"):
        with pytest.raises(RunError) as caught:
            load_table(path)
        assert caught.value.code == "SHEET_MISSING"


def test_a_workbook_gives_text_as_it_is_seen(tmp_path: Path) -> None:
    path = _workbook(tmp_path / "s.xlsx", Products=[["SKU", "Name", "Priority"], ["007", "Chair", 3], [42, 7.5, 1.0]])
    book = openpyxl.load_workbook(path)
    book["Products"]["A3"].number_format = "00000"
    book.save(path)
    assert [row.cells for row in load_table(path).rows] == [("007", "Chair", "3"), ("00042", "7.5", "1")]


def test_a_number_that_a_spreadsheet_has_rounded_is_no_sku(tmp_path: Path) -> None:
    path = _workbook(
        tmp_path / "s.xlsx", Products=[["SKU", "Name"], [1234567890123456789, "Chair"], [4006381333931, "Lamp"]]
    )
    reading = read_sheet(path, Rules())
    assert [(problem.row, problem.code) for problem in reading.problems if problem.row == 2] == [(2, "SKU_DAMAGED")]
    assert [row.sku for row in reading.invalid] == ["4006381333931"]


def test_the_worksheet_with_products_is_found_among_others(tmp_path: Path) -> None:
    path = _workbook(
        tmp_path / "s.xlsx",
        Readme=[["How to fill this in"], ["Ask Ann"]],
        Prices=[["Code", "EUR"], ["A", 3]],
        Products=[["SKU", "Name"], ["A", "Chair"]],
    )
    table = load_table(path)
    assert (table.worksheet, table.other_worksheets) == ("Products", ("Readme", "Prices"))
    book = openpyxl.load_workbook(path)
    book["Products"].sheet_state = "hidden"
    book.save(path)
    assert load_table(path).worksheet == "Readme"


def test_a_formula_counts_with_the_value_that_was_saved_with_it(tmp_path: Path) -> None:
    """A program that writes formulas without values leaves cells blank: the row is reported, never misread."""
    path = _workbook(
        tmp_path / "s.xlsx",
        Products=[
            ["SKU", "Name", "Image"],
            ["A", '="Chair"', "a.jpg"],
            ['="B"&1', "Lamp", "a.jpg"],
            ["C", "Desk", "a.jpg"],
        ],
    )
    _cache_value(path, '"Chair"', "Chair")
    (tmp_path / "a.jpg").write_bytes(b"x")
    reading = read_sheet(path, Rules())
    assert [(product.sku, product.name) for product in reading.products] == [("A", "Chair"), ("C", "Desk")]
    assert [(problem.row, problem.code) for problem in reading.problems if problem.row == 3] == [(3, "SKU_MISSING")]


def _cache_value(path: Path, formula: str, value: str) -> None:
    """Give a formula the value that Excel would save with it."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = "xl/worksheets/sheet1.xml"
    cell = f"<f>{formula}</f><v></v>".replace('"', "&quot;")
    text = parts[name].decode().replace("<v />", "<v></v>").replace(f"<f>{formula}</f><v></v>", cell)
    assert cell in text
    parts[name] = (
        text.replace(cell, cell.replace("<v></v>", f"<v>{value}</v>")).replace('r="B2"', 'r="B2" t="str"').encode()
    )
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)


def test_a_name_merged_over_its_variants_is_inherited_by_them(tmp_path: Path) -> None:
    path = _workbook(
        tmp_path / "s.xlsx",
        Products=[["SKU", "Name", "Image"], ["A1", "Chair", "a.jpg"], ["A2", None, None], ["B1", "Lamp", "a.jpg"]],
    )
    book = openpyxl.load_workbook(path)
    book["Products"].merge_cells("B2:B3")
    book["Products"].merge_cells("C2:C3")
    book.save(path)
    (tmp_path / "a.jpg").write_bytes(b"x")
    reading = read_sheet(path, Rules())
    assert [(product.sku, product.name) for product in reading.products] == [
        ("A1", "Chair"),
        ("A2", "Chair"),
        ("B1", "Lamp"),
    ]
    assert reading.products[0].views == reading.products[1].views


def test_of_two_columns_with_one_header_the_first_counts_and_that_is_said(tmp_path: Path) -> None:
    path = _written(tmp_path / "s.csv", "SKU,Name,SKU,name,Image\nA,Chair,B,Lamp,a.jpg\n")
    (tmp_path / "a.jpg").write_bytes(b"x")
    reading = read_sheet(path, Rules())
    assert [(product.sku, product.name) for product in reading.products] == [("A", "Chair")]
    assert [problem.column for problem in reading.problems if problem.code == "HEADER_REPEATED"] == ["SKU", "name"]


@given(content=st.one_of(st.binary(max_size=2_000), st.text(max_size=500).map(str.encode)))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_are_a_table_or_refused_by_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    path.write_bytes(content)
    try:
        table = load_table(path)
    except RunError as error:
        refused = error
        assert refused.fix
        return
    assert all(len(row.cells) == len(table.headers) for row in table.rows)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # openpyxl leaves such a file open
@given(data=st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_damaged_workbook_is_a_table_or_refused_by_name(data: st.DataObject, tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.xlsx", tmp_path / "s.xlsx"
    if not whole.exists():  # it holds the time, so that a second one would differ
        _workbook(whole, Products=[["SKU", "Name"], ["A", "Chair"], [7, 7.5]])
    content = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        load_table(path)
    except RunError as error:
        refused = error
        assert refused.fix
    gc.collect()  # so that what is left open is warned of here


@given(
    rows=st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12), min_size=4, max_size=4),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_cell_of_a_csv_comes_back_as_the_text_it_is(rows: list[list[str]], tmp_path: Path) -> None:
    path = _written(tmp_path / "s.csv", _csv([["SKU", "Name", "Color", "Image"], *rows]))
    found = [list(row.cells) for row in load_table(path).rows]
    trimmed = [[cell.strip().strip("\ufeff\u200b\u200e\u200f").strip() for cell in row] for row in rows]
    assert found == [row for row in trimmed if any(row)]
