"""Products, versions and decisions in the registry."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Thread

import pytest

from catalog3d.adapters.registry.catalog import Change
from catalog3d.adapters.registry.registry import Registry
from catalog3d.asset import Approval, Asset
from catalog3d.errors import ProductError, RunError
from catalog3d.quality import MeshReport
from catalog3d.status import Status
from tests.clock import HandClock


def allot(registry: Registry, identity: str, sku: str = "A1", run_id: str = "run-1", **changes: str) -> Asset:
    name = changes.get("name", sku)
    return registry.catalog.allot_version(
        sku,
        format=changes.get("format", "GLB"),
        identity=identity,
        generation_id=None,
        run_id=run_id,
        file_name=lambda version: f"{name}_V{version}_{changes.get('format', 'GLB')}.glb",
    )


def store(registry: Registry, asset: Asset) -> Asset:
    report = MeshReport(profile="web-ar", checks=(), facts=None)
    return registry.catalog.note_stored(
        asset, key=f"assets/{asset.file}", picture_key="", sha256="d" * 64, size_bytes=1, report=report
    )


def stored(registry: Registry, identity: str, sku: str = "A1") -> Asset:
    return store(registry, allot(registry, identity, sku))


def decide(registry: Registry, asset: Asset, decision: Approval, note: str = "") -> Asset:
    return registry.catalog.decide(asset, decision, person="Ada", reason="", note=note)


def approvals(registry: Registry, sku: str = "A1") -> list[Approval]:
    return [asset.approval for asset in registry.catalog.assets(sku)]


def know(registry: Registry, *skus: str) -> None:
    registry.catalog.note_products((sku, "Chair", 2, "sheet.csv", {}) for sku in skus)


def test_the_same_identity_gets_the_same_version_however_many_ask(registry: Registry) -> None:
    with ThreadPoolExecutor(8) as pool:
        versions = {asset.version for asset in pool.map(lambda n: allot(registry, "a", run_id=f"run-{n}"), range(16))}
    assert versions == {1}


def test_two_skus_that_are_named_at_once_never_get_one_file_name(registry: Registry) -> None:
    def named(sku: str) -> str:
        try:
            return allot(registry, "a", sku, name="chair").file
        except ProductError as error:
            return error.code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(named, ("A1", "A2", "A3", "A4"))) == ["NAME_TAKEN"] * 3 + ["chair_V1_GLB.glb"]


def test_going_back_to_an_older_identity_gets_a_new_version_once(registry: Registry) -> None:
    for identity in ("a", "b"):
        stored(registry, identity)
    again = [allot(registry, "a", run_id=run_id) for run_id in ("run-2", "run-2", "run-3")]
    assert [asset.version for asset in again] == [3, 3, 3]
    store(registry, again[0])
    assert registry.catalog.newest_assets()["A1"].identity == "a"
    assert allot(registry, "a").version == 3


def test_a_version_that_was_reserved_by_a_killed_run_is_used_by_the_next(registry: Registry) -> None:
    stored(registry, "a")
    reserved = allot(registry, "b")
    assert registry.catalog.newest_assets()["A1"].version == 1
    assert allot(registry, "b", run_id="run-2").id == reserved.id


def test_a_reserved_version_that_a_stored_one_has_followed_is_left_alone(registry: Registry) -> None:
    stored(registry, "a")
    allot(registry, "b")
    assert stored(registry, "c").version == 3
    assert allot(registry, "b").version == 4


def test_a_reservation_does_not_make_an_older_version_outdated(registry: Registry) -> None:
    first = stored(registry, "a")
    allot(registry, "b")
    assert allot(registry, "a").id == first.id


def test_formats_count_their_versions_apart(registry: Registry) -> None:
    stored(registry, "a")
    assert allot(registry, "a", format="USDZ").version == 1


def test_at_most_one_version_of_a_sku_is_approved(registry: Registry) -> None:
    first, second = stored(registry, "a"), stored(registry, "b")
    decide(registry, first, Approval.APPROVED)
    decide(registry, second, Approval.APPROVED)
    assert approvals(registry) == [Approval.SUPERSEDED, Approval.APPROVED]
    decide(registry, first, Approval.APPROVED)
    assert approvals(registry) == [Approval.APPROVED, Approval.SUPERSEDED]
    assert registry.catalog.assets_in_force()["A1"].version == 1
    assert registry.catalog.newest_assets()["A1"].version == 2


def test_an_approval_passes_over_newer_versions_and_leaves_other_skus_and_reservations_alone(
    registry: Registry,
) -> None:
    older, chosen, newer = stored(registry, "a"), stored(registry, "b"), stored(registry, "c")
    reserved, foreign = allot(registry, "d"), stored(registry, "a", "B2")
    decide(registry, chosen, Approval.APPROVED)
    now = {asset.id: asset.approval for asset in registry.catalog.assets()}
    assert (now[older.id], now[chosen.id], now[newer.id]) == (
        Approval.PENDING,
        Approval.APPROVED,
        Approval.SUPERSEDED,
    )
    assert (now[reserved.id], now[foreign.id]) == (Approval.PENDING, Approval.PENDING)


def test_a_rejected_version_gives_way_to_the_approved_one(registry: Registry) -> None:
    decide(registry, stored(registry, "a"), Approval.APPROVED)
    newer = stored(registry, "b")
    assert registry.catalog.assets_in_force()["A1"].version == 2
    decide(registry, newer, Approval.REJECTED)
    assert registry.catalog.assets_in_force("A1")["A1"].version == 1


def test_decisions_are_appended_and_the_same_one_again_is_not(registry: Registry) -> None:
    asset = stored(registry, "a")
    for decision in (Approval.APPROVED, Approval.APPROVED, Approval.REJECTED, Approval.APPROVED):
        decide(registry, asset, decision)
    decide(registry, asset, Approval.APPROVED, note="Looked again.")
    said = [(decision.decision.value, decision.note) for decision in registry.catalog.decisions("A1")]
    assert said == [("approved", ""), ("rejected", ""), ("approved", ""), ("approved", "Looked again.")]


def test_only_rejections_that_hold_are_reasons(registry: Registry) -> None:
    first, second = stored(registry, "a"), stored(registry, "a", "B2")
    for asset in (first, second):
        decide(registry, asset, Approval.REJECTED, note="Bad.")
    decide(registry, first, Approval.APPROVED)
    assert {asset_id: said.note for asset_id, said in registry.catalog.rejections().items()} == {second.id: "Bad."}
    assert registry.catalog.rejections("A1") == {}


def test_one_decision_waits_for_the_other(registry: Registry) -> None:
    order = []

    def later() -> None:
        with registry.catalog.one_decision_at_a_time():
            order.append("second")

    with registry.catalog.one_decision_at_a_time():
        waiting = Thread(target=later)
        waiting.start()
        waiting.join(timeout=0.2)
        assert waiting.is_alive()
        order.append("first")
    waiting.join(timeout=10)
    assert order == ["first", "second"]


def test_a_sku_stands_where_a_model_stands_only_with_a_stored_model(registry: Registry) -> None:
    know(registry, "A1", "B2")
    stored(registry, "a")
    allot(registry, "a", "B2")
    registry.catalog.change([Change(sku="A1", status=Status.APPROVED)])
    with pytest.raises(RunError) as refused:
        registry.catalog.change([Change(sku="A1", status=Status.STALE), Change(sku="B2", status=Status.GENERATED)])
    assert refused.value.code == "STATUS_ILLEGAL"
    assert registry.catalog.standings()["A1"].status is Status.APPROVED


def test_a_sku_may_always_wait_fail_or_be_worked_on(registry: Registry) -> None:
    know(registry, "A1")
    for status in (Status.READY, Status.GENERATING, Status.FAILED, Status.INVALID, Status.READY):
        registry.catalog.change([Change(sku="A1", status=status)])
        assert registry.catalog.standings()["A1"].status is status


def test_the_end_of_the_work_on_a_sku_lets_it_go_in_the_same_step(registry: Registry) -> None:
    know(registry, "A1", "B2")
    for sku, holder in (("A1", "run-1"), ("B2", "run-2")):
        assert registry.catalog.take(sku, holder)
    ended = [Change(sku=sku, status=Status.FAILED, reason="TASK_FAILED") for sku in ("A1", "B2")]
    registry.catalog.change(ended, done_by="run-1")
    assert registry.catalog.worker_of("A1") is None
    assert (registry.catalog.worker_of("B2") or ("",))[0] == "run-2"


def test_the_last_run_of_a_sheet_says_what_it_was_asked(registry: Registry, clock: HandClock) -> None:
    for number, (sheet, images) in enumerate((("a.csv", "old"), ("a.csv", "new"), ("b.csv", "other"))):
        clock.advance(1)
        registry.runs.start(
            f"run-{number}",
            realm="tripo:test",
            sheet=sheet,
            request={"images": images},
            estimated_credits=Decimal(0),
            budget_credits=Decimal(0),
            skus=[],
        )
    assert registry.catalog.last_request("a.csv") == {"images": "new"}
    assert registry.catalog.last_request("c.csv") is None
