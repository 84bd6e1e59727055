"""The audit trail of a whole catalog: held against the library, and continued after the registry was lost."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, update

from catalog3d.adapters.registry.engine import write
from catalog3d.adapters.registry.tables import AssetRow, DecisionRow
from catalog3d.asset import Approval
from catalog3d.stages.audit import audit_trail
from catalog3d.stages.decide import decide, undo_decision
from tests.catalogs import Shop, open_shop
from tests.stages.test_recover import codes, edited, finished, lose, record_file, recovered


@pytest.fixture
def decided(shop: Shop) -> Shop:
    """One approved, one rejected."""
    shop.write({"SKU": "AP"}, {"SKU": "RE"})
    for sku in ("AP", "RE"):
        finished(shop, sku)
    decide(shop.catalog, "AP", Approval.APPROVED, person="Ada", note="Fine.")
    decide(shop.catalog, "RE", Approval.REJECTED, person="Ben", reason="WRONG_COLOR", note="Too red.")
    return shop


def test_the_trail_of_decisions_is_continued_with_the_evidence_of_the_lost_one(decided: Shop) -> None:
    decide(
        decided.catalog, "AP", Approval.REJECTED, person="Ben", reason="WRONG_SHAPE", checklist={"proportions": False}
    )
    undo_decision(decided.catalog, "AP", 1, person="Ben", seen=2)
    lost = audit_trail(decided.catalog)
    assert lost.head is not None
    lose(decided)
    recovered(decided.folder)
    with open_shop(decided.folder) as fresh:
        found = audit_trail(fresh.catalog, expect=lost.head.hash, library=True)
        assert found.faults == ()
        assert [(e.sku, e.decision, e.person, e.place.recovered) for e in found.entries] == [
            (e.sku, e.decision, e.person, True) for e in lost.entries
        ]
        assert [e.places[0] for e in found.entries] == [e.place for e in lost.entries]
        assert found.expected is not None
        assert found.expected[1] == lost.entries[-1].place
        undo_decision(fresh.catalog, "RE", 1, person="Ada")
        later = audit_trail(fresh.catalog, library=True)
        assert (later.faults, later.entries[-1].place.recovered) == ((), False)
    lose(decided)
    recovered(decided.folder)
    with open_shop(decided.folder) as once_more:
        found = audit_trail(once_more.catalog, expect=lost.head.hash, library=True)
        assert (found.faults, len(found.entries)) == ((), 5)
        assert max(len(entry.places) for entry in found.entries) == 3


def test_a_decision_that_was_changed_in_its_record_is_named_and_loses_its_evidence(decided: Shop) -> None:
    edited(record_file(decided, "RE"), lambda record: record["decisions"][0].update(person="Mallory"))
    (fault,) = audit_trail(decided.catalog, library=True).faults
    assert (fault.code, fault.sequence, fault.sku) == ("RECORD_CHANGED", 2, "RE")
    lose(decided)
    done, _ = recovered(decided.folder)
    assert codes(done) == [("DECISION_CHANGED", "RE")]
    with open_shop(decided.folder) as fresh:
        restored = {entry.sku: entry for entry in audit_trail(fresh.catalog).entries}
        assert {sku: len(entry.places) for sku, entry in restored.items()} == {"AP": 2, "RE": 1}


def test_a_trail_whose_end_was_dropped_shows_in_the_library(decided: Shop) -> None:
    with write(decided.catalog.registry.engine) as session:
        session.execute(delete(DecisionRow).where(DecisionRow.sequence == 2))
        session.execute(update(AssetRow).where(AssetRow.sku == "RE").values(approval="pending", revision=0))
    assert audit_trail(decided.catalog).faults == ()
    (fault,) = audit_trail(decided.catalog, library=True).faults
    assert (fault.code, fault.sequence, fault.sku) == ("ONLY_IN_LIBRARY", 2, "RE")
    decide(decided.catalog, "RE", Approval.APPROVED, person="Mallory")
    found = audit_trail(decided.catalog, library=True)
    assert [(fault.code, fault.sequence) for fault in found.faults] == [("ONLY_IN_LIBRARY", 2)]


def test_early_records_of_decisions_are_restored_without_evidence_and_are_no_fault(decided: Shop) -> None:
    def early(record: dict[str, Any]) -> None:
        del record["profile"]
        for said in record["decisions"]:
            for name in set(said) - {"decision", "person", "reason", "note", "at"}:
                del said[name]

    for sku in ("AP", "RE"):
        edited(record_file(decided, sku), early)
    lose(decided)
    done, _ = recovered(decided.folder)
    assert codes(done) == []
    with open_shop(decided.folder) as fresh:
        found = audit_trail(fresh.catalog, library=True)
        assert found.faults == ()
        assert [(entry.person, entry.place.recovered, len(entry.places)) for entry in found.entries] == [
            ("Ada", True, 1),
            ("Ben", True, 1),
        ]
