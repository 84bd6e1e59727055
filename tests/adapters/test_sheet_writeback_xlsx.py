"""Write-back into workbooks: one worksheet part changes, every other part stays byte for byte."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.table import Table

from catalog3d.adapters.sheet_files import load_table
from catalog3d.sheet_columns import OUR_COLUMNS
from tests.adapters.sheet_workbooks import MAIN, parts, result, save, table, team_workbook, with_parts, write


def without_ours(xml: bytes) -> bytes:
    """The worksheet XML without our cells (inline strings and emptied cells) and what they make wider."""
    xml = re.sub(rb'<c [^>]*t="inlineStr"><is><t xml:space="preserve">[^<]*</t></is></c>', b"", xml)
    return re.sub(rb'<dimension ref="[^"]*"\s*/>|\s+spans="[^"]*"', b"", xml)


def test_only_one_worksheet_part_changes_and_only_by_our_cells(tmp_path: Path) -> None:
    sheet = save(team_workbook(), tmp_path / "products.xlsx")
    before = parts(sheet)
    report = write(sheet, result("CH120"), result("CH122"))
    after = parts(sheet)
    assert list(after) == list(before)
    assert {name for name in before if before[name] != after[name]} == {MAIN}
    assert without_ours(after[MAIN]) == without_ours(before[MAIN])
    assert (report.updated, report.sidecar, report.message) == (2, False, "")
    rows = table(sheet)
    assert list(rows[0])[4:] == list(OUR_COLUMNS)
    assert [row["3D Status"] for row in rows] == ["Generated", None, "Generated", None]
    assert rows[0]["3D Message"] == 'a < b & "c"'
    assert report.backup is not None
    assert parts(report.backup) == before


def test_existing_cells_keep_their_style_and_new_headers_look_like_the_others(tmp_path: Path) -> None:
    sheet = save(team_workbook(), tmp_path / "products.xlsx")
    write(sheet, result("CH120"), status_header="Asset status")
    products = load_workbook(sheet)["Products"]
    assert products["C2"].value == "Generated"
    assert products["C2"].fill.fgColor.rgb == "00FFEE00"
    assert products["E1"].value == "3D Version"
    assert products["E1"].font.bold
    assert products.column_dimensions["B"].width == 40
    assert (
        products.data_validations.dataValidation[0].sqref
        == load_workbook(sheet)["Products"].data_validations.dataValidation[0].sqref
    )
    assert products["B3"].comment.text == "check the leg"


def test_a_cached_formula_result_survives(tmp_path: Path) -> None:
    sheet = save(team_workbook(), tmp_path / "products.xlsx")
    xml = (
        parts(sheet)[MAIN]
        .replace(b"<f>D2*2</f><v />", b"<f>D2*2</f><v>21</v>")
        .replace(b"<f>D2*2</f><v/>", b"<f>D2*2</f><v>21</v>")
    )
    with_parts(sheet, {MAIN: xml})
    write(sheet, result("CH120"))
    assert load_workbook(sheet, data_only=True)["Products"]["D5"].value == 21


def test_a_number_shown_with_leading_zeros_is_matched_as_shown(tmp_path: Path) -> None:
    sheet = save(team_workbook(), tmp_path / "products.xlsx")
    assert write(sheet, result("00007"), result("7", **{"3D Status": "Failed"})).missing == ("7",)
    assert table(sheet)[3]["3D Status"] == "Generated"


def test_a_second_write_changes_the_cells_in_place_and_an_equal_one_nothing(tmp_path: Path) -> None:
    sheet = save(team_workbook(), tmp_path / "products.xlsx")
    write(sheet, result("CH120"))
    report = write(sheet, result("CH120", **{"3D Status": "Approved", "3D Message": ""}))
    assert report.updated == 1
    row = table(sheet)[0]
    assert (row["3D Status"], row["3D Version"], row["3D Message"]) == ("Approved", "V1", None)
    before = sheet.stat().st_ino
    assert write(sheet, result("CH120", **{"3D Status": "Approved", "3D Updated": "later"})).updated == 0
    assert sheet.stat().st_ino == before


def test_the_first_visible_worksheet_with_the_sku_header_is_written(tmp_path: Path) -> None:
    workbook = team_workbook()
    workbook["Products"].sheet_state = "hidden"
    workbook.active = 1
    sheet = save(workbook, tmp_path / "products.xlsx")
    write(sheet, result("CH120"))
    assert table(sheet, "Prices")[0]["3D Status"] == "Generated"
    assert "3D Status" not in table(sheet)[0]
    write(sheet, result("CH121"), worksheet="Products")
    assert table(sheet)[1]["3D Status"] == "Generated"


def test_a_title_above_the_header_and_notes_beside_the_table_stay(tmp_path: Path) -> None:
    workbook = Workbook()
    sheet = workbook.active
    sheet.title = "Products"
    for row in (["Autumn catalog"], [], ["SKU", "Name"], ["A1", "Chair", None, "ask Kim"], ["A2", "Table"]):
        sheet.append(row)
    path = save(workbook, tmp_path / "products.xlsx")
    write(path, result("A2"))
    written = load_workbook(path)["Products"]
    assert written["D4"].value == "ask Kim"
    assert [cell.value for cell in written[3]][4:] == list(OUR_COLUMNS)
    assert written["E5"].value == "Generated"


@pytest.mark.parametrize("text", ["=1+1", "+49", "-5", "@SUM(A1)", "\t=1+1", "\u200b=1+1", "\uff1d1+1", "#N/A", "TRUE"])
def test_a_value_is_text_never_a_formula(tmp_path: Path, text: str) -> None:
    sheet = save(team_workbook(), tmp_path / "products.xlsx")
    formulas = parts(sheet)[MAIN].count(b"<f>")
    write(sheet, result("CH120", **{"3D Message": text}))
    cell = load_workbook(sheet)["Products"]["J2"]
    assert (cell.value, cell.data_type) == (text.strip("\t\u200b"), "s")
    assert parts(sheet)[MAIN].count(b"<f>") == formulas
    assert b'r="J2" t="inlineStr"' in parts(sheet)[MAIN]
    assert write(sheet, result("CH120", **{"3D Message": text})).updated == 0


def test_a_value_is_one_line_of_printable_text(tmp_path: Path) -> None:
    sheet = save(team_workbook(), tmp_path / "products.xlsx")
    write(sheet, result("CH120", **{"3D Message": "=1+1\x00\n\ud800"}))
    assert load_workbook(sheet)["Products"]["J2"].value == "=1+1"


def test_a_file_name_that_looks_like_an_escaped_letter_stays_what_it_is(tmp_path: Path) -> None:
    sheet = save(team_workbook(), tmp_path / "products.xlsx")
    name = "SOFA_x2000_V1_GLB.glb"
    write(sheet, result("CH120", **{"3D File": name}))
    assert b"SOFA_x005F_x2000_V1_GLB.glb" in parts(sheet)[MAIN]
    assert write(sheet, result("CH120", **{"3D File": name})).updated == 0


def test_a_text_longer_than_a_cell_of_excel_is_cut(tmp_path: Path) -> None:
    sheet = save(team_workbook(), tmp_path / "products.xlsx")
    message = {"3D Message": "\U0001f6cb" * 20_000}
    write(sheet, result("CH120", **message))
    assert len(table(sheet)[0]["3D Message"].encode("utf-16-le")) // 2 <= 32_767
    assert write(sheet, result("CH120", **message)).updated == 0


@pytest.mark.parametrize("titles", [[], [["Price list"], []]])
def test_the_worksheet_that_intake_reads_is_written_though_another_one_names_the_sku_too(
    tmp_path: Path, titles: list[list[str]]
) -> None:
    workbook = Workbook()
    overview = workbook.active
    overview.title = "Overview"
    for row in (["Autumn catalog"], ["SKU", "to do"], ["CH120", "photo"]):
        overview.append(row)
    products = workbook.create_sheet("Products")
    for row in (*titles, ["SKU", "Name", "Image"], ["CH120", "Chair", "chair.jpg"]):
        products.append(row)
    sheet = save(workbook, tmp_path / "products.xlsx")
    assert load_table(sheet).worksheet == "Products"
    write(sheet, result("CH120"))
    written = load_workbook(sheet)
    assert written["Products"].cell(len(titles) + 2, 4).value == "Generated"
    assert written["Overview"].max_column == 2


def test_a_table_object_is_no_obstacle(tmp_path: Path) -> None:
    workbook = team_workbook()
    workbook["Prices"].add_table(Table(displayName="Prices", ref="A1:B2"))
    sheet = save(workbook, tmp_path / "products.xlsx")
    assert not write(sheet, result("CH120")).sidecar
