"""The sheet as it was before is always to be had, and so are its rights; the number of backups is bounded."""

from __future__ import annotations

import os
import stat
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from catalog3d.adapters.sheet_backups import AFTER_PAUSE_KEPT, DAYS_KEPT, NEWEST_KEPT, back_up, backups_of, thin_out
from catalog3d.adapters.sheet_disk import SheetFile
from catalog3d.adapters.sheet_writeback import rehearsal_path
from tests.adapters.sheet_desk import LAYOUT, NOW, Desk, result


def saved(desk: Desk, now: datetime, content: str) -> None:
    """A backup of what the sheet held, by the rule, without the rest of a write."""
    folder = backups_of(desk.sheet, desk.state)
    back_up(SheetFile(path=desk.sheet, data=content.encode()), folder, now)
    thin_out(folder)


def test_the_sheet_as_it_was_before_a_run_outlives_every_write_of_the_run(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU\nA1\n")
    for write in range(NEWEST_KEPT + 20):
        desk.write(result("A1", **{"3D Version": f"V{write}"}), now=NOW + timedelta(seconds=10 * write))
    kept = desk.backups()
    assert kept[0] == b"SKU\nA1\n"
    assert [f"V{18 + number},".encode() in data for number, data in enumerate(kept[1:], 1)] == [True] * NEWEST_KEPT
    assert desk.beside() == []


def test_so_does_the_sheet_before_each_earlier_run_of_the_day(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU\nA1\n")
    for run in range(3):
        for write in range(15):
            saved(desk, NOW + timedelta(minutes=25 * run, seconds=30 * write), f"{run}-{write}")
    assert {f"{run}-0".encode() for run in range(3)} <= set(desk.backups())


def test_the_first_of_a_day_outlives_more_rounds_of_decisions_than_are_kept(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU\nA1\n")
    midnight = NOW.replace(hour=0)
    for decision in range(AFTER_PAUSE_KEPT * 2):
        saved(desk, midnight + timedelta(minutes=11 * decision), f"decision {decision}")
    assert desk.backups()[0] == b"decision 0"
    assert len(desk.backups()) == AFTER_PAUSE_KEPT + 1


def test_the_number_of_backups_is_bounded(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU\nA1\n")
    for hour in range(24 * (DAYS_KEPT + 5) // 6):
        saved(desk, NOW + timedelta(hours=6 * hour), f"{hour}")
    assert len(desk.backups()) <= NEWEST_KEPT + AFTER_PAUSE_KEPT + DAYS_KEPT
    assert b"0" not in desk.backups()


def test_two_writes_at_the_same_instant_keep_both_backups(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU\nA1\n")
    first = desk.write(result("A1")).backup
    second = desk.write(result("A1", **{"3D Version": "V2"})).backup
    assert first is not None
    assert second is not None
    assert (first.read_bytes(), first != second) == (b"SKU\nA1\n", True)


def test_sheets_of_the_same_name_do_not_drive_out_each_others_backups(tmp_path: Path) -> None:
    for season in ("autumn", "winter"):
        (tmp_path / season).mkdir()
        desk = Desk(tmp_path / season, season.encode())
        desk.state = tmp_path / ".catalog3d"
        for write in range(NEWEST_KEPT + 1):
            saved(desk, NOW + timedelta(seconds=write), f"{season} {write}")
    assert {b"autumn 0", b"winter 0"} <= set(desk.backups())


def test_a_backup_opens_like_the_sheet_itself_and_a_person_s_own_file_among_them_stays(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU\nA1\n")
    backup = desk.write(result("A1")).backup
    assert backup is not None
    assert (backup.name.startswith("products.20261122T120000"), backup.suffix) == (True, ".csv")
    note = backup.with_name("why we went back.txt")
    note.write_text("because")
    for write in range(NEWEST_KEPT + 2):
        saved(desk, NOW + timedelta(seconds=write), f"{write}")
    assert note.exists()


def test_mode_owner_times_and_link_of_the_sheet_are_kept(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU\nA1\n", name="real.csv")
    desk.sheet.chmod(0o640)
    os.utime(desk.sheet, (0, 0))
    if os.geteuid() == 0:
        os.chown(desk.sheet, 12345, 23456)
    link = Desk(tmp_path)
    link.sheet.symlink_to(desk.sheet)
    owner = (desk.sheet.stat().st_uid, desk.sheet.stat().st_gid)
    report = link.write(result("A1"))
    after = desk.sheet.stat()
    assert link.sheet.is_symlink()
    assert (stat.S_IMODE(after.st_mode), (after.st_uid, after.st_gid)) == (0o640, owner)
    assert time.time() - after.st_mtime < 60
    assert report.backup is not None
    assert report.backup.read_bytes() == b"SKU\nA1\n"
    assert report.backup.is_relative_to(desk.state / "backups")


def test_extended_attributes_such_as_access_lists_are_kept(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU\nA1\n")
    try:
        os.setxattr(desk.sheet, "user.label", b"confidential")
    except (OSError, AttributeError):
        pytest.skip("this file system has no extended attributes")
    desk.write(result("A1"))
    assert os.getxattr(desk.sheet, "user.label") == b"confidential"


def test_what_a_few_may_read_is_not_copied_for_all(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU\nA1\n")
    desk.sheet.chmod(0o600)
    copy = desk.write(result("A1"), target=rehearsal_path(desk.sheet)).path
    (tmp_path / "~$products.csv").touch()
    beside = desk.write(result("A1")).path
    (tmp_path / "~$products.csv").unlink()
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (copy, beside)]
    backup = desk.write(result("A1"), layout=LAYOUT).backup
    assert backup is not None
    assert [*modes, stat.S_IMODE(backup.stat().st_mode)] == [0o600] * 3
