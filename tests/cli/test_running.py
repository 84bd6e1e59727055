"""How long the command line waits for a flow, and for what it leaves behind."""

from __future__ import annotations

import signal
import time

import pytest

from tests.processes.processes import python

PROGRAM = """
import asyncio, sys, threading, time
from catalog3d.cli import entry, running
running.AFTER_REPORT_S = 1.0
how = sys.argv[1]

async def flow():
    print("runs", flush=True)
    threads = asyncio.get_running_loop().run_in_executor(None, time.sleep, 60 if how == "stopped" else 0)
    if how in ("deaf", "waits"):
        await asyncio.sleep(60)
    return "state"

def app():
    state = running.run_to_its_end(flow, has_report=lambda: how == "deaf", is_stopped=lambda: how == "stopped")
    print(state)
    raise SystemExit(1)

sys.modules["catalog3d.cli.app"] = type(sys)("catalog3d.cli.app")
sys.modules["catalog3d.cli.app"].app = app
entry.main()
"""


@pytest.mark.parametrize(("how", "state"), [("ends", "state"), ("stopped", "state"), ("deaf", "None")])
def test_the_end_of_a_flow_is_said_without_waiting_for_prefect_or_for_threads_of_a_stopped_run(
    how: str, state: str
) -> None:
    began = time.monotonic()
    running = python(PROGRAM, how)
    stdout, stderr = running.communicate(timeout=30)
    assert (running.returncode, stdout.split(), stderr) == (1, ["runs", state], "")
    assert time.monotonic() - began < 15


def test_ctrl_c_before_the_run_listens_ends_the_flow_and_the_program() -> None:
    running = python(PROGRAM, "waits")
    assert running.stdout is not None
    assert running.stdout.readline() == "runs\n"
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=15)
    assert (running.returncode, stderr) == (130, "Stopped.\n")
