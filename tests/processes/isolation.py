"""Programs in a network that has nothing but loopback, with a meter for what they try to reach beyond it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping

from tests.postgres_server import lacking
from tests.processes.processes import ROOT

_ISOLATED = ("unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
"""Runs a command in a network that has nothing but loopback."""

_METER = """
import socket
def refused():
    lines = [line.split() for line in open("/proc/net/snmp") if line.startswith(("Ip:", "Udp:"))]
    counts = {**dict(zip(*lines[:2])), **dict(zip(*lines[2:]))}
    six = dict(line.split() for line in open("/proc/net/snmp6"))
    # no route to anywhere; or a question to a name server on this machine, which is not there
    return int(counts["OutNoRoutes"]) + int(counts["NoPorts"]) + int(six["Ip6OutNoRoutes"])
before = refused()
USE
after = refused()
with socket.socket() as probe:
    probe.connect_ex(("192.0.2.1", 443))
print(f"attempts: {after - before}, control: {refused() - after}", flush=True)
"""
NO_ATTEMPT = "attempts: 0, control: 1"
"""The meter's line for a program that tried nothing; the control is one attempt that it makes itself."""


def metered(
    code: str, *arguments: str, environment: Mapping[str, str], timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """Run Python code in isolation; the last line of its stdout is the meter's."""
    if not _can_isolate():
        lacking("this machine cannot give a process a network of its own (Linux, `unshare -rn`, `ip`)")
    return subprocess.run(
        [*_ISOLATED, sys.executable, "-c", _METER.replace("USE", code), *arguments],
        cwd=ROOT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def _can_isolate() -> bool:
    if not shutil.which("unshare") or not shutil.which("ip"):
        return False
    return subprocess.run([*_ISOLATED, "true"], capture_output=True, check=False).returncode == 0
