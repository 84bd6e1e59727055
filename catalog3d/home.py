"""Home, the workspace of one catalog: where it is and what lies in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Catalog = Literal["live", "rehearsal"]
"""Real work, or work of the stand-in: they never mix."""


@dataclass(frozen=True, kw_only=True)
class Home:
    """The folders of one catalog.

    Attributes:
        root: The team's folder, absolute.
        catalog: "live", or "rehearsal" for stand-in work, which lives in `root/rehearsal`.
    """

    root: Path
    catalog: Catalog

    @property
    def base(self) -> Path:
        """Where this catalog's own work lies."""
        return self.root / "rehearsal" if self.catalog == "rehearsal" else self.root

    @property
    def inner(self) -> Path:
        """Registry, caches, logs: nothing a person needs to open."""
        return self.base / ".catalog3d"

    @property
    def shared(self) -> Path:
        """What live and rehearsal share: Prefect's home, server records, logs, the stand-in's own state."""
        return self.root / ".catalog3d"

    @property
    def work(self) -> Path:
        """Files of SKUs under way; safe to delete between runs."""
        return self.inner / "work"

    @property
    def models(self) -> Path:
        return self.base / "models"

    @property
    def reports(self) -> Path:
        return self.base / "reports"

    @property
    def logs(self) -> Path:
        return self.shared / "logs"

    @property
    def prefect(self) -> Path:
        return self.shared / "prefect"

    @property
    def registry_file(self) -> Path:
        return self.inner / "registry.db"

    @property
    def review_secret(self) -> Path:
        """What the review page signs with; live and rehearsal share it, as they share their users."""
        return self.shared / "review.secret"

    @property
    def rules_file(self) -> Path:
        return self.root / "catalog.yaml"


def find_home(start: Path, given: Path | None = None) -> Path:
    """The nearest folder upward from `start` that holds `.catalog3d/` or `catalog.yaml`, else `start` itself.

    Args:
        start: The sheet's folder, or the working folder for commands without a sheet.
        given: CATALOG3D_HOME, which wins.
    """
    if given is not None:
        return given.expanduser().resolve()
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / "catalog.yaml").is_file() or (folder / ".catalog3d").is_dir():
            return folder
    return start
