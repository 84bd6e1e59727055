"""`approve` and `reject`: a decision from the shell."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from catalog3d.adapters.wiring import open_catalog
from catalog3d.asset import REJECT_REASONS, Approval
from catalog3d.asset_record import APPROVED
from catalog3d.cli.errors import console, sentence_on_error
from catalog3d.cli.person import As, deciding
from catalog3d.people import Act
from catalog3d.stages.decide import Decided
from catalog3d.stages.decide import decide as decide_asset

Sku = Annotated[str, typer.Argument(help="The SKU.")]
Version = Annotated[int, typer.Option(help="Which version; without it, the newest.", min=0)]
Note = Annotated[str, typer.Option(help="A note for the team.")]
REFUSED = 1


def approve(sku: Sku, version: Version = 0, note: Note = "", as_: As = "") -> None:
    """Approve a SKU's newest model: its file goes into `approved/`, the sheet says so.

    Exit code: 0, or 1 if it was refused (no model yet, or a check blocks it).
    """
    with sentence_on_error(json_=False, exit_code=REFUSED), open_catalog(Path.cwd()) as catalog:
        person = deciding(catalog, as_, Act.DECIDE)
        done = decide_asset(catalog, sku, Approval.APPROVED, person=person, note=note, version=version)
        place = catalog.store.location(f"{APPROVED}{done.asset.file}")
        _say(f"[green]Approved[/] {escape(sku)} V{done.asset.version}: {escape(place)}", done)


def reject(
    sku: Sku,
    reason: Annotated[str, typer.Option(help="Why: " + ", ".join(REJECT_REASONS))],
    version: Version = 0,
    note: Note = "",
    as_: As = "",
) -> None:
    """Reject a SKU's newest model, with a reason; it leaves `approved/` if it was there.

    Exit code: 0, or 1 if it was refused.
    """
    with sentence_on_error(json_=False, exit_code=REFUSED), open_catalog(Path.cwd()) as catalog:
        person = deciding(catalog, as_, Act.DECIDE)
        done = decide_asset(catalog, sku, Approval.REJECTED, person=person, reason=reason, note=note, version=version)
        _say(f"[red]Rejected[/] {escape(done.asset.file)}: {escape(REJECT_REASONS[reason])}", done)


def _say(sentence: str, done: Decided) -> None:
    out = console()
    out.print(sentence, soft_wrap=True)
    for note in done.notes:
        out.print(escape(note))
