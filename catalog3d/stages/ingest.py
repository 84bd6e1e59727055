"""Reads a sheet: file, pictures beside it and rules become checked products and a list of problems."""

from __future__ import annotations

from pathlib import Path

from catalog3d.adapters.picture_index import index_pictures
from catalog3d.adapters.sheet_files import load_table
from catalog3d.intake.reading import interpret
from catalog3d.product import SheetReading
from catalog3d.rules import Rules


def read_sheet(path: Path, rules: Rules, *, images: Path | None = None) -> SheetReading:
    """Read and check a whole sheet; spends nothing and fetches nothing.

    Args:
        images: A folder of pictures that is searched before those beside the sheet.

    Raises:
        RunError: The sheet as a whole cannot be used (see `intake.problems.CODES`).
    """
    table = load_table(path)
    return interpret(table, rules, index_pictures(Path(table.sheet).parent, images))


def sheet_mapping(path: Path, rules: Rules) -> dict[str, str]:
    """Our field name -> the team's header, as reading the sheet finds it.

    Raises:
        RunError: The sheet as a whole cannot be used.
    """
    return read_sheet(path, rules).mapping
