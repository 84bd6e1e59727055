"""Reading, mapping and checking a sheet of 10,000 products, against pandas merely loading its cells.

Run: python bench/intake.py [ROWS]
"""

from __future__ import annotations

import argparse
import csv
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from catalog3d.rules import Rules
from catalog3d.stages.ingest import read_sheet

HEADER = ("SKU", "Product Name", "Category", "Material", "Color", "Dimensions", "Image", "Price")
REPEATS = 3


def write_catalog(folder: Path, rows: int) -> Path:
    """A sheet and an (empty) photo file for each of its rows."""
    sheet, photos = folder / "products.csv", folder / "photos"
    photos.mkdir()
    with sheet.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number in range(rows):
            sku = f"SKU{number:05d}"
            writer.writerow(
                (sku, f"Chair {number}", "Chairs", "Oak", "Natural", "45 x 50 x 90 cm", f"{sku}.jpg", "9,90")
            )
            (photos / f"{sku}.jpg").touch()
    return sheet


def seconds(work: Callable[[], object]) -> float:
    """Median CPU seconds of a few repeats."""
    taken = []
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=10_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        sheet = write_catalog(Path(folder), rows)
        reading = read_sheet(sheet, Rules())
        ours = seconds(lambda: read_sheet(sheet, Rules()))
        theirs = seconds(lambda: pd.read_csv(sheet, dtype=str, keep_default_na=False))
    print(f"python bench/intake.py {rows}")
    print(f"  products understood          {len(reading.products):>8} of {rows}")
    print(f"  catalog3d, read and checked  {ours:8.2f} CPU s   {1e6 * ours / rows:8.0f} us a row")
    print(f"  pandas.read_csv, text only   {theirs:8.2f} CPU s   {1e6 * theirs / rows:8.0f} us a row")
    print(f"  ratio                        {ours / theirs:8.1f}")


if __name__ == "__main__":
    main()
