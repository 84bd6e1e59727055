"""The one writer of a run's sheet: registry in, our columns out, at a bounded rate."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from catalog3d.adapters.registry.catalog import Standing
from catalog3d.adapters.sheet_writeback import (
    RowResult,
    SheetLayout,
    WriteBack,
    rehearsal_path,
    sync,
    write_results,
)
from catalog3d.asset import Asset
from catalog3d.errors import Catalog3DError
from catalog3d.publication import Publication
from catalog3d.sheet_columns import STATUS_COLUMN, sheet_values
from catalog3d.stages.context import OpenCatalog, RunContext
from catalog3d.stages.ingest import sheet_mapping

log = logging.getLogger(__name__)

GAP_S = 10.0
"""Time between two writes of a run: people have the file open, and a write is a whole new file."""


def write_standings(
    catalog: OpenCatalog, sheet: Path, mapping: dict[str, str], skus: Iterable[str] | None = None
) -> WriteBack:
    """Write where SKUs stand into the sheet (or its rehearsal copy).

    Args:
        mapping: Our field name -> the team's header, as intake found it.
        skus: Only these; None = every SKU that the registry knows from this sheet. Those that the team has deleted
            since are named once, and keep what they have.

    Raises:
        RunError: Not even a results file beside the sheet could be written.
    """
    wanted = None if skus is None else set(skus)
    wrote = write_results(
        sheet,
        lambda: _rows(catalog, sheet, wanted),
        layout=_layout(mapping),
        state=catalog.home.shared,
        now=catalog.clock.now(),
        target=_target(catalog, sheet),
    )
    if wanted is None and wrote.missing:
        catalog.registry.catalog.leave_sheet(str(sheet), wrote.missing)
    return wrote


def sync_sheet(catalog: OpenCatalog, sheet: Path, mapping: dict[str, str]) -> WriteBack:
    """Merge the results beside a sheet, and what the registry knows, into the sheet (or its rehearsal copy).

    Raises:
        RunError: Why the sheet still cannot be written; nothing is lost.
    """
    return sync(
        sheet,
        lambda: _rows(catalog, sheet, None),
        layout=_layout(mapping),
        state=catalog.home.shared,
        now=catalog.clock.now(),
        target=_target(catalog, sheet),
    )


def _target(catalog: OpenCatalog, sheet: Path) -> Path | None:
    return rehearsal_path(sheet) if catalog.is_rehearsal else None


def _layout(mapping: dict[str, str]) -> SheetLayout:
    return SheetLayout(
        sku_header=mapping["sku"],
        status_header=mapping.get("status") or STATUS_COLUMN,
        handle_header=mapping.get("handle", ""),
    )


def _rows(catalog: OpenCatalog, sheet: Path, skus: set[str] | None) -> list[RowResult]:
    """What the registry says now about these SKUs, or about all that it knows from this sheet."""
    standings = catalog.registry.catalog.standings()
    in_force = catalog.registry.catalog.assets_in_force()
    wanted = {sku for sku, item in standings.items() if item.sheet == str(sheet)} if skus is None else skus
    live: dict[str, list[Publication]] = defaultdict(list)
    for publication in catalog.registry.publications.of():
        if publication.is_live:
            live[publication.sku].append(publication)
    return [_row(catalog, standings[sku], in_force.get(sku), live[sku]) for sku in sorted(wanted & standings.keys())]


def _row(catalog: OpenCatalog, standing: Standing, asset: Asset | None, live: list[Publication]) -> RowResult:
    links = [publication.placed.link for publication in live if publication.placed.link]
    stored = catalog.store.location(asset.key) if asset and asset.key else ""
    values = sheet_values(
        catalog.rules,
        status=standing.status,
        message=standing.message,
        asset=asset,
        link=links[0] if links else stored,
        live_version=max((publication.placed.version for publication in live), default=None),
        updated_at=standing.updated_at,
    )
    return RowResult(sku=standing.sku, values=values)


def tell_sheets(catalog: OpenCatalog, skus: Iterable[str], *, kept: str) -> list[str]:
    """Write into each SKU's own sheet where it stands, each sheet once.

    Args:
        kept: What is kept also if a sheet cannot be told, such as `The decision`.

    Returns:
        Sentences for whoever waits.
    """
    by_sheet: dict[str, list[str]] = defaultdict(list)
    for sku in skus:
        standing = catalog.registry.catalog.standing(sku)
        if standing is not None and standing.sheet:
            by_sheet[standing.sheet].append(sku)
    notes = []
    for sheet, named in by_sheet.items():
        if not Path(sheet).is_file():
            notes.append(f"The sheet {sheet} is not where it was, so it was not told.")
            continue
        try:
            wrote = write_standings(catalog, Path(sheet), sheet_mapping(Path(sheet), catalog.rules), named)
        except Catalog3DError as error:
            notes.append(f"{kept} is kept; the sheet could not be told, its next run does: {error}")
        else:
            notes.extend([wrote.message] if wrote.message else [])
    return notes


@asynccontextmanager
async def written_while_running(context: RunContext) -> AsyncIterator[None]:
    """Keep the sheet up to date while a run lasts.

    What was not written by then is written at the end, however the run ends. Whatever goes wrong with one write, the
    next one comes; the SKUs that it was about are written again then.
    """
    ending = asyncio.Event()
    loop = asyncio.create_task(_keep_writing(context, ending))
    try:
        yield
    finally:
        ending.set()
        await loop
        await _write_changed(context)


async def _keep_writing(context: RunContext, ending: asyncio.Event) -> None:
    while not ending.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), GAP_S)
        await _write_changed(context)


async def _write_changed(context: RunContext) -> None:
    skus = set(context.changed_skus)
    if not skus:
        return
    context.changed_skus -= skus
    sheet, mapping = Path(context.reading.sheet), context.reading.mapping
    try:
        await asyncio.to_thread(write_standings, context.catalog, sheet, mapping, skus)
    except Catalog3DError as error:
        context.changed_skus |= skus
        log.warning("The sheet could not be written for now: %s", error)
    except Exception:
        context.changed_skus |= skus
        log.exception("The sheet could not be written for now")
