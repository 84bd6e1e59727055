"""What only a local folder can get wrong."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from catalog3d.adapters.store_local import LocalStore
from catalog3d.errors import Catalog3DError, ProductError, RunError

SHA = hashlib.sha256(b"model").hexdigest()
ROOT = Path(__file__).parents[2]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_kill_before_the_name_is_given_leaves_nothing_visible(tmp_path: Path) -> None:
    script = f"""
import os
from pathlib import Path
from catalog3d.adapters.store_local import LocalStore
store = LocalStore(Path({str(tmp_path)!r}), link=lambda part, path: os._exit(9))
store.put_new("assets/A/a.glb", b"model", sha256={SHA!r}, content_type="model/gltf-binary")
"""
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 9
    assert [path.name[:6] for path in (tmp_path / "assets" / "A").iterdir()] == [".part-"]
    store = LocalStore(tmp_path)
    assert list(store.keys()) == []
    assert store.stat("assets/A/a.glb") is None
    store.put_new("assets/A/a.glb", b"model", sha256=SHA, content_type="")
    assert list(store.keys()) == ["assets/A/a.glb"]


def test_unfinished_files_are_swept_the_day_after_and_nothing_else(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put_new("raw/a.glb", b"model", sha256=SHA, content_type="")
    kept = [".part-00112233445566aa", ".part-lock", ".part-notes.txt"]
    yesterday = time.time() - 25 * 3600
    for name in (".part-ffeeddccbbaa0099", *kept):
        (tmp_path / "raw" / name).write_bytes(b"half a mo")
        if name != kept[0]:
            os.utime(tmp_path / "raw" / name, (yesterday, yesterday))
    os.utime(tmp_path / "raw" / "a.glb", (yesterday, yesterday))
    store.check()
    assert names(tmp_path / "raw") == sorted([*kept, "a.glb"])


def test_a_finished_write_leaves_no_temporary_file(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put_new("a.glb", b"model", sha256=SHA, content_type="")
    store.replace("b.json", b"{}", content_type="")
    with pytest.raises(ProductError):
        store.put_new("c.glb", b"other", sha256=SHA, content_type="")
    assert names(tmp_path) == ["a.glb", "b.json"]


def test_files_are_readable_by_those_whom_the_umask_lets(tmp_path: Path) -> None:
    LocalStore(tmp_path).put_new("a.glb", b"model", sha256=SHA, content_type="")
    (tmp_path / "plain").touch()
    assert stat.S_IMODE((tmp_path / "a.glb").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_without_hard_links_one_of_eight_writers_still_wins(tmp_path: Path) -> None:
    def no_links(part: Path, path: Path) -> None:
        raise OSError(errno.ENOTSUP, "no hard links here")

    gate = threading.Barrier(8)

    def write(number: int) -> bool:
        content = b"content of %d" % number
        gate.wait()
        try:
            LocalStore(tmp_path, link=no_links).put_new(
                "a.glb", content, sha256=hashlib.sha256(content).hexdigest(), content_type=""
            )
        except ProductError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(write, range(8)))
    assert won.count(True) == 1
    assert (tmp_path / "a.glb").read_bytes() == b"content of %d" % won.index(True)
    assert list(LocalStore(tmp_path).keys()) == ["a.glb"]


def test_a_link_that_leads_out_of_the_library_is_refused(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "library"
    outside.mkdir()
    root.mkdir()
    (outside / "secret.glb").write_bytes(b"secret")
    (root / "assets").symlink_to(outside)
    (root / "file.glb").symlink_to(outside / "secret.glb")
    store = LocalStore(root)
    for key in ("assets/secret.glb", "assets/new.glb", "file.glb"):
        for use in (
            lambda key=key: store.get(key, max_bytes=100),
            lambda key=key: store.delete(key),
            lambda key=key: store.put_new(key, b"model", sha256=SHA, content_type=""),
            lambda key=key: store.replace(key, b"x", content_type=""),
        ):
            with pytest.raises(ProductError) as refused:
                use()
            assert refused.value.code == "KEY_INVALID"
    assert list(store.keys()) == []
    assert names(outside) == ["secret.glb"]


def test_files_that_people_put_there_are_not_keys_and_stay(tmp_path: Path) -> None:
    for name in (".DS_Store", "My model.glb", "Stühle.glb", "ok.glb"):
        (tmp_path / name).write_bytes(b"x")
    assert list(LocalStore(tmp_path).keys()) == ["ok.glb"]


def test_a_root_that_is_a_file_is_said_in_one_sentence(tmp_path: Path) -> None:
    root = tmp_path / "library"
    root.write_text("not a folder")
    with pytest.raises(RunError) as refused:
        LocalStore(root).check()
    assert refused.value.code == "STORE_UNWRITABLE"
    assert str(root) in refused.value.message


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "STORE_FULL"),
        (errno.EDQUOT, "STORE_FULL"),
        (errno.EROFS, "STORE_UNWRITABLE"),
        (errno.EACCES, "STORE_UNWRITABLE"),
        (errno.EIO, "STORE_UNREACHABLE"),
        (errno.ESTALE, "STORE_UNREACHABLE"),
    ],
)
def test_what_a_disk_says_is_put_in_our_words(tmp_path: Path, number: int, code: str) -> None:
    def failing(part: Path, path: Path) -> None:
        raise OSError(number, os.strerror(number))

    with pytest.raises(Catalog3DError) as refused:
        LocalStore(tmp_path, link=failing).put_new("a.glb", b"model", sha256=SHA, content_type="")
    assert refused.value.code == code
    assert names(tmp_path) == []


def test_a_library_that_does_not_exist_yet_is_empty(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "new")
    assert list(store.keys("assets/")) == []
    store.check()
    assert (tmp_path / "new").is_dir()
