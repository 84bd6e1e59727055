"""Puts the interactive viewer into the package: `python -m catalog3d.review.viewer_setup`, or `make viewer`.

It comes from npm in the pinned version, checked by the lock file's integrity, and is never committed. Without node the
review page works with drawn pictures.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from catalog3d.errors import RunError

HERE = Path(__file__).parent
VIEWER = HERE / "static" / "viewer" / "model-viewer.min.js"
_PINNED = HERE / "viewer"
_BUILT = Path("node_modules", "@google", "model-viewer", "dist", "model-viewer.min.js")
"""One module with everything in it, 1.07 MB (290 kB compressed): nothing else of the package is needed."""
_TIMEOUT_S = 300


def has_viewer() -> bool:
    """Whether the page can show a model that turns under the hand."""
    return VIEWER.is_file()


def install_viewer() -> Path:
    """Fetch the pinned viewer (blocking; a few seconds); one that is there is replaced as a whole.

    Raises:
        RunError: NO_NODE, VIEWER_NOT_INSTALLED.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise RunError(
            "There is no npm on this machine, so the interactive viewer cannot be fetched.",
            code="NO_NODE",
            fix="Install Node.js 18 or newer and run it again; until then the review page shows drawn pictures.",
        )
    with tempfile.TemporaryDirectory(prefix="catalog3d-viewer-") as folder:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copyfile(_PINNED / name, Path(folder, name))
        _install(npm, folder)
        VIEWER.parent.mkdir(parents=True, exist_ok=True)
        part = VIEWER.with_name(f".part-{os.getpid()}")
        shutil.copyfile(Path(folder) / _BUILT, part)
        part.replace(VIEWER)
    return VIEWER


def _install(npm: str, folder: str) -> None:
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        said = done.stderr.strip() or done.stdout.strip()
        failed = done.returncode != 0 or not Path(folder, _BUILT).is_file()
    except subprocess.TimeoutExpired:
        failed, said = True, f"npm did not end within {_TIMEOUT_S} s"
    if failed:
        raise RunError(
            f"npm could not fetch the viewer: {said[-500:]}",
            code="VIEWER_NOT_INSTALLED",
            fix="Is the npm registry reachable? The review page shows drawn pictures until then.",
        )


def main() -> int:
    """Install it, and say where it lies."""
    try:
        sys.stdout.write(f"The viewer is installed: {install_viewer()}\n")
    except RunError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
