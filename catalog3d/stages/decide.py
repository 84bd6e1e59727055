"""A person's decision on one asset: into the record, the library and the sheet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from catalog3d.adapters.registry.catalog import Change
from catalog3d.asset import REJECT_REASONS, Approval, Asset, Decision
from catalog3d.asset_record import AssetRecord, RecordedDecision
from catalog3d.errors import Catalog3DError, ProductError
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.index import write_index
from catalog3d.stages.ingest import sheet_mapping
from catalog3d.stages.resting import resting
from catalog3d.stages.sheet_writer import write_standings
from catalog3d.status import Stage


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

    What can refuse it is looked at before anything is written. Killed between two steps, the same decision again
    finishes it. A run that works on the SKU at the same time ends with this decision in force.

    Raises:
        ProductError: SKU_UNKNOWN, NO_MODEL, REASON_UNKNOWN, MESH_BLOCKED for approving a file that a check blocks;
            RECORD_MISSING, RECORD_INVALID, KEY_MISSING, CONTENT_CHANGED, KEY_TAKEN if the library is not in order.
    """
    record = catalog.registry.catalog
    with record.one_decision_at_a_time():
        asset = _asset(catalog, sku, version)
        _require_sense(asset, decision, reason)
        _require_library(catalog, asset, decision)
        before = {other.id: other.approval for other in record.assets(sku)}
        asset = record.decide(asset, decision, person=person, reason=reason, note=note)
        _carry_out(catalog, asset)
        write_index(catalog)
    notes = (*_other_versions(catalog, asset, before), *_tell_sheet(catalog, sku))
    return Decided(asset=asset, notes=notes)


def _asset(catalog: OpenCatalog, sku: str, version: int) -> Asset:
    if catalog.registry.catalog.standing(sku) is None:
        raise ProductError(
            f"There is no SKU {sku} in this catalog.", code="SKU_UNKNOWN", fix="catalog3d status lists them.", sku=sku
        )
    stored = [asset for asset in catalog.registry.catalog.assets(sku) if asset.stored]
    wanted = [asset for asset in stored if version in {0, asset.version}]
    if not wanted:
        what = f"V{version}" if stored else "model yet"
        fix = "catalog3d status SKU --json lists its versions." if stored else "Run the sheet first."
        raise ProductError(f"{sku} has no {what}.", code="NO_MODEL", fix=fix, sku=sku)
    return wanted[-1]


def _require_sense(asset: Asset, decision: Approval, reason: str) -> None:
    if decision is Approval.REJECTED and reason not in REJECT_REASONS:
        known = ", ".join(REJECT_REASONS)
        raise ProductError(
            f"There is no reason {reason!r}.", code="REASON_UNKNOWN", fix=f"Use one of {known}.", sku=asset.sku
        )
    blocking = [check for check in asset.checks if check.severity == "error"]
    if decision is Approval.APPROVED and blocking:
        raise ProductError(
            f"V{asset.version} cannot be approved: {blocking[0].code}: {blocking[0].message}",
            code="MESH_BLOCKED",
            fix="Reject it and make another version.",
            sku=asset.sku,
        )


def _require_library(catalog: OpenCatalog, asset: Asset, decision: Approval) -> None:
    """Find out whether the library can take the decision, so that the registry never says more than it holds."""
    records = {record.file: record for record in catalog.library.records_of(asset.sku)}
    record = records.get(asset.file)
    if record is None:
        raise ProductError(
            f"The library has no complete record of {asset.file}.",
            code="RECORD_MISSING",
            fix="Restore it from a backup, or store the model anew: catalog3d rerun --from upload_asset --sku SKU.",
            sku=asset.sku,
        )
    if decision is Approval.APPROVED:
        _require_files(catalog, record)


def _require_files(catalog: OpenCatalog, record: AssetRecord) -> None:
    model, approved = catalog.store.stat(record.key), catalog.store.stat(record.approved_key)
    if model is None:
        raise ProductError(
            f"The model {catalog.store.location(record.key)} is not in the library.",
            code="KEY_MISSING",
            fix="It was moved or deleted: put it back.",
            sku=record.sku,
        )
    if model.sha256 not in {"", record.sha256}:
        raise ProductError(
            f"The model {catalog.store.location(record.key)} is not the one that was stored.",
            code="CONTENT_CHANGED",
            fix="Somebody changed the file: put the stored one back.",
            sku=record.sku,
        )
    if approved is not None and approved.sha256 not in {"", record.sha256}:
        raise ProductError(
            f"Another file lies at {catalog.store.location(record.approved_key)}.",
            code="KEY_TAKEN",
            fix="Move it away, and approve again.",
            sku=record.sku,
        )


def _carry_out(catalog: OpenCatalog, decided: Asset) -> None:
    """Bring library and standing to what the registry says; the approved file comes before any other goes."""
    sku = decided.sku
    said = {asset.file: asset.approval for asset in catalog.registry.catalog.assets(sku) if asset.stored}
    decisions = catalog.registry.catalog.decisions(sku)
    records = [record for record in catalog.library.records_of(sku) if record.file in said]
    for record in sorted(records, key=lambda record: said[record.file] is not Approval.APPROVED):
        if record.file == decided.file or record.approval is not said[record.file]:
            told = tuple(_recorded(decision) for decision in decisions if decision.version == record.version)
            catalog.library.set_approval(record, said[record.file], at=catalog.clock.now(), decisions=told)
    rest = resting(catalog, sku)
    if rest is not None:
        stage = Stage.UPDATE_STATUS.value
        change = Change(sku=sku, status=rest.status, stage=stage, reason=rest.reason, message=rest.message)
        catalog.registry.catalog.change([change])


def _recorded(decision: Decision) -> RecordedDecision:
    return RecordedDecision(
        decision=decision.decision,
        person=decision.person,
        reason=decision.reason,
        note=decision.note,
        at=decision.at,
    )


def _other_versions(catalog: OpenCatalog, decided: Asset, before: dict[int, Approval]) -> list[str]:
    """What the decision means for the SKU's other versions."""
    notes = []
    for other in catalog.registry.catalog.assets(decided.sku):
        if other.approval is Approval.SUPERSEDED and before.get(other.id) is not Approval.SUPERSEDED:
            notes.append(f"V{other.version} is superseded by it.")
        elif decided.approval is Approval.REJECTED and other.approval is Approval.APPROVED:
            notes.append(f"V{other.version} stays approved.")
    return notes


def _tell_sheet(catalog: OpenCatalog, sku: str) -> tuple[str, ...]:
    standing = catalog.registry.catalog.standing(sku)
    if standing is None or not Path(standing.sheet).is_file():
        return ("Its sheet is not where it was, so it was not told.",)
    try:
        mapping = sheet_mapping(Path(standing.sheet), catalog.rules)
        wrote = write_standings(catalog, Path(standing.sheet), mapping, [sku])
    except Catalog3DError as error:
        return (f"The decision is kept; its sheet could not be told, the next run does: {error}",)
    return (wrote.message,) if wrote.message else ()
