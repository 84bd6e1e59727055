"""Foreign files are opened in a child process of their own; what kills it fails one file."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from catalog3d.adapters.mesh_link import MeshChild
from catalog3d.adapters.mesh_process import MeshInspector
from catalog3d.errors import ProductError, RunError
from catalog3d.mesh.profiles import limits_for
from catalog3d.product import Severity
from catalog3d.quality import Verdict
from tests.mesh.glbs import cube, grid, png
from tests.mesh.judging import codes, found, sides
from tests.products import a_product

WHOLE = cube().textured(png(64, 64)).packed()
HEALTH = [HealthCheck.function_scoped_fixture]


@pytest.fixture(scope="module")
def inspector() -> Iterator[MeshInspector]:
    shared = MeshInspector(workers=1, timeout_s=20)
    yield shared
    shared.close()


@pytest.fixture
def good(tmp_path) -> Path:
    return saved(tmp_path, "good.glb", cube().textured(png()).packed())


def saved(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def children(inspector: MeshInspector) -> list[MeshChild]:
    return [child for child in inspector._running if child.alive]


def send(pid: int, *signals: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        for number in signals:
            os.kill(pid, number)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    # Ended, and only waiting for a parent that does not look.
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def gone(pid: int, within_s: float = 10) -> bool:
    deadline = time.monotonic() + within_s
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_running(pid)


def test_sound_file_gets_its_report_and_its_picture(inspector, good, tmp_path):
    picture = tmp_path / "good.png"
    product = a_product(dimensions=sides(1, 1, 1))
    report = inspector.inspect(good, product=product, picture=picture, size_px=64)
    assert report.verdict is Verdict.PASS
    assert report.checks == ()
    assert report.facts is not None
    assert report.facts.triangles == 12
    with Image.open(picture) as image:
        assert (image.format, image.size) == ("PNG", (64, 64))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.glb", "good.png"]


def test_picture_is_a_jpeg_by_its_name_and_replaces_an_older_one(inspector, good, tmp_path):
    picture = saved(tmp_path, "good.jpg", b"an older picture")
    inspector.inspect(good, picture=picture, size_px=32)
    with Image.open(picture) as image:
        assert image.format == "JPEG"


def test_one_child_serves_many_files(inspector, good):
    inspector.inspect(good)
    (before,) = children(inspector)
    for _ in range(5):
        assert inspector.inspect(good).verdict is not Verdict.FAIL
    assert children(inspector) == [before]


def test_limits_of_the_team_reach_the_child(inspector, good):
    assert "TRIANGLES" in codes(inspector.inspect(good, limits={"TRIANGLES": 5}))
    assert "TRIANGLES" in codes(inspector.inspect(good, limits_for("shopify", {"TRIANGLES": 5})))
    with pytest.raises(RunError, match="no quality profile"):
        inspector.inspect(good, "none")


@pytest.mark.parametrize(
    "content", [b"", b"glTF", b"\0" * 5000, WHOLE[:-50]], ids=["empty", "cut", "zeros", "truncated"]
)
def test_file_that_is_no_model_fails_alone(inspector, good, tmp_path, content):
    report = inspector.inspect(saved(tmp_path, "bad.glb", content), picture=tmp_path / "bad.png")
    assert found(report, "GLB_MALFORMED").severity is Severity.ERROR
    assert found(report, "NO_PICTURE").severity is Severity.INFO
    assert not (tmp_path / "bad.png").exists()
    assert inspector.inspect(good).verdict is not Verdict.FAIL


def test_file_that_is_not_there_is_said(inspector, tmp_path):
    for path in (tmp_path / "none.glb", tmp_path, tmp_path / ("a" * 300)):
        with pytest.raises(ProductError) as missing:
            inspector.inspect(path)
        assert missing.value.code == "FILE_MISSING"


def test_file_with_a_name_that_is_no_text_is_judged(inspector, tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/chair-\xff.glb"))
    try:
        path.write_bytes(WHOLE)
    except OSError:
        pytest.skip("this file system takes text only as names")
    assert inspector.inspect(path, picture=path.with_suffix(".png")).facts is not None
    assert path.with_suffix(".png").exists()


def test_pipe_is_not_waited_for(inspector, tmp_path):
    pipe = tmp_path / "pipe.glb"
    os.mkfifo(pipe)
    with pytest.raises(ProductError, match="no file"):
        inspector.inspect(pipe)


def test_child_that_is_killed_fails_one_file_and_the_next_one_works(good):
    inspector = MeshInspector(workers=1)
    try:
        assert inspector.inspect(good).verdict is not Verdict.FAIL
        (child,) = children(inspector)
        os.kill(child.pid, signal.SIGSTOP)
        killer = threading.Timer(0.3, send, (child.pid, signal.SIGKILL))
        killer.start()
        report = inspector.inspect(good)
        killer.join()
        assert found(report, "MEMORY").severity is Severity.ERROR
        assert "most often because the machine ran out of memory" in found(report, "MEMORY").message
        assert inspector.inspect(good).verdict is not Verdict.FAIL
    finally:
        inspector.close()


def test_child_that_crashes_fails_one_file_and_the_next_one_works(good):
    inspector = MeshInspector(workers=1)
    try:
        inspector.inspect(good)
        (child,) = children(inspector)
        os.kill(child.pid, signal.SIGSTOP)
        crash = threading.Timer(0.3, send, (child.pid, signal.SIGSEGV, signal.SIGCONT))
        crash.start()
        report = inspector.inspect(good)
        crash.join()
        assert found(report, "CHECK_CRASHED").value == f"exit -{int(signal.SIGSEGV)}"
        assert inspector.inspect(good).verdict is not Verdict.FAIL
    finally:
        inspector.close()


def test_file_that_needs_too_much_memory_fails_alone(tmp_path, good):
    inspector = MeshInspector(workers=1, memory_bytes=900 * 1024**2)
    try:
        # Honest bytes: a million triangles ask for more than this child has left.
        report = inspector.inspect(saved(tmp_path, "large.glb", grid(700).packed()), picture=tmp_path / "large.png")
        assert report.verdict is Verdict.FAIL
        assert report.worst is not None
        assert report.worst.code == "MEMORY"
        assert "0.9 GB" in report.worst.message
        assert sorted(path.name for path in tmp_path.iterdir()) == ["good.glb", "large.glb"]
        assert inspector.inspect(good).verdict is not Verdict.FAIL
    finally:
        inspector.close()


def test_file_that_takes_too_long_fails_alone(tmp_path, good):
    slow = saved(tmp_path, "slow.glb", grid(600).packed())
    inspector = MeshInspector(workers=1, timeout_s=0.15)
    try:
        start = time.monotonic()
        report = inspector.inspect(slow)
        assert found(report, "TIMEOUT").limit == 0.15
        assert time.monotonic() - start < 60
        assert children(inspector) == []
    finally:
        inspector.close()


def test_picture_that_takes_too_long_costs_the_picture_only(tmp_path, good):
    inspector = MeshInspector(workers=1, timeout_s=60)
    try:
        inspector.inspect(good)
        inspector._timeout_s = 1.0
        report = inspector.inspect(good, picture=tmp_path / "huge.png", size_px=2048)
        assert found(report, "NO_PICTURE").severity is Severity.WARNING
        assert "takes longer than 1 seconds" in found(report, "NO_PICTURE").message
        assert sorted(path.name for path in tmp_path.iterdir()) == ["good.glb"]
    finally:
        inspector.close()


def test_picture_into_a_folder_that_is_not_there_is_a_finding(inspector, good, tmp_path):
    report = inspector.inspect(good, picture=tmp_path / "none" / "good.png", size_px=32)
    assert "could not be written" in found(report, "NO_PICTURE").message
    blocked = tmp_path / "folder.png"
    (blocked / "inside").mkdir(parents=True)
    assert "could not be written" in found(inspector.inspect(good, picture=blocked, size_px=32), "NO_PICTURE").message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.png", "good.glb"]


def test_damaged_texture_does_not_cost_the_picture(inspector, tmp_path):
    draft = cube().textured(png(128, 128)[:100] + b"IEND")
    report = inspector.inspect(saved(tmp_path, "t.glb", draft.packed()), picture=tmp_path / "t.png", size_px=32)
    assert "NO_PICTURE" not in codes(report)


@settings(max_examples=150, deadline=None, suppress_health_check=HEALTH)
@given(flips=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=20))
def test_flipped_bytes_always_give_a_report(inspector, tmp_path, flips):
    data = bytearray(WHOLE)
    for place, value in flips:
        data[place] = value
    report = inspector.inspect(saved(tmp_path, "wild.glb", bytes(data)), picture=tmp_path / "wild.png", size_px=16)
    assert report.verdict in Verdict
    assert "CHECK_CRASHED" not in codes(report)
    assert {path.name for path in tmp_path.iterdir()} <= {"wild.glb", "wild.png"}


def test_several_threads_share_the_children(good):
    inspector = MeshInspector(workers=2)
    verdicts: list[Verdict] = []
    threads = [threading.Thread(target=lambda: verdicts.append(inspector.inspect(good).verdict)) for _ in range(6)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert verdicts == [Verdict.PASS] * 6
        assert len(inspector._running) <= 2
    finally:
        inspector.close()


def test_close_ends_every_child_and_who_waits_is_told(good):
    inspector = MeshInspector(workers=1)
    inspector.inspect(good)
    (child,) = children(inspector)
    os.kill(child.pid, signal.SIGSTOP)
    told: list[str] = []

    def wait() -> None:
        try:
            inspector.inspect(good)
        except RunError as stopped:
            told.append(stopped.code)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.3)
    inspector.close()
    waiting.join(20)
    assert told == ["MESH_CHILD_FAILED"]
    assert gone(child.pid)
    with pytest.raises(RunError, match="was stopped"):
        inspector.inspect(good)
    inspector.close()


def test_child_ends_when_its_parent_is_killed(good):
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom catalog3d.adapters.mesh_process import MeshInspector\n"
        "inspector = MeshInspector(workers=1)\ninspector.inspect(Path(sys.argv[1]))\n"
        "(child,) = inspector._running\nprint(child.pid, flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(good)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
    assert gone(pid)


def test_child_imports_neither_prefect_nor_what_talks_to_the_network():
    code = (
        "import sys, catalog3d.adapters.mesh_child\n"
        "print(*sorted({'prefect', 'httpx', 'minio', 'sqlalchemy', 'fastapi'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == ""


def test_child_gets_no_secret_and_no_setting(monkeypatch, good):
    secrets = {
        "CATALOG3D_TRIPO__API_KEY": "tsk_secret",
        "AWS_SECRET_ACCESS_KEY": "x",
        "DATABASE_URL": "postgres://u:p@h/d",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    inspector = MeshInspector(workers=1)
    try:
        inspector.inspect(good)
        (child,) = children(inspector)
        environ = Path(f"/proc/{child.pid}/environ")
        if not environ.exists():
            pytest.skip("only Linux shows the environment of another process")
        names = {entry.partition(b"=")[0].decode() for entry in environ.read_bytes().split(b"\0")}
        assert not names & set(secrets)
        assert {"PATH", "PYTHONPATH"} <= names
    finally:
        inspector.close()


def test_child_that_cannot_start_says_why(monkeypatch, good):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    inspector = MeshInspector(workers=1)
    with pytest.raises(RunError) as failed:
        inspector.inspect(good)
    assert failed.value.code == "MESH_CHILD_FAILED"
    assert not inspector._running
    monkeypatch.undo()
    assert inspector.inspect(good).verdict is not Verdict.FAIL
    inspector.close()
