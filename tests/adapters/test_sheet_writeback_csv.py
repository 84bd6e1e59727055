"""Write-back into delimited text: results come in by SKU, into our columns, as text."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from catalog3d.adapters.sheet_writeback import rehearsal_path
from tests.adapters.sheet_desk import DONE, LAYOUT, Desk, result


def test_columns_are_appended_once_and_filled_by_sku(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU,Name\nCH123,Chair\nT9,Table\n")
    report = desk.write(result("T9"))
    assert desk.sheet.read_bytes() == (
        b"SKU,Name,3D Status,3D Version,3D File,3D Live Version,3D Link,3D Message,3D Updated\n"
        b"CH123,Chair,,,,,,,\n"
        b"T9,Table,Generated,V1,CH123_Chair_V1_GLB.glb,,,,2026-11-22 12:00\n"
    )
    assert (report.updated, report.missing, report.sidecar, report.message) == (1, (), False, "")
    desk.write(result("CH123"))
    assert desk.rows()[0]["3D Version"] == "V1"
    assert desk.sheet.read_bytes().count(b"3D Status") == 1


def test_the_teams_own_status_column_is_used_where_it_is(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b'SKU,Asset status ,Name\nA1,"draft",Chair\n')
    desk.write(result("A1"), layout=replace(LAYOUT, status_header="Asset status"))
    assert desk.sheet.read_bytes().startswith(b"SKU,Asset status ,Name,3D Version,")
    assert b"\nA1,Generated,Chair,V1," in desk.sheet.read_bytes()


def test_rows_are_found_by_sku_after_somebody_sorted_the_sheet(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU,Name\nA1,Chair\nB2,Table\n")
    desk.write(result("A1"), result("B2", **{"3D Status": "Failed"}))
    lines = desk.sheet.read_bytes().splitlines(keepends=True)
    desk.sheet.write_bytes(lines[0] + lines[2] + lines[1])
    desk.write(result("B2"))
    assert [(row["SKU"], row["3D Status"]) for row in desk.rows()] == [("B2", "Generated"), ("A1", "Generated")]


def test_a_sku_that_occurs_twice_gets_its_result_in_both_rows(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU,Name\n 007 ,Chair\n007,Chair red\n7,Table\n")
    report = desk.write(result("007"))
    assert [row["3D Status"] for row in desk.rows()] == ["Generated", "Generated", ""]
    assert report.updated == 1


def test_a_row_that_came_since_the_sheet_was_read_is_found_and_one_without_a_result_stays_blank(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU,Name\nA1,Chair\n")
    desk.write(result("A1"))
    lines = desk.sheet.read_bytes().splitlines(keepends=True)
    desk.sheet.write_bytes(lines[0] + b"NEW,Lamp\nLATER,Desk,,,,,,,\n" + lines[1])
    desk.write(result("A1", **{"3D Status": "Approved"}), result("LATER"))
    assert [(row["SKU"], row["3D Status"] or "") for row in desk.rows()] == [
        ("NEW", ""),
        ("LATER", "Generated"),
        ("A1", "Approved"),
    ]


def test_a_row_without_a_sku_goes_by_its_handle_and_rows_below_it_do_not(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"Handle,SKU,Image\nsofa,,1.jpg\nsofa,,2.jpg\nlamp,L1,3.jpg\nlamp,,4.jpg\n")
    report = desk.write(result("sofa"), result("lamp"), layout=replace(LAYOUT, handle_header="Handle"))
    assert [row["3D Status"] for row in desk.rows()] == ["Generated", "", "", ""]
    assert report.missing == ("lamp",)


def test_a_delimiter_that_the_sheet_names_itself_is_taken(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"sep=#\r\nSKU#Name\r\nA1#Chair\r\n")
    assert not desk.write(result("A1", **{"3D Message": "no # here"})).sidecar
    assert desk.sheet.read_bytes().endswith(b'\r\nA1#Chair######"no # here"#\r\n')


def test_a_sku_that_left_the_sheet_is_named(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU\nA1\n")
    report = desk.write(result("A1"), result("GONE"))
    assert report.missing == ("GONE",)
    assert "GONE" in report.message


def test_nothing_is_written_when_nothing_but_the_time_changed(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU,Name\nA1,Chair\n")
    desk.write(result("A1"))
    before = (desk.sheet.stat().st_ino, desk.sheet.read_bytes())
    report = desk.write(result("A1", **{**DONE, "3D Updated": "2026-11-23 03:00"}))
    assert report.updated == 0
    assert report.backup is None
    assert before == (desk.sheet.stat().st_ino, desk.sheet.read_bytes())


@pytest.mark.parametrize(
    ("data", "last"),
    [(b'SKU,Name\nA1,x,y,"z"\n', b'A1,x,y,"z",Generated,'), (b"SKU,Name\nA1\n", b"A1,,Generated,")],
)
def test_cells_beyond_the_header_are_never_covered(tmp_path: Path, data: bytes, last: bytes) -> None:
    desk = Desk(tmp_path, data)
    desk.write(result("A1"))
    assert desk.sheet.read_bytes().splitlines()[-1].startswith(last)
    assert desk.write(result("A1")).updated == 0


def test_what_the_encoding_cannot_hold_is_transliterated(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "SKU,Name\nA1,B\u00fcro\n".encode("cp1252"))
    message = {"3D Status": "Generated", "3D Message": "B\u00fcro \u2192 \u6905\u5b50"}
    layout = replace(LAYOUT, encoding="cp1252")
    desk.write(result("A1", **message), layout=layout)
    written = desk.rows(encoding="cp1252")[0]["3D Message"]
    assert written.startswith("B\u00fcro ")
    assert written.isprintable()
    assert desk.write(result("A1", **message), layout=layout).updated == 0


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+49", "'+49"),
        ("-5", "'-5"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("=cmd|' /C calc'!A0, \"x\"", "'=cmd|' /C calc'!A0, \"x\""),
        ("\t=1+1", "'=1+1"),
        ("\r\n-5", "'-5"),
        ("\u200b =1+1", "'=1+1"),
        ("\uff1d1+1", "'\uff1d1+1"),
    ],
)
def test_a_value_cannot_become_a_formula(tmp_path: Path, text: str, cell: str) -> None:
    desk = Desk(tmp_path, b"SKU,Name\nA1,Chair\n")
    desk.write(result("A1", **{"3D Message": text, "3D File": text}))
    assert (desk.rows()[0]["3D Message"], desk.rows()[0]["3D File"]) == (cell, cell)
    assert desk.write(result("A1", **{"3D Message": text, "3D File": text})).updated == 0


def test_a_letter_that_the_encoding_lacks_cannot_become_a_formula_either(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "SKU,Name\nA1,B\u00fcro\n".encode("cp1252"))
    desk.write(result("A1", **{"3D Message": "\uff1d1+1"}), layout=replace(LAYOUT, encoding="cp1252"))
    assert desk.rows(encoding="cp1252")[0]["3D Message"] == "'=1+1"


def test_a_value_stays_on_one_line_and_in_its_cell(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU;Name\nA1;Chair\n")
    desk.write(result("A1", **{"3D Message": 'two\r\nlines; "so"\x00 \ud800'}))
    assert desk.sheet.read_bytes().splitlines()[1].endswith(b';"two lines; ""so""";')


def test_a_rehearsal_leaves_the_sheet_and_shows_no_live_work(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU,Name\nA1,Chair\nB2,Table\nC3,Lamp\n")
    desk.write(result("C3"))
    before = desk.sheet.read_bytes()
    target = rehearsal_path(desk.sheet)
    assert target.name == "products.rehearsal.csv"
    report = desk.write(result("A1"), target=target)
    assert (report.path, report.updated, report.backup) == (target, 1, None)
    desk.write(result("B2", **{"3D Status": "Flagged"}), target=target)
    assert desk.sheet.read_bytes() == before
    assert [row["3D Status"] for row in desk.rows(target)] == ["Generated", "Flagged", ""]
    inode = target.stat().st_ino
    desk.write(result("A1"), target=target)
    assert target.stat().st_ino == inode


def test_a_column_that_is_not_ours_is_a_programming_error(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU,Name\nA1,Chair\n")
    with pytest.raises(ValueError, match="Name"):
        desk.write(result("A1", Name="Sofa"))


def test_ten_thousand_rows_take_less_than_three_seconds(tmp_path: Path) -> None:
    rows = b"".join(b'S%05d,"a, ""b""",x,y,z,,,,1,2\r\n' % number for number in range(10_000))
    desk = Desk(tmp_path, b"SKU,Name,a,b,c,d,e,f,g,h\r\n" + rows)
    started = time.monotonic()
    report = desk.write(*[result(f"S{number:05}") for number in range(10_000)])
    assert report.updated == 10_000
    assert time.monotonic() - started < 3
