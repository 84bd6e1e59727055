"""The guard ends its command when the last user is gone, whatever became of the users."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog3d.adapters.guard import guarded_lock
from tests.processes.processes import ROOT, eventually, is_running, python

PROMISED_S = 10.0

USER = """
import fcntl, sys, time
lock = open(sys.argv[1], "ab")
fcntl.flock(lock, fcntl.LOCK_SH)
print("holding", flush=True)
time.sleep(60)
"""

PARENT_WITH_TWO_CHILDREN = """
import os, signal, subprocess, sys, time
same_group = subprocess.Popen(["sleep", "60"])
own_session = subprocess.Popen(["sleep", "60"], start_new_session=True)
if sys.argv[2:] == ["stubborn"]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open(sys.argv[1] + ".new", "w") as file:
    file.write(f"{os.getpid()} {same_group.pid} {own_session.pid}")
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(60)
"""

WORKER_AND_FLOW_RUN = """
import os, signal, subprocess, sys, time
FLOW_RUN = '''
import os, signal, subprocess, sys, time
check = subprocess.Popen(["sleep", "60"], start_new_session=True)
def stop(*_):
    open(sys.argv[1] + ".asked", "w").close()
    time.sleep(float(sys.argv[2]))
    words = "its mesh check lives" if check.poll() is None else "its mesh check is dead"
    check.kill()
    with open(sys.argv[1] + ".summary", "w") as file:
        file.write(words)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
with open(sys.argv[1] + ".new", "w") as file:
    file.write(f"{os.getppid()} {os.getpid()} {check.pid}")
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(60)
'''
flow_run = subprocess.Popen([sys.executable, "-c", FLOW_RUN, *sys.argv[1:]], start_new_session=True)
def kill(*_):
    flow_run.kill()
    sys.exit(1)
signal.signal(signal.SIGTERM, kill)
flow_run.wait()
print("the flow run ended by itself", flush=True)
time.sleep(60)
"""
"""Stops as Prefect 3.8.8's worker does: it kills its flow runs."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for pid in _family(tmp_path):
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def users(folder: Path) -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for user in started:
        user.kill()
        user.communicate()


def _start_user(folder: Path, users: list[subprocess.Popen[str]]) -> subprocess.Popen[str]:
    user = python(USER, str(folder / "users"))
    users.append(user)
    assert user.stdout is not None
    assert user.stdout.readline() == "holding\n"
    return user


def _start_guard(folder: Path, *command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "catalog3d.adapters.guard", str(folder / "users"), str(folder / "log"), "--", *command],
        cwd=ROOT,
        start_new_session=True,
    )


def _family(folder: Path) -> list[int]:
    pids = folder / "pids"
    return [int(pid) for pid in pids.read_text().split()] if pids.exists() else []


def _started_family(folder: Path) -> list[int]:
    assert eventually(lambda: bool(_family(folder)), within_s=PROMISED_S)
    return _family(folder)


def _gone(pids: list[int]) -> bool:
    return not any(is_running(pid) for pid in pids)


@pytest.mark.parametrize("manners", ["polite", "stubborn"])
def test_kill_9_of_the_only_user_ends_the_command_and_all_its_children(folder, users, manners):
    user = _start_user(folder, users)
    with _start_guard(folder, sys.executable, "-c", PARENT_WITH_TWO_CHILDREN, str(folder / "pids"), manners) as guard:
        family = _started_family(folder)

        user.kill()

        assert eventually(lambda: _gone(family), within_s=PROMISED_S)
        assert guard.wait(timeout=PROMISED_S) == 0


def test_second_user_keeps_the_command_until_it_is_gone_too(folder, users):
    first, second = _start_user(folder, users), _start_user(folder, users)
    with _start_guard(folder, sys.executable, "-c", PARENT_WITH_TWO_CHILDREN, str(folder / "pids")) as guard:
        family = _started_family(folder)

        first.kill()
        with pytest.raises(subprocess.TimeoutExpired):
            guard.wait(timeout=1.5)
        assert all(is_running(pid) for pid in family)

        second.kill()
        assert eventually(lambda: _gone(family), within_s=PROMISED_S)
        assert guard.wait(timeout=PROMISED_S) == 0


def test_guard_ends_with_its_command_and_passes_on_its_status_and_words(folder, users):
    _start_user(folder, users)

    with _start_guard(folder, sys.executable, "-c", "print('last words'); raise SystemExit(7)") as guard:
        assert guard.wait(timeout=PROMISED_S) == 7

    assert (folder / "log").read_text() == "last words\n"


def test_sigterm_to_the_guard_stops_the_command(folder, users):
    _start_user(folder, users)
    with _start_guard(folder, sys.executable, "-c", PARENT_WITH_TWO_CHILDREN, str(folder / "pids")) as guard:
        family = _started_family(folder)

        guard.terminate()

        assert guard.wait(timeout=PROMISED_S) == 0
        assert _gone(family)


def test_flow_runs_of_a_stopped_worker_end_in_order_before_it_can_kill_them(folder, users):
    _start_user(folder, users)
    with _start_guard(folder, sys.executable, "-c", WORKER_AND_FLOW_RUN, str(folder / "pids"), "1.5") as guard:
        family = _started_family(folder)

        guard.terminate()

        assert guard.wait(timeout=PROMISED_S) == 0
        assert _gone(family)
    assert (folder / "pids.summary").read_text() == "its mesh check lives"
    assert "the flow run ended by itself" in (folder / "log").read_text()


@pytest.mark.parametrize(("takes_s", "in_order"), [("1.5", True), ("20", False)])
def test_kill_9_of_the_only_user_gives_flow_runs_a_moment_and_no_more(folder, users, takes_s, in_order):
    user = _start_user(folder, users)
    with _start_guard(folder, sys.executable, "-c", WORKER_AND_FLOW_RUN, str(folder / "pids"), takes_s) as guard:
        family = _started_family(folder)

        user.kill()

        assert guard.wait(timeout=PROMISED_S) == 0
        assert eventually(lambda: _gone(family), within_s=1)
    assert (folder / "pids.summary").exists() is in_order


def test_second_sigterm_to_the_guard_does_not_wait_for_flow_runs(folder, users):
    _start_user(folder, users)
    with _start_guard(folder, sys.executable, "-c", WORKER_AND_FLOW_RUN, str(folder / "pids"), "20") as guard:
        family = _started_family(folder)

        guard.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            guard.wait(timeout=1)
        guard.terminate()

        assert guard.wait(timeout=PROMISED_S) == 0
        assert _gone(family)


def test_guard_without_users_runs_its_command_until_it_is_stopped_and_writes_where_the_guard_does(folder):
    command = [sys.executable, "-c", WORKER_AND_FLOW_RUN, str(folder / "pids"), "0.5"]
    guard = subprocess.Popen(
        [sys.executable, "-m", "catalog3d.adapters.guard", "-", "-", "--", *command],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    family = _started_family(folder)

    guard.terminate()

    words, _ = guard.communicate(timeout=PROMISED_S)
    assert guard.returncode == 0
    assert "the flow run ended by itself" in words
    assert _gone(family)
    assert (folder / "pids.summary").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_kill_9_of_the_guard_itself_ends_the_command(folder, users):
    _start_user(folder, users)
    with _start_guard(folder, "sleep", "60") as guard:
        assert eventually(lambda: len(_children(guard.pid)) == 1, within_s=PROMISED_S)
        command = _children(guard.pid)

        guard.kill()

        assert eventually(lambda: _gone(command), within_s=PROMISED_S)


def test_removed_home_ends_the_command(folder, users):
    _start_user(folder, users)
    with _start_guard(folder, "sleep", "60") as guard:
        assert eventually(lambda: bool(_children(guard.pid)), within_s=PROMISED_S)

        (folder / "users").unlink()

        assert guard.wait(timeout=PROMISED_S) == 0


def test_second_guard_for_the_same_users_starts_nothing(folder, users):
    _start_user(folder, users)
    with guarded_lock(folder / "users").open("ab") as other_guard:
        fcntl.flock(other_guard, fcntl.LOCK_EX)
        with _start_guard(folder, "touch", str(folder / "started")) as guard:
            assert guard.wait(timeout=PROMISED_S) == os.EX_TEMPFAIL
    assert not (folder / "started").exists()


def test_guard_is_in_a_session_of_its_own_and_its_command_too(folder, users):
    _start_user(folder, users)
    with _start_guard(folder, "sleep", "60") as guard:
        assert eventually(lambda: bool(_children(guard.pid)), within_s=PROMISED_S)
        (command,) = _children(guard.pid)

        assert len({os.getsid(0), os.getsid(guard.pid), os.getsid(command)}) == 3
        guard.terminate()


def test_wrong_arguments_are_refused_with_the_usage():
    refused = subprocess.run(
        [sys.executable, "-m", "catalog3d.adapters.guard", "users"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode == os.EX_USAGE
    assert refused.stderr.startswith("usage:")


def _children(pid: int) -> list[int]:
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    rows = [line.split() for line in listing.stdout.splitlines()]
    return [int(child) for child, parent in rows if int(parent) == pid]
