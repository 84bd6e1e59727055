"""Write-back into workbooks: one worksheet part changes, every other part stays byte for byte."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.drawing.image import Image as SheetImage
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.table import Table
from PIL import Image

from catalog3d.adapters import sheet_xlsx_parts
from catalog3d.adapters.sheet_writeback import RowResult, SheetLayout, WriteBack, rehearsal_path, sync, write_results
from catalog3d.errors import RunError
from catalog3d.sheet_columns import OUR_COLUMNS

LAYOUT = SheetLayout(sku_header="SKU")
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DONE = {"3D Status": "Generated", "3D Version": "V1", "3D Message": 'a < b & "c"', "3D Updated": "2026-11-22"}
MAIN = "xl/worksheets/sheet1.xml"


def result(sku: str, **values: str) -> RowResult:
    return RowResult(sku=sku, values=values or DONE)


def write(sheet: Path, *results: RowResult, target: Path | None = None, **layout: str) -> WriteBack:
    state = sheet.parent / ".catalog3d"
    return write_results(sheet, results, layout=replace(LAYOUT, **layout), state=state, now=NOW, target=target)


def team_workbook() -> Workbook:
    """What a team has: styles, widths, a table, a validation, conditional formats, comments, formulas, two sheets."""
    workbook = Workbook()
    sheet = workbook.active
    sheet.title = "Products"
    sheet.append(["SKU", "Name", "Asset status", "Price"])
    for number in range(3):
        sheet.append([f"CH12{number}", f"Chair {number}", None, 10.5])
    sheet.append([7, "Lamp", "draft", "=D2*2"])
    sheet["A5"].number_format = "00000"
    sheet["A1"].font = sheet["D1"].font = Font(bold=True)
    sheet["C2"].fill = PatternFill("solid", fgColor="FFEE00")
    sheet["B2"].alignment = Alignment(wrap_text=True)
    sheet["B3"].comment = Comment("check the leg", "team")
    sheet.column_dimensions["B"].width = 40
    validation = DataValidation(type="list", formula1='"draft,Generated"')
    validation.add("C2:C9")
    sheet.add_data_validation(validation)
    sheet.conditional_formatting.add("D2:D9", CellIsRule(operator="greaterThan", formula=["11"]))
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = "A1:D5"
    other = workbook.create_sheet("Prices")
    other.append(["SKU", "EUR"])
    other.append(["CH120", "=SUM(1,2)"])
    return workbook


def save(workbook: Workbook, path: Path) -> Path:
    workbook.save(path)
    return path


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def with_parts(path: Path, changes: dict[str, bytes]) -> Path:
    """The workbook with parts replaced or added, as another program would have saved it."""
    content = parts(path) | changes
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def table(path: Path, title: str = "Products") -> list[dict[str, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sheet = load_workbook(path)[title]
    header, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


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


def test_a_value_is_text_never_a_formula(tmp_path: Path) -> None:
    sheet = save(team_workbook(), tmp_path / "products.xlsx")
    write(sheet, result("CH120", **{"3D Message": "=1+1\x00\n\ud800"}))
    cell = load_workbook(sheet)["Products"]["J2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")


def test_a_table_object_is_no_obstacle(tmp_path: Path) -> None:
    workbook = team_workbook()
    workbook["Prices"].add_table(Table(displayName="Prices", ref="A1:B2"))
    sheet = save(workbook, tmp_path / "products.xlsx")
    assert not write(sheet, result("CH120")).sidecar


def add_chart(workbook: Workbook) -> None:
    chart = BarChart()
    chart.add_data(Reference(workbook["Prices"], min_col=2, min_row=1, max_row=2))
    workbook["Prices"].add_chart(chart, "D4")


def add_picture(workbook: Workbook) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(picture, "PNG")
    workbook["Products"].add_image(SheetImage(picture), "H2")


def extension(uri: str, content: str) -> bytes:
    space = 'xmlns:x14="http://schemas.microsoft.com/office/spreadsheetml/2009/9/main"'
    return f'<extLst><ext uri="{{{uri}}}" {space}><x14:{content}/></ext></extLst></worksheet>'.encode()


def rich_workbook(folder: Path, kind: str) -> Path:
    workbook = team_workbook()
    {"charts": add_chart, "pictures": add_picture}.get(kind, lambda _: None)(workbook)
    path = save(workbook, folder / ("products.xlsm" if kind == "macros" else "products.xlsx"))
    xml = parts(path)[MAIN]
    if kind == "macros":
        with_parts(path, {"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0 code"})
    if kind == "pivot tables":
        with_parts(path, {"xl/pivotTables/pivotTable1.xml": b"<p/>", "xl/pivotCache/definition1.xml": b"<p/>"})
    if kind == "extended data validations":
        tail = extension("CCE6A557-97BC-4b89-ADB6-D9C93CAAB3DF", "dataValidations")
        with_parts(path, {MAIN: xml.replace(b"</worksheet>", tail)})
    if kind == "extended conditional formats":
        tail = extension("78C0D931-6437-407d-A8EE-F0AAD7539E65", "conditionalFormattings")
        with_parts(path, {MAIN: xml.replace(b"</worksheet>", tail)})
    if kind == "drawings":
        with_parts(path, {"xl/drawings/drawing7.xml": b"<d/>"})
    return path


@pytest.mark.parametrize(
    "kind",
    [
        "charts",
        "pictures",
        "drawings",
        "macros",
        "pivot tables",
        "extended data validations",
        "extended conditional formats",
    ],
)
def test_a_workbook_with_more_than_cells_gets_a_results_file_until_sync_is_asked_for(tmp_path: Path, kind: str) -> None:
    sheet = rich_workbook(tmp_path, kind)
    before = parts(sheet)
    report = write(sheet, result("CH120"))
    assert report.sidecar
    assert report.path == tmp_path / "products.results.xlsx"
    assert kind in report.message
    assert "sync" in report.message
    assert parts(sheet) == before
    assert [row["SKU"] for row in table(report.path, "Results")] == ["CH120"]
    merged = sync(sheet, layout=LAYOUT, state=tmp_path / ".catalog3d", now=NOW)
    after = parts(sheet)
    assert merged.updated == 1
    assert {name for name in before if before[name] != after[name]} == {MAIN}
    assert after.keys() == before.keys()
    assert not report.path.exists()
    assert not write(sheet, result("CH120")).sidecar


def test_a_results_file_grows_by_sku_and_holds_text(tmp_path: Path) -> None:
    sheet = rich_workbook(tmp_path, "charts")
    write(sheet, result("CH120"), result("CH121", **{"3D Status": "Failed", "3D Message": "=1"}))
    report = write(sheet, result("CH121", **{"3D Status": "Generated"}))
    rows = {row["SKU"]: row for row in table(report.path, "Results")}
    assert rows["CH120"]["3D Status"] == rows["CH121"]["3D Status"] == "Generated"
    assert rows["CH121"]["3D Message"] == "=1"


def test_a_rehearsal_copy_of_a_workbook_with_a_chart_is_whole(tmp_path: Path) -> None:
    sheet = rich_workbook(tmp_path, "charts")
    before = parts(sheet)
    target = rehearsal_path(sheet)
    report = write(sheet, result("CH120"), target=target)
    assert (report.path, report.sidecar) == (target, False)
    assert parts(sheet) == before
    assert {name for name, data in parts(target).items() if before[name] != data} == {MAIN}
    assert table(target)[0]["3D Status"] == "Generated"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b'<row r="3">', b'<row r="9"><c r="A9"/></row><row r="3">', "out of order"),
        (b"<?xml", b"<!DOCTYPE x [<!ENTITY a 'b'>]><?xml", "damaged"),
        (b"</sheetData>", b"", "damaged"),
    ],
)
def test_xml_that_is_not_as_expected_is_not_touched(tmp_path: Path, old: bytes, new: bytes, words: str) -> None:
    workbook = team_workbook()
    del workbook["Prices"]
    sheet = save(workbook, tmp_path / "products.xlsx")
    xml = parts(sheet)[MAIN]
    xml = xml if xml.startswith(b"<?xml") else b"<?xml version='1.0'?>" + xml
    with_parts(sheet, {MAIN: xml.replace(old, new, 1)})
    before = sheet.read_bytes()
    report = write(sheet, result("CH120"))
    assert report.sidecar
    assert words in report.message
    assert sheet.read_bytes() == before


def test_a_formula_in_the_status_column_is_not_overwritten(tmp_path: Path) -> None:
    workbook = team_workbook()
    workbook["Products"]["C2"] = '=IF(D2>1,"a","b")'
    sheet = save(workbook, tmp_path / "products.xlsx")
    report = write(sheet, result("CH120"), status_header="Asset status")
    assert report.sidecar
    assert "C2" in report.message


def test_merged_cells_are_not_written_into(tmp_path: Path) -> None:
    workbook = team_workbook()
    workbook["Products"].merge_cells("C2:C3")
    sheet = save(workbook, tmp_path / "products.xlsx")
    assert not write(sheet, result("CH120"), status_header="Asset status").sidecar
    report = write(sheet, result("CH121"), status_header="Asset status")
    assert report.sidecar
    assert "merged" in report.message


def test_rows_and_cells_without_references_and_with_a_prefix_are_understood(tmp_path: Path) -> None:
    sheet = save(team_workbook(), tmp_path / "products.xlsx")
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    xml = (
        f'<x:worksheet xmlns:x="{space}"><x:dimension ref="A1"/><x:sheetData>'
        "<x:row><x:c t='inlineStr'><x:is><x:t>SKU</x:t></x:is></x:c></x:row>"
        '<x:row spans="1:1"/><x:row><x:c t="inlineStr"><x:is><x:t>A1</x:t></x:is></x:c><x:c><x:v>5</x:v></x:c></x:row>'
        "</x:sheetData></x:worksheet>"
    )
    with_parts(sheet, {MAIN: xml.encode()})
    assert not write(sheet, result("A1")).sidecar
    written = load_workbook(sheet)["Products"]
    assert (written["A3"].value, written["B3"].value, written["C3"].value) == ("A1", 5, "Generated")
    assert written["C1"].value == "3D Status"
    assert b"<x:c r=" in parts(sheet)[MAIN]


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"\xd0\xcf\x11\xe0rest", "password"), (b"PK\x03\x04 no zip", "damaged"), (b"PK", "damaged")],
)
def test_a_file_that_is_no_workbook_is_left_and_said(tmp_path: Path, data: bytes, words: str) -> None:
    sheet = tmp_path / "products.xlsx"
    sheet.write_bytes(data)
    report = write(sheet, result("A1"))
    assert report.sidecar
    assert words in report.message
    assert sheet.read_bytes() == data
    with pytest.raises(RunError, match=words):
        sync(sheet, layout=LAYOUT, state=tmp_path / ".catalog3d", now=NOW)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_xlsx_parts, "MAX_UNPACKED_BYTES", 1_000_000)
    sheet = save(team_workbook(), tmp_path / "products.xlsx")
    with_parts(sheet, {"bomb": bytes(1_000_000)})
    report = write(sheet, result("CH120"))
    assert report.sidecar
    assert "unpacks to more" in report.message


def test_a_workbook_open_in_excel_is_left_alone(tmp_path: Path) -> None:
    sheet = save(team_workbook(), tmp_path / "products.xlsx")
    (tmp_path / "~$products.xlsx").touch()
    report = write(sheet, result("CH120"))
    assert report.path.name == "products.results.xlsx"
    (tmp_path / "~$products.xlsx").unlink()
    assert sync(sheet, layout=LAYOUT, state=tmp_path / ".catalog3d", now=NOW).updated == 1
    assert table(sheet)[0]["3D Status"] == "Generated"
