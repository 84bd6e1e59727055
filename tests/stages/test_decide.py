"""Decisions of people: in the registry, the library, `assets.csv` and the sheet, whatever happens meanwhile."""

from __future__ import annotations

import csv
import threading
from pathlib import Path
from typing import Any

import pytest

from catalog3d.asset import CHECKLIST, Approval
from catalog3d.errors import ProductError
from catalog3d.library import Library
from catalog3d.product import Severity
from catalog3d.quality import Check
from catalog3d.retake import Retake
from catalog3d.stages.audit import audit_trail
from catalog3d.stages.decide import MAX_NOTE, Decided, decide, tell_library, undo_decision
from catalog3d.stages.resting import resting
from catalog3d.status import Status
from tests.catalogs import REALM, Shop

BROKEN = Check(code="INDEX_OOB", severity=Severity.ERROR, message="An index points nowhere.")


def approve(shop: Shop, version: int = 0) -> Decided:
    return decide(shop.catalog, "A1", Approval.APPROVED, person="Ada", version=version)


def reject(shop: Shop, version: int = 0) -> Decided:
    return decide(
        shop.catalog, "A1", Approval.REJECTED, person="Ada", reason="WRONG_COLOR", note="Too red.", version=version
    )


def two_versions(shop: Shop) -> None:
    shop.make("A1")
    shop.write({"SKU": "A1", "Name": "Stool"})
    shop.make("A1")


def approvals(shop: Shop) -> dict[int, Approval]:
    return {asset.version: asset.approval for asset in shop.catalog.registry.catalog.assets("A1")}


def index(shop: Shop) -> list[dict[str, str]]:
    content = shop.catalog.store.get("assets.csv", max_bytes=10_000)
    assert content is not None
    return list(csv.DictReader(content.decode("utf-8-sig").splitlines()))


def recorded(shop: Shop) -> dict[int, Approval]:
    return {record.version: record.approval for record in shop.catalog.library.records_of("A1")}


def test_an_approved_model_lies_in_approved_and_its_sheet_says_so(shop: Shop) -> None:
    shop.make("A1")
    assert approve(shop).notes == ()
    assert shop.approved_files() == ["A1_Chair_V1_GLB.glb"]
    assert shop.stands("A1").status is Status.APPROVED
    assert "Approved" in shop.sheet.read_text()


def test_approving_the_second_version_leaves_exactly_one_approved(shop: Shop) -> None:
    two_versions(shop)
    approve(shop, 1)
    assert approve(shop, 2).notes == ("V1 is superseded by it.",)
    assert approvals(shop) == recorded(shop) == {1: Approval.SUPERSEDED, 2: Approval.APPROVED}
    assert [row["Version"] for row in index(shop) if row["Approval status"] == "approved"] == ["2"]
    assert shop.approved_files() == ["A1_Stool_V2_GLB.glb"]


def test_an_older_version_that_is_preferred_stays_approved_in_every_later_plan(shop: Shop) -> None:
    two_versions(shop)
    assert "V2 is superseded by it." in approve(shop, 1).notes
    shop.note()
    assert shop.stands("A1").status is Status.APPROVED
    assert shop.catalog.registry.catalog.assets_in_force()["A1"].version == 1
    assert shop.approved_files() == ["A1_Chair_V1_GLB.glb"]
    assert not shop.plan()["A1"].do


def test_a_version_made_after_an_approval_wants_to_be_looked_at(shop: Shop) -> None:
    shop.make("A1")
    approve(shop)
    shop.write({"SKU": "A1", "Name": "Stool"})
    shop.make("A1")
    shop.note()
    assert shop.stands("A1").status is Status.GENERATED
    assert shop.approved_files() == ["A1_Chair_V1_GLB.glb"]


def test_rejecting_the_newer_version_leaves_the_approved_one_in_force(shop: Shop) -> None:
    shop.make("A1")
    approve(shop)
    shop.write({"SKU": "A1", "Name": "Stool"})
    shop.make("A1")
    assert reject(shop).notes == ("V1 stays approved.",)
    assert (shop.stands("A1").status, shop.approved_files()) == (Status.APPROVED, ["A1_Chair_V1_GLB.glb"])


def test_a_rejected_model_leaves_approved_and_says_why(shop: Shop) -> None:
    shop.make("A1")
    approve(shop)
    reject(shop)
    standing = shop.stands("A1")
    assert (standing.status, standing.reason, shop.approved_files()) == (Status.REJECTED, "WRONG_COLOR", [])
    assert standing.message == "The color looks wrong. Too red."


def test_a_decision_while_a_run_works_on_the_sku_is_kept(shop: Shop) -> None:
    shop.make("A1")
    shop.catalog.registry.catalog.take("A1", "a-run")
    shop.put("A1", Status.GENERATING)
    approve(shop)
    rest = resting(shop.catalog, "A1")
    assert rest is not None
    assert rest.status is Status.APPROVED
    shop.put("A1", Status.GENERATING)
    shop.put("A1", rest.status)
    assert shop.approved_files() == ["A1_Chair_V1_GLB.glb"]


def damage_model(shop: Shop) -> None:
    (shop.catalog.home.models / "assets/A1/A1_Chair_V1_GLB.glb").write_bytes(b"other")


def remove_model(shop: Shop) -> None:
    (shop.catalog.home.models / "assets/A1/A1_Chair_V1_GLB.glb").unlink()


def remove_record(shop: Shop) -> None:
    (shop.catalog.home.models / "assets/A1/A1_Chair_V1_GLB.json").unlink()


def damage_record(shop: Shop) -> None:
    (shop.catalog.home.models / "assets/A1/A1_Chair_V1_GLB.json").write_text("{}")


def occupy_its_place(shop: Shop) -> None:
    (shop.catalog.home.models / "approved").mkdir()
    (shop.catalog.home.models / "approved/A1_Chair_V1_GLB.glb").write_bytes(b"other")


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (damage_model, "CONTENT_CHANGED"),
        (remove_model, "KEY_MISSING"),
        (remove_record, "RECORD_MISSING"),
        (damage_record, "RECORD_INVALID"),
        (occupy_its_place, "KEY_TAKEN"),
    ],
)
def test_what_refuses_a_decision_is_found_before_anything_is_written(shop: Shop, harm: Any, code: str) -> None:
    shop.make("A1")
    harm(shop)
    before = shop.sheet.read_bytes()
    with pytest.raises(ProductError) as refused:
        approve(shop)
    assert refused.value.code == code
    assert (approvals(shop), shop.catalog.registry.catalog.decisions("A1")) == ({1: Approval.PENDING}, [])
    assert (shop.stands("A1").status, shop.sheet.read_bytes()) == (Status.GENERATED, before)


def test_senseless_decisions_are_refused(shop: Shop) -> None:
    shop.make("A1", BROKEN)
    senseless: tuple[tuple[dict[str, Any], str], ...] = (
        ({"decision": Approval.APPROVED}, "MESH_BLOCKED"),
        ({"decision": Approval.REJECTED, "reason": "UGLY"}, "REASON_UNKNOWN"),
        ({"decision": Approval.APPROVED, "version": 7}, "NO_MODEL"),
        ({"decision": Approval.REJECTED, "reason": "OTHER", "checklist": {"PRETTY": True}}, "QUESTION_UNKNOWN"),
        ({"decision": Approval.REJECTED, "reason": "OTHER", "note": "x" * (MAX_NOTE + 1)}, "NOTE_TOO_LONG"),
        ({"decision": Approval.REJECTED, "reason": "OTHER", "person": " "}, "PERSON_UNKNOWN"),
    )
    for asked, code in senseless:
        with pytest.raises(ProductError) as refused:
            decide(shop.catalog, "A1", **{"person": "Ada", **asked})
        assert refused.value.code == code
    with pytest.raises(ProductError, match="no SKU B9"):
        decide(shop.catalog, "B9", Approval.APPROVED, person="Ada")


class Killed(BaseException):
    """The process ends here."""


def die(*_: object) -> None:
    raise Killed


def test_the_same_decision_again_finishes_one_that_was_killed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    two_versions(shop)
    approve(shop, 1)
    for step in ("_copy_to_approved", "_write_record", "_retire_others", "write_index"):
        with monkeypatch.context() as kill:
            kill.setattr(Library, step, die)
            with pytest.raises(Killed):
                approve(shop, 2)
    approve(shop, 2)
    assert shop.approved_files() == ["A1_Stool_V2_GLB.glb"]
    assert approvals(shop) == recorded(shop) == {1: Approval.SUPERSEDED, 2: Approval.APPROVED}
    assert len(shop.catalog.registry.catalog.decisions("A1")) == 2


def test_two_people_who_decide_at_once_leave_registry_and_library_agreed(shop: Shop) -> None:
    two_versions(shop)
    threads = [threading.Thread(target=approve, args=(shop, version)) for version in (1, 2, 1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = [asset.file for asset in shop.catalog.registry.catalog.assets("A1") if asset.approval is Approval.APPROVED]
    assert shop.approved_files() == kept
    assert len(kept) == 1
    assert recorded(shop) == approvals(shop)


def test_a_sheet_that_cannot_be_told_does_not_take_the_decision_back(shop: Shop, tmp_path: Path) -> None:
    shop.make("A1")
    shop.sheet.write_bytes(b"%PDF-1.7 this is no sheet")
    (note,) = approve(shop).notes
    assert "The decision is kept" in note
    assert shop.stands("A1").status is Status.APPROVED


def test_checklist_and_note_are_on_record_in_registry_and_library(shop: Shop) -> None:
    shop.make("A1")
    answers = {"matches_photo": True, "proportions": False, "format": None}
    decide(shop.catalog, "A1", Approval.APPROVED, person="Ada", note="Line one\nline \x00two", checklist=answers)
    (told,) = shop.catalog.registry.catalog.decisions("A1")
    (kept,) = shop.catalog.library.records_of("A1")[0].decisions
    assert told.checklist == kept.checklist == {"matches_photo": True, "proportions": False}
    assert told.note == kept.note == "Line one line \ufffdtwo"
    assert set(answers) < set(CHECKLIST)


def test_the_second_of_two_reviewers_is_told_and_nothing_of_the_first_is_lost(shop: Shop) -> None:
    asset = shop.make("A1")
    assert asset.revision == 0
    decide(shop.catalog, "A1", Approval.APPROVED, person="Ben", seen=0)
    with pytest.raises(ProductError, match=r"Ben approved V1 on .* UTC, after you had opened V1") as told:
        decide(shop.catalog, "A1", Approval.REJECTED, person="Ada", reason="WRONG_COLOR", seen=0)
    assert told.value.code == "ALREADY_DECIDED"
    assert (approvals(shop), shop.approved_files()) == ({1: Approval.APPROVED}, ["A1_Chair_V1_GLB.glb"])
    assert recorded(shop) == approvals(shop)


def undo(shop: Shop, version: int, **how: Any) -> Decided:
    return undo_decision(shop.catalog, "A1", version, person="Ada", **how)


def test_undoing_an_approval_brings_everything_back(shop: Shop) -> None:
    two_versions(shop)
    approve(shop, 1)
    before = (approvals(shop), shop.approved_files(), shop.stands("A1").status, shop.sheet.read_bytes())
    approve(shop, 2)
    assert undo(shop, 2, seen=2).notes == ("V1 is approved again.",)
    after = (approvals(shop), shop.approved_files(), shop.stands("A1").status)
    assert after == before[:3] == ({1: Approval.APPROVED, 2: Approval.SUPERSEDED}, ["A1_Chair_V1_GLB.glb"], "approved")
    assert recorded(shop) == approvals(shop)
    assert [row["Version"] for row in index(shop) if row["Approval status"] == "approved"] == ["1"]
    said = [decision.decision for decision in shop.catalog.library.records_of("A1")[1].decisions]
    assert said == ["approved", "undone"]
    assert audit_trail(shop.catalog, library=True).faults == ()


def test_undoing_the_first_decision_lets_the_model_wait_again_and_the_sheet_says_so(shop: Shop) -> None:
    shop.make("A1")
    reject(shop)
    assert "Rejected" in shop.sheet.read_text()
    undo(shop, 1)
    assert (shop.stands("A1").status, shop.stands("A1").message) == (Status.GENERATED, "")
    assert "Rejected" not in shop.sheet.read_text()


def test_the_same_undo_again_finishes_one_that_was_killed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    two_versions(shop)
    approve(shop, 1)
    approve(shop, 2)
    for step in ("_copy_to_approved", "_write_record", "_retire_others", "write_index"):
        with monkeypatch.context() as kill:
            kill.setattr(Library, step, die)
            with pytest.raises(Killed):
                undo(shop, 2, seen=2)
    undo(shop, 2, seen=2)
    assert shop.approved_files() == ["A1_Chair_V1_GLB.glb"]
    assert approvals(shop) == recorded(shop) == {1: Approval.APPROVED, 2: Approval.SUPERSEDED}
    assert len(audit_trail(shop.catalog, library=True).entries) == 3


def test_an_undo_that_the_library_cannot_carry_out_changes_nothing(shop: Shop) -> None:
    two_versions(shop)
    approve(shop, 1)
    approve(shop, 2)
    remove_model(shop)
    with pytest.raises(ProductError) as refused:
        undo(shop, 2)
    assert refused.value.code == "KEY_MISSING"
    assert approvals(shop) == recorded(shop) == {1: Approval.SUPERSEDED, 2: Approval.APPROVED}
    assert len(audit_trail(shop.catalog).entries) == 2


def test_a_retake_is_kept_in_the_record_once_the_library_is_told(shop: Shop) -> None:
    asset = shop.make("A1")
    approve(shop)
    wish = Retake(sku="A1", version=1, generation_id=asset.generation_id, realm=REALM, digest="a" * 64, after_attempt=1)
    shop.catalog.registry.retakes.ask(wish, person="Ben", reason="WRONG_SHAPE", note="")
    for _ in range(2):
        tell_library(shop.catalog, "A1")
    (record,) = shop.catalog.library.records_of("A1")
    assert [(said.decision, said.person) for said in record.decisions] == [("approved", "Ada"), ("retake", "Ben")]
    assert (record.approval, shop.approved_files()) == (Approval.APPROVED, [asset.file])
    assert audit_trail(shop.catalog, library=True).faults == ()
