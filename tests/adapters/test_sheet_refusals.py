"""A sheet that cannot be written safely is left untouched, and its results wait beside it."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from catalog3d.adapters import sheet_csv, sheet_disk
from catalog3d.errors import RunError
from tests.adapters.sheet_desk import DONE, Desk, result


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

    def locked(new: Path, sheet: Path) -> Path | None:
        raise PermissionError(13, "Permission denied")

    report = desk.write(result("A1"), swap=locked)
    assert report.sidecar
    assert "Permission denied" in report.message
    assert desk.sheet.read_bytes() == b"SKU\nA1\n"
    assert desk.beside() == ["products.results.csv"]
    assert desk.backups() == []


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may get a single byte, for the root user too."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_folder_that_takes_no_file_is_an_error_with_a_fix_and_leaves_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU\nA1\n")
    with full_disk(), pytest.raises(RunError, match="cannot be written") as caught:
        desk.write(result("A1"))
    assert caught.value.code == "SHEET_NOT_WRITABLE"
    assert "sync" in caught.value.fix
    assert (desk.sheet.read_bytes(), desk.beside(), desk.backups()) == (b"SKU\nA1\n", [], [])
    assert desk.write(result("A1")).updated == 1


def test_a_sheet_that_nobody_may_write_is_not_replaced(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU\nA1\n")
    desk.sheet.chmod(0o444)
    report = desk.write(result("A1"))
    assert report.sidecar
    assert "write-protected" in report.message
    assert desk.sheet.read_bytes() == b"SKU\nA1\n"
    desk.sheet.chmod(0o644)
    assert desk.sync().updated == 1


def test_a_lock_file_beside_the_link_counts_as_well(tmp_path: Path) -> None:
    folder = tmp_path / "share"
    folder.mkdir()
    (folder / "real.csv").write_bytes(b"SKU\nA1\n")
    desk = Desk(tmp_path)
    desk.sheet.symlink_to(folder / "real.csv")
    (tmp_path / "~$products.csv").touch()
    assert desk.write(result("A1")).sidecar
    (tmp_path / "~$products.csv").rename(folder / "~$real.csv")
    assert desk.write(result("A1")).sidecar
    (folder / "~$real.csv").unlink()
    assert not desk.write(result("A1")).sidecar
    assert desk.sheet.is_symlink()
    assert b"Generated" in (folder / "real.csv").read_bytes()


def test_a_text_of_more_cells_than_a_table_has_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_csv, "MAX_CELLS", 1000)
    for data in (b"SKU\nA1" + b"," * 1000, b"SKU\n" * 1001):
        desk = Desk(tmp_path, data)
        report = desk.write(result("A1"))
        assert report.sidecar
        assert "more than 1,000 cells" in report.message
        assert desk.sheet.read_bytes() == data


def test_a_writer_that_hangs_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_disk, "LOCK_TIMEOUT_S", 0.1)
    desk = Desk(tmp_path, b"SKU\nA1\n")
    with sheet_disk.sheet_lock(desk.sheet, desk.state / "locks"), pytest.raises(RunError) as caught:
        desk.write(result("A1"))
    assert caught.value.code == "SHEET_BUSY"


def test_our_folder_may_not_be_a_file(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"SKU\nA1\n")
    desk.state.write_bytes(b"")
    with pytest.raises(RunError) as caught:
        desk.write(result("A1"))
    assert caught.value.code == "HOME_NOT_WRITABLE"
