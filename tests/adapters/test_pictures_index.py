"""Which picture files a sheet may name, on a real disk: beside it, in its picture folders, below --images, and no others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog3d.adapters.picture_index import index_pictures
from catalog3d.errors import RunError
from catalog3d.intake.views import Viewer


def _put(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def _names(folder: Path, images: Path | None = None) -> list[str]:
    return [os.path.relpath(path, folder) for path in index_pictures(folder, images).files]


def test_pictures_beside_the_sheet_and_below_its_picture_folders_are_found(tmp_path: Path) -> None:
    _put(
        tmp_path / "beside.jpg", tmp_path / "Photos" / "a.PNG", tmp_path / "Photos" / "chairs" / "b.webp",
        tmp_path / "archive" / "old.jpg", tmp_path / "Photos" / "notes.txt", tmp_path / ".hidden.jpg",
        tmp_path / "Photos" / ".cache" / "c.jpg",
    )  # fmt: skip
    assert _names(tmp_path) == ["Photos/a.PNG", "Photos/chairs/b.webp", "beside.jpg"]


def test_the_folder_that_was_given_is_searched_first_and_wins(tmp_path: Path) -> None:
    sheet, given_folder = tmp_path / "team", tmp_path / "nas"
    _put(sheet / "images" / "a.jpg", given_folder / "2026" / "a.jpg")
    index = index_pictures(sheet, given_folder)
    found = index.named("a.jpg")
    assert found is not None
    assert (found.path, found.rivals) == (str(given_folder / "2026" / "a.jpg"), (str(sheet / "images" / "a.jpg"),))


def test_the_sheets_own_folder_may_be_the_picture_folder(tmp_path: Path) -> None:
    _put(tmp_path / "a.jpg", tmp_path / "deep" / "b.jpg")
    assert _names(tmp_path, tmp_path) == ["a.jpg", "deep/b.jpg"]


def test_a_link_that_leads_out_is_no_picture(tmp_path: Path) -> None:
    sheet = tmp_path / "team"
    _put(sheet / "photos" / "a.jpg", tmp_path / "private" / "b.jpg")
    (sheet / "photos" / "out.jpg").symlink_to(tmp_path / "private" / "b.jpg")
    (sheet / "photos" / "in.jpg").symlink_to(sheet / "photos" / "a.jpg")
    (sheet / "photos" / "broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (sheet / "photos" / "round.jpg").symlink_to(sheet / "photos" / "round.jpg")
    (sheet / "photos" / "folder").symlink_to(tmp_path / "private")
    (sheet / "images").symlink_to(tmp_path / "private")
    assert _names(sheet) == ["photos/a.jpg", "photos/in.jpg"]
    index = index_pictures(sheet)
    for path in ("photos/out.jpg", "photos/folder/b.jpg", "images/b.jpg", "../private/b.jpg"):
        assert index.reach(path) is None
    assert index.reach("photos/in.jpg") == str(sheet / "photos" / "a.jpg")


def test_only_ordinary_files_are_pictures(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    assert _names(tmp_path) == []
    assert index_pictures(tmp_path).reach("./pipe.jpg") is None


def test_a_file_name_that_is_not_utf_8_is_passed_over(tmp_path: Path) -> None:
    _put(tmp_path / "a.jpg")
    (tmp_path / os.fsdecode(b"st\xfchle.jpg")).write_bytes(b"x")
    assert _names(tmp_path) == ["a.jpg"]


def test_a_missing_picture_folder_and_too_many_files_stop_with_a_fix(tmp_path: Path) -> None:
    _put(*(tmp_path / "photos" / f"{number}.jpg" for number in range(5)))
    with pytest.raises(RunError) as missing:
        index_pictures(tmp_path, tmp_path / "gone")
    with pytest.raises(RunError) as many:
        index_pictures(tmp_path, max_files=4)
    assert (missing.value.code, many.value.code) == ("IMAGES_FOLDER_MISSING", "TOO_MANY_PICTURES")
    assert all(error.value.fix for error in (missing, many))


_ESCAPES = st.sampled_from(
    [
        "../secret.jpg", "../../etc/passwd", "/etc/passwd", "photos/../../secret.jpg", "....//secret.jpg", "..\\secret.jpg",
        "photos/..\\..\\secret.jpg", "file:///etc/passwd", "file://../secret.jpg", "~/secret.jpg", "%2e%2e/secret.jpg",
        "photos/out.jpg", "/proc/self/environ", "a" * 5_000 + ".jpg", "a\0.jpg", "../secret.jpg\0.png", "C:\\secret.jpg",
        "\\\\server\\share\\secret.jpg", "CON", ".", "..", "/", "//", "photos", "./", "photos/./a.jpg", "\ud800/x.jpg",
    ]
)  # fmt: skip
_PIECES = st.lists(
    st.one_of(st.sampled_from(["..", ".", "/", "\\", "photos", "a.jpg", "secret.jpg", "out.jpg"]), st.text(max_size=5))
)


@given(cell=st.one_of(_ESCAPES, st.text(max_size=300), _PIECES.map("/".join), _PIECES.map("".join)))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_cell_reaches_outside_the_folders(cell: str, tmp_path: Path) -> None:
    sheet = tmp_path / "team"
    if not sheet.exists():
        _put(sheet / "photos" / "a.jpg", tmp_path / "secret.jpg")
        (sheet / "photos" / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    index = index_pictures(sheet)
    gathered = Viewer(index).gather([("image", cell)])
    for _, location in gathered.pictures:
        assert location == str(sheet / "photos" / "a.jpg") or location.lower().startswith(("http://", "https://"))
    reached = index.reach(cell)
    assert reached in (None, str(sheet / "photos" / "a.jpg"))
