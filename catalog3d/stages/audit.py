"""Verifies the audit trail of a catalog, alone or held against the records of the library; changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from catalog3d.asset_record import AssetRecord
from catalog3d.audit import Entry, Head, Place, find_hash
from catalog3d.audit_faults import Fault, verify, verify_assets, verify_former
from catalog3d.errors import ProductError
from catalog3d.stages.context import OpenCatalog


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What an audit found.

    Attributes:
        head: The last entry, None of an empty trail.
        expected: The entry that has, or had before a recovery, the hash that was asked for, and the place that has it.
        records: How many records of the library the trail was held against; None if none were asked for.
    """

    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...]
    head: Head | None
    expected: tuple[Entry, Place] | None
    records: int | None = None


def audit_trail(
    catalog: OpenCatalog, *, expect: str = "", library: bool = False, progress: Callable[[], None] = lambda: None
) -> Audit:
    """Verify every decision of a catalog.

    Args:
        expect: A hash that was noted earlier, or its beginning: it must still be one of the trail's.
        library: Also hold the trail against the entries that the library's records keep.
        progress: Called after each record.
    """
    trail = catalog.registry.catalog.trail()
    entries = trail.entries
    faults = [*verify(entries), *trail.faults, *verify_former(entries), *verify_assets(entries, trail.assets)]
    found = find_hash(entries, expect) if expect else None
    if expect and found is None:
        message = f"No entry has the hash {expect}: the entries up to it were removed or rewritten."
        faults.append(Fault(code="HASH_MISSING", sequence=None, sku="", message=message))
    records = None
    if library:
        records, differing = _held_against_library(catalog, entries, progress)
        faults += differing
    last = max((entry.place for entry in entries), key=lambda place: place.sequence, default=None)
    return Audit(
        entries=tuple(entries),
        faults=tuple(dict.fromkeys(faults)),
        head=Head(sequence=last.sequence, hash=last.hash) if last else None,
        expected=found,
        records=records,
    )


def _held_against_library(
    catalog: OpenCatalog, entries: list[Entry], progress: Callable[[], None]
) -> tuple[int, list[Fault]]:
    """How many records were read, and which of their decisions are not in the trail."""
    known = {place.hash for entry in entries for place in entry.places}
    faults: list[Fault] = []

    def unreadable(_key: str, error: ProductError) -> None:
        faults.append(Fault(code="RECORD_INVALID", sequence=None, sku="", message=str(error)))

    count = 0
    for record in catalog.library.records(unreadable):
        faults += _only_in_record(record, known)
        count += 1
        progress()
    return count, faults


def _only_in_record(record: AssetRecord, known: set[str]) -> Iterator[Fault]:
    for said in record.decisions:
        if not said.places:
            continue
        place = said.places[-1]
        which = f"Entry {place.sequence} ({record.sku} V{record.version}, {said.decision} by {said.person})"
        if len(said.entry(record).places) < len(said.places):
            code, message = "RECORD_CHANGED", f"{which} was changed in the library's record of {record.file}."
        elif place.hash not in known:
            code, message = "ONLY_IN_LIBRARY", f"{which} was removed: the library's record of {record.file} has it."
        else:
            continue
        yield Fault(code=code, sequence=place.sequence, sku=record.sku, message=message)
