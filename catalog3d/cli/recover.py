"""`recover`: the registry again, from library and sheet."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from catalog3d.adapters.wiring import open_catalog
from catalog3d.cli.errors import console, print_json, sentence_on_error
from catalog3d.cli.run import announce, existing
from catalog3d.recovery import Recovery, Unrestored
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.recover import recover as recover_catalog
from catalog3d.wording import credits_text, plain, plural

LINES_SHOWN = 40
"""As the table of a run."""


def recover(
    sheet: Annotated[
        Path | None, typer.Argument(help="The product sheet; without it, that of the nightly run, if rules name one.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="A folder with more photos.", file_okay=False)] = None,
    rehearse: Annotated[bool, typer.Option("--rehearse", help="The rehearsal's registry, not the real one.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be restored.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Rebuild the registry of this home after it was lost, from the library and the sheet.

    Every model is verified before its record is believed. Nothing is bought, what the registry knows is left as it
    is, and doing it again changes nothing. Afterwards `catalog3d run` pays for no model that the library has.

    Exit code: 0 all of it is restored, 1 some of it could not be, 2 it could not start.
    """
    with sentence_on_error(json_=json_):
        path = existing(sheet) if sheet else None
        with open_catalog(path.parent if path else Path.cwd(), rehearse=rehearse) as catalog:
            out = console()
            announce(out, catalog)
            path = path or _nightly_sheet(catalog)
            with out.status("Reading the library") as shown:
                verified = 0

                def counted() -> None:
                    nonlocal verified
                    verified += 1
                    shown.update(f"Reading the library: {verified} models verified")

                done = recover_catalog(catalog, path, images=images, dry_run=dry_run, progress=counted)
            if json_:
                print_json(recovery_json(catalog, done))
            else:
                show(out, done)
        raise typer.Exit(1 if done.unrestored else 0)


def recovery_json(catalog: OpenCatalog, done: Recovery) -> dict[str, Any]:
    """The document of `recover --json`."""
    return {
        "home": str(catalog.home.root),
        "generator": catalog.generator_name,
        "dry_run": done.dry_run,
        "restored": done.rebuilt.restored,
        "known": done.rebuilt.known,
        "skus": [
            {
                "sku": sku,
                "status": status,
                "versions": list(versions),
                "credits": float(round(done.credits.get(sku, Decimal(0)), 2)),
            }
            for sku, (status, versions) in done.rebuilt.skus.items()
        ],
        "unrestored": [
            {"code": lost.code, "sku": lost.sku, "place": lost.place, "message": lost.message, "fix": lost.fix}
            for lost in done.unrestored
        ],
        "notes": list(done.notes),
    }


def show(out: Console, done: Recovery) -> None:
    """The outcome, for people: what came back, what did not and what to do about it, what is still open."""
    if done.rebuilt.skus:
        out.print(_restored_table(done))
    if done.unrestored:
        out.print(_unrestored_table(done.unrestored))
    out.print(Text(_sentence(done), style="bold yellow" if done.unrestored else "bold green"))
    for note in done.notes:
        out.print(Text(note))
    if not done.dry_run:
        out.print(Text("Next: `catalog3d run SHEET` says what it would cost before it does anything."))


def _nightly_sheet(catalog: OpenCatalog) -> Path | None:
    named = catalog.rules.nightly.sheet
    path = catalog.home.root / named if named else None
    return path if path and path.is_file() else None


def _sentence(done: Recovery) -> str:
    came, known = done.rebuilt.restored, done.rebuilt.known
    would = "Would restore" if done.dry_run else "Restored"
    words = (
        f"{would} {plural(came['generations'], 'paid model')}, {plural(came['assets'], 'version')}, "
        f"{plural(came['decisions'], 'decision')} and {plural(came['products'], 'product')}"
    )
    if not any(came.values()):
        words = "There was nothing to restore"
    if any(known.values()):
        words += f"; the registry knew {plural(known['assets'], 'version')} already"
    if done.unrestored:
        words += f"; {plural(len(done.unrestored), 'thing')} above did not come back as it was"
    return f"{words}."


def _restored_table(done: Recovery) -> Table:
    table = _table("SKU", "Status", "Versions", "Credits")
    lines = list(done.rebuilt.skus.items())
    for sku, (status, versions) in lines[:LINES_SHOWN]:
        shown = ", ".join(f"V{version}" for version in versions)
        cost = credits_text(done.credits[sku]) if sku in done.credits else ""
        table.add_row(Text(plain(sku)), status.capitalize(), shown, cost)
    if len(lines) > LINES_SHOWN:
        table.add_row(f"and {len(lines) - LINES_SHOWN:,} more", "", "", "")
    return table


def _unrestored_table(unrestored: tuple[Unrestored, ...]) -> Table:
    table = _table("Where", "What", "What to do")
    for lost in unrestored[:LINES_SHOWN]:
        where = f"{plain(lost.sku)}\n{plain(lost.place)}" if lost.sku else plain(lost.place)
        table.add_row(Text(where), Text(f"{lost.code}\n{plain(lost.message, 400)}"), Text(plain(lost.fix, 400)))
    if len(unrestored) > LINES_SHOWN:
        table.add_row(f"and {len(unrestored) - LINES_SHOWN:,} more", "--json lists them all", "")
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
