"""Putting back what a registry lost: all or nothing, once however many do it, and never over what is there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from catalog3d.adapters.registry.catalog import Change
from catalog3d.adapters.registry.ledger import LEASE_S
from catalog3d.adapters.registry.rebuild import Rebuild
from catalog3d.adapters.registry.registry import Registry
from catalog3d.asset import Approval
from catalog3d.audit import Entry
from catalog3d.audit_faults import verify
from catalog3d.ledger import Generation, LedgerState, Outcome
from catalog3d.recovery import Findings, FoundAsset, FoundGeneration, FoundProduct
from catalog3d.status import Status
from tests.chains import a_chain
from tests.clock import HandClock
from tests.products import NOW, a_brief
from tests.registry.test_ledger import AMPLE, intent, leased

REALM = "tripo-test"


def model(photo: str = "a", **changes: object) -> FoundGeneration:
    brief = a_brief(photo)
    found = FoundGeneration(
        realm=REALM,
        digest=brief.digest,
        attempt=1,
        brief=brief,
        base_url="https://tripo.test",
        key_fingerprint="0" * 12,
        model_seed=7,
        expected_credits=Decimal(30),
        credits=Decimal("30.5"),
        task_id=f"task-{photo}",
        raw_key=f"raw/{photo}.glb",
        raw_sha256="e" * 64,
        raw_size_bytes=10,
        ordered_at=NOW,
        settled_at=NOW,
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def version(sku: str = "A1", made: FoundGeneration | None = None, **changes: object) -> FoundAsset:
    found = FoundAsset(
        sku=sku,
        name="Chair",
        version=1,
        format="GLB",
        file=f"{sku}_V1.glb",
        key=f"assets/{sku}/{sku}_V1.glb",
        picture_key="",
        sha256="d" * 64,
        size_bytes=10,
        approval=Approval.PENDING,
        checks=(),
        size=None,
        created_at=NOW,
        generation=made,
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def found(*assets: FoundAsset) -> Findings:
    made = {asset.generation.identity: asset.generation for asset in assets if asset.generation}
    names = sorted({asset.sku for asset in assets})
    products = tuple(FoundProduct(sku=sku, name="Chair", row=2, sheet="sheet.csv", fields={}) for sku in names)
    return Findings(generations=tuple(made.values()), assets=assets, products=products)


def rejected(sku: str) -> Entry:
    return Entry(
        sku=sku,
        version=1,
        format="GLB",
        asset_sha256="d" * 64,
        decision="rejected",
        person="Ben",
        reason="WRONG_COLOR",
        note="Too red.",
        at=NOW,
        checklist={},
        checks=(),
        seen=None,
        profile="",
        changes={},
    )


def ledger_of(registry: Registry) -> list[Generation]:
    return list(registry.ledger.outcomes(REALM).values())


def test_a_model_comes_back_with_its_task_its_credits_and_what_was_decided(registry: Registry) -> None:
    asset = version(made=model(), approval=Approval.REJECTED, decisions=(rejected("A1"),))
    assert registry.rebuild.restore(found(asset)).skus == {"A1": ("rejected", (1,))}
    (made,) = ledger_of(registry)
    assert (made.state, made.outcome, made.task_id) == (LedgerState.SETTLED, Outcome.SUCCESS, "task-a")
    assert (made.credits_consumed, made.raw_key) == (Decimal("30.5"), "raw/a.glb")
    standing = registry.catalog.standing("A1")
    assert standing is not None
    assert (standing.reason, "Too red." in standing.message) == ("WRONG_COLOR", True)
    assert [said.person for said in registry.catalog.decisions("A1")] == ["Ben"]
    assert registry.ledger.open_intent(intent(), AMPLE).task_id == "task-a"


def test_decisions_come_back_in_the_order_of_their_chain_whatever_the_clocks_said(registry: Registry) -> None:
    later = replace(rejected("A1"), decision="undone", at=NOW - timedelta(seconds=20))
    first, second = a_chain([rejected("A1"), later])
    registry.rebuild.restore(found(version(decisions=(second, first))))
    trail = registry.catalog.trail()
    assert [entry.decision for entry in trail.entries] == ["rejected", "undone"]
    assert [entry.places[0] for entry in trail.entries] == [first.place, second.place]
    assert verify(trail.entries) == []


def test_many_who_restore_at_once_restore_it_once(registry: Registry) -> None:
    findings = found(*(version(f"S{number}", model("abcdef"[number])) for number in range(6)))
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: registry.rebuild.restore(findings), range(4)))
    assert sorted(one.restored["assets"] for one in done) == [0, 0, 0, 6]
    assert (len(ledger_of(registry)), len(registry.catalog.assets())) == (6, 6)


@pytest.mark.parametrize("how", ["killed", "dry"])
def test_what_is_not_finished_leaves_nothing(registry: Registry, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    findings = found(version(made=model()))
    if how == "dry":
        assert registry.rebuild.restore(findings, dry_run=True).restored["assets"] == 1
    else:

        def cut(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(Rebuild, "_set_standings", cut)
        with pytest.raises(KeyboardInterrupt):
            registry.rebuild.restore(findings)
    assert (ledger_of(registry), registry.catalog.assets(), registry.catalog.standings()) == ([], [], {})


def test_an_order_that_an_older_registry_has_open_is_moved_on(registry: Registry) -> None:
    lease = leased(registry)
    registry.ledger.start_sending(lease, slots=1, file_tokens={}, run_id="run-1", caps=AMPLE)
    registry.ledger.park(lease, "SUBMISSION_UNKNOWN", "no answer")
    assert registry.rebuild.restore(found(version(made=model()))).restored["generations"] == 1
    (made,) = ledger_of(registry)
    assert (made.id, made.state, made.task_id) == (lease.generation_id, LedgerState.SETTLED, "task-a")
    assert (made.error_code, made.error_message) == ("", "")


def test_another_open_order_of_the_same_brief_is_left_alone_and_said(registry: Registry) -> None:
    lease = leased(registry)
    done = registry.rebuild.restore(found(version(made=model(model_seed=8))))
    assert [lost.code for lost in done.differing] == ["GENERATION_DIFFERS"]
    assert [(made.id, made.state) for made in ledger_of(registry)] == [(lease.generation_id, LedgerState.INTENT)]
    assert registry.catalog.assets()[0].stored


def test_a_task_that_two_records_claim_belongs_to_the_first_and_takes_nothing_down(registry: Registry) -> None:
    done = registry.rebuild.restore(
        found(version("A1", model("a")), version("B2", model("b", task_id="task-a")), version("C3", model("c")))
    )
    assert [lost.code for lost in done.differing] == ["GENERATION_DIFFERS"]
    made_by_hand = {asset.sku: asset.generation_id is None for asset in registry.catalog.assets()}
    assert made_by_hand == {"A1": False, "B2": True, "C3": False}


def test_a_failed_try_of_a_new_registry_does_not_hide_the_model_that_was_paid(registry: Registry) -> None:
    lease = leased(registry)
    registry.ledger.settle(lease, Outcome.FAILED, credits_consumed=Decimal(0), code="TASK_FAILED")
    registry.rebuild.restore(found(version(made=model())))
    made = registry.ledger.latest(REALM, model().digest)
    assert made is not None
    assert (made.attempt, made.task_id, made.succeeded) == (2, "task-a", True)


def test_a_version_that_the_registry_has_stays_and_the_difference_is_said(registry: Registry) -> None:
    registry.rebuild.restore(found(version(made=model())))
    asset = registry.catalog.assets()[0]
    registry.catalog.decide(asset, Approval.APPROVED, person="Ada", reason="", note="")
    done = registry.rebuild.restore(found(version(made=model())))
    assert [lost.code for lost in done.differing] == ["REGISTRY_DIFFERS"]
    assert registry.catalog.assets()[0].approval is Approval.APPROVED


def test_a_file_name_that_another_sku_has_is_said(registry: Registry) -> None:
    registry.rebuild.restore(found(version("A1", file="chair_V1.glb")))
    done = registry.rebuild.restore(found(version("B2", file="CHAIR_V1.glb")))
    assert ["belongs to A1" in lost.message for lost in done.differing] == [True]
    assert {asset.sku for asset in registry.catalog.assets()} == {"A1"}


def test_what_was_said_of_a_sku_since_stays(registry: Registry) -> None:
    registry.catalog.note_products([("A1", "Chair", 2, "sheet.csv", {}), ("B2", "Chair", 3, "sheet.csv", {})])
    registry.catalog.change([Change(sku="B2", status=Status.FAILED)])
    registry.rebuild.restore(found(version("A1", model("a")), version("B2", model("b"))))
    assert {sku: item.status for sku, item in registry.catalog.standings().items()} == {
        "A1": Status.GENERATED,
        "B2": Status.FAILED,
    }


def test_workers_are_those_whose_lease_has_not_expired(registry: Registry, clock: HandClock) -> None:
    registry.catalog.note_products([("A1", "Chair", 2, "sheet.csv", {})])
    registry.catalog.take("A1", "elsewhere-1")
    leased(registry)
    assert registry.rebuild.workers() == ["elsewhere-1", "worker-1"]
    clock.advance(LEASE_S + 1)
    assert registry.rebuild.workers() == []


def test_what_was_paid_today_counts_against_the_budget_of_today(registry: Registry, clock: HandClock) -> None:
    today = clock.now() - timedelta(minutes=1)
    registry.rebuild.restore(found(version(made=model(ordered_at=today))))
    midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    assert registry.ledger.committed(REALM, midnight) == Decimal("30.5")
