"""Builders of audit trails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from catalog3d.audit import Entry, Head
from tests.products import NOW


def an_entry(sku: str = "A1", **changes: Any) -> Entry:
    """What somebody decided, without a place."""
    entry = Entry(
        sku=sku,
        version=1,
        format="GLB",
        asset_sha256="d" * 64,
        decision="rejected",
        person="Ben",
        reason="WRONG_COLOR",
        note="Too red.",
        at=NOW,
        checklist={"material_color": False},
        checks=[["FILE_TOO_LARGE", "warning", 6_000_000.5, 5_242_880], ["TEXTURE_MIN", "info", None, "512"]],
        seen=0,
        profile="web-ar",
        changes={"1": ["pending", "rejected"]},
    )
    return replace(entry, **changes)


def a_chain(entries: Sequence[Entry], catalog: str = "live", *, recovered: bool = False) -> list[Entry]:
    """The entries one after the other."""
    chain: list[Entry] = []
    for entry in entries:
        head = Head(sequence=chain[-1].place.sequence, hash=chain[-1].place.hash) if chain else None
        chain.append(entry.placed(catalog, head, recovered=recovered))
    return chain


def chain_of(length: int) -> list[Entry]:
    """A chain of different decisions."""
    return a_chain(
        [an_entry(f"S{number}", person=f"P{number}", at=NOW + timedelta(seconds=number)) for number in range(length)]
    )
