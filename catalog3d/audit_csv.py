"""The audit trail as a list that a person opens in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from catalog3d.asset import CHECKLIST
from catalog3d.asset_index import harmless
from catalog3d.audit import Entry

HEADER = (
    "Entry", "Decided at", "SKU", "Version", "Format", "Decision", "Person", "Reason", "Note",
    *(question for question in CHECKLIST.values()),
    "Checks seen", "Revision seen", "Quality profile", "Approvals changed", "Recovered", "Asset SHA256",
    "Previous hash", "Hash", "Hash before recovery",
)  # fmt: skip


def audit_csv(entries: Iterable[Entry]) -> bytes:
    """The entries, oldest first: UTF-8 with a byte order mark, as spreadsheets expect it.

    A text that a spreadsheet would run as a formula gets an apostrophe before it.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    for entry in entries:
        writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in _cells(entry)])
    return text.getvalue().encode("utf-8-sig", errors="replace")


def _cells(entry: Entry) -> Iterator[Any]:
    place = entry.place
    yield from (place.sequence, entry.at.isoformat(timespec="seconds"), entry.sku, entry.version, entry.format)
    yield from (entry.decision, entry.person, entry.reason, entry.note)
    answers = entry.checklist if isinstance(entry.checklist, Mapping) else {}
    yield from (_answer(answers.get(code)) for code in CHECKLIST)
    yield "; ".join(map(_check, entry.checks)) if isinstance(entry.checks, list) else str(entry.checks)
    yield from ("" if entry.seen is None else entry.seen, entry.profile, _changes(entry.changes))
    yield from ("yes" if place.recovered else "", entry.asset_sha256, place.previous, place.hash)
    yield entry.places[0].hash if len(entry.places) > 1 else ""


def _answer(answer: Any) -> str:
    return "" if answer is None else "yes" if answer is True else "no" if answer is False else str(answer)


def _check(check: Any) -> str:
    """`FILE_TOO_LARGE warning 6000000 (limit 5242880)`."""
    if not isinstance(check, list | tuple) or len(check) != 4:
        return str(check)
    code, severity, value, limit = check
    measured = "" if value is None else f" {value}"
    return f"{code} {severity}{measured}" + ("" if limit is None else f" (limit {limit})")


def _changes(changes: Any) -> str:
    """`V1 approved > superseded; V2 pending > approved`."""
    if not isinstance(changes, Mapping):
        return str(changes)
    return "; ".join(
        f"V{version} " + " > ".join(map(str, pair) if isinstance(pair, list | tuple) else [str(pair)])
        for version, pair in sorted(changes.items())
    )
