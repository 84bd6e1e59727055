"""A person's decision on one asset, and its undoing: into the record, the library and the sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catalog3d.asset import CHECKLIST, REJECT_REASONS, Approval, Asset
from catalog3d.asset_record import AssetRecord, RecordedDecision
from catalog3d.audit import Entry
from catalog3d.errors import ProductError
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.index import index_decisions
from catalog3d.stages.resting import come_to_rest
from catalog3d.stages.sheet_writer import tell_sheets
from catalog3d.wording import plain


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What a decision did.

    Attributes:
        notes: Sentences that the person should read.
    """

    asset: Asset
    notes: tuple[str, ...]


MAX_NOTE = 2_000
"""Characters of a note, and of a person's name: both stand in the sheet, in records and in lists."""
MAX_PERSON = 100


def decide(
    catalog: OpenCatalog,
    sku: str,
    decision: Approval,
    *,
    person: str,
    reason: str = "",
    note: str = "",
    version: int = 0,
    checklist: Mapping[str, bool | None] | None = None,
    seen: int | None = None,
) -> Decided:
    """Approve or reject a SKU's newest version, or the one named.

    What can refuse it is looked at before anything is written. Killed between two steps, the same decision again
    finishes it. A run that works on the SKU at the same time ends with this decision in force.

    Args:
        checklist: `catalog3d.asset.CHECKLIST` code -> yes, no, or None for no answer; what is left out has none.
        seen: The `Asset.revision` that the person looked at; None = decide whatever others have decided since.

    Raises:
        ProductError: SKU_UNKNOWN, NO_MODEL, REASON_UNKNOWN, QUESTION_UNKNOWN, NOTE_TOO_LONG, PERSON_UNKNOWN; MESH_BLOCKED
            for approving a file that a check blocks; ALREADY_DECIDED, naming who decided since; RECORD_MISSING,
            RECORD_INVALID, KEY_MISSING, CONTENT_CHANGED, KEY_TAKEN if the library is not in order.
    """
    record = catalog.registry.catalog
    answers = _answers(checklist or {}, sku)
    person, note = _words(person, note, sku)
    with record.one_decision_at_a_time():
        asset = _asset(catalog, sku, version)
        _require_sense(asset, decision, reason)
        _require_library(catalog, asset, {asset.version: decision})
        before = {other.id: other.approval for other in record.assets(sku)}
        asset = record.decide(asset, decision, person=person, reason=reason, note=note, checklist=answers, seen=seen)
        _carry_out(catalog, asset)
    index_decisions(catalog)
    notes = (*_other_versions(catalog, asset, before), *tell_sheets(catalog, [sku], kept="The decision"))
    return Decided(asset=asset, notes=notes)


def undo_decision(
    catalog: OpenCatalog, sku: str, version: int, *, person: str, note: str = "", seen: int | None = None
) -> Decided:
    """Take the last decision about a version back: everything is again as it was before it.

    It is a decision of its own: the one that is taken back stays on record. Killed between two steps, the same again
    finishes it.

    Args:
        seen: As for `decide`.

    Raises:
        ProductError: As for `decide`; NOTHING_TO_UNDO; UNDO_REFUSED where somebody has decided since about a version
            that it moved, so that it would undo more than that one decision.
    """
    record = catalog.registry.catalog
    person, note = _words(person, note, sku)
    with record.one_decision_at_a_time():
        asset = _asset(catalog, sku, version)
        _require_library(catalog, asset, record.way_back(asset))
        before = {other.id: other.approval for other in record.assets(sku)}
        asset = record.undo(asset, person=person, note=note, seen=seen)
        _carry_out(catalog, asset)
    index_decisions(catalog)
    notes = (*_other_versions(catalog, asset, before), *tell_sheets(catalog, [sku], kept="The decision"))
    return Decided(asset=asset, notes=notes)


def _answers(checklist: Mapping[str, bool | None], sku: str) -> dict[str, bool | None]:
    """The questions that were answered."""
    for code in checklist:
        if code not in CHECKLIST:
            known = ", ".join(CHECKLIST)
            raise ProductError(
                f"The checklist has no question {code!r}.", code="QUESTION_UNKNOWN", fix=f"Use {known}.", sku=sku
            )
    return {code: checklist[code] for code in CHECKLIST if checklist.get(code) is not None}


def _words(person: str, note: str, sku: str) -> tuple[str, str]:
    """Person and note on one line each, without what no database or terminal takes; never cut short."""
    name, said = plain(person, MAX_PERSON + 1), plain(note, MAX_NOTE + 1)
    if not name or len(name) > MAX_PERSON:
        raise ProductError("A decision needs the name of a person.", code="PERSON_UNKNOWN", sku=sku)
    if len(said) > MAX_NOTE:
        raise ProductError(
            f"The note has more than {MAX_NOTE:,} characters.", code="NOTE_TOO_LONG", fix="Shorten it.", sku=sku
        )
    return name, said


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


def _require_library(catalog: OpenCatalog, asset: Asset, becoming: Mapping[int, Approval]) -> None:
    """Find out whether the library can take the decision, so that the registry never says more than it holds.

    Args:
        becoming: Version -> what is to be said of it, of all versions that the decision moves.
    """
    records = {
        record.version: record for record in catalog.library.records_of(asset.sku) if record.format == asset.format
    }
    for version in {asset.version, *becoming}:
        record = records.get(version)
        if record is None:
            what = asset.file if version == asset.version else f"V{version}"
            raise ProductError(
                f"The library has no complete record of {what}.",
                code="RECORD_MISSING",
                fix="Restore it from a backup, or store the model anew: catalog3d rerun --from upload_asset --sku SKU.",
                sku=asset.sku,
            )
        if becoming.get(version) is Approval.APPROVED:
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


def tell_library(catalog: OpenCatalog, sku: str) -> None:
    """Keep in the library's records what was decided about a SKU: also a retake, which changes no approval.

    Raises:
        ProductError: RECORD_INVALID, KEY_MISSING, CONTENT_CHANGED, KEY_TAKEN if the library is not in order.
    """
    with catalog.registry.catalog.one_decision_at_a_time():
        _tell_records(catalog, sku)


def _carry_out(catalog: OpenCatalog, decided: Asset) -> None:
    """Bring library and standing to what the registry says."""
    sku = decided.sku
    _tell_records(catalog, sku, surely=decided.file)
    come_to_rest(catalog, sku)


def _tell_records(catalog: OpenCatalog, sku: str, surely: str = "") -> None:
    """Bring the records of a SKU to what the registry says; the approved file comes before any other goes.

    Args:
        surely: A file whose place is brought in order even if its record says all of it already.
    """
    said = {asset.file: asset.approval for asset in catalog.registry.catalog.assets(sku) if asset.stored}
    entries = catalog.registry.catalog.entries(sku)
    records = [record for record in catalog.library.records_of(sku) if record.file in said]
    for record in sorted(records, key=lambda record: said[record.file] is not Approval.APPROVED):
        told = _told(record, entries)
        if record.file == surely or record.approval is not said[record.file]:
            catalog.library.set_approval(record, said[record.file], at=catalog.clock.now(), decisions=told)
        elif record.decisions != told:
            catalog.library.note_decisions(record, told, at=catalog.clock.now())


def _told(record: AssetRecord, entries: Sequence[Entry]) -> tuple[RecordedDecision, ...]:
    """What a record is to hold of the decisions about a SKU.

    Those of the registry, and what proves itself an entry of a trail and the registry does not know: an older copy of
    it that was put back must not take away the evidence.
    """
    about = [entry for entry in entries if (entry.version, entry.format) == (record.version, record.format)]
    known = {place.hash for entry in about for place in entry.places}
    own = [
        said
        for said in record.decisions
        if said.places and said.places[-1].hash not in known and said.entry(record).proven_places == len(said.places)
    ]
    return tuple(sorted((*own, *map(RecordedDecision.of, about)), key=lambda said: said.at))


def _other_versions(catalog: OpenCatalog, decided: Asset, before: dict[int, Approval]) -> list[str]:
    """What the decision means for the SKU's other versions."""
    notes = []
    for other in catalog.registry.catalog.assets(decided.sku):
        if other.id == decided.id:
            continue
        if other.approval is Approval.SUPERSEDED and before.get(other.id) is not Approval.SUPERSEDED:
            notes.append(f"V{other.version} is superseded by it.")
        elif other.approval is Approval.APPROVED:
            again = before.get(other.id) is not Approval.APPROVED
            notes.append(f"V{other.version} is approved again." if again else f"V{other.version} stays approved.")
    return notes
