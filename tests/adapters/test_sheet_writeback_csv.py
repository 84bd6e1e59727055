"""Write-back into delimited text: our cells change, and not one other byte."""

from __future__ import annotations

import csv
import io
import multiprocessing
import os
import signal
import stat
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog3d.adapters.sheet_csv import CsvSheet
from catalog3d.adapters.sheet_disk import BACKUPS_KEPT
from catalog3d.adapters.sheet_writeback import RowResult, SheetLayout, WriteBack, rehearsal_path, sync, write_results
from catalog3d.errors import RunError
from catalog3d.sheet_columns import OUR_COLUMNS

LAYOUT = SheetLayout(sku_header="SKU")
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DONE = {
    "3D Status": "Generated",
    "3D Version": "V1",
    "3D File": "CH123_Chair_V1_GLB.glb",
    "3D Updated": "2026-11-22 12:00",
}


def result(sku: str, **values: str) -> RowResult:
    return RowResult(sku=sku, values=values or DONE)


class Desk:
    """A team's folder with one sheet in it."""

    def __init__(self, folder: Path, data: bytes, name: str = "products.csv") -> None:
        self.sheet = folder / name
        self.state = folder / ".catalog3d"
        self.sheet.write_bytes(data)

    def write(self, *results: RowResult, now: datetime = NOW, **options: Any) -> WriteBack:
        return write_results(self.sheet, results, layout=LAYOUT, state=self.state, now=now, **options)

    def sync(self, *results: RowResult) -> WriteBack:
        return sync(self.sheet, results, layout=LAYOUT, state=self.state, now=NOW)

    def rows(self, path: Path | None = None, encoding: str = "utf-8") -> list[dict[str, str]]:
        text = (path or self.sheet).read_bytes().decode(encoding)
        return list(csv.DictReader(io.StringIO(text, newline="")))


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
    layout = replace(LAYOUT, status_header="Asset status")
    write_results(desk.sheet, [result("A1")], layout=layout, state=desk.state, now=NOW)
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
    ("delimiter", "data"),
    [
        (";", b'\xef\xbb\xbfSKU;Name\r\n\r\nA1;"two\r\nlines; and ""quotes"""   \r\nA2;x\nA3'),
        ("\t", "SKU\tName\r\nA1\tB\u00fcro\r\n".encode("cp1252")),
        (";", b"\xff\xfe" + "SKU;Name\r\nA1;\u6905\u5b50\r\n".encode("utf-16-le")),
        (";", b"sep=;\r\nSKU;Name;;\r\nA1;x;;\r\nshort\r\n;;;;;;;\r\n"),
        (",", b'  SKU  ,Name,\r\r\nA1 , "x" ,,,extra\n'),
        (",", b"\xef\xbb\xbfSKU,Name\nA1,\xff\xfe broken\n"),
        (",", b"SKU\nA1"),
    ],
)
def test_everything_else_stays_byte_for_byte(tmp_path: Path, delimiter: str, data: bytes) -> None:
    desk = Desk(tmp_path, data)
    desk.write(result("A1"))
    written = desk.sheet.read_bytes()
    assert written != data
    assert_only_our_cells_changed(data, written, delimiter)


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
    write_results(desk.sheet, [result("A1", **message)], layout=layout, state=desk.state, now=NOW)
    written = desk.rows(encoding="cp1252")[0]["3D Message"]
    assert written.startswith("B\u00fcro ")
    assert written.isprintable()
    again = write_results(desk.sheet, [result("A1", **message)], layout=layout, state=desk.state, now=NOW)
    assert again.updated == 0


@pytest.mark.parametrize("text", ["=1+1", "+49", "-5", "@SUM(A1)", "=cmd|' /C calc'!A0, \"x\""])
def test_a_value_cannot_become_a_formula(tmp_path: Path, text: str) -> None:
    desk = Desk(tmp_path, b"SKU,Name\nA1,Chair\n")
    desk.write(result("A1", **{"3D Message": text}))
    assert desk.rows()[0]["3D Message"] == f"'{text}"
    assert desk.write(result("A1", **{"3D Message": text})).updated == 0


def test_a_value_stays_on_one_line_and_in_its_cell(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU;Name\nA1;Chair\n")
    desk.write(result("A1", **{"3D Message": 'two\r\nlines; "so"\x00 \ud800'}))
    assert desk.sheet.read_bytes().splitlines()[1].endswith(b';"two lines; ""so""";')


def test_mode_and_link_of_the_sheet_are_kept_and_a_backup_is_made(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU\nA1\n", name="real.csv")
    desk.sheet.chmod(0o640)
    link = tmp_path / "products.csv"
    link.symlink_to(desk.sheet)
    report = write_results(link, [result("A1")], layout=LAYOUT, state=desk.state, now=NOW)
    assert link.is_symlink()
    assert stat.S_IMODE(desk.sheet.stat().st_mode) == 0o640
    assert report.backup is not None
    assert report.backup.read_bytes() == b"SKU\nA1\n"
    assert report.backup.parent == desk.state / "backups"


def test_the_last_ten_backups_are_kept(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU\nA1\n")
    for minute in range(BACKUPS_KEPT + 3):
        desk.write(result("A1", **{"3D Version": f"V{minute}"}), now=NOW + timedelta(minutes=minute))
    kept = sorted((desk.state / "backups").iterdir())
    assert len(kept) == BACKUPS_KEPT
    assert b"V11" in kept[-1].read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".catalog3d", "products.csv"]


def test_two_writes_at_the_same_instant_keep_both_backups(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU\nA1\n")
    first = desk.write(result("A1")).backup
    second = desk.write(result("A1", **{"3D Version": "V2"})).backup
    assert first is not None
    assert second is not None
    assert (first.read_bytes(), first != second) == (b"SKU\nA1\n", True)


@pytest.mark.parametrize("lock", ["~$products.csv", ".~lock.products.csv#"])
def test_a_sheet_open_in_a_spreadsheet_program_is_left_alone_until_sync(tmp_path: Path, lock: str) -> None:
    data = b"SKU,Name\nA1,Chair\n-5,Table\n"
    desk = Desk(tmp_path, data)
    (tmp_path / lock).touch()
    desk.write(result("A1", **{"3D Status": "Flagged"}))
    report = desk.write(result("-5", **{**DONE, "3D Message": "=x"}), result("A1"))
    assert report.sidecar
    assert report.path.name == "products.results.csv"
    assert lock in report.message
    assert "products.results.csv" in report.message
    assert desk.sheet.read_bytes() == data
    with pytest.raises(RunError, match="open"):
        desk.sync()
    (tmp_path / lock).unlink()
    assert desk.sync().updated == 2
    assert [row["3D Status"] for row in desk.rows()] == ["Generated", "Generated"]
    assert desk.rows()[1]["3D Message"] == "'=x"
    assert not report.path.exists()
    assert desk.sync().updated == 0


def test_waiting_results_are_merged_by_the_next_write_that_succeeds(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU,Name\nA1,Chair\nB2,Table\n")
    lock = tmp_path / "~$products.csv"
    lock.touch()
    desk.write(result("A1"), result("B2", **{"3D Status": "Failed"}))
    lock.unlink()
    desk.write(result("B2"))
    assert [row["3D Status"] for row in desk.rows()] == ["Generated", "Generated"]
    assert not (tmp_path / "products.results.csv").exists()


def test_a_results_file_that_someone_damaged_is_set_aside_not_overwritten(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU,Name\nA1,Chair\n")
    (tmp_path / "products.results.csv").write_bytes(b"my notes\n")
    report = desk.write(result("A1"))
    assert report.sidecar
    kept = [path.read_bytes() for path in tmp_path.glob("products.results.2*.csv")]
    assert kept == [b"my notes\n"]
    assert not desk.write(result("A1")).sidecar


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"Item,Name\nA1,Chair\n", "no column 'SKU'"),
        (b'SKU,Name\nA1,"Chair\nB2,Table\n', "never closed"),
        (b'SKU,Name\nA1,"Chair"" red\n', "never closed"),
        (b"SKU,Name\nA1" + b"," * 500 + b"x\n", "more cells than the header"),
        (b"", "no column"),
    ],
)
def test_a_sheet_that_cannot_be_kept_safely_gets_a_results_file(tmp_path: Path, data: bytes, words: str) -> None:
    desk = Desk(tmp_path, data)
    report = desk.write(result("A1"))
    assert report.sidecar
    assert words in report.message
    assert desk.sheet.read_bytes() == data
    assert desk.rows(report.path, "utf-8-sig")[0]["3D Status"] == "Generated"


def test_a_refused_replace_leaves_the_sheet_and_puts_the_results_beside_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU\nA1\n")

    def locked(source: Path, target: Path) -> None:
        if target.name == "products.csv":
            raise PermissionError(13, "Permission denied")
        source.replace(target)

    report = desk.write(result("A1"), rename=locked)
    assert report.sidecar
    assert "Permission denied" in report.message
    assert desk.sheet.read_bytes() == b"SKU\nA1\n"
    assert not list(tmp_path.glob(".part-*"))


def test_a_folder_that_takes_no_file_is_an_error_with_a_fix(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU\nA1\n")

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(RunError, match="No space left") as caught:
        desk.write(result("A1"), rename=full)
    assert caught.value.code == "SHEET_NOT_WRITABLE"
    assert "sync" in caught.value.fix


@pytest.mark.parametrize(("saves", "sidecar"), [(1, False), (9, True)])
def test_an_edit_made_between_our_read_and_our_replace_is_never_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saves: int, sidecar: bool
) -> None:
    desk = Desk(tmp_path, b"SKU,Name\nA1,Chair\n")
    render, left = CsvSheet.render, list(range(saves))

    def render_while_a_colleague_saves(document: CsvSheet, *args: Any) -> bytes:
        if left:
            left.pop()
            desk.sheet.write_bytes(desk.sheet.read_bytes() + b"NEW,row\n")
        return render(document, *args)

    monkeypatch.setattr(CsvSheet, "render", render_while_a_colleague_saves)
    report = desk.write(result("A1"))
    assert report.sidecar is sidecar
    assert b"NEW,row" in desk.sheet.read_bytes()


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


def _write_many(sheet: Path, state: Path, prefix: str) -> None:
    for number in range(8):
        write_results(sheet, [result(f"{prefix}{number}")], layout=LAYOUT, state=state, now=NOW)


def test_two_processes_writing_at_once_lose_nothing(tmp_path: Path) -> None:
    skus = [f"{prefix}{number}" for prefix in "AB" for number in range(8)]
    desk = Desk(tmp_path, ("SKU\n" + "\n".join(skus) + "\n").encode())
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(desk.sheet, desk.state, prefix)) for prefix in "AB"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert {row["SKU"]: row["3D Status"] for row in desk.rows()} == dict.fromkeys(skus, "Generated")


def _die_before(_source: Path, _target: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_after(source: Path, target: Path) -> None:
    source.replace(target)
    os.kill(os.getpid(), signal.SIGKILL)


def _write_and_die(sheet: Path, state: Path, rename: Callable[[Path, Path], None]) -> None:
    write_results(sheet, [result("A1")], layout=LAYOUT, state=state, now=NOW, rename=rename)


@pytest.mark.parametrize(("rename", "status"), [(_die_before, None), (_die_after, "Generated")])
def test_a_writer_killed_at_the_replace_leaves_a_whole_sheet_and_no_lock(
    tmp_path: Path, rename: Callable[[Path, Path], None], status: str | None
) -> None:
    desk = Desk(tmp_path, b"SKU,Name\nA1,Chair\n")
    writer = multiprocessing.get_context("spawn").Process(target=_write_and_die, args=(desk.sheet, desk.state, rename))
    writer.start()
    writer.join(60)
    assert writer.exitcode == -signal.SIGKILL
    assert desk.rows()[0].get("3D Status") == status
    assert desk.write(result("A1")).updated == (0 if status else 1)


# The claim of the module, on wild input: take our cells away again, and the file is what it was.

CELLS = st.text(st.sampled_from("aZ0 ;,\t\"'=\u00e9\u6905\n\r"), max_size=6)


def raw_cell(draw: st.DrawFn, delimiter: str) -> str:
    text = draw(CELLS)
    quoted = '"' + text.replace('"', '""') + '"' + draw(st.sampled_from(["", " ", "x"]))
    plain = "".join(character for character in text if character not in f'\r\n"{delimiter}')
    return draw(st.sampled_from([quoted, plain, f" {plain}"]))


@st.composite
def sheets(draw: st.DrawFn) -> tuple[bytes, str]:
    """A wild sheet and its delimiter."""
    delimiter = draw(st.sampled_from(",;\t"))
    header = ["Name", "SKU", *draw(st.lists(st.sampled_from(["", '"Size; W, H"', " Note "]), max_size=2))]
    lines = [delimiter.join(header)]
    for _ in range(draw(st.integers(0, 5))):
        cells = [raw_cell(draw, delimiter) for _ in range(draw(st.integers(0, 6)))]
        if len(cells) > 1:
            cells[1] = draw(st.sampled_from(["A1", ' "B2" ', '"B2"', "", "C3"]))
        lines.append(delimiter.join(cells))
    text = "".join(line + draw(st.sampled_from(["\n", "\r\n", "\r"])) for line in lines)
    if draw(st.booleans()):
        text = text.rstrip("\r\n")
    codec, bom = draw(st.sampled_from([("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("utf-16-le", b"\xff\xfe")]))
    return bom + text.encode(codec), delimiter


def decoded(data: bytes) -> tuple[bytes, str]:
    for bom, codec in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le")):
        if data.startswith(bom):
            return bom, data[len(bom) :].decode(codec, "surrogateescape")
    try:
        return b"", data.decode()
    except UnicodeDecodeError:
        return b"", data.decode("cp1252")


def raw_records(text: str, delimiter: str) -> list[tuple[list[str], str]]:
    """Raw cells and line ending of every record, one character at a time, as the csv module sees them."""
    records: list[tuple[list[str], str]] = []
    cells: list[str] = []
    cell, position, in_quotes = "", 0, False
    while position < len(text):
        character = text[position]
        if in_quotes:
            if text.startswith('""', position):
                cell, position = cell + '""', position + 2
                continue
            in_quotes = character != '"'
        elif character == '"' and not cell:
            in_quotes = True
        elif character == delimiter:
            cells, cell, position = [*cells, cell], "", position + 1
            continue
        elif character in "\r\n":
            ending = "\r\n" if text.startswith("\r\n", position) else character
            records.append(([*cells, cell], ending))
            cells, cell, position = [], "", position + len(ending)
            continue
        cell, position = cell + character, position + 1
    if cells or cell:
        records.append(([*cells, cell], ""))
    return records


def assert_only_our_cells_changed(before: bytes, after: bytes, delimiter: str, status: str = "3D Status") -> None:
    old_bom, old_text = decoded(before)
    new_bom, new_text = decoded(after)
    old, new = raw_records(old_text, delimiter), raw_records(new_text, delimiter)
    assert (old_bom, len(old)) == (new_bom, len(new))
    header = next(cells for cells, _ in new if status in [cell.strip() for cell in cells])
    ours = {index for index, cell in enumerate(header) if cell.strip() in (status, *OUR_COLUMNS)}
    assert len(ours) == len(OUR_COLUMNS)
    for (old_cells, old_ending), (new_cells, new_ending) in zip(old, new, strict=True):
        assert old_ending == new_ending
        assert len(new_cells) >= len(old_cells)
        for index in set(range(len(new_cells))) - ours:
            assert new_cells[index] == (old_cells[index] if index < len(old_cells) else "")


@settings(max_examples=150, deadline=None)
@given(data=sheets())
def test_on_any_sheet_only_our_cells_change(data: tuple[bytes, str]) -> None:
    before, delimiter = data
    results = {"A1": DONE, "B2": {"3D Status": "Failed", "3D Message": '=a, "b"; c\td'}}
    for status in ("3D Status", "Name"):
        after = written(before, "SKU", results, status)
        if after != before:
            assert_only_our_cells_changed(before, after, delimiter, status)
            again = written(after, "SKU", {"A1": {"3D Version": "V2"}}, status)
            assert_only_our_cells_changed(after, again, delimiter, status)
            assert written(after, "SKU", results, status) == after


def written(data: bytes, sku_header: str, results: dict[str, dict[str, str]], status: str) -> bytes:
    """What a write makes of the bytes, without the disk."""
    document = CsvSheet(data, sku_header)
    names = {column: status if column == "3D Status" else column for column in OUR_COLUMNS}
    cells = {row: {names[c]: text for c, text in results[sku].items()} for row, sku in document.skus if sku in results}
    new = [name for name in names.values() if not document.has(name)] if cells else []
    return document.render(cells, new)


def test_ten_thousand_rows_take_less_than_three_seconds(tmp_path: Path) -> None:
    rows = b"".join(b'S%05d,"a, ""b""",x,y,z,,,,1,2\r\n' % number for number in range(10_000))
    desk = Desk(tmp_path, b"SKU,Name,a,b,c,d,e,f,g,h\r\n" + rows)
    started = time.monotonic()
    report = desk.write(*[result(f"S{number:05}") for number in range(10_000)])
    assert report.updated == 10_000
    assert time.monotonic() - started < 3
