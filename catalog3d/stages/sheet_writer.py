"""The one writer of a run's sheet: registry in, our columns out, at a bounded rate."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
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
from catalog3d.sheet_columns import STATUS_COLUMN, sheet_values
from catalog3d.stages.context import OpenCatalog, RunContext

log = logging.getLogger(__name__)

GAP_S = 10.0
"""Time between two writes of a run: people have the file open, and a write is a whole new file."""


def write_standings(
    catalog: OpenCatalog, sheet: Path, mapping: dict[str, str], skus: Iterable[str] | None = None
) -> WriteBack | None:
    """Write where SKUs stand into the sheet (or its rehearsal copy).

    Args:
        mapping: Our field name -> the team's header, as intake found it.
        skus: Only these; None = every SKU that the registry knows from this sheet.

    Raises:
        RunError: Not even a results file beside the sheet could be written.
    """
    standings = catalog.registry.catalog.standings()
    wanted = {sku for sku, standing in standings.items() if standing.sheet == str(sheet)} if skus is None else set(skus)
    newest = catalog.registry.catalog.newest_assets()
    rows = [_row(catalog, standings[sku], newest.get(sku)) for sku in sorted(wanted) if sku in standings]
    if not rows:
        return None
    return write_results(
        sheet,
        rows,
        layout=_layout(mapping),
        state=catalog.home.shared,
        now=catalog.clock.now(),
        target=rehearsal_path(sheet) if catalog.is_rehearsal else None,
    )


def sync_sheet(catalog: OpenCatalog, sheet: Path, mapping: dict[str, str]) -> WriteBack:
    """Merge the results beside a sheet, and what the registry knows, into the sheet.

    Raises:
        RunError: Why the sheet still cannot be written; nothing is lost.
    """
    standings = catalog.registry.catalog.standings()
    newest = catalog.registry.catalog.newest_assets()
    rows = [_row(catalog, item, newest.get(item.sku)) for item in standings.values() if item.sheet == str(sheet)]
    return sync(sheet, rows, layout=_layout(mapping), state=catalog.home.shared, now=catalog.clock.now())


def _layout(mapping: dict[str, str]) -> SheetLayout:
    return SheetLayout(sku_header=mapping["sku"], status_header=mapping.get("status") or STATUS_COLUMN)


def _row(catalog: OpenCatalog, standing: Standing, asset: Asset | None) -> RowResult:
    values = sheet_values(
        catalog.rules,
        status=standing.status,
        message=standing.message,
        asset=asset,
        link=catalog.store.location(asset.key) if asset and asset.key else "",
        live_version=None,
        updated_at=standing.updated_at,
    )
    return RowResult(sku=standing.sku, values=values)


@asynccontextmanager
async def written_while_running(context: RunContext) -> AsyncIterator[None]:
    """Keep the sheet up to date while a run lasts; the end of the run writes all of it once more."""
    loop = asyncio.create_task(_keep_writing(context))
    try:
        yield
    finally:
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)


async def _keep_writing(context: RunContext) -> None:
    sheet, mapping = Path(context.reading.sheet), context.reading.mapping
    while True:
        await asyncio.sleep(GAP_S)
        skus = set(context.changed_skus)
        if not skus:
            continue
        context.changed_skus -= skus
        try:
            await asyncio.to_thread(write_standings, context.catalog, sheet, mapping, skus)
        except Catalog3DError as error:  # the end of the run writes all of them again and does not hide it
            log.warning("The sheet could not be written for now: %s", error)
