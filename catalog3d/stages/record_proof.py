"""One record of the library, held against the files that it speaks of: what it proves, and what it does not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from catalog3d.asset import Approval
from catalog3d.asset_record import AssetRecord, Provenance
from catalog3d.audit import Entry
from catalog3d.brief import Brief
from catalog3d.errors import ProductError
from catalog3d.library import MAX_MODEL_BYTES
from catalog3d.prices import price_of
from catalog3d.recovery import FoundAsset, FoundGeneration, Unrestored
from catalog3d.stages.context import OpenCatalog

# What the registry's columns take.
_LONGEST = {"sku": 100, "file": 160, "format": 8}
_LONGEST_IN_PROVENANCE = {"realm": 80, "task_id": 128, "key_fingerprint": 16}
_LARGEST = 2**31 - 1
_MOST_CREDITS = Decimal(10**6)
RESTORE = "Restore it from a backup of the library, then recover again."


@dataclass(kw_only=True)
class Proof:
    """What one record proves."""

    record: AssetRecord
    generation: FoundGeneration | None = None
    asset: FoundAsset | None = None
    unrestored: list[Unrestored] = field(default_factory=list)


def expected_credits(brief: Brief) -> Decimal:
    """The price of a brief today; 0 where it is no longer in the price list."""
    try:
        return price_of(brief)
    except ProductError:
        return Decimal(0)


def prove(catalog: OpenCatalog, record: AssetRecord, approved: frozenset[str]) -> Proof:
    """Verify one record.

    Args:
        approved: The keys below `approved/`.
    """
    one = Proof(record=record)
    if too_wild := _beyond_bounds(record):
        one.unrestored.append(_said(record, "RECORD_DAMAGED", f"Its record says {too_wild}.", RESTORE))
        return one
    if record.standin and not catalog.is_rehearsal:
        message = "The stand-in made this model: it does not belong among real ones."
        one.unrestored.append(_said(record, "STANDIN_MODEL", message, "Move it out of the library."))
        return one
    one.generation = _generation(catalog, one)
    wrong = _wrong(catalog, record.key, record.sha256, record.size_bytes)
    if wrong:
        place = catalog.store.location(record.key)
        what = "is not in the library" if wrong == "missing" else "is not the one that was stored"
        code = "MODEL_MISSING" if wrong == "missing" else "MODEL_CHANGED"
        one.unrestored.append(_said(record, code, f"The model {place} {what}.", _fix_of(one, wrong)))
        return one
    approval = _approval(catalog, one, approved)
    one.asset = FoundAsset(
        sku=record.sku,
        name=record.name,
        version=record.version,
        format=record.format,
        file=record.file,
        key=record.key,
        picture_key=record.picture_key,
        sha256=record.sha256,
        size_bytes=record.size_bytes,
        approval=approval,
        checks=record.checks,
        size=record.dimensions_m,
        created_at=record.created_at,
        generation=one.generation,
        profile=record.profile,
        decisions=tuple(_decisions(one)),
    )
    return one


def _generation(catalog: OpenCatalog, one: Proof) -> FoundGeneration | None:
    """The paid task of a record, if the brief that it holds has the digest that it names."""
    said, record = one.record.provenance, one.record
    if not said.digest:
        return None  # made by hand
    brief = _brief(said)
    if brief is None:
        message = "Its record does not hold the brief that was paid for, so the model counts as made by hand."
        one.unrestored.append(_said(record, "BRIEF_UNPROVEN", message, f"It is never bought again. {RESTORE}"))
        return None
    wrong = _wrong(catalog, said.raw_key, said.raw_sha256, said.raw_size_bytes) if said.raw_key else "missing"
    if wrong == "changed":
        message = f"The provider's file {catalog.store.location(said.raw_key)} is not the one that was stored."
        one.unrestored.append(_said(record, "RAW_CHANGED", message, "Put the stored one back, or move it away."))
    kept = not wrong
    return FoundGeneration(
        realm=said.realm,
        digest=said.digest,
        attempt=said.attempt,
        brief=brief,
        base_url=said.base_url,
        key_fingerprint=said.key_fingerprint,
        model_seed=said.model_seed or 0,
        expected_credits=expected_credits(brief),
        credits=said.credits,
        task_id=said.task_id,
        raw_key=said.raw_key if kept else "",
        raw_sha256=said.raw_sha256 if kept else "",
        raw_size_bytes=(said.raw_size_bytes or record.size_bytes) if kept else 0,
        ordered_at=said.ordered_at or record.created_at,
        settled_at=said.settled_at or record.created_at,
    )


def _brief(said: Provenance) -> Brief | None:
    try:
        brief = Brief.parse(json.dumps(said.brief))
        digest = brief.digest
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return brief if digest == said.digest else None


def _approval(catalog: OpenCatalog, one: Proof, approved: frozenset[str]) -> Approval:
    """What people have decided, as far as record and `approved/` agree on it."""
    record = one.record
    lies_there = record.approved_key in approved
    if record.approval is not Approval.APPROVED:
        if lies_there:
            place = catalog.store.location(record.approved_key)
            message = f"{place} lies among the approved, and its record says {record.approval}."
            one.unrestored.append(_said(record, "APPROVAL_UNCERTAIN", message, _decide_again(record)))
        return record.approval
    if lies_there and not _wrong(catalog, record.approved_key, record.sha256, record.size_bytes):
        if not record.decisions:
            message = f"V{record.version} is approved, and its record does not say by whom."
            one.unrestored.append(_said(record, "PERSON_UNKNOWN", message, "Nothing to do; it stays approved."))
        return record.approval
    message = f"Its record says approved, and approved/{record.file} is missing or another file: it waits again."
    one.unrestored.append(_said(record, "APPROVAL_UNCERTAIN", message, _decide_again(record)))
    return Approval.PENDING


def _decisions(one: Proof) -> Iterator[Entry]:
    """The decisions of a record; one that was changed there is believed no more than one that never had a hash."""
    for said in one.record.decisions:
        entry = said.entry(one.record)
        if len(entry.places) < len(said.places):
            when = f"{said.at:%Y-%m-%d %H:%M} UTC"
            message = f"The decision of {said.person} on {when} is not what the audit trail had: its hash does not fit."
            fix = f"It is restored without its evidence. {RESTORE}"
            one.unrestored.append(_said(one.record, "DECISION_CHANGED", message, fix))
        yield entry


def _wrong(catalog: OpenCatalog, key: str, sha256: str, size_bytes: int) -> str:
    """What is wrong with a file: missing, changed, or "" if it is there and whole."""
    found = catalog.store.stat(key)
    if found is None:
        return "missing"
    if size_bytes and found.size_bytes != size_bytes:
        return "changed"
    told = found.sha256
    if not told:  # this store does not know: read it
        content = catalog.store.get(key, max_bytes=MAX_MODEL_BYTES) or b""
        told = hashlib.sha256(content).hexdigest()
    return "" if told == sha256 else "changed"


def pixels_of(one: Proof) -> Iterator[tuple[str, str]]:
    """(file, pixels) digests of the photos that its verified brief covers."""
    if one.generation is None:
        return
    covered = {picture.pixels_sha256 for picture in one.generation.brief.pictures}
    for photo in one.record.provenance.photos:
        if photo.pixels_sha256 in covered:
            yield photo.file_sha256, photo.pixels_sha256


def _beyond_bounds(record: AssetRecord) -> str:
    """What a record says that no record of ours would, or ""."""
    said = record.provenance
    for of, longest in ((record, _LONGEST), (said, _LONGEST_IN_PROVENANCE)):
        for name, most in longest.items():
            if len(getattr(of, name)) > most:
                return f"a {name} of more than {most} characters"
    numbers = (record.version, record.size_bytes, said.attempt, said.raw_size_bytes, said.model_seed or 0)
    if not all(0 <= number <= _LARGEST for number in numbers):
        return "a number beyond all bounds"
    if said.credits is not None and not 0 <= said.credits <= _MOST_CREDITS:
        return f"that it cost {said.credits} credits"
    return ""


def _fix_of(one: Proof, wrong: str) -> str:
    if wrong == "changed":
        return "Somebody changed the file: put the stored one back, then recover again."
    if one.generation and one.generation.raw_key:
        return "The next run stores it again, at no cost."
    if one.generation:
        return f"{RESTORE} Without one, the next run asks the provider for the paid task's file, at no cost."
    return RESTORE


def _decide_again(record: AssetRecord) -> str:
    return f"Decide again: catalog3d approve {record.sku}, or catalog3d reject {record.sku}."


def _said(record: AssetRecord, code: str, message: str, fix: str) -> Unrestored:
    return Unrestored(code=code, sku=record.sku, place=record.key, message=message, fix=fix)
