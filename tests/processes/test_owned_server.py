"""Starting, sharing and stopping a server of ours, on a small server that starts in a moment."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from catalog3d.adapters.guard import guarded_lock
from catalog3d.adapters.owned_server import Launch, guarded, health_of, joined_or_started, read_record
from catalog3d.errors import RunError
from tests.processes.processes import ROOT, eventually, is_running

SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
KEY = SecretStr("tsk_standin_secret")


def _launch(folder: Path, code: str = SERVER, *, port: int = 0, start_timeout_s: float = 20.0) -> Launch:
    return Launch(
        name="little server",
        record=folder / "little.json",
        log=folder / "little.log",
        health_path="/health",
        command=lambda chosen: [sys.executable, "-c", code, str(chosen)],
        environment=lambda _port: {"PATH": os.environ["PATH"]},
        port=port,
        start_timeout_s=start_timeout_s,
        api_key=KEY,
    )


def _answers(url: str) -> Callable[[], bool]:
    return lambda: health_of(f"{url}/health") == 200


def test_server_answers_inside_the_block_and_is_gone_after_it(tmp_path):
    with joined_or_started(_launch(tmp_path)) as record:
        assert _answers(record.url)()
    assert not _answers(record.url)()


def test_second_user_gets_the_same_server_and_its_key(tmp_path):
    with joined_or_started(_launch(tmp_path)) as first, joined_or_started(_launch(tmp_path)) as second:
        assert (second.url, second.pid) == (first.url, first.pid)
        assert second.api_key == KEY


def test_starter_that_leaves_first_leaves_the_server_to_the_others(tmp_path):
    starter, joiner = joined_or_started(_launch(tmp_path)), joined_or_started(_launch(tmp_path))
    url = starter.__enter__().url
    joiner.__enter__()

    starter.__exit__(None, None, None)
    assert _answers(url)()

    joiner.__exit__(None, None, None)
    assert eventually(lambda: not _answers(url)(), within_s=10)


def test_record_of_a_server_that_is_gone_is_not_believed(tmp_path):
    with joined_or_started(_launch(tmp_path)) as old:
        pass
    assert read_record(tmp_path / "little.json") == old

    with joined_or_started(_launch(tmp_path)) as new:
        assert new.pid != old.pid
        assert _answers(new.url)()


@pytest.mark.parametrize("content", [b"", b"{", b'{"url": 1}', b"\xff" * 20_000])
def test_damaged_record_is_ignored(tmp_path, content):
    (tmp_path / "little.json").write_bytes(content)
    assert read_record(tmp_path / "little.json") is None


def test_record_can_be_read_by_its_owner_alone_and_its_key_is_not_printed(tmp_path):
    with joined_or_started(_launch(tmp_path)) as record:
        assert (tmp_path / "little.json").stat().st_mode & 0o777 == 0o600
    assert KEY.get_secret_value() not in repr(record)


def test_server_that_ends_at_its_start_is_reported_with_its_last_words(tmp_path):
    launch = _launch(tmp_path, "raise SystemExit('no such table: shelf')")
    with pytest.raises(RunError, match="no such table: shelf") as stopped, joined_or_started(launch):
        pass
    assert stopped.value.code == "SERVER_START_FAILED"


def test_server_that_never_answers_is_given_up_and_stopped(tmp_path):
    launch = _launch(tmp_path, "import time; time.sleep(60)", start_timeout_s=0.5)
    with pytest.raises(RunError) as stopped, joined_or_started(launch):
        pass
    assert stopped.value.code == "SERVER_START_TIMEOUT"
    with guarded_lock(tmp_path / "little.users").open("rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody guards anything any more


def test_living_server_that_does_not_answer_is_named_with_its_process(tmp_path):
    (tmp_path / "little.json").write_text('{"url": "http://127.0.0.1:9", "pid": 4711}')
    launch = _launch(tmp_path, start_timeout_s=0.5)
    with guarded_lock(tmp_path / "little.users").open("ab") as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)
        with pytest.raises(RunError, match="kill 4711") as stopped, joined_or_started(launch):
            pass
    assert stopped.value.code == "SERVER_NOT_ANSWERING"


def test_taken_port_is_refused_before_anything_starts(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        launch = _launch(tmp_path, port=taken.getsockname()[1])
        with pytest.raises(RunError) as stopped, joined_or_started(launch):
            pass
    assert stopped.value.code == "PORT_IN_USE"


def test_command_without_an_address_runs_once_per_home(tmp_path):
    def worker(timeout_s: float = 8.0):
        return guarded(
            ["sleep", "60"],
            users_lock=tmp_path / "worker.users",
            log=tmp_path / "worker.log",
            environment={"PATH": os.environ["PATH"]},
            name="worker",
            timeout_s=timeout_s,
        )

    with worker() as runs:
        assert runs()
        with pytest.raises(RunError) as stopped, worker(timeout_s=0):
            pass
        assert stopped.value.code == "SERVER_BUSY"
    assert not runs()


LEAVES = """
import sys
from pathlib import Path
from catalog3d.adapters.owned_server import guarded
from tests.processes.test_guard import WORKER_AND_FLOW_RUN
folder = Path(sys.argv[1])
command = [sys.executable, "-c", WORKER_AND_FLOW_RUN, str(folder / "pids"), "60"]
with guarded(command, users_lock=folder / "users", log=folder / "log", environment={"PATH": "/bin:/usr/bin"}, name="w"):
    sys.stdin.readline()
    print("leaves", flush=True)
"""


def test_second_ctrl_c_while_a_worker_is_stopped_waits_for_no_flow_run(tmp_path):
    program = subprocess.Popen(
        [sys.executable, "-c", LEAVES, str(tmp_path)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert eventually((tmp_path / "pids").exists, within_s=10)
    assert program.stdin is not None
    assert program.stdout is not None
    family = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    program.stdin.write("\n")
    program.stdin.flush()
    assert program.stdout.readline() == "leaves\n"
    assert eventually((tmp_path / "pids.asked").exists, within_s=10)  # until then a Ctrl-C would be the first one

    program.send_signal(signal.SIGINT)

    program.communicate(timeout=10)
    assert eventually(lambda: not any(is_running(pid) for pid in family), within_s=10)
