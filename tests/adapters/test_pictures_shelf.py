"""The shelf of pictures: fetched once, decoded once, known by their pixels, sent as they came where that is possible."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catalog3d.adapters.picture_fetch import PictureFetcher
from catalog3d.adapters.picture_memory import PictureMemory
from catalog3d.adapters.pictures import PictureShelf, small_picture_note
from catalog3d.errors import Catalog3DError, ProductError, RunError, TransientError
from catalog3d.product import Slot, ViewSource
from tests.adapters.picture_server import PictureServer, loopback, sends, serving, writes


class Digests(dict[str, str]):
    """The permanent memory: the first digest of a file wins."""

    def put(self, file_sha256: str, pixels_sha256: str) -> str:
        return self.setdefault(file_sha256, pixels_sha256)


class Surprise(Digests):
    """Does something at the first look, as another program might meanwhile."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self._acts = [act]

    def get(self, file_sha256: str) -> str | None:  # type: ignore[override]
        if self._acts:
            self._acts.pop()()
        return super().get(file_sha256)


Open = Callable[..., PictureShelf]


@pytest.fixture
def shelf_at(tmp_path: Path) -> Iterator[Open]:
    """Opens shelves on one cache."""
    opened: list[PictureShelf] = []

    def open_shelf(known: Digests | None = None, roots: Sequence[Path] | None = None) -> PictureShelf:
        shelf = PictureShelf(
            tmp_path / "cache",
            roots,
            known=Digests() if known is None else known,
            fetcher=PictureFetcher(allowed=loopback),
        )
        opened.append(shelf)
        return shelf

    yield open_shelf
    for shelf in opened:
        shelf.close()


@pytest.fixture
def server() -> Iterator[PictureServer]:
    with serving() as running:
        yield running


def _content(kind: str = "PNG", side: int = 300, seed: int = 1) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, kind)
    return target.getvalue()


def _view(location: str | Path, slot: Slot = Slot.FRONT) -> ViewSource:
    return ViewSource(slot=slot, location=str(location))


def _photo(folder: Path, name: str = "a.png", content: bytes | None = None) -> Path:
    path = folder / name
    path.write_bytes(_content() if content is None else content)
    return path


def _error(ask: Callable[..., object], *arguments: object) -> Catalog3DError:
    with pytest.raises(Catalog3DError) as caught:
        ask(*arguments)
    return caught.value


def test_a_png_or_jpeg_is_sent_byte_for_byte(tmp_path: Path, shelf_at: Open) -> None:
    for kind, mime in (("PNG", "image/png"), ("JPEG", "image/jpeg")):
        content = _content(kind)
        view = shelf_at().prepare(_view(_photo(tmp_path, f"a.{kind}", content), Slot.BACK))
        assert view.path.read_bytes() == content
        assert (view.mime, view.slot, view.size_bytes) == (mime, "back", len(content))
        assert (view.width_px, view.height_px) == (300, 300)
        assert view.file_sha256 == hashlib.sha256(content).hexdigest()


def test_other_formats_are_sent_as_png_with_the_same_pixels(tmp_path: Path, shelf_at: Open) -> None:
    shelf = shelf_at()
    tiff = shelf.prepare(_view(_photo(tmp_path, "a.tif", _content("TIFF"))))
    png = shelf.prepare(_view(_photo(tmp_path, "b.png", _content("PNG"))))
    assert tiff.mime == "image/png"
    assert tiff.pixels_sha256 == png.pixels_sha256
    assert tiff.file_sha256 != png.file_sha256


def test_the_digest_is_known_before_anything_is_prepared(tmp_path: Path, shelf_at: Open) -> None:
    shelf, view = shelf_at(), _view(_photo(tmp_path))
    known = shelf.pixels_sha256(view)
    assert known == shelf.prepare(view).pixels_sha256 == shelf.pixels_sha256(view)


def test_a_file_keeps_the_digest_it_once_had_whatever_a_newer_decoder_says(tmp_path: Path, shelf_at: Open) -> None:
    content = _content()
    known = Digests({hashlib.sha256(content).hexdigest(): "0" * 64})
    shelf, view = shelf_at(known), _view(_photo(tmp_path, content=content))
    assert shelf.pixels_sha256(view) == "0" * 64
    assert shelf.prepare(view).pixels_sha256 == "0" * 64
    assert shelf.prepare(view).path.read_bytes() == content


def test_what_was_prepared_is_used_again_by_the_next_run(tmp_path: Path, shelf_at: Open) -> None:
    known = Digests()
    first = shelf_at(known).prepare(_view(_photo(tmp_path)))
    written = first.path.stat().st_mtime_ns
    again = shelf_at(known).prepare(_view(_photo(tmp_path, "copy.png")))
    assert (again.path, again.path.stat().st_mtime_ns) == (first.path, written)


def test_a_photo_that_changes_is_noticed_even_where_its_time_is_put_back(tmp_path: Path, shelf_at: Open) -> None:
    shelf, path = shelf_at(), _photo(tmp_path, content=_content("BMP"))
    before, times = shelf.pixels_sha256(_view(path)), path.stat()
    path.write_bytes(_content("BMP", seed=2))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.stat().st_size == times.st_size
    assert shelf.pixels_sha256(_view(path)) != before


def test_a_photo_that_changes_while_it_is_read_is_tried_again_later(tmp_path: Path, shelf_at: Open) -> None:
    path = _photo(tmp_path)
    shelf = shelf_at(Surprise(lambda: path.write_bytes(_content(seed=2))))
    error = _error(shelf.prepare, _view(path))
    assert (type(error), error.code) == (TransientError, "PHOTO_CHANGING")
    assert shelf.prepare(_view(path)).path.read_bytes() == _content(seed=2)


def test_a_missing_photo_is_named(tmp_path: Path, shelf_at: Open) -> None:
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "round.jpg").symlink_to(tmp_path / "round.jpg")
    for location in ("gone.jpg", "folder.jpg", "broken.jpg", "round.jpg", "a.png/b.jpg", "x" * 5_000, "a\0b.jpg"):
        error = _error(shelf_at().prepare, _view(tmp_path / location))
        assert isinstance(error, ProductError)
        assert error.code in ("PHOTO_MISSING", "PHOTO_UNREADABLE")
        assert error.fix


def test_a_photo_outside_the_folders_is_refused_through_links_too(tmp_path: Path, shelf_at: Open) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    outside = _photo(tmp_path, "secret.png")
    (folder / "link.png").symlink_to(outside)
    shelf = shelf_at(roots=[folder])
    for location in (outside, folder / "link.png", folder / ".." / "secret.png"):
        assert _error(shelf.prepare, _view(location)).code == "PHOTO_OUTSIDE"
    assert shelf.prepare(_view(_photo(folder))).mime == "image/png"


def test_a_url_is_fetched_once_and_its_digest_is_known_from_then_on(server: PictureServer, shelf_at: Open) -> None:
    server.answers["/a.png"] = sends(_content(), content_type="image/png")
    view, known = _view(server.url("/a.png?v=1")), Digests()
    shelf = shelf_at(known)
    assert shelf.pixels_sha256(view) is None
    assert server.asked == []
    prepared = shelf.prepare(view)
    assert shelf_at(known).pixels_sha256(view) == prepared.pixels_sha256
    assert shelf_at(known).prepare(view).path.read_bytes() == _content()
    assert server.asked == ["/a.png?v=1"]
    assert shelf.pixels_sha256(_view(server.url("/a.png?v=2"))) is None


def test_products_that_share_a_photo_fetch_it_once_though_they_ask_at_the_same_time(
    server: PictureServer, shelf_at: Open
) -> None:
    server.answers["/a.png"] = sends(_content())
    shelf, view = shelf_at(), _view(server.url("/a.png"))
    with ThreadPoolExecutor(8) as pool:
        prepared = list(pool.map(lambda _: shelf.prepare(view), range(16)))
    assert len({one.path for one in prepared}) == 1
    assert server.asked == ["/a.png"]


def test_the_bytes_say_what_an_answer_is_and_not_its_content_type(server: PictureServer, shelf_at: Open) -> None:
    server.answers |= {
        "/photo.txt": sends(_content("JPEG"), content_type="text/html"),
        "/photo.png": sends(_content("JPEG"), content_type="image/png"),
        "/page.png": sends(b"<!DOCTYPE html><title>Sign in</title>", content_type="image/png"),
        "/script.svg": sends(b"<svg onload='x'/>", content_type="image/svg+xml"),
        "/empty.png": sends(b"", content_type="image/png"),
    }
    shelf = shelf_at()
    assert shelf.prepare(_view(server.url("/photo.txt"))).mime == "image/jpeg"
    assert shelf.prepare(_view(server.url("/photo.png"))).mime == "image/jpeg"
    for path in ("/page.png", "/script.svg", "/empty.png"):
        error = _error(shelf.prepare, _view(server.url(path)))
        assert (type(error), error.code) == (ProductError, "PHOTO_UNREADABLE")
        assert path in error.message


def test_what_was_no_picture_is_asked_for_again(server: PictureServer, shelf_at: Open) -> None:
    server.answers["/a.png"] = sends(b"<html>soon</html>")
    shelf, view = shelf_at(), _view(server.url("/a.png"))
    assert _error(shelf.prepare, view).code == "PHOTO_UNREADABLE"
    assert shelf.pixels_sha256(view) is None
    server.answers["/a.png"] = sends(_content())
    assert shelf.prepare(view).mime == "image/png"


def test_a_failed_fetch_leaves_nothing_behind(server: PictureServer, shelf_at: Open, tmp_path: Path) -> None:
    server.answers["/a.png"] = writes(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc")
    assert _error(shelf_at().prepare, _view(server.url("/a.png"))).code == "URL_UNREACHABLE"
    assert list((tmp_path / "cache" / "fetched").iterdir()) == []


def test_signed_addresses_are_not_written_down(server: PictureServer, shelf_at: Open, tmp_path: Path) -> None:
    server.answers["/a.png"] = sends(_content())
    shelf_at().prepare(_view(server.url("/a.png?X-Amz-Signature=topsecret")))
    written = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert len(written) >= 3
    assert not any(b"topsecret" in path.read_bytes() for path in written)


def test_the_cache_may_be_deleted_between_runs(server: PictureServer, shelf_at: Open, tmp_path: Path) -> None:
    server.answers["/a.png"] = sends(_content())
    known, view = Digests(), _view(server.url("/a.png"))
    shelf = shelf_at(known)
    before = shelf.prepare(view)
    shelf.close()
    for path in sorted((tmp_path / "cache").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert shelf_at(known).prepare(view).pixels_sha256 == before.pixels_sha256
    assert len(server.asked) == 2


def test_a_cache_that_cannot_be_written_stops_the_run_with_a_fix(tmp_path: Path, shelf_at: Open) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    error = _error(shelf_at)
    assert (type(error), error.code) == (RunError, "HOME_NOT_WRITABLE")
    assert error.fix


def test_a_damaged_memory_says_which_file_to_delete(tmp_path: Path) -> None:
    (tmp_path / "pictures.db").write_bytes(b"no database" * 500)
    error = _error(PictureMemory, tmp_path)
    assert (type(error), error.code) == (RunError, "HOME_NOT_WRITABLE")
    assert "pictures.db" in error.message
    assert "delete it" in error.fix


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    path = _photo(tmp_path)
    memory = PictureMemory(tmp_path / "cache")
    first = memory.file_sha256(path)
    assert first == hashlib.sha256(path.read_bytes()).hexdigest()
    memory._connection.execute("UPDATE files SET sha256 = 'remembered'")
    assert memory.file_sha256(path) == "remembered"
    path.touch()
    assert memory.file_sha256(path) == first
    memory.close()


def test_a_small_picture_is_used_and_said_to_be_small(tmp_path: Path, shelf_at: Open) -> None:
    shelf = shelf_at()
    small = shelf.prepare(_view(_photo(tmp_path, "s.png", _content(side=100))))
    large = shelf.prepare(_view(_photo(tmp_path, "l.png", _content(side=256))))
    assert "100 x 100" in small_picture_note(small)
    assert small_picture_note(large) == ""
