"""Nobody's work is lost when a sheet is written at the same time by people, by our processes, or by one that dies."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from catalog3d.adapters import sheet_swap
from catalog3d.adapters.sheet_csv import CsvSheet
from catalog3d.adapters.sheet_disk import replace_file
from catalog3d.adapters.sheet_swap import Swap, exchange, swap_in
from catalog3d.adapters.sheet_writeback import RowResult
from tests.adapters.sheet_desk import Desk, result

SAVED = 60
"""How often a colleague saves while two of our processes write as fast as they can."""


def save_in_place(path: Path, data: bytes) -> None:
    path.write_bytes(data)


SAVES = pytest.mark.parametrize("save", [save_in_place, replace_file])
"""As scripts and simple editors save, and as spreadsheet programs do."""


@pytest.fixture(params=["exchange", "second name", "neither"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the file system can do: exchange names, give second names, or neither."""
    if request.param != "exchange":
        monkeypatch.setattr(sheet_swap, "exchange", lambda first, second: False)
    if request.param == "neither":

        def refuse(path: Path, target: Path) -> None:
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr(Path, "hardlink_to", refuse)
    name: str = request.param
    return name


def test_names_are_exchanged_in_one_step(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"1")
    second.write_bytes(b"2")
    if not exchange(first, second):
        pytest.skip("this file system cannot exchange names")
    assert (first.read_bytes(), second.read_bytes()) == (b"2", b"1")
    with pytest.raises(FileNotFoundError):
        exchange(first, tmp_path / "missing")


@pytest.mark.usefixtures("system")
def test_a_write_leaves_the_sheet_one_backup_and_nothing_else(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU,Name\nA1,Chair\n")
    inode = desk.sheet.stat().st_ino
    assert desk.write(result("A1")).updated == 1
    assert (desk.rows()[0]["3D Status"], desk.backups()) == ("Generated", [b"SKU,Name\nA1,Chair\n"])
    assert desk.beside() == []
    assert desk.sheet.stat().st_ino != inode


@SAVES
@pytest.mark.usefixtures("system")
@pytest.mark.parametrize(("saves", "sidecar"), [(1, False), (9, True)])
def test_a_save_between_our_read_and_our_replace_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saves: int, sidecar: bool, save: Callable[[Path, bytes], None]
) -> None:
    desk = Desk(tmp_path, b"SKU,Name\nA1,Chair\n")
    render, left = CsvSheet.render, list(range(saves))

    def render_while_a_colleague_saves(document: CsvSheet, *args: Any) -> bytes:
        if left:
            left.pop()
            save(desk.sheet, desk.sheet.read_bytes() + b"NEW,row\n")
        return render(document, *args)

    monkeypatch.setattr(CsvSheet, "render", render_while_a_colleague_saves)
    report = desk.write(result("A1"))
    assert report.sidecar is sidecar
    assert b"NEW,row" in desk.sheet.read_bytes()
    assert len(desk.backups()) == (0 if sidecar else 1)


@SAVES
@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_save_in_the_very_last_instant_stays_and_gets_our_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool, save: Callable[[Path, bytes], None]
) -> None:
    desk = Desk(tmp_path, b"SKU,Name\nA1,Chair\n")
    if not can_exchange:
        monkeypatch.setattr(sheet_swap, "exchange", lambda first, second: False)
    left = [1]

    def saved_before(new: Path, sheet: Path) -> Path | None:
        if left:
            left.pop()
            save(sheet, b"SKU,Name\nA1,Armchair\n")
        return swap_in(new, sheet)

    assert not desk.write(result("A1"), swap=saved_before).sidecar
    assert [(row["Name"], row["3D Status"]) for row in desk.rows()] == [("Armchair", "Generated")]
    assert desk.backups() == [b"SKU,Name\nA1,Armchair\n"]
    assert desk.beside() == []


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_sheet_that_is_gone_is_not_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool
) -> None:
    desk = Desk(tmp_path, b"SKU\nA1\n")
    if not can_exchange:
        monkeypatch.setattr(sheet_swap, "exchange", lambda first, second: False)

    def after_it_was_deleted(new: Path, sheet: Path) -> Path | None:
        sheet.unlink()
        return swap_in(new, sheet)

    assert desk.write(result("A1"), swap=after_it_was_deleted).sidecar
    assert desk.beside() == ["products.results.csv"]
    assert desk.write(result("A1", **{"3D Status": "Approved"})).sidecar
    assert not desk.sheet.exists()
    assert desk.backups() == [b"SKU\nA1\n"]


def test_a_second_save_while_the_first_goes_back_is_kept_among_the_backups(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU,Name\nA1,Chair\n")
    names = ["Armchair", "Rocking chair"]

    def saved_before(new: Path, sheet: Path) -> Path | None:
        if names:
            replace_file(sheet, f"SKU,Name\nA1,{names.pop(0)}\n".encode())
        return swap_in(new, sheet)

    desk.write(result("A1"), swap=saved_before)
    assert desk.rows()[0]["Name"] == "Armchair"
    assert b"SKU,Name\nA1,Rocking chair\n" in desk.backups()


def test_a_program_that_writes_into_the_file_it_opened_before_writes_into_the_backup(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU,Name\nA1,Chair\n")
    with desk.sheet.open("r+b") as opened_before:
        report = desk.write(result("A1"))
        opened_before.write(b"SKU,Name\nA1,Stool\n")
    assert report.backup is not None
    assert report.backup.read_bytes() == b"SKU,Name\nA1,Stool\n"
    assert desk.rows()[0]["Name"] == "Chair"


def test_an_old_result_does_not_cover_a_newer_one_even_of_a_writer_with_another_lock(tmp_path: Path) -> None:
    here, elsewhere = Desk(tmp_path, b"SKU\nA1\n"), Desk(tmp_path)
    elsewhere.state = tmp_path / "of another machine"
    registry = {"A1": "Generated"}

    def standings() -> list[RowResult]:
        return [result(sku, **{"3D Status": status}) for sku, status in registry.items()]

    def decided_elsewhere_before(new: Path, sheet: Path) -> Path | None:
        if registry["A1"] == "Generated":
            registry["A1"] = "Approved"
            elsewhere.write_from(standings)
        return swap_in(new, sheet)

    here.write_from(standings, swap=decided_elsewhere_before)
    assert here.rows()[0]["3D Status"] == "Approved"


def _write_many(sheet: Path, prefix: str) -> None:
    desk = Desk(sheet.parent)
    for number in range(8):
        desk.write(result(f"{prefix}{number}"))


def test_two_processes_writing_at_once_lose_nothing(tmp_path: Path) -> None:
    skus = [f"{prefix}{number}" for prefix in "AB" for number in range(8)]
    desk = Desk(tmp_path, ("SKU\n" + "\n".join(skus) + "\n").encode())
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(desk.sheet, prefix)) for prefix in "AB"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert {row["SKU"]: row["3D Status"] for row in desk.rows()} == dict.fromkeys(skus, "Generated")


def _write_until(sheet: Path, sku: str, stop: Path) -> None:
    desk = Desk(sheet.parent)
    for number in count(1):
        ends = stop.exists()
        desk.write(result(sku, **{"3D Status": "Generated", "3D Version": "last" if ends else f"V{number}"}))
        if ends:
            return


@SAVES
def test_no_save_of_a_colleague_is_lost_while_two_processes_write(
    tmp_path: Path, save: Callable[[Path, bytes], None]
) -> None:
    rows = "".join(f"S{number},{{{number}}}\n" for number in range(SAVED))
    desk = Desk(tmp_path, ("SKU,Name\n" + re.sub(r"{(\d+)}", r"name \1", rows)).encode())
    stop = tmp_path / "stop"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_until, args=(desk.sheet, sku, stop)) for sku in ("S0", "S1")]
    for writer in writers:
        writer.start()
    while len(desk.backups()) < 2:  # both are up
        time.sleep(0.01)
    for number in range(SAVED):
        save(desk.sheet, desk.sheet.read_bytes().replace(b"name %d" % number, b"saved %d" % number))
        time.sleep(0.01)
    stop.touch()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    desk.write()
    found = {row["SKU"]: row for row in desk.rows()}
    assert {sku: row["Name"] for sku, row in found.items()} == {f"S{n}": f"saved {n}" for n in range(SAVED)}
    assert [found[sku]["3D Version"] for sku in ("S0", "S1")] == ["last", "last"]
    assert not list(tmp_path.glob(".part-*"))


def _die_before(_new: Path, _sheet: Path) -> Path | None:
    os.kill(os.getpid(), signal.SIGKILL)
    return None


def _die_after(new: Path, sheet: Path) -> Path | None:
    swap_in(new, sheet)
    return _die_before(new, sheet)


def _write_and_die(sheet: Path, swap: Swap) -> None:
    Desk(sheet.parent).write(result("A1"), swap=swap)


@pytest.mark.parametrize(("swap", "status"), [(_die_before, None), (_die_after, "Generated")])
def test_a_writer_killed_at_the_replace_leaves_a_whole_sheet_a_backup_and_no_lock(
    tmp_path: Path, swap: Swap, status: str | None
) -> None:
    desk = Desk(tmp_path, b"SKU,Name\nA1,Chair\n")
    writer = multiprocessing.get_context("spawn").Process(target=_write_and_die, args=(desk.sheet, swap))
    writer.start()
    writer.join(60)
    assert writer.exitcode == -signal.SIGKILL
    assert desk.rows()[0].get("3D Status") == status
    assert desk.backups() == [b"SKU,Name\nA1,Chair\n"]
    assert desk.write(result("A1")).updated == (0 if status else 1)


def test_what_a_killed_writer_left_beside_the_sheet_is_gone_after_a_day(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU\nA1\n")
    old, fresh = tmp_path / ".part-0123456789abcdef", tmp_path / ".part-fedcba9876543210"
    for path in (old, fresh, tmp_path / ".part-of-the-team"):
        path.touch()
    for path in (old, tmp_path / ".part-of-the-team"):
        os.utime(path, (time.time() - 90_000,) * 2)
    desk.write(result("A1"))
    assert desk.beside() == [".part-fedcba9876543210", ".part-of-the-team"]
