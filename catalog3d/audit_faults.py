"""What is wrong with an audit trail: which entry, and how, in sentences."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, zip_longest

from catalog3d.audit import GENESIS, Entry

_MOST_MOVED = 20
_LARGEST_MOVED = 1_000
"""Entries and numbers that are tried to find out where one was moved from: a spoilt chain is read in bounded time."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that is wrong with a chain, in a sentence that names the entry.

    Attributes:
        sequence: The number of the entry, None where it is about none.
    """

    code: str
    sequence: int | None
    sku: str
    message: str


def verify(entries: Iterable[Entry]) -> list[Fault]:
    """What is wrong with a chain: nothing if it is whole. Entries missing at its end do not show.

    Args:
        entries: All of one catalog, in the order in which they are kept.
    """
    kept = list(entries)
    chain = sorted(kept, key=lambda entry: entry.place.sequence)
    faults = [
        _fault("ENTRY_MOVED", entry, "is out of order") for entry, due in zip(kept, chain, strict=True) if entry != due
    ]
    numbered = [list(entries) for _, entries in groupby(chain, lambda entry: entry.place.sequence)]
    before: Entry | None = None
    for claiming, after in zip_longest(numbered, numbered[1:], fillvalue=()):
        entry = _genuine(claiming, {later.place.previous for later in after})
        faults += [_fault("ENTRY_INSERTED", other, "was inserted") for other in claiming if other is not entry]
        faults += _gap(before, entry)
        if entry.digest() != entry.place.hash:
            faults.append(_changed(entry, len(chain) + 1 if len(faults) < _MOST_MOVED else 0))
        elif (broken := _broken_link(before, entry)) is not None:
            faults.append(broken)
        before = entry
    return faults


def _genuine(claiming: Sequence[Entry], followed: Container[str]) -> Entry:
    """Of several entries with one number, the one that was written there."""
    if len(claiming) == 1:
        return claiming[0]
    whole = [entry for entry in claiming if entry.digest() == entry.place.hash] or claiming
    return next((entry for entry in whole if entry.place.hash in followed), whole[0])


def _gap(before: Entry | None, entry: Entry) -> list[Fault]:
    expected = before.place.sequence + 1 if before else 1
    last = entry.place.sequence - 1
    if last < expected:
        return []
    which = f"Entry {expected} was" if last == expected else f"Entries {expected} to {last} were"
    after = f"entry {before.place.sequence}" if before else "the beginning"
    message = f"{which} removed: entry {entry.place.sequence} follows {after}."
    return [Fault(code="ENTRY_REMOVED", sequence=expected, sku="", message=message)]


def _broken_link(before: Entry | None, entry: Entry) -> Fault | None:
    """The fault of two entries, each whole in itself, of which the later was not written after the earlier."""
    if before is None:
        if entry.place.sequence != 1 or entry.place.previous == GENESIS:
            return None
        return _fault("ENTRY_CHANGED", entry, "is the first, and names an entry before it: it was rewritten")
    if before.place.sequence + 1 != entry.place.sequence:
        return None  # what lies between is reported as removed
    if entry.place.previous == before.place.hash or entry.place.previous == before.digest():
        return None
    told = f"was rewritten: entry {entry.place.sequence} was written after another entry {before.place.sequence}"
    return _fault("ENTRY_REWRITTEN", before, told)


def _changed(entry: Entry, numbers: int) -> Fault:
    """An entry whose hash is not its own: one that got another number, or other content than was written."""
    for number in range(1, min(numbers, _LARGEST_MOVED) + 1):
        moved = replace(entry, places=(*entry.places[:-1], replace(entry.place, sequence=number)))
        if moved.digest() == entry.place.hash:
            return _fault("ENTRY_MOVED", entry, f"was moved: it was written as entry {number}")
    return _fault("ENTRY_CHANGED", entry, "was changed after it was written: its hash does not fit what it says")


def _fault(code: str, entry: Entry, told: str) -> Fault:
    message = f"Entry {entry.place.sequence} ({_what(entry)}) {told}."
    return Fault(code=code, sequence=entry.place.sequence, sku=entry.sku, message=message)


def _what(entry: Entry) -> str:
    return f"{entry.sku} V{entry.version}, {entry.decision} by {entry.person} on {entry.at:%Y-%m-%d %H:%M} UTC"


def verify_former(entries: Iterable[Entry]) -> list[Fault]:
    """Which recovered entries are not what they were in the chain that was lost."""
    return [
        _fault("FORMER_CHANGED", entry, "does not fit the hash that it had before it was recovered")
        for entry in entries
        if len(entry.places) > 1 and entry.proven_places < len(entry.places) - 1
    ]


@dataclass(frozen=True, kw_only=True)
class AssetState:
    """What a registry says of an asset now: to be held against what its chain says."""

    sku: str
    version: int
    format: str
    sha256: str
    approval: str


def verify_assets(entries: Iterable[Entry], assets: Iterable[AssetState]) -> list[Fault]:
    """Where an asset is not the file that was decided about, or its approval is not what the chain led to."""
    files = {(asset.sku, asset.version, asset.format): asset for asset in assets}
    told: dict[tuple[str, int, str], tuple[Entry, str]] = {}
    wrong_file: dict[tuple[str, int, str], Entry] = {}
    vague = set()
    for entry in entries:
        own = (entry.sku, entry.version, entry.format)
        if own in files and entry.asset_sha256 != files[own].sha256:
            wrong_file.setdefault(own, entry)
        for version, approval in _moves(entry):
            told[entry.sku, version, entry.format] = (entry, approval)
        if entry.place.recovered and not entry.changes:
            vague.add(entry.sku)  # an early record does not say which other versions an approval has superseded
    faults = [
        _fault("ASSET_CHANGED", entry, f"was about another file than V{entry.version} is now")
        for entry in wrong_file.values()
    ]
    for own, asset in files.items():
        if not (asset.approval == "superseded" and asset.sku in vague):
            faults += _unexplained(asset, told.get(own))
    return faults


def _moves(entry: Entry) -> Iterator[tuple[int, str]]:
    """(version, approval after it) of all that an entry moved; early records say it of their own version only."""
    if isinstance(entry.changes, Mapping) and entry.changes:
        for version, pair in entry.changes.items():
            if str(version).isdecimal() and isinstance(pair, list | tuple) and len(pair) == 2:
                yield int(version), str(pair[1])
    elif entry.decision in {"approved", "rejected"}:
        yield entry.version, entry.decision


def _unexplained(asset: AssetState, told: tuple[Entry, str] | None) -> Iterator[Fault]:
    entry, approval = told or (None, "pending")
    # A recovery believes an approval only if its file lies among the approved.
    waits_again = entry is not None and entry.place.recovered and asset.approval == "pending"
    if asset.approval != approval and not waits_again:
        why = f"entry {entry.place.sequence} left it {approval}" if entry else "no entry says who decided so"
        message = f"{asset.sku} V{asset.version} is {asset.approval} in the registry, and {why}."
        sequence = entry.place.sequence if entry else None
        yield Fault(code="APPROVAL_UNEXPLAINED", sequence=sequence, sku=asset.sku, message=message)
