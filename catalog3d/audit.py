"""The audit trail: every decision is an entry of a chain, and each entry's hash covers the one before it.

    hash(n) = sha256(canonical JSON of what was decided, its number n, and hash(n - 1))

Whoever changes, removes, inserts or moves one entry breaks it where it was. The chain convinces outsiders; whoever
owns the database can compute it anew from any entry on. That shows only to somebody who noted a later hash elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

FORM = 1
"""Of the canonical JSON. Another form needs another number, and this one has to stay readable."""

GENESIS = "0" * 64
"""What the first entry of a chain has in place of the hash of an earlier one."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an entry stands in a chain.

    Attributes:
        catalog: Whose chain it is.
        sequence: Its number there, from 1 without a gap.
        previous: The hash of the entry before it, `GENESIS` for the first.
        recovered: Whether it was put there from the library, after a registry was lost.
        hash: Of all this and of what was decided.
    """

    catalog: str
    sequence: int
    previous: str
    hash: str
    recovered: bool = False


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One decision with all that it was made from. Values are what a record holds, even where that makes no sense.

    Attributes:
        decision: approved, rejected, retake, or undone: what the decision before it on this asset did is taken back.
        checklist: Question -> yes, no, or None for no answer.
        checks: The automatic checks that lay before the person: (code, severity, value, limit).
        seen: The revision of the asset that the person looked at, None where nobody said.
        profile: The quality profile that the checks were made by, "" where it is not known.
        changes: Version (as text) -> its approval before and after, of all versions that the decision moved.
        places: Where it stands, last; before that, where it stood in chains that were lost. Empty where nobody knows.
    """

    sku: str
    version: int
    format: str
    asset_sha256: str
    decision: str
    person: str
    reason: str
    note: str
    at: datetime
    checklist: Mapping[str, Any]
    checks: Sequence[Any]
    seen: int | None
    profile: str
    changes: Mapping[str, Any]
    places: tuple[Place, ...] = ()

    @property
    def place(self) -> Place:
        """Where it stands now."""
        return self.places[-1]

    def digest(self, number: int | None = None) -> str:
        """The hash that belongs to its place, or to an earlier one, computed anew."""
        places = self.places if number is None else self.places[: number + 1]
        return hashlib.sha256(canonical(self, places).encode()).hexdigest()

    @property
    def proven_places(self) -> int:
        """How many of its places, from the first on, have the hash that belongs to them."""
        for number, place in enumerate(self.places):
            if place.hash != self.digest(number):
                return number
        return len(self.places)

    def placed(self, catalog: str, head: Head | None, *, recovered: bool = False) -> Entry:
        """The same entry at the end of a chain.

        Args:
            head: The last entry of the chain, None if it is empty.
        """
        sequence, previous = (head.sequence + 1, head.hash) if head else (1, GENESIS)
        place = Place(catalog=catalog, sequence=sequence, previous=previous, hash="", recovered=recovered)
        open_ended = replace(self, places=(*self.places, place))
        return replace(open_ended, places=(*self.places, replace(place, hash=open_ended.digest())))


@dataclass(frozen=True, kw_only=True)
class Head:
    """The last entry of a chain: noted elsewhere, it vouches for all entries up to it."""

    sequence: int
    hash: str


def canonical(entry: Entry, places: tuple[Place, ...]) -> str:
    """The text that is hashed: JSON with sorted keys, without blanks, in ASCII, whole numbers without a point."""
    place = places[-1]
    document = {
        "form": FORM,
        "catalog": place.catalog,
        "sequence": place.sequence,
        "previous": place.previous,
        "recovered": place.recovered,
        "former": [
            [former.catalog, former.sequence, former.previous, former.hash, former.recovered] for former in places[:-1]
        ],
        "sku": entry.sku,
        "version": entry.version,
        "format": entry.format,
        "asset_sha256": entry.asset_sha256,
        "decision": entry.decision,
        "person": entry.person,
        "reasons": [entry.reason] if entry.reason else [],
        "note": entry.note,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "checklist": entry.checklist,
        "checks": entry.checks,
        "seen": entry.seen,
        "profile": entry.profile,
        "changes": entry.changes,
    }
    return json.dumps(_plain(document), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _plain(value: Any) -> Any:
    """The same value, in the one form that survives a database, a JSON file and another reader."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        return int(value) if value.is_integer() else value
    return value


def find_hash(entries: Iterable[Entry], wanted: str) -> tuple[Entry, Place] | None:
    """The entry that has or had a hash, by the hash or by its beginning; None if none does."""
    for entry in entries:
        for place in entry.places:
            if place.hash.startswith(wanted):
                return entry, place
    return None
