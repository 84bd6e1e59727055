"""A worksheet that cannot be changed safely is not changed; hostile ones cost neither time nor memory."""

from __future__ import annotations

import random
import re
import time
import zipfile
from pathlib import Path

import pytest
from openpyxl import load_workbook

from catalog3d.adapters import sheet_xlsx_parts
from catalog3d.errors import RunError
from tests.adapters.sheet_workbooks import MAIN, desk_of, parts, result, save, table, team_workbook, with_parts, write


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


@pytest.mark.parametrize("kind", ["array", "dataTable"])
def test_cells_that_one_formula_fills_are_not_overwritten(tmp_path: Path, kind: str) -> None:
    sheet = save(team_workbook(), tmp_path / "products.xlsx")
    formula = f'<c r="C2"><f t="{kind}" ref="C2:C5">SEQUENCE(4)</f><v>1</v></c>'.encode()
    xml = re.sub(rb'<c r="C2"[^>]*/>', formula, parts(sheet)[MAIN])
    xml = xml.replace(b'<c r="D4"', b'<c r="C4"><v>3</v></c><c r="D4"')
    assert xml.count(b"<f t=") == 1
    with_parts(sheet, {MAIN: xml})
    report = write(sheet, result("CH122"), status_header="Asset status")
    assert report.sidecar
    assert "one formula fills" in report.message


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
        desk_of(sheet).sync()


def test_damage_of_any_kind_is_said_and_nothing_is_touched(tmp_path: Path) -> None:
    sheet = save(team_workbook(), tmp_path / "products.xlsx")
    whole, chance = sheet.read_bytes(), random.Random(7)
    directory = int.from_bytes(whole[-6:-2], "little")
    damaged = [whole[:-6] + (directory + 10**7).to_bytes(4, "little") + whole[-2:], whole[: len(whole) // 2]]
    for _ in range(60):
        hit = bytearray(whole)
        for _ in range(4):
            hit[chance.randrange(len(hit))] = chance.randrange(256)
        damaged.append(bytes(hit))
    for data in damaged:
        sheet.write_bytes(data)
        if write(sheet, result("CH120")).sidecar:
            assert sheet.read_bytes() == data


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_xlsx_parts, "MAX_UNPACKED_BYTES", 1_000_000)
    sheet = save(team_workbook(), tmp_path / "products.xlsx")
    with_parts(sheet, {"bomb": bytes(1_000_000)})
    report = write(sheet, result("CH120"))
    assert report.sidecar
    assert "unpacks to more" in report.message


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_workbook_packed_as_no_spreadsheet_program_does_is_left(tmp_path: Path, packing: int) -> None:
    sheet = save(team_workbook(), tmp_path / "products.xlsx")
    content = parts(sheet)
    with zipfile.ZipFile(sheet, "w", packing) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    assert "unusual way" in write(sheet, result("CH120")).message


@pytest.mark.parametrize(
    "far",
    [
        b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        b'<row r="1999999999"><c r="A1999999999"><v>1</v></c></row>',
        b"".join(b'<row r="%d"><c r="XFD%d"><v>1</v></c></row>' % (number, number) for number in range(6, 5_000)),
    ],
)
def test_cells_at_the_far_end_of_the_sheet_stay_and_take_no_time(tmp_path: Path, far: bytes) -> None:
    sheet = save(team_workbook(), tmp_path / "products.xlsx")
    with_parts(sheet, {MAIN: parts(sheet)[MAIN].replace(b"</sheetData>", far + b"</sheetData>")})
    started = time.process_time()
    assert write(sheet, result("CH120")).updated == 1
    assert time.process_time() - started < 8
    assert far in parts(sheet)[MAIN]
    assert b'r="E2" t="inlineStr"' in parts(sheet)[MAIN]


def test_a_workbook_open_in_excel_is_left_alone(tmp_path: Path) -> None:
    sheet = save(team_workbook(), tmp_path / "products.xlsx")
    (tmp_path / "~$products.xlsx").touch()
    report = write(sheet, result("CH120"))
    assert report.path.name == "products.results.xlsx"
    (tmp_path / "~$products.xlsx").unlink()
    assert desk_of(sheet).sync().updated == 1
    assert table(sheet)[0]["3D Status"] == "Generated"
