"""`sync`: results that could not be written into a sheet, merged into it now."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from catalog3d.adapters.wiring import open_catalog
from catalog3d.cli.errors import console, sentence_on_error
from catalog3d.cli.run import existing
from catalog3d.stages.ingest import sheet_mapping
from catalog3d.stages.sheet_writer import sync_sheet


def sync(sheet: Annotated[Path, typer.Argument(help="The sheet whose NAME.results file waits beside it.")]) -> None:
    """Merge the results beside a sheet into it, when it was open or could not be kept safely before.

    Exit code: 0, or 1 if it still cannot be written.
    """
    with sentence_on_error(json_=False, exit_code=1):
        path = existing(sheet)
        with open_catalog(path.parent) as catalog:
            wrote = sync_sheet(catalog, path, sheet_mapping(path, catalog.rules))
        console().print(escape(wrote.message or f"{wrote.updated} rows of {wrote.path} brought up to date."))
