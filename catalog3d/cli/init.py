"""`init`: a folder to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from catalog3d.adapters.starter import make_starter
from catalog3d.cli.errors import console, sentence_on_error


def init(
    folder: Annotated[Path, typer.Argument(help="Where; made if it is not there.", file_okay=False)] = Path(),
    photos: Annotated[Path | None, typer.Option(help="A folder of photos: one row each.", file_okay=False)] = None,
) -> None:
    """Make a starter sheet, a photo folder and a commented catalog.yaml. Overwrites nothing."""
    with sentence_on_error(json_=False):
        made = make_starter(folder.expanduser().resolve(), photos.expanduser().resolve() if photos else None)
        out = console()
        out.print(f"[bold]Sheet[/]  {escape(str(made.sheet))}: {made.rows} rows", soft_wrap=True)
        out.print(f"[bold]Photos[/] {escape(str(made.photos_folder))}", soft_wrap=True)
        out.print(f"[bold]Rules[/]  {escape(str(made.rules_file))}", soft_wrap=True)
        out.print(f"Next: fill in the sheet, then `catalog3d check {escape(made.sheet.name)}`", soft_wrap=True)
