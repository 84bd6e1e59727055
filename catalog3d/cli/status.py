"""`status`: what the registry knows."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from catalog3d.adapters.registry.catalog import Standing
from catalog3d.adapters.registry.lookups import Orphan
from catalog3d.adapters.wiring import open_catalog
from catalog3d.asset import Approval, Asset
from catalog3d.cli.errors import console, print_json, sentence_on_error
from catalog3d.cli.run import announce
from catalog3d.ledger import Generation
from catalog3d.publication import Publication
from catalog3d.retake import Retake
from catalog3d.stages.context import OpenCatalog
from catalog3d.status import needs_person as waits_for_somebody
from catalog3d.status import next_action
from catalog3d.wording import command_for


def status(
    sku: Annotated[str, typer.Argument(help="One SKU; without it, all of them.")] = "",
    needs_person: Annotated[bool, typer.Option("--needs-person", help="Only what waits for somebody.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Show where SKUs stand, without touching the sheet, the store or the provider.

    Exit code: 0, or 1 for a SKU that this catalog does not know.
    """
    with sentence_on_error(json_=json_), open_catalog(Path.cwd(), offline=True) as catalog:
        standings = catalog.registry.catalog.standings()
        if sku:
            if sku not in standings:
                _unknown(sku, json_=json_)
            document = sku_json(catalog, standings[sku])
            if json_:
                print_json(document)
                return
            standings = {sku: standings[sku]}
        elif json_:
            rows = [_row(standing) for standing in _chosen(standings, needs_person)]
            orphans = [_orphan(orphan) for orphan in catalog.registry.lookups.orphans(catalog.realm)]
            print_json({"skus": rows, "orphans": orphans})
            return
        out = console()
        announce(out, catalog)
        out.print(_table(_chosen(standings, needs_person), catalog.registry.catalog.assets_in_force()))
        if gone := [standing.sku for standing in _chosen(standings, False) if _has_left(standing)]:
            out.print(
                f"In no sheet any more: {escape(', '.join(gone))}. What they have stays, also on the channels: "
                "`catalog3d publish --unpublish SKU` takes it off those.",
                soft_wrap=True,
                style="yellow",
            )
        _say_live_rejected(out, catalog, standings)
        for orphan in catalog.registry.lookups.orphans(catalog.realm):
            charged = "?" if orphan.credits is None else orphan.credits
            out.print(
                f"[bold red]ORPHAN_PAID[/]  The account paid {charged} credits for task {escape(orphan.task_id)}, which "
                "is ours and which no model uses: look at it in the Tripo account.",
                soft_wrap=True,
            )


def _has_left(standing: Standing) -> bool:
    """Whether the SKU was deleted from its sheet: that is listed, and takes nothing away."""
    return not standing.sheet


def _chosen(standings: dict[str, Standing], needs_person: bool) -> list[Standing]:
    chosen = [
        standing
        for standing in standings.values()
        if not needs_person or waits_for_somebody(standing.status, standing.reason)
    ]
    return sorted(chosen, key=lambda standing: (standing.row, standing.sku))


def _unknown(sku: str, *, json_: bool) -> None:
    message = f"This catalog does not know the SKU {sku}."
    if json_:
        print_json({"error": {"code": "SKU_UNKNOWN", "message": message, "fix": "catalog3d status lists them."}})
    else:
        console().print(f"[bold red]SKU_UNKNOWN[/]  {escape(message)} `catalog3d status` lists them.")
    raise typer.Exit(1)


def _row(standing: Standing) -> dict[str, Any]:
    return {
        "sku": standing.sku,
        "name": standing.name,
        "status": standing.status.value,
        "stage": standing.stage,
        "reason": standing.reason,
        "message": standing.message,
        "next_action": next_action(standing.status, standing.reason),
        "in_sheet": not _has_left(standing),
    }


def _orphan(orphan: Orphan) -> dict[str, Any]:
    return {
        "task_id": orphan.task_id,
        "credits": None if orphan.credits is None else float(round(orphan.credits, 2)),
        "found_by": orphan.found_by,
        "found_at": orphan.found_at.isoformat(),
    }


def _table(standings: list[Standing], in_force: dict[str, Asset]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("SKU", "Name", "Status", "Version", "Reason", "What to do"):
        table.add_column(heading, overflow="fold")
    for standing in standings:
        asset = in_force.get(standing.sku)
        cells = (
            standing.sku,
            standing.name,
            standing.status.value,
            f"V{asset.version}" if asset else "",
            standing.reason,
            next_action(standing.status, standing.reason),
        )
        table.add_row(*(escape(cell) for cell in cells))
    return table


def sku_json(catalog: OpenCatalog, standing: Standing) -> dict[str, Any]:
    """The JSON contract of `status SKU`."""
    record = catalog.registry.catalog
    assets = [asset for asset in record.assets(standing.sku) if asset.stored]
    ids = sorted({asset.generation_id for asset in assets if asset.generation_id is not None})
    if standing.generation_id is not None:
        ids = sorted({*ids, standing.generation_id})
    generations = {generation.id: generation for generation in catalog.registry.ledger.of_sku(ids)}
    decisions = record.decisions(standing.sku)
    publications = catalog.registry.publications.of(standing.sku)
    return {
        "sku": standing.sku,
        "status": standing.status.value,
        "assets": [
            {
                "version": asset.version,
                "format": asset.format,
                "file": asset.file,
                "key": asset.key,
                "sha256": asset.sha256,
                "state": asset.approval.value,
                "created_at": asset.created_at.isoformat(),
                "generation": _generation(generations.get(asset.generation_id or 0)),
                "checks": [
                    {
                        "code": check.code,
                        "severity": check.severity.value,
                        "value": check.value,
                        "limit": check.limit,
                        "message": check.message,
                    }
                    for check in asset.checks
                ],
                "decisions": [
                    {
                        "decision": decision.decision.value,
                        "by": decision.person,
                        "reason": decision.reason,
                        "note": decision.note,
                        "at": decision.at.isoformat(),
                    }
                    for decision in decisions
                    if decision.version == asset.version
                ],
                "publications": [_publication(found) for found in publications if found.asset_id == asset.id],
            }
            for asset in assets
        ],
        "generations": [_generation(generation) for generation in generations.values()],
        "retakes": [_retake(retake) for retake in catalog.registry.retakes.all(standing.sku).get(standing.sku, [])],
    }


def _retake(retake: Retake) -> dict[str, Any]:
    return {
        "version": retake.version,
        "by": retake.person,
        "reasons": list(retake.reasons),
        "note": retake.note,
        "route": retake.route.value,
        "why": retake.why,
        "credits": float(round(retake.credits, 2)),
        "open": retake.is_open,
        "waits_for_operator": retake.is_open and not retake.is_allowed,
    }


def _publication(found: Publication) -> dict[str, Any]:
    return {
        "channel": found.channel,
        "state": found.state.value,
        "destination": found.placed.destination,
        "link": found.placed.link,
        "sha256": found.placed.sha256,
        "message": found.message,
        "at": found.at.isoformat(),
    }


def _say_live_rejected(out: Console, catalog: OpenCatalog, skus: Collection[str]) -> None:
    """A shopper still sees what a person has rejected: that is said whatever else is shown."""
    rejected = {asset.id for asset in catalog.registry.catalog.assets() if asset.approval is Approval.REJECTED}
    for found in catalog.registry.publications.of():
        if found.is_live and found.asset_id in rejected and found.sku in skus:
            away = command_for("catalog3d publish --unpublish SKU", found.sku)
            out.print(
                f"[bold red]LIVE_REJECTED[/]  {escape(found.sku)} V{found.placed.version} is live at {found.channel}, and was "
                f"rejected: `{escape(away)}` takes it away; approving another version and `catalog3d publish` replace it.",
                soft_wrap=True,
            )


def _generation(generation: Generation | None) -> dict[str, Any] | None:
    if generation is None:
        return None
    consumed = generation.credits_consumed
    return {
        "realm": generation.realm,
        "digest": generation.digest,
        "attempt": generation.attempt,
        "state": generation.state.value,
        "outcome": generation.outcome.value if generation.outcome else "",
        "model": generation.brief.model,
        "endpoint": generation.brief.endpoint,
        "model_seed": generation.model_seed,
        "task_id": generation.task_id,
        "credits": None if consumed is None else float(round(consumed, 2)),
    }
