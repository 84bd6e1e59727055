"""Keeps one command running only while somebody uses it.

`python -m catalog3d.adapters.guard USERS_LOCK LOG -- command...`
`python -m catalog3d.adapters.guard - - -- command...`

Whoever uses the command holds a shared flock on USERS_LOCK. The kernel drops that lock when its holder ends in any way,
`kill -9` included; the guard sees it within POLL_S and ends the command with all its children. As long as a second user
holds the lock, the command stays. The guard ends when its command ends; it answers SIGTERM by stopping the command.

Stopping begins with the command's children that lead groups of their own: the flow runs of a Prefect worker. Prefect 3.8.8's
worker answers SIGTERM by killing them; asked themselves, they write down what they know and end. A second SIGTERM to the
guard does not wait for them.

The second form has no users: the command runs until it ends or the guard is stopped, and writes where the guard does. It
stands in front of a worker that a container or a service manager starts.

The guard itself holds `USERS_LOCK.guarded` exclusively all its life: this tells a living guard from a stale record (process
ids are used again), and two guards never serve one lock. A second guard ends at once with status 75 (EX_TEMPFAIL).

Only the standard library is imported here, so that a guard costs little memory and starts at once.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

POLL_S = 0.5
GRACE_S = 3.0
"""From SIGTERM to SIGKILL. With POLL_S and a busy machine this stays far below the 10 s that we promise."""
CHILDREN_S = 30.0
"""For flow runs, from SIGTERM until their worker is stopped: a paid request under way, then leases, sheet and report.
As long as Prefect's worker itself gives a flow run that is cancelled on its pages."""
ABANDONED_CHILDREN_S = 5.0
"""The same when the last user was killed: nothing is left 10 s later."""

_NOBODY = "-"

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def guarded_lock(users_lock: Path) -> Path:
    """The lock that a living guard of `users_lock` holds exclusively."""
    return users_lock.with_name(users_lock.name + ".guarded")


def main(arguments: list[str]) -> int:
    """Run the command; returns its exit status, or 0 when it was stopped."""
    if len(arguments) < 4 or arguments[2] != "--":
        sys.stderr.write("usage: python -m catalog3d.adapters.guard USERS_LOCK LOG -- command...\n")
        return os.EX_USAGE
    if arguments[:2] == [_NOBODY, _NOBODY]:
        return _guard(arguments[3:], None, None)
    users_lock, log, command = Path(arguments[0]), Path(arguments[1]), arguments[3:]
    with guarded_lock(users_lock).open("ab") as alive:
        try:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return os.EX_TEMPFAIL
        with log.open("ab") as output:
            return _guard(command, users_lock, output)


def _guard(command: list[str], users_lock: Path | None, output: BinaryIO | None) -> int:
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: asked.append(received))
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        preexec_fn=_end_with_parent(),  # noqa: PLW1509 - the guard has one thread
    )
    with process:
        while process.poll() is None and not asked:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=POLL_S)
            if users_lock is not None and (nobody := _held_by_nobody(users_lock)) is not None:
                with nobody:  # kept until the command is gone: a newcomer waits, then starts its own
                    _let_children_end(process, within_s=ABANDONED_CHILDREN_S, in_a_hurry=lambda: bool(asked))
                    _stop(process)
                return 0
        if asked:
            _let_children_end(process, within_s=CHILDREN_S, in_a_hurry=lambda: len(asked) > 1)
        _stop(process)
    return 0 if asked else process.returncode


def _held_by_nobody(users_lock: Path) -> BinaryIO | None:
    """The users' lock, taken exclusively, if nobody holds it (or its folder is gone); else None."""
    try:
        lock = users_lock.open("r+b")
    except FileNotFoundError:
        return Path(os.devnull).open("r+b")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _end_with_parent() -> Callable[[], None] | None:
    """On Linux, has the kernel end the command when the guard itself is killed; elsewhere there is no such thing."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def _let_children_end(process: subprocess.Popen[bytes], *, within_s: float, in_a_hurry: Callable[[], bool]) -> None:
    """SIGTERM, once each, to the groups that the command's own children lead, and time to end in order.

    Groups further below are left to them: a flow run's mesh checks must not end before it does.
    """
    told: set[int] = set()
    deadline = time.monotonic() + within_s
    while process.poll() is None and time.monotonic() < deadline and not in_a_hurry():
        living = _groups_led_by_children(process.pid)
        if not living:
            return
        _signal(living - told, signal.SIGTERM)
        told |= living
        time.sleep(0.1)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, GRACE_S, SIGKILL: to the command's group and to the groups that its children made for themselves.

    Prefect's worker starts each flow run in a session of its own, so the command's group alone is not enough.
    """
    groups = {process.pid} | _groups_below({process.pid})
    _signal(groups, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    while time.monotonic() < deadline:
        process.poll()  # reaps the command, so that its group can become empty
        if not any(_has_members(group) for group in groups):
            return
        time.sleep(0.05)
    _signal(groups | _groups_below(groups), signal.SIGKILL)
    process.wait()


def _signal(groups: Iterable[int], number: signal.Signals) -> None:
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def _has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS answers this for a group of zombies
        return False
    return True


def _groups_led_by_children(pid: int) -> set[int]:
    """The process groups whose leader is a child of `pid`."""
    return {child for child, (parent, group) in _processes().items() if parent == pid and group == child}


def _groups_below(roots: set[int]) -> set[int]:
    """Process groups of all descendants of `roots` (process ids)."""
    table = _processes()
    family = set(roots)
    while grown := {pid for pid, (parent, _) in table.items() if parent in family} - family:
        family |= grown
    return {table[pid][1] for pid in family if pid in table} - {os.getpgrp(), 0, 1}


def _processes() -> dict[int, tuple[int, int]]:
    """Process id -> (parent, group), without zombies. From /proc where there is one: slim images have no `ps`."""
    table = {}
    if Path("/proc/self/stat").exists():
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError, ValueError, IndexError):
                # "pid (name) state ppid pgrp ...": the name may itself hold blanks and brackets
                fields = stat.read_text(errors="replace").rpartition(")")[2].split()
                if fields[0] != "Z":
                    table[int(stat.parent.name)] = (int(fields[1]), int(fields[2]))
        return table
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,pgid=,stat="], capture_output=True, text=True, check=False, timeout=GRACE_S
    )
    for line in listing.stdout.splitlines():
        pid, parent, group, state = line.split()
        if not state.startswith("Z"):
            table[int(pid)] = (int(parent), int(group))
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
