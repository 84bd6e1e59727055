"""The registry is not the only memory: results that it does not know stop a run before it pays for them again."""

from __future__ import annotations

import shlex
from pathlib import Path

from catalog3d.adapters.sheet_files import load_table
from catalog3d.errors import ProductError, RunError
from catalog3d.product import SheetReading
from catalog3d.stages.context import OpenCatalog

_RESULT_COLUMNS = ("3D Version", "3D File")


def require_registry(catalog: OpenCatalog, reading: SheetReading) -> None:
    """Refuse to start in a realm without any generation, if library or sheet show results of it.

    A rehearsal asks the library only: the team's sheet shows real results, and none of its own.

    Raises:
        RunError: REGISTRY_MISSING.
    """
    stored = _stored_model(catalog)
    if stored:
        where = f"The library holds models that were made before, such as {stored}"
        otherwise = "remove the rehearsal's models to start it anew" if catalog.is_rehearsal else ""
        raise _missing(catalog, reading, where, otherwise)
    shown = [] if catalog.is_rehearsal else _shown_skus(catalog, reading)
    if shown:
        where = f"The sheet shows models that were made before ({', '.join(shown[:3])})"
        columns = " and ".join(_RESULT_COLUMNS)
        raise _missing(catalog, reading, where, f"empty its columns {columns} if they were made for another catalog")


def _stored_model(catalog: OpenCatalog) -> str:
    """Where a model of this realm lies, or ""."""

    def left_to_the_audit(_key: str, _error: ProductError) -> None:
        """A record that cannot be read says nothing about who made its model."""

    for record in catalog.library.records(left_to_the_audit):
        if record.provenance.realm == catalog.realm:
            return catalog.store.location(record.key)
    return ""


def shown_results(reading: SheetReading) -> dict[str, tuple[int, tuple[str, ...]]]:
    """SKU -> (row, what its result columns say), for the rows of a sheet that show a model.

    Raises:
        RunError: The sheet cannot be read.
    """
    table = load_table(Path(reading.sheet))
    columns = [table.headers.index(name) for name in _RESULT_COLUMNS if name in table.headers]
    skus = {product.row: product.sku for product in reading.products} | {row.row: row.sku for row in reading.invalid}
    shown = {}
    for row in table.rows:
        said = tuple(row.cells[at] for at in columns if row.cells[at])
        if said and row.number in skus:
            shown[skus[row.number]] = (row.number, said)
    return shown


def _shown_skus(catalog: OpenCatalog, reading: SheetReading) -> list[str]:
    """SKUs with a result in the sheet, unless the registry knows a model of any of them."""
    shown = shown_results(reading)
    return [] if catalog.registry.catalog.newest_assets().keys() & shown.keys() else list(shown)


def _missing(catalog: OpenCatalog, reading: SheetReading, where: str, otherwise: str) -> RunError:
    given = catalog.settings.registry_url
    place = "the database of CATALOG3D_REGISTRY_URL" if given else str(catalog.home.registry_file)
    rebuild = f"`catalog3d recover {shlex.quote(reading.sheet)}{' --rehearse' if catalog.is_rehearsal else ''}`"
    fix = (
        f"{rebuild} rebuilds it from library and sheet and spends nothing. Or restore {place} from its backup, or "
        "correct CATALOG3D_HOME and CATALOG3D_REGISTRY_URL"
    )
    return RunError(
        f"{where}, but this registry knows none of them: this run would pay for them again.",
        code="REGISTRY_MISSING",
        fix=f"{fix}, or {otherwise}." if otherwise else f"{fix}.",
    )
