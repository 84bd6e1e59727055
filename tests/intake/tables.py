"""Tables and picture folders made from a few lines of text."""

from __future__ import annotations

from catalog3d.intake.picture_files import FileIndex
from catalog3d.intake.reading import interpret
from catalog3d.intake.table import Row, Table
from catalog3d.product import Product, RowProblem, SheetReading
from catalog3d.rules import Rules

FOLDER = "/team/images"


def table(text: str) -> Table:
    """A table from lines of `|`-separated cells, the first being the headers; blank lines count as rows."""
    lines = [[cell.strip() for cell in line.split("|")] for line in text.strip("\n").splitlines()]
    width = len(lines[0])
    rows = [
        Row(number=number, cells=tuple((line + [""] * width)[:width]))
        for number, line in enumerate(lines[1:], start=2)
        if any(line)
    ]
    return Table(sheet="/team/sheet.csv", kind="csv", headers=tuple(lines[0]), rows=tuple(rows))


def pictures(*names: str) -> FileIndex:
    return FileIndex(folders=(FOLDER,), files=tuple(f"{FOLDER}/{name}" for name in names))


def read(text: str, *names: str, rules: Rules | None = None) -> SheetReading:
    return interpret(table(text), rules or Rules(), pictures(*names))


def by_sku(reading: SheetReading) -> dict[str, Product]:
    return {product.sku: product for product in reading.products}


def problems(reading: SheetReading, code: str) -> list[RowProblem]:
    return [problem for problem in reading.problems if problem.code == code]


def names(product: Product) -> list[tuple[str, str]]:
    return [(view.slot.value, view.location.rpartition("/")[2]) for view in product.views]
