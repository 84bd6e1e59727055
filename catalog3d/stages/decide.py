"""A person's decision on one asset: into the record, the library and the sheet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from catalog3d.adapters.registry.catalog import Change
from catalog3d.asset import REJECT_REASONS, Approval, Asset
from catalog3d.errors import ProductError
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.index import write_index
from catalog3d.stages.ingest import sheet_mapping
from catalog3d.stages.sheet_writer import write_standings
from catalog3d.status import Status


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What a decision did.

    Attributes:
        notes: Sentences that the person should read.
    """

    asset: Asset
    notes: tuple[str, ...]


def decide(
    catalog: OpenCatalog,
    sku: str,
    decision: Approval,
    *,
    person: str,
    reason: str = "",
    note: str = "",
    version: int = 0,
) -> Decided:
    """Approve or reject a SKU's newest version, or the one named.

    Killed between two steps, the same decision again finishes it.

    Raises:
        ProductError: SKU_UNKNOWN, NO_MODEL, REASON_UNKNOWN, or MESH_BLOCKED for approving a file that a check blocks.
    """
    asset = _asset(catalog, sku, version)
    if decision is Approval.REJECTED and reason not in REJECT_REASONS:
        known = ", ".join(REJECT_REASONS)
        raise ProductError(
            f"There is no reason {reason!r}.", code="REASON_UNKNOWN", fix=f"Use one of {known}.", sku=sku
        )
    blocking = [check for check in asset.checks if check.severity == "error"]
    if decision is Approval.APPROVED and blocking:
        raise ProductError(
            f"V{asset.version} cannot be approved: {blocking[0].code}: {blocking[0].message}",
            code="MESH_BLOCKED",
            fix="Reject it and make another version.",
            sku=sku,
        )
    record = catalog.library.read_record(sku, asset.file)
    if record is None:
        raise ProductError(
            f"The library has no complete record of {asset.file}.",
            code="RECORD_MISSING",
            fix="Run the SKU again: it is stored anew at no cost.",
            sku=sku,
        )
    asset = catalog.registry.catalog.decide(asset, decision, person=person, reason=reason, note=note)
    catalog.library.set_approval(record, decision, at=catalog.clock.now())
    status = Status.APPROVED if decision is Approval.APPROVED else Status.REJECTED
    message = "" if decision is Approval.APPROVED else f"{REJECT_REASONS[reason]} {note}".strip()
    catalog.registry.catalog.change(
        [Change(sku=sku, status=status, stage="update_status", reason=reason, message=message)]
    )
    write_index(catalog)
    return Decided(asset=asset, notes=_tell_sheet(catalog, sku))


def _asset(catalog: OpenCatalog, sku: str, version: int) -> Asset:
    if catalog.registry.catalog.standing(sku) is None:
        raise ProductError(
            f"There is no SKU {sku} in this catalog.", code="SKU_UNKNOWN", fix="catalog3d status lists them.", sku=sku
        )
    stored = [asset for asset in catalog.registry.catalog.assets(sku) if asset.stored]
    wanted = [asset for asset in stored if version in {0, asset.version}]
    if not wanted:
        raise ProductError(f"{sku} has no such model yet.", code="NO_MODEL", fix="Run the sheet first.", sku=sku)
    return wanted[-1]


def _tell_sheet(catalog: OpenCatalog, sku: str) -> tuple[str, ...]:
    standing = catalog.registry.catalog.standing(sku)
    if standing is None or not Path(standing.sheet).is_file():
        return ("Its sheet is not where it was, so it was not told.",)
    mapping = sheet_mapping(Path(standing.sheet), catalog.rules)
    wrote = write_standings(catalog, Path(standing.sheet), mapping, [sku])
    return (wrote.message,) if wrote and wrote.message else ()
