"""A team's folder with one sheet in it, and what a run has to say about its rows."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from catalog3d.adapters.sheet_writeback import Results, RowResult, SheetLayout, WriteBack, sync, write_results

LAYOUT = SheetLayout(sku_header="SKU")
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DONE = {
    "3D Status": "Generated",
    "3D Version": "V1",
    "3D File": "CH123_Chair_V1_GLB.glb",
    "3D Updated": "2026-11-22 12:00",
}


def result(sku: str, **values: str) -> RowResult:
    return RowResult(sku=sku, values=values or DONE)


class Desk:
    """One sheet and our own folder beside it."""

    def __init__(self, folder: Path, data: bytes | None = None, name: str = "products.csv") -> None:
        self.sheet = folder / name
        self.state = folder / ".catalog3d"
        if data is not None:
            self.sheet.write_bytes(data)

    def write(self, *results: RowResult, **options: Any) -> WriteBack:
        return self.write_from(lambda: results, **options)

    def write_from(
        self, results: Results, now: datetime = NOW, layout: SheetLayout = LAYOUT, **options: Any
    ) -> WriteBack:
        return write_results(self.sheet, results, layout=layout, state=self.state, now=now, **options)

    def sync(self, *results: RowResult, **options: Any) -> WriteBack:
        return sync(self.sheet, lambda: results, layout=LAYOUT, state=self.state, now=NOW, **options)

    def rows(self, path: Path | None = None, encoding: str = "utf-8") -> list[dict[str, str]]:
        text = (path or self.sheet).read_bytes().decode(encoding)
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def backups(self) -> list[bytes]:
        """The contents of the backups, oldest first."""
        return [path.read_bytes() for path in sorted((self.state / "backups").rglob("*.csv"))]

    def beside(self) -> list[str]:
        """Every other file in the sheet's folder."""
        return sorted(path.name for path in self.sheet.parent.iterdir() if path not in (self.sheet, self.state))
