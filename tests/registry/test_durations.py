"""What the registry tells about the time that tasks take."""

from __future__ import annotations

from decimal import Decimal

import pytest

from catalog3d.adapters.registry.durations import seconds_taken
from catalog3d.adapters.registry.ledger import Caps, Intent
from catalog3d.adapters.registry.registry import Registry
from catalog3d.brief import Picture, make_brief
from catalog3d.ledger import Outcome
from catalog3d.ports import Submitted
from catalog3d.rules import TripoRules
from tests.clock import HandClock

AMPLE = Caps(run=Decimal(100_000), day=Decimal(100_000))
HOST = "https://tripo.test"


def made(
    registry: Registry,
    clock: HandClock,
    number: int,
    seconds: float,
    *,
    slots: tuple[str, ...] = ("front",),
    host: str = HOST,
    outcome: Outcome = Outcome.SUCCESS,
) -> None:
    """One generation from intent to its end; it waits a minute for its slot."""
    pictures = tuple(Picture(slot=slot, pixels_sha256=f"{number:064x}") for slot in slots)
    wanted = Intent(
        realm="tripo:test", brief=make_brief(TripoRules(), pictures), pool="H", base_url=host,
        key_fingerprint="0" * 12, model_seed=7, expected_credits=Decimal(30), run_id="run-1",
    )  # fmt: skip
    generation = registry.ledger.open_intent(wanted, AMPLE)
    lease = registry.ledger.take_lease(generation.id, "worker-1")
    assert lease is not None
    clock.advance(60)
    registry.ledger.start_sending(lease, slots=10, file_tokens={}, run_id="run-1", caps=AMPLE)
    registry.ledger.submitted(lease, Submitted(task_id=f"task-{number}"))
    clock.advance(seconds)
    registry.ledger.settle(lease, outcome, credits_consumed=Decimal(30))


def test_times_are_told_by_type_and_model_without_the_wait_for_a_slot(registry: Registry, clock: HandClock) -> None:
    model = TripoRules().model
    made(registry, clock, 1, 80)
    made(registry, clock, 2, 90)
    made(registry, clock, 3, 200, slots=("front", "left", "back", "right"))
    assert seconds_taken(registry.engine, "tripo:test", HOST) == {
        ("image_to_model", model): [pytest.approx(80), pytest.approx(90)],
        ("multiview_to_model", model): [pytest.approx(200)],
    }


def test_failures_other_servers_and_other_realms_tell_nothing(registry: Registry, clock: HandClock) -> None:
    made(registry, clock, 1, 3, outcome=Outcome.FAILED)
    made(registry, clock, 2, 2, host="http://127.0.0.1:4711")
    assert seconds_taken(registry.engine, "tripo:test", HOST) == {}
    assert seconds_taken(registry.engine, "tripo:other", "http://127.0.0.1:4711") == {}


def test_a_long_history_is_read_from_its_end_only(registry: Registry, clock: HandClock) -> None:
    for number in range(6):
        made(registry, clock, number, 40 + number)
    (times,) = seconds_taken(registry.engine, "tripo:test", HOST, recent=4).values()
    assert times == [pytest.approx(seconds) for seconds in (42, 43, 44, 45)]
