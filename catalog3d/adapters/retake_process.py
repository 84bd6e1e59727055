"""Orders a retake that is on record in a program of its own: a page that asked for it need not stay open."""

from __future__ import annotations

import os
import subprocess
import sys

from catalog3d.home import Home
from catalog3d.sku_part import sku_part


def start_retake(home: Home, sku: str, *, generator: str) -> subprocess.Popen[bytes]:
    """Start `catalog3d retake SKU --asked`, which orders what is on record and allowed, and asks for nothing new.

    Started twice, the second finds the first at work or its model made, and pays nothing. What it says is kept in
    HOME/.catalog3d/logs.

    Args:
        generator: `tripo` or `standin`, as the catalog of the wish has it: a rehearsal is ordered from the stand-in.
    """
    home.logs.mkdir(parents=True, exist_ok=True)
    with (home.logs / f"retake-{sku_part(sku)}.log").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "catalog3d.cli.app", "retake", "--asked", "--yes", "--json", "--", sku],
            cwd=home.root,
            env={**os.environ, "CATALOG3D_GENERATOR": generator},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
