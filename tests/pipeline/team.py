"""A small team for the tests of the whole job: a folder with a sheet and photos, and the real command line."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = ROOT / "examples" / "photos"
KEY = "tsk_pipeline_tests"
HEADER = ("Article No.", "Title", "Category", "Material", "Color", "Picture", "Prompt", "Price")
ROWS = (
    ("00412", "Stoneware Mug", "Homeware", "Stoneware", "White", "00412.jpg", "", "12,90"),
    ("MG017", "Blue Mug", "Homeware", "Stoneware", "Blue", "MG017.jpg", "", "11,90"),
    ("MG017-S", "Blue Mug Small", "Homeware", "Stoneware", "Blue", "MG017.jpg", "", "9,90"),
    ("CD033", "Candle", "Homeware", "Wax", "Cream", "CD033.jpg", "", "7,50"),
    ("PL088", "Plate", "Homeware", "Stoneware", "Grey", "PL088.jpg", "", "14,00"),
    ("BN140", "Bench", "Furniture", "Oak", "Natural", "BN140.jpg", "", "199,00"),
    ("PR001", "Forbidden Thing", "Homeware", "Wax", "Red", "", "something the provider refuses", "1,00"),
    ("BR002", "Broken Photo", "Homeware", "Wax", "Red", "broken.jpg", "", "1,00"),
    ("MS003", "Missing Photo", "Homeware", "Wax", "Red", "missing.jpg", "", "1,00"),
)
WITH_MODEL = {"00412", "MG017", "MG017-S", "CD033", "PL088", "BN140"}
BRIEFS = 5
"""Paid tasks for them: MG017 and MG017-S share a photo."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What one call of the command line gave."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@dataclass(frozen=True, kw_only=True)
class Team:
    """A folder with `sheet.csv` and `photos/`, and what its people have in their environment."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def sheet(self) -> Path:
        return self.folder / "sheet.csv"

    def rows(self, name: str = "sheet.csv") -> dict[str, dict[str, str]]:
        """SKU -> column -> cell."""
        with (self.folder / name).open(newline="", encoding="utf-8") as file:
            return {row[HEADER[0]]: row for row in csv.DictReader(file, delimiter=";")}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The command line, left running."""
        return subprocess.Popen(
            [sys.executable, "-m", "catalog3d.cli.app", *arguments],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str, timeout_s: float = 200) -> Said:
        """The command line, to its end."""
        running = self.start(*arguments)
        try:
            stdout, stderr = running.communicate(timeout=timeout_s)
        finally:
            running.kill()
        return Said(code=running.returncode, stdout=stdout, stderr=stderr)

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        users_home = self.folder.parent / "users-home"
        users_home.mkdir(exist_ok=True)
        return {**kept, "HOME": str(users_home), "PYTHONPATH": str(ROOT), **self.environment}


def make_team(folder: Path, **environment: str) -> Team:
    """A team whose sheet has the rows above; two photos are missing or broken on purpose."""
    (folder / "photos").mkdir(parents=True)
    for name in {row[5] for row in ROWS} - {"", "broken.jpg", "missing.jpg"}:
        shutil.copyfile(PHOTOS / name, folder / "photos" / name)
    (folder / "photos" / "broken.jpg").write_bytes(b"\xff\xd8\xff this is no photo")
    team = Team(folder=folder, environment=environment)
    write_sheet(team, ROWS)
    return team


def write_sheet(team: Team, rows: tuple[tuple[str, ...], ...]) -> None:
    """Their sheet as a German Excel saves it: semicolons, CRLF, a decimal comma."""
    with team.sheet.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
        writer.writerows([HEADER, *rows])


def with_tripo(url: str) -> dict[str, str]:
    """The environment of a team that has a key for a server at `url`."""
    return {"CATALOG3D_TRIPO__BASE_URL": url, "CATALOG3D_TRIPO__API_KEY": KEY}


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A stand-in that plays Tripo, seen from its owner's side."""

    url: str

    def stats(self) -> dict[str, Any]:
        answer = httpx.get(f"{self.url}/standin/stats", headers=self._key, trust_env=False).raise_for_status()
        found: dict[str, Any] = answer.json()["data"]
        return found

    def fault(self, fault: str, *, times: int = 1, **match: Any) -> None:
        body = {"match": match, "fault": fault, "times": times}
        httpx.post(f"{self.url}/standin/faults", json=body, headers=self._key, trust_env=False).raise_for_status()

    @property
    def _key(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {KEY}"}
