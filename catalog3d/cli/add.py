"""`add`: a model made or repaired by hand as the next version of a SKU."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from catalog3d.adapters.wiring import open_catalog
from catalog3d.cli.decide import REFUSED
from catalog3d.cli.errors import console, print_json, sentence_on_error
from catalog3d.cli.person import As, deciding
from catalog3d.people import Act
from catalog3d.stages.adding import Added, add_model


def add(
    sku: Annotated[str, typer.Argument(help="The SKU.")],
    file: Annotated[Path, typer.Argument(help="The model: one binary glTF file.", metavar="FILE.glb")],
    note: Annotated[str, typer.Option(help="What was done to it.")] = "",
    as_: As = "",
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Store a model that somebody made or repaired as the next version of a SKU: the same checks, 0 credits.

    No version is ever overwritten, and what is approved stays approved and live until you approve the new one. The
    same file again changes nothing.

    Exit code: 0, or 1 if it was refused.
    """
    with sentence_on_error(json_=json_, exit_code=REFUSED), open_catalog(Path.cwd()) as catalog:
        added = add_model(catalog, sku, file, deciding(catalog, as_, Act.DECIDE), note)
        if json_:
            print_json(_json(added))
        else:
            _say(added, catalog.store.location(added.asset.key))


def _say(added: Added, place: str) -> None:
    out, asset = console(), added.asset
    if added.is_new:
        out.print(f"[green]V{asset.version}[/] of {escape(asset.sku)} is stored: {escape(place)}", soft_wrap=True)
    else:
        out.print(f"{escape(asset.sku)} V{asset.version} is this very file already: nothing changed.", soft_wrap=True)
    worst = added.report.worst
    if worst is not None:
        out.print(f"[yellow]{escape(worst.code)}[/]  {escape(worst.message)}", soft_wrap=True)
    for sentence in added.notes:
        out.print(escape(sentence), soft_wrap=True)


def _json(added: Added) -> dict[str, object]:
    asset = added.asset
    return {
        "sku": asset.sku,
        "version": asset.version,
        "file": asset.file,
        "key": asset.key,
        "sha256": asset.sha256,
        "size_bytes": asset.size_bytes,
        "added": added.is_new,
        "verdict": added.report.verdict.value,
        "notes": list(added.notes),
    }
