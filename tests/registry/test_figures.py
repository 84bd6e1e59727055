"""Sums and durations over the ledger, on every database."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from catalog3d.adapters.registry.figures import credits_spent, durations_s, reserved_credits
from catalog3d.adapters.registry.ledger import Caps, Intent
from catalog3d.adapters.registry.registry import Registry
from catalog3d.brief import Picture, make_brief
from catalog3d.ledger import Generation, Lease, Outcome
from catalog3d.ports import Submitted
from catalog3d.rules import TripoRules
from tests.clock import HandClock

AMPLE = Caps(run=Decimal(1000), day=Decimal(1000))
REALM = "tripo:test"


def written(registry: Registry, photo: str, realm: str = REALM, model: str = "v3.1-20260211") -> Generation:
    intent = Intent(
        realm=realm,
        brief=make_brief(TripoRules(model=model), (Picture(slot="front", pixels_sha256=photo * 64),)),
        pool="H",
        base_url="https://tripo.test",
        key_fingerprint="0" * 12,
        model_seed=7,
        expected_credits=Decimal(30),
        run_id="run-1",
    )
    return registry.ledger.open_intent(intent, AMPLE)


def leased(registry: Registry, generation: Generation) -> Lease:
    lease = registry.ledger.take_lease(generation.id, "worker")
    assert lease is not None
    return lease


def made(registry: Registry, clock: HandClock, generation: Generation, took_s: float, charged: str = "30") -> None:
    lease = leased(registry, generation)
    registry.ledger.start_sending(lease, slots=10, file_tokens={}, run_id="run-1", caps=AMPLE)
    registry.ledger.submitted(lease, Submitted(task_id=f"task-{generation.id}"))
    clock.advance(took_s)
    registry.ledger.settle(lease, Outcome.SUCCESS, credits_consumed=Decimal(charged))


def test_durations_are_those_of_finished_models_by_kind(registry: Registry, clock: HandClock) -> None:
    made(registry, clock, written(registry, "a"), 40)
    made(registry, clock, written(registry, "b"), 60)
    made(registry, clock, written(registry, "c", model="v2.5-20250123"), 10)
    made(registry, clock, written(registry, "d", realm="tripo:other"), 5)
    refused = leased(registry, written(registry, "e"))
    registry.ledger.settle(refused, Outcome.REFUSED, credits_consumed=Decimal(0))
    written(registry, "f")
    found = {kind: sorted(seen) for kind, seen in durations_s(registry.engine, REALM).items()}
    assert found == {
        ("image-to-model", "v3.1-20260211"): [40.0, 60.0],
        ("image-to-model", "v2.5-20250123"): [10.0],
    }


def test_only_orders_that_were_never_sent_since_then_are_reserved(registry: Registry, clock: HandClock) -> None:
    old = written(registry, "a")
    clock.advance(60)
    since = clock.now() - timedelta(seconds=1)
    new = written(registry, "b")
    written(registry, "c", realm="tripo:other")
    made(registry, clock, written(registry, "d"), 10)
    assert reserved_credits(registry.engine, REALM, since) == {new.digest: Decimal(30)}
    assert set(reserved_credits(registry.engine, REALM, since - timedelta(hours=1))) == {old.digest, new.digest}


def test_what_was_spent_so_far_is_exact_and_of_one_account(registry: Registry, clock: HandClock) -> None:
    assert credits_spent(registry.engine, REALM) == Decimal(0)
    made(registry, clock, written(registry, "a"), 10, charged="29.95")
    made(registry, clock, written(registry, "b"), 10, charged="0.10")
    made(registry, clock, written(registry, "c", realm="tripo:other"), 10)
    written(registry, "d")
    assert credits_spent(registry.engine, REALM) == Decimal("30.05")
