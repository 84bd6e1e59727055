"""The console script: as little as possible, so that Ctrl-C ends it in one word from its first moment on."""

from __future__ import annotations

import os
import sys

INTERRUPTED = 130

_by_force: list[bool] = []


def end_by_force() -> None:
    """Have the program end without waiting for threads that cannot end, such as Prefect's without its server."""
    _by_force.append(True)


def main() -> None:
    """Run the command line, and end with its exit code."""
    try:
        from catalog3d.cli.app import app

        app()
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        _end(INTERRUPTED)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            sys.stderr.write("Stopped.\n")
        if _by_force and isinstance(ended.code, int):
            _end(ended.code)
        raise


def _end(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
