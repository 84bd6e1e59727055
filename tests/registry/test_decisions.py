"""Decisions in the registry: one chain, whoever decides at the same time; told what others did; and the way back."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from catalog3d.adapters.registry.chain import Said, append, entry_about
from catalog3d.adapters.registry.engine import write
from catalog3d.adapters.registry.registry import Registry
from catalog3d.adapters.registry.tables import AssetRow, DecisionRow
from catalog3d.asset import Approval, Asset, Choice
from catalog3d.audit import Entry
from catalog3d.audit_faults import verify, verify_assets
from catalog3d.errors import ProductError
from catalog3d.product import Severity
from catalog3d.quality import Check, MeshReport
from tests.clock import HandClock
from tests.registry.test_catalog import allot, approvals, decide, stored
from tests.registry.test_races import at_once
from tests.registry.test_retakes import ask

LARGE = Check(
    code="FILE_TOO_LARGE", severity=Severity.WARNING, message="The file is large.", value=6_000_000.5, limit=5_242_880
)


def chain(registry: Registry) -> list[Entry]:
    """The chain, which must be whole and must explain where every asset stands."""
    found = registry.catalog.trail()
    assert [found.faults, verify(found.entries), verify_assets(found.entries, found.assets)] == [[], [], []]
    return found.entries


def checked(registry: Registry) -> Asset:
    report = MeshReport(profile="shopify", checks=(LARGE,), facts=None)
    asset = allot(registry, "a")
    return registry.catalog.note_stored(
        asset, key="assets/A1.glb", picture_key="", sha256="d" * 64, size_bytes=1, report=report
    )


def said(registry: Registry, asset: Asset, decision: Approval = Approval.APPROVED, **how: Any) -> Asset:
    return registry.catalog.decide(asset, decision, **{"person": "Ada", "reason": "", "note": "", **how})


def refusal(work: Any, *arguments: Any, **how: Any) -> ProductError:
    with pytest.raises(ProductError) as refused:
        work(*arguments, **how)
    return refused.value


def test_an_entry_says_all_that_a_decision_was_made_from(registry: Registry, clock: HandClock) -> None:
    asset = said(registry, checked(registry), note="Fine.", checklist={"format": True}, seen=0)
    (entry,) = chain(registry)
    assert (entry.sku, entry.version, entry.format, entry.asset_sha256) == ("A1", 1, "GLB", "d" * 64)
    assert (entry.decision, entry.person, entry.note, entry.at) == ("approved", "Ada", "Fine.", clock.now())
    assert (entry.checklist, entry.seen, entry.profile) == ({"format": True}, 0, "shopify")
    assert entry.checks == [["FILE_TOO_LARGE", "warning", 6_000_000.5, 5_242_880]]
    assert entry.changes == {"1": ["pending", "approved"]}
    assert (asset.revision, registry.catalog.decisions("A1")[0].checklist) == (1, {"format": True})


def test_every_kind_of_decision_is_in_the_chain(registry: Registry) -> None:
    first, second = stored(registry, "a"), stored(registry, "b")
    for asset, decision in ((first, Approval.APPROVED), (second, Approval.APPROVED), (second, Approval.REJECTED)):
        said(registry, asset, decision)
    registry.catalog.undo(second, person="Ada")
    third = stored(registry, "c", "C3")
    said(registry, third, Approval.REJECTED)
    assert [(entry.place.sequence, entry.sku, entry.version, entry.decision) for entry in chain(registry)] == [
        (1, "A1", 1, "approved"),
        (2, "A1", 2, "approved"),
        (3, "A1", 2, "rejected"),
        (4, "A1", 2, "undone"),
        (5, "C3", 1, "rejected"),
    ]


def test_a_retake_is_in_the_chain_and_a_new_revision(registry: Registry) -> None:
    stored(registry, "a")
    ask(registry)
    assert [(entry.decision, entry.person, entry.reason) for entry in chain(registry)] == [
        ("retake", "Ada", "WRONG_SHAPE")
    ]
    assert registry.catalog.assets("A1")[0].revision == 1


def test_32_who_decide_at_once_are_all_in_the_chain_once(registry: Registry) -> None:
    assets = [stored(registry, "a", f"S{number}") for number in range(32)]

    def work(number: int) -> None:
        for round_ in range(4):
            said(registry, assets[(number + 8 * round_) % 32], person=f"P{number}", note=f"Round {round_}.")

    at_once(32, work)
    told = Counter((entry.person, entry.note) for entry in chain(registry))
    assert told == Counter({(f"P{number}", f"Round {round_}."): 1 for number in range(32) for round_ in range(4)})


def test_of_32_who_saw_the_same_one_decides_and_the_others_are_told(registry: Registry) -> None:
    asset = stored(registry, "a")

    def work(number: int) -> str:
        decision = Approval.APPROVED if number % 2 else Approval.REJECTED
        try:
            said(registry, asset, decision, person=f"P{number}", seen=0)
        except ProductError as error:
            return error.details["person"] if error.details["person"] in error.message else "nobody"
        return ""

    told = at_once(32, work)
    (entry,) = chain(registry)
    assert Counter(told) == Counter({"": 1, entry.person: 31})
    assert told[int(entry.person[1:])] == ""


def test_the_second_of_two_is_told_who_decided_what_and_when(registry: Registry) -> None:
    asset = stored(registry, "a")
    said(registry, asset, Approval.REJECTED, person="Ben", reason="WRONG_COLOR", seen=0)
    told = refusal(said, registry, asset, person="Ada", seen=0)
    assert (told.code, told.sku) == ("ALREADY_DECIDED", "A1")
    assert told.message == "Ben rejected V1 on 2026-11-22 12:00 UTC, after you had opened V1."
    assert told.details == {
        "person": "Ben",
        "decision": "rejected",
        "at": "2026-11-22T12:00:00+00:00",
        "revision": "1",
    }
    said(registry, asset, person="Ada", seen=1)
    assert [entry.person for entry in chain(registry)] == ["Ben", "Ada"]


def test_who_looked_at_a_version_that_an_approval_superseded_is_told(registry: Registry) -> None:
    first, second = stored(registry, "a"), stored(registry, "b")
    said(registry, first, person="Ben", seen=0)
    told = refusal(said, registry, second, Approval.REJECTED, person="Ada", seen=0)
    assert told.message == "Ben approved V1 on 2026-11-22 12:00 UTC, after you had opened V2."


def test_the_same_decision_sent_twice_is_recorded_once(registry: Registry) -> None:
    asset = stored(registry, "a")
    for _ in range(2):
        said(registry, asset, seen=0)
    assert len(chain(registry)) == 1


def test_undoing_an_approval_brings_back_what_it_superseded(registry: Registry) -> None:
    first, second, third = stored(registry, "a"), stored(registry, "b"), stored(registry, "c")
    said(registry, first)
    said(registry, second, Approval.APPROVED)
    assert approvals(registry) == [Approval.SUPERSEDED, Approval.APPROVED, Approval.SUPERSEDED]
    assert registry.catalog.way_back(second) == {1: Approval.APPROVED, 2: Approval.SUPERSEDED}
    registry.catalog.undo(second, person="Ada", seen=2)
    assert approvals(registry) == [Approval.APPROVED, Approval.SUPERSEDED, Approval.SUPERSEDED]
    assert chain(registry)[-1].changes == {"1": ["superseded", "approved"], "2": ["approved", "superseded"]}
    assert third.version == 3


def test_undoing_a_rejection_brings_back_the_one_before_it(registry: Registry) -> None:
    asset = stored(registry, "a")
    said(registry, asset, Approval.REJECTED, reason="WRONG_COLOR", note="Too red.")
    said(registry, asset, Approval.REJECTED, reason="WRONG_SHAPE")
    registry.catalog.undo(asset, person="Ada")
    assert registry.catalog.rejections()[asset.id].note == "Too red."
    chain(registry)


def test_undoing_twice_is_undoing_once(registry: Registry) -> None:
    asset = stored(registry, "a")
    said(registry, asset, person="Ben")
    for _ in range(2):
        registry.catalog.undo(asset, person="Ada", seen=1)
    assert [entry.decision for entry in chain(registry)] == ["approved", "undone"]
    assert refusal(registry.catalog.undo, asset, person="Ben", seen=1).code == "ALREADY_DECIDED"
    again = refusal(registry.catalog.undo, asset, person="Ben")
    assert (again.code, again.message.startswith("Ada took back")) == ("NOTHING_TO_UNDO", True)


def test_nothing_is_undone_where_nobody_decided(registry: Registry) -> None:
    asset = stored(registry, "a")
    assert refusal(registry.catalog.undo, asset, person="Ada").code == "NOTHING_TO_UNDO"
    ask(registry)
    assert "retake is a request" in refusal(registry.catalog.undo, asset, person="Ada").message


def test_what_others_have_built_on_is_not_undone(registry: Registry) -> None:
    first, second = stored(registry, "a"), stored(registry, "b")
    said(registry, first)
    said(registry, second, person="Ben")
    told = refusal(registry.catalog.undo, first, person="Ada")
    assert (told.code, "Ben approved V2" in told.message) == ("UNDO_REFUSED", True)
    said(registry, second, Approval.REJECTED, person="Ben")
    third = stored(registry, "c")
    said(registry, third)
    told = refusal(registry.catalog.undo, second, person="Ben")
    assert told.message == "V3 and V2 would both be approved."
    assert approvals(registry) == [Approval.SUPERSEDED, Approval.REJECTED, Approval.APPROVED]


def test_what_concerns_other_versions_only_does_not_stop_an_undo(registry: Registry) -> None:
    first, second = stored(registry, "a"), stored(registry, "b")
    for asset in (first, second):
        said(registry, asset, Approval.REJECTED)
    registry.catalog.undo(first, person="Ada")
    assert approvals(registry) == [Approval.PENDING, Approval.REJECTED]


def test_catalogs_have_chains_of_their_own(registry: Registry) -> None:
    said(registry, stored(registry, "a"))
    with write(registry.engine) as session:
        other = AssetRow(
            catalog="rehearsal", sku="A1", version=1, format="GLB", identity="a", file="x", created_at=registry_now()
        )
        session.add(other)
        session.flush()
        spoken = Said(decision=Choice.APPROVED, person="Ada")
        append(session, "rehearsal", other, entry_about(other, spoken, registry_now(), {1: ("pending", "approved")}))
        numbers = session.execute(select(DecisionRow.catalog, DecisionRow.sequence)).all()
    assert sorted(map(tuple, numbers)) == [("live", 1), ("rehearsal", 1)]
    assert len(chain(registry)) == 1


def registry_now() -> Any:
    return HandClock().now()


OTHER: dict[str, Any] = {
    "catalog": "rehearsal",
    "sequence": 7,
    "previous": "e" * 64,
    "hash": "e" * 64,
    "recovered": True,
    "former": [["live", 1, "0" * 64, "e" * 64, False]],
    "asset_id": 2,
    "sku": "B2",
    "version": 2,
    "format": "USDZ",
    "decision": "rejected",
    "person": "Mallory",
    "reason": "OTHER",
    "note": "No.",
    "checklist": {"format": False},
    "checks": [],
    "seen": 5,
    "profile": "web-ar",
    "changes": {"1": ["approved", "approved"]},
    "asset_sha256": "e" * 64,
    "at": registry_now().replace(year=2025),
}


@pytest.mark.parametrize("column", sorted(OTHER))
def test_a_change_of_any_column_of_a_row_is_found_and_names_it(registry: Registry, column: str) -> None:
    for asset in (checked(registry), stored(registry, "a", "B2"), stored(registry, "a", "C3")):
        said(registry, asset, seen=0)
    change(registry, 1, **{column: OTHER[column]})
    found = registry.catalog.trail()
    faults = found.faults + verify(found.entries)
    assert any("Entry 1 " in fault.message or "as entry 1." in fault.message for fault in faults), faults
    assert {fault.sequence for fault in faults} <= ({1} if column != "sequence" else {1, 4, 7}), faults


def test_every_column_is_tried() -> None:
    """But for the number that the database gives a row, on which nothing hangs that is in the chain."""
    assert {column.name for column in DecisionRow.__table__.columns} == {*OTHER, "id"}


def test_a_row_that_was_deleted_is_named(registry: Registry) -> None:
    for sku in ("A1", "B2", "C3"):
        said(registry, stored(registry, "a", sku))
    with write(registry.engine) as session:
        session.execute(delete(DecisionRow).where(DecisionRow.sequence == 2))
    found = registry.catalog.trail()
    assert [fault.message for fault in verify(found.entries)] == ["Entry 2 was removed: entry 3 follows entry 1."]
    (fault,) = verify_assets(found.entries, found.assets)
    assert fault.message == "B2 V1 is approved in the registry, and no entry says who decided so."


@pytest.mark.parametrize("column", ["at", "checklist", "former", "sequence", "note"])
def test_a_row_that_cannot_be_read_any_more_is_named_and_the_others_are_read(registry: Registry, column: str) -> None:
    is_server = registry.engine.dialect.name == "postgresql"
    for sku in ("A1", "B2"):
        said(registry, stored(registry, "a", sku))
    junk = {"note": "x'00ff'", "former": """'"junk"'"""}.get(column, """'"junk"'""" if is_server else "'junk'")
    spoil = f"UPDATE decisions SET {column} = {junk} WHERE sequence = 1"
    if is_server and column in {"at", "sequence"}:
        with pytest.raises(DBAPIError), write(registry.engine) as session:
            session.connection().exec_driver_sql(spoil)
        return
    with write(registry.engine) as session:
        session.connection().exec_driver_sql(spoil)
    found = registry.catalog.trail()
    faults = found.faults + verify(found.entries)
    assert any("A1" in fault.message and fault.code == "ENTRY_CHANGED" for fault in faults)
    assert found.entries[-1].sku == "B2"


def test_an_approval_that_was_set_past_the_chain_is_named(registry: Registry) -> None:
    decide(registry, stored(registry, "a"), Approval.REJECTED)
    with write(registry.engine) as session:
        session.execute(update(AssetRow).values(approval="approved"))
    found = registry.catalog.trail()
    (fault,) = verify_assets(found.entries, found.assets)
    assert fault.message == "A1 V1 is approved in the registry, and entry 1 left it rejected."


def change(registry: Registry, number: int, **values: Any) -> None:
    """What somebody with access to the database might do."""
    with write(registry.engine) as session:
        session.execute(update(DecisionRow).where(DecisionRow.sequence == number).values(**values))
