"""A workbook with more than cells in it: left alone until a person asks, and whole even then."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.chart import BarChart, Reference
from openpyxl.drawing.image import Image as SheetImage
from PIL import Image

from catalog3d.adapters.sheet_writeback import rehearsal_path
from tests.adapters.sheet_workbooks import MAIN, desk_of, parts, result, save, table, team_workbook, with_parts, write


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
    if kind == "a digital signature":
        with_parts(path, {"_xmlsignatures/sig1.xml": b"<s/>"})
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
        "a digital signature",
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
    merged = desk_of(sheet).sync()
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
