"""Rebuilds the registry of a home from library and sheet after it was lost; spends nothing, changes neither."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from catalog3d.asset import DeclaredSize, declared_size
from catalog3d.asset_record import AssetRecord
from catalog3d.brief import Brief
from catalog3d.errors import ProductError, RunError, TransientError
from catalog3d.product import Product, SheetReading
from catalog3d.recovery import (
    Findings,
    FoundAsset,
    FoundGeneration,
    FoundProduct,
    Recovery,
    Unrestored,
)
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.evidence import Evidence, RawFile, raw_generation, read_library
from catalog3d.stages.ingest import read_sheet
from catalog3d.stages.looking import look_at_products
from catalog3d.stages.memory import shown_results
from catalog3d.stages.planning import fields_of
from catalog3d.wording import plural


@dataclass(frozen=True, kw_only=True)
class _Sheet:
    """The sheet, and SKU -> what it would ask for now.

    Attributes:
        unread: Products whose photos could not be read, so that nobody knows what they ask for.
    """

    reading: SheetReading
    briefs: Mapping[str, Brief]
    unread: tuple[Unrestored, ...] = ()

    @property
    def sizes(self) -> dict[str, DeclaredSize | None]:
        """SKU -> its declared dimensions."""
        return {product.sku: declared_size(product) for product in self.reading.products}


def recover(
    catalog: OpenCatalog,
    sheet: Path | None,
    *,
    images: Path | None = None,
    dry_run: bool = False,
    progress: Callable[[], None] = lambda: None,
) -> Recovery:
    """Restore what the library proves and the registry does not know; the same again changes nothing.

    Args:
        sheet: Its rows become products, and name the briefs of models without a record; None = the library alone.
        images: A folder with more photos, as the runs were given.
        dry_run: Write nothing but what was learned about photos.
        progress: Called after each record that was verified.

    Raises:
        RunError: RUN_UNDER_WAY; SHEET_NEEDED if only the sheet says what a paid model was made from; or sheet or
            library cannot be read. Nothing was written.
        TransientError: Registry or library did not answer; nothing was written.
    """
    _require_quiet(catalog)
    evidence = read_library(catalog, progress)
    for file_sha256, pixels_sha256 in sorted(evidence.pixels):
        catalog.registry.pixels.put(file_sha256, pixels_sha256)  # before any photo is looked at: it must not bill anew
    seen = _look(catalog, sheet, images, fetch=bool(evidence.raw)) if sheet is not None else None
    from_raw, raw_left = _raw_models(catalog, evidence, seen)
    if raw_left and seen is None and not dry_run:
        raise _sheet_needed(raw_left)
    sizes = seen.sizes if seen else {}
    findings = Findings(
        generations=(*evidence.generations, *from_raw),
        assets=tuple(_sized(asset, evidence.records[asset.key], sizes) for asset in evidence.assets),
        products=tuple(_products(evidence, seen)),
    )
    unread = seen.unread if seen else ()
    unrestored = [*evidence.unrestored, *raw_left, *unread, *_shown_only(catalog, findings, seen)]
    _require_quiet(catalog)
    rebuilt = catalog.registry.rebuild.restore(findings, dry_run=dry_run)
    return Recovery(
        dry_run=dry_run,
        rebuilt=rebuilt,
        credits=_credits(findings),
        unrestored=(*unrestored, *rebuilt.differing),
        notes=tuple(_notes(catalog, findings, seen)),
    )


def _require_quiet(catalog: OpenCatalog) -> None:
    """Refuse while a run works on this registry: it would see half of what it is about to pay for."""
    working = [holder for holder in catalog.registry.rebuild.workers() if catalog.holders.lives(holder) is not False]
    if working:
        raise RunError(
            f"A run is under way on this registry ({', '.join(working[:3])}).",
            code="RUN_UNDER_WAY",
            fix="Stop it or let it end, then recover. One that was killed on another machine is forgotten in a minute.",
        )


def _sheet_needed(left: list[Unrestored]) -> RunError:
    """Half a recovery would be a trap: the next run could not know that these are paid, and nothing would stop it."""
    return RunError(
        f"{plural(len(left), 'paid model')} of this library, such as {left[0].place}, can only be restored with the "
        "sheet: no readable record says what they were made from.",
        code="SHEET_NEEDED",
        fix="Name the sheet: catalog3d recover SHEET. Nothing was written; --dry-run lists them.",
    )


def _look(catalog: OpenCatalog, sheet: Path, images: Path | None, *, fetch: bool) -> _Sheet:
    """Read the sheet and the photos of its products.

    Args:
        fetch: Also fetch the photos behind links that nobody has fetched here: they tell whose a paid model is.
    """
    given = read_sheet(sheet, catalog.rules, images=images)
    reading, looks = look_at_products(catalog, given, None)
    unknown = [product for product in reading.products if looks[product.sku].brief is None] if fetch else []
    unread = tuple(lost for product in unknown if (lost := _fetched(catalog, product)) is not None)
    if unknown:
        reading, looks = look_at_products(catalog, given, None)
    briefs = {sku: look.brief for sku, look in looks.items() if look.brief}
    return _Sheet(reading=reading, briefs=briefs, unread=unread)


def _fetched(catalog: OpenCatalog, product: Product) -> Unrestored | None:
    """Fetch the photos of one product; what stood against it, if anything did."""
    try:
        for view in product.sides:
            catalog.pictures.prepare(view)
    except (ProductError, TransientError) as error:
        return Unrestored(
            code=error.code,
            sku=product.sku,
            place=f"row {product.row}",
            message=f"{error.message} So nobody knows whether one of the paid models without a record is its.",
            fix="Recover again when the photo can be read, before the next run.",
        )
    return None


def _raw_models(
    catalog: OpenCatalog, evidence: Evidence, seen: _Sheet | None
) -> tuple[list[FoundGeneration], list[Unrestored]]:
    """Paid models of which only the provider's file is left: the sheet says what they were made from."""
    found, left = [], []
    asked = {brief.digest: brief for brief in seen.briefs.values()} if seen else {}
    for raw in evidence.raw:
        brief = asked.get(raw.digest)
        if brief is None:
            left.append(_unclaimed(raw, seen))
        else:
            found.append(raw_generation(catalog.store, raw, brief, catalog.clock.now()))
    return found, left


def _unclaimed(raw: RawFile, seen: _Sheet | None) -> Unrestored:
    asks = "no row of the sheet asks for it" if seen else "the sheet was not named"
    return Unrestored(
        code="RAW_UNCLAIMED",
        sku="",
        place=raw.key,
        message=f"This paid model of {raw.realm} has no readable record, and {asks}.",
        fix="Recover with the sheet, photos and rules that it was made from: catalog3d recover SHEET. Keep the file.",
    )


def _sized(asset: FoundAsset, record: AssetRecord, sizes: Mapping[str, DeclaredSize | None]) -> FoundAsset:
    """An early record does not say which dimensions were declared: then those of the sheet, so that nothing is renamed."""
    return asset if record.knows_dimensions else replace(asset, size=sizes.get(asset.sku))


def _products(evidence: Evidence, seen: _Sheet | None) -> Iterator[FoundProduct]:
    """The rows of the sheet, and the SKUs that only the library has."""
    rows = list(_rows(seen.reading)) if seen else []
    yield from rows
    known = {row.sku for row in rows}
    newest = {asset.sku: asset for asset in sorted(evidence.assets, key=lambda asset: asset.version)}
    for sku in sorted(newest.keys() - known):
        record = evidence.records[newest[sku].key]
        fields = {"channels": list(record.destinations)}
        yield FoundProduct(sku=sku, name=record.name, row=0, sheet="", fields=fields)


def _rows(reading: SheetReading) -> Iterator[FoundProduct]:
    for product in reading.products:
        fields = fields_of(product)
        yield FoundProduct(sku=product.sku, name=product.name, row=product.row, sheet=reading.sheet, fields=fields)
    for row in reading.invalid:
        yield FoundProduct(
            sku=row.sku,
            name=row.name,
            row=row.row,
            sheet=reading.sheet,
            fields={},
            reason=row.code,
            message=row.message,
        )


def _shown_only(catalog: OpenCatalog, findings: Findings, seen: _Sheet | None) -> Iterator[Unrestored]:
    """Rows that show a version which neither library nor registry has. A rehearsal has no such rows of its own."""
    if seen is None or catalog.is_rehearsal:
        return
    there = {(asset.sku, name) for asset in findings.assets for name in (asset.file, f"V{asset.version}")}
    for stored in catalog.registry.catalog.assets():
        if stored.stored:
            there |= {(stored.sku, stored.file), (stored.sku, f"V{stored.version}")}
    paid = {generation.digest for generation in findings.generations}
    for sku, (row, said) in shown_results(seen.reading).items():
        if not any((sku, name) in there for name in said):
            yield Unrestored(
                code="ONLY_IN_SHEET",
                sku=sku,
                place=f"row {row}",
                message=f"The sheet shows {' '.join(said)}, and the library has no readable record of it.",
                fix=_fix_of_shown(sku, seen, paid),
            )


def _fix_of_shown(sku: str, seen: _Sheet, paid: set[str]) -> str:
    brief = seen.briefs.get(sku)
    if brief is not None and brief.digest in paid:
        return "Its paid model was found: the next run stores it again, at no cost."
    return (
        "The next run would buy it: restore the library from a backup first and recover again, or write hold into its "
        "3D Action."
    )


def _credits(findings: Findings) -> dict[str, Decimal]:
    """What the models of each SKU had cost; a model that several share counts once."""
    spent: dict[str, Decimal] = defaultdict(Decimal)
    counted: set[tuple[str, str, int]] = set()
    for asset in findings.assets:
        made = asset.generation
        if made is not None and made.identity not in counted:
            counted.add(made.identity)
            spent[asset.sku] += made.credits or Decimal(0)
    return dict(spent)


def _notes(catalog: OpenCatalog, findings: Findings, seen: _Sheet | None) -> Iterator[str]:
    if seen is None:
        yield "The sheet was not named: its rows were not compared with the library. Name it to be sure."
    if not catalog.is_rehearsal:
        ended = [made.settled_at for made in findings.generations if made.task_id]
        since = f" after {max(ended):%Y-%m-%d %H:%M} UTC" if ended else ""
        yield (
            "A task that was still running when the registry was lost left no file in the library, and the seed by which "
            f"it could be told is lost: look for tasks{since} on the usage page of the Tripo account before the next "
            "run, which would buy their models again."
        )
