"""A catalog to besiege: a sheet whose SKUs have photos of their own, and the real command line as a process group."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SHARED_EVERY = 10
"""Every tenth SKU has the photo of the one before it: two SKUs, one brief."""


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """A folder with `sheet.csv` and `photos/`, and the environment of the people who work there.

    Attributes:
        others: The same sheet and photos on other machines, each a home of its own; all share registry and library.
    """

    folder: Path
    others: tuple[Path, ...] = ()
    skus: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def models(self) -> Path:
        return self.folder / "models"

    def elsewhere(self, folder: Path) -> Catalog:
        """The same catalog with one more machine, before its first run."""
        shutil.copytree(self.folder, folder)
        return replace(self, others=(*self.others, folder))

    def start(self, log: Path, place: int = 0) -> Life:
        """`catalog3d run sheet.csv` as a process group of its own; what it says goes to `log`.

        Args:
            place: On which machine, counted round.
        """
        homes = (self.folder, *self.others)
        with log.open("ab") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "catalog3d.cli.app", "run", "sheet.csv", "--budget", "1000000", "--json"],
                cwd=homes[place % len(homes)],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        return Life(process=process, log=log)

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        users_home = self.folder.parent / "users-home"
        users_home.mkdir(exist_ok=True)
        return {**kept, "HOME": str(users_home), "PYTHONPATH": str(ROOT), **self.environment}


@dataclass(frozen=True, kw_only=True)
class Life:
    """One run under way."""

    process: subprocess.Popen[bytes]
    log: Path = field(compare=False)

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def kill(self) -> None:
        """SIGKILL to the whole group, so that nothing gets a last word."""
        self.signal(signal.SIGKILL)
        self.process.wait(timeout=30)

    def signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def await_stop(self, within_s: float = 10.0) -> None:
        """Until SIGSTOP has reached its process: on a busy machine it still runs for a moment."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and not self.has_ended:
            shown = ["ps", "-o", "stat=", "-p", str(self.process.pid)]
            if subprocess.run(shown, capture_output=True, text=True, check=False).stdout.strip().startswith("T"):
                return
            time.sleep(0.02)

    def end(self, timeout_s: float) -> int | None:
        """Its exit code once it has ended by itself; None if it had to be killed."""
        try:
            return self.process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def last_words(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-1500:]


def make_catalog(folder: Path, count: int, environment: dict[str, str]) -> Catalog:
    """A sheet of so many SKUs; their photos are discs of different colors."""
    photos = folder / "photos"
    photos.mkdir(parents=True)
    yy, xx = np.mgrid[0:256, 0:256] - 128
    disc = xx**2 + yy**2 < 90**2
    skus = tuple(f"P{number:04d}" for number in range(count))
    with (folder / "sheet.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("SKU", "Name", "Image"))
        for number, sku in enumerate(skus):
            shares = number % SHARED_EVERY == SHARED_EVERY - 1
            photo = f"{skus[number - 1] if shares else sku}.png"
            if not shares:
                pixels = np.full((256, 256, 3), 245, np.uint8)
                pixels[disc] = (number % 200, (number * 7) % 200, (number * 13) % 200)
                Image.fromarray(pixels).save(photos / photo)
            writer.writerow((sku, f"Disc {number}", photo))
    return Catalog(folder=folder, skus=skus, environment=environment)
