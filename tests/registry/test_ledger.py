"""The ledger: one paid task for a brief, whatever happens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from catalog3d.adapters.registry.engine import write
from catalog3d.adapters.registry.ledger import LEASE_S, Caps, Intent
from catalog3d.adapters.registry.registry import Registry
from catalog3d.adapters.registry.tables import GenerationRow
from catalog3d.brief import Picture, make_brief
from catalog3d.errors import NotSentError, ProductError, RunError
from catalog3d.ledger import (
    ALLOWED,
    WORTH_ANOTHER_TRY,
    Lease,
    LedgerState,
    Outcome,
    may_try_again,
    require_legal,
)
from catalog3d.ports import Submitted
from catalog3d.rules import TripoRules
from tests.clock import HandClock
from tests.products import a_generation

AMPLE = Caps(run=Decimal(1000), day=Decimal(1000))


def intent(photo: str = "a", *, run_id: str = "run-1", price: int = 30, after_attempt: int = 0) -> Intent:
    brief = make_brief(TripoRules(), (Picture(slot="front", pixels_sha256=photo * 64),))
    return Intent(
        realm="tripo-test",
        brief=brief,
        pool="H",
        base_url="https://tripo.test",
        key_fingerprint="0" * 12,
        model_seed=7,
        expected_credits=Decimal(price),
        run_id=run_id,
        after_attempt=after_attempt,
    )


def leased(registry: Registry, photo: str = "a") -> Lease:
    generation = registry.ledger.open_intent(intent(photo), AMPLE)
    lease = registry.ledger.take_lease(generation.id, "worker-1")
    assert lease is not None
    return lease


def test_the_same_brief_opens_one_generation_however_many_ask(registry: Registry) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = {g.id for g in pool.map(lambda _: registry.ledger.open_intent(intent(), AMPLE), range(16))}
    assert len(ids) == 1


def test_a_settled_brief_gets_a_new_attempt_only_when_asked_again(registry: Registry) -> None:
    lease = leased(registry)
    registry.ledger.settle(lease, Outcome.REFUSED, credits_consumed=Decimal(0), code="TRIPO_1004")
    second = registry.ledger.open_intent(intent(), AMPLE)
    assert (second.attempt, second.state) == (2, LedgerState.INTENT)


def bought(registry: Registry, after_attempt: int = 0) -> int:
    """Ask for the brief, as often as it is asked for; the attempt that it ends with."""
    generation = registry.ledger.open_intent(intent(after_attempt=after_attempt), AMPLE)
    if generation.is_open:
        lease = registry.ledger.take_lease(generation.id, "worker-1")
        assert lease is not None
        registry.ledger.settle(lease, Outcome.SUCCESS, credits_consumed=Decimal(30))
    return generation.attempt


def test_a_retake_gets_one_more_attempt_and_finds_it_again(registry: Registry) -> None:
    assert bought(registry) == 1
    assert [bought(registry, after_attempt=1) for _ in range(3)] == [2, 2, 2]
    assert bought(registry, after_attempt=2) == 3


def test_a_retake_killed_before_its_answer_joins_the_attempt_that_is_open(registry: Registry) -> None:
    bought(registry)
    ids = {registry.ledger.open_intent(intent(after_attempt=1), AMPLE).id for _ in range(3)}
    assert len(ids) == 1


def test_racing_retakes_open_one_attempt(registry: Registry) -> None:
    bought(registry)
    with ThreadPoolExecutor(8) as pool:
        asked = pool.map(lambda _: registry.ledger.open_intent(intent(after_attempt=1), AMPLE), range(16))
        assert {(generation.id, generation.attempt) for generation in asked} == {(2, 2)}


def test_a_retake_that_failed_gets_a_further_attempt(registry: Registry) -> None:
    bought(registry)
    generation = registry.ledger.open_intent(intent(after_attempt=1), AMPLE)
    lease = registry.ledger.take_lease(generation.id, "worker-1")
    assert lease is not None
    registry.ledger.settle(lease, Outcome.FAILED, credits_consumed=Decimal(0))
    assert bought(registry, after_attempt=1) == 3


def test_who_asked_for_no_retake_is_given_the_model_that_there_is(registry: Registry) -> None:
    bought(registry)
    retaken = registry.ledger.open_intent(intent(after_attempt=1), AMPLE)
    digest = intent().brief.digest
    latest = registry.ledger.latest("tripo-test", digest)
    assert latest is not None
    assert (latest.attempt, registry.ledger.open_intent(intent(), AMPLE).attempt) == (1, 1)
    assert registry.ledger.outcomes("tripo-test")[digest].attempt == 1
    assert registry.ledger.latest("tripo-test", digest, after_attempt=1) == retaken
    assert registry.ledger.latest("tripo-test", digest, after_attempt=2) is None


def test_the_price_is_reserved_with_the_intent(registry: Registry) -> None:
    caps = Caps(run=Decimal(50), day=Decimal(1000))
    registry.ledger.open_intent(intent("a"), caps)
    with pytest.raises(ProductError) as caught:
        registry.ledger.open_intent(intent("b"), caps)
    assert caught.value.code == "OVER_BUDGET"
    assert registry.ledger.latest("tripo-test", intent("b").brief.digest) is None


def test_a_failed_generation_gives_its_reservation_back(registry: Registry) -> None:
    caps = Caps(run=Decimal(50), day=Decimal(50))
    lease = leased(registry, "a")
    registry.ledger.settle(lease, Outcome.FAILED, credits_consumed=Decimal(0))
    assert registry.ledger.open_intent(intent("b"), caps).attempt == 1


def test_the_day_budget_counts_other_runs_too(registry: Registry) -> None:
    registry.ledger.open_intent(intent("a", run_id="run-1"), AMPLE)
    with pytest.raises(ProductError, match="day"):
        registry.ledger.open_intent(intent("b", run_id="run-2"), Caps(run=Decimal(100), day=Decimal(40)))


def test_slots_are_counted_when_sending_starts(registry: Registry) -> None:
    first, second = leased(registry, "a"), leased(registry, "b")
    registry.ledger.start_sending(first, slots=1, file_tokens={}, run_id="run-1", caps=AMPLE)
    with pytest.raises(NotSentError) as caught:
        registry.ledger.start_sending(second, slots=1, file_tokens={}, run_id="run-1", caps=AMPLE)
    assert caught.value.code == "NO_FREE_SLOT"
    registry.ledger.submitted(first, Submitted(task_id="t1"))
    registry.ledger.settle(first, Outcome.SUCCESS, credits_consumed=Decimal(30))
    registry.ledger.start_sending(second, slots=1, file_tokens={}, run_id="run-1", caps=AMPLE)


def test_an_unknown_submission_keeps_its_slot(registry: Registry) -> None:
    first, second = leased(registry, "a"), leased(registry, "b")
    registry.ledger.start_sending(first, slots=1, file_tokens={}, run_id="run-1", caps=AMPLE)
    registry.ledger.park(first, "SUBMISSION_UNKNOWN", "no answer")
    with pytest.raises(NotSentError):
        registry.ledger.start_sending(second, slots=1, file_tokens={}, run_id="run-1", caps=AMPLE)


def test_racing_senders_never_get_more_than_the_slots(registry: Registry) -> None:
    leases = [leased(registry, photo) for photo in "abcdef"]

    def send(lease: Lease) -> bool:
        try:
            registry.ledger.start_sending(lease, slots=2, file_tokens={}, run_id="run-1", caps=AMPLE)
        except NotSentError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(send, leases)) == 2


def test_a_lease_is_exclusive_until_it_expires(registry: Registry, clock: HandClock) -> None:
    lease = leased(registry)
    assert registry.ledger.take_lease(lease.generation_id, "worker-2") is None
    clock.advance(LEASE_S + 1)
    assert registry.ledger.take_lease(lease.generation_id, "worker-2") is not None


def test_a_holder_that_slept_through_a_take_over_fails_its_next_transition(
    registry: Registry, clock: HandClock
) -> None:
    asleep = leased(registry)
    clock.advance(LEASE_S + 1)
    assert registry.ledger.take_lease(asleep.generation_id, "worker-2") is not None
    with pytest.raises(ProductError) as caught:
        registry.ledger.start_sending(asleep, slots=5, file_tokens={}, run_id="run-1", caps=AMPLE)
    assert caught.value.code == "LEASE_LOST"
    assert registry.ledger.renew_lease(asleep) is False
    assert registry.ledger.get(asleep.generation_id).state is LedgerState.INTENT


def test_a_renewed_lease_is_not_taken_over(registry: Registry, clock: HandClock) -> None:
    lease = leased(registry)
    clock.advance(LEASE_S - 1)
    assert registry.ledger.renew_lease(lease)
    clock.advance(LEASE_S - 1)
    assert registry.ledger.take_lease(lease.generation_id, "worker-2") is None


def test_settling_twice_with_the_same_outcome_changes_nothing(registry: Registry) -> None:
    lease = leased(registry)
    registry.ledger.start_sending(lease, slots=5, file_tokens={"front": "file_x"}, run_id="run-1", caps=AMPLE)
    registry.ledger.submitted(lease, Submitted(task_id="t1", request_id="r", trace_id="t"))
    first = registry.ledger.settle(lease, Outcome.SUCCESS, credits_consumed=Decimal("29.50"))
    again = registry.ledger.settle(lease, Outcome.SUCCESS, credits_consumed=Decimal("29.50"))
    assert first == again
    assert again.credits_consumed == Decimal("29.50")


def test_the_open_generation_comes_before_a_success_before_a_failure(registry: Registry) -> None:
    digest = intent().brief.digest
    registry.ledger.settle(leased(registry), Outcome.FAILED, credits_consumed=Decimal(0))
    opened = leased(registry)
    newest = registry.ledger.latest("tripo-test", digest)
    assert newest is not None
    assert newest.id == opened.generation_id
    assert registry.ledger.outcomes("tripo-test")[digest] == newest
    registry.ledger.settle(opened, Outcome.SUCCESS, credits_consumed=Decimal(30))
    latest = registry.ledger.latest("tripo-test", digest)
    assert latest is not None
    assert (latest.attempt, latest.outcome) == (2, Outcome.SUCCESS)
    assert registry.ledger.outcomes("tripo-test")[digest] == latest


@given(current=st.sampled_from(LedgerState), wanted=st.sampled_from(LedgerState))
def test_only_the_listed_transitions_are_legal(current: LedgerState, wanted: LedgerState) -> None:
    if wanted in ALLOWED[current]:
        require_legal(current, wanted)
    else:
        with pytest.raises(RunError):
            require_legal(current, wanted)


def test_nothing_leaves_settled() -> None:
    assert ALLOWED[LedgerState.SETTLED] == frozenset()


def send(registry: Registry, lease: Lease, run_id: str = "run-1", caps: Caps = AMPLE) -> None:
    registry.ledger.start_sending(lease, slots=5, file_tokens={}, run_id=run_id, caps=caps)


def test_an_intent_that_another_run_left_is_paid_from_this_runs_budget(registry: Registry) -> None:
    lease = leased(registry)
    with pytest.raises(ProductError) as caught:
        send(registry, lease, "run-2", Caps(run=Decimal(0), day=Decimal(1000)))
    assert caught.value.code == "OVER_BUDGET"
    assert registry.ledger.get(lease.generation_id).state is LedgerState.INTENT
    send(registry, lease, "run-2")
    assert registry.ledger.get(lease.generation_id).run_id == "run-2"


def test_an_own_reservation_is_not_counted_twice(registry: Registry) -> None:
    lease = leased(registry)
    send(registry, lease, "run-2", Caps(run=Decimal(30), day=Decimal(30)))


def test_telling_the_registry_again_what_the_provider_said_changes_nothing(registry: Registry) -> None:
    lease = leased(registry)
    send(registry, lease)
    registry.ledger.back_to_intent(lease)
    registry.ledger.back_to_intent(lease)
    send(registry, lease)
    registry.ledger.submitted(lease, Submitted(task_id="t1"))
    registry.ledger.submitted(lease, Submitted(task_id="t1"))
    with pytest.raises(RunError):
        registry.ledger.submitted(lease, Submitted(task_id="another"))
    assert registry.ledger.get(lease.generation_id).task_id == "t1"


def test_a_task_id_that_comes_back_after_a_take_over_is_kept(registry: Registry, clock: HandClock) -> None:
    asleep = leased(registry)
    send(registry, asleep)
    clock.advance(LEASE_S + 1)
    awake = registry.ledger.take_lease(asleep.generation_id, "worker-2")
    assert awake is not None
    registry.ledger.park(awake, "SUBMISSION_UNKNOWN", "no answer")
    with pytest.raises(ProductError, match="took this model over"):
        registry.ledger.submitted(asleep, Submitted(task_id="t1"))
    assert registry.ledger.keep_answer(asleep.generation_id, Submitted(task_id="t1"))
    found = registry.ledger.get(asleep.generation_id)
    assert (found.state, found.task_id) == (LedgerState.SUBMITTED, "t1")
    assert not registry.ledger.keep_answer(asleep.generation_id, Submitted(task_id="t2"))


def test_the_lease_of_a_dead_holder_is_taken_over_at_once_and_of_nobody_else(registry: Registry) -> None:
    lease = leased(registry)
    assert registry.ledger.take_lease(lease.generation_id, "worker-2") is None
    assert registry.ledger.take_lease(lease.generation_id, "worker-2", instead_of="worker-3") is None
    taken = registry.ledger.take_lease(lease.generation_id, "worker-2", instead_of="worker-1")
    assert taken is not None
    assert taken.fence == lease.fence + 1


def test_open_tasks_are_those_that_may_be_at_the_provider(registry: Registry) -> None:
    leases = {photo: leased(registry, photo) for photo in "abcd"}
    for photo in "abc":
        send(registry, leases[photo])
    registry.ledger.submitted(leases["b"], Submitted(task_id="t1"))
    registry.ledger.park(leases["c"], "SUBMISSION_UNKNOWN", "no answer")
    found = registry.ledger.open_tasks("tripo-test")
    assert [generation.id for generation in found] == [leases[photo].generation_id for photo in "abc"]
    assert registry.ledger.slots_by_state("tripo-test", "H") == {
        LedgerState.SENDING: 1,
        LedgerState.SUBMITTED: 1,
        LedgerState.UNKNOWN: 1,
    }


def test_a_brief_that_another_run_paid_meanwhile_is_not_bought_again(registry: Registry) -> None:
    registry.ledger.settle(leased(registry), Outcome.SUCCESS, credits_consumed=Decimal(30))
    joined = registry.ledger.open_intent(intent(run_id="run-2"), AMPLE)
    assert (joined.attempt, joined.succeeded) == (1, True)


def test_a_lease_lost_before_sending_is_no_defect(registry: Registry, clock: HandClock) -> None:
    asleep = leased(registry)
    clock.advance(LEASE_S + 1)
    awake = registry.ledger.take_lease(asleep.generation_id, "worker-2")
    assert awake is not None
    send(registry, awake)
    with pytest.raises(ProductError) as caught:
        send(registry, asleep)
    assert caught.value.code == "LEASE_LOST"


def test_a_renewal_after_the_drop_revives_nothing(registry: Registry) -> None:
    lease = leased(registry)
    registry.ledger.drop_lease(lease)
    assert not registry.ledger.renew_lease(lease)
    assert registry.ledger.take_lease(lease.generation_id, "worker-2") is not None


def test_an_intent_of_yesterday_that_is_sent_today_counts_for_today(registry: Registry, clock: HandClock) -> None:
    lease = leased(registry, "a")
    clock.advance(24 * 3600)
    later = registry.ledger.take_lease(lease.generation_id, "worker-2")
    assert later is not None
    send(registry, later, "run-2")
    with pytest.raises(ProductError, match="day"):
        registry.ledger.open_intent(intent("b", run_id="run-2"), Caps(run=Decimal(100), day=Decimal(40)))


def test_an_unknown_request_holds_its_slot_until_a_task_of_it_would_have_ended(
    registry: Registry, clock: HandClock
) -> None:
    first = leased(registry, "a")
    registry.ledger.start_sending(first, slots=1, file_tokens={}, run_id="run-1", caps=AMPLE)
    registry.ledger.park(first, "SUBMISSION_UNKNOWN", "no answer")
    clock.advance(29 * 60)
    second = leased(registry, "b")
    with pytest.raises(NotSentError):
        registry.ledger.start_sending(second, slots=1, file_tokens={}, run_id="run-1", caps=AMPLE)
    clock.advance(2 * 60)
    third = leased(registry, "c")
    registry.ledger.start_sending(third, slots=1, file_tokens={}, run_id="run-1", caps=AMPLE)


def test_a_task_that_nobody_saw_end_holds_its_slot_for_twice_the_longest_task(
    registry: Registry, clock: HandClock
) -> None:
    first = leased(registry, "a")
    send(registry, first)
    registry.ledger.submitted(first, Submitted(task_id="t1"))
    clock.advance(59 * 60)
    assert registry.ledger.slots_by_state("tripo-test", "H") == {LedgerState.SUBMITTED: 1}
    clock.advance(2 * 60)
    assert registry.ledger.slots_by_state("tripo-test", "H") == {}


def test_what_is_closed_from_one_state_only_stays_open_in_another(registry: Registry) -> None:
    lease = leased(registry)
    send(registry, lease)
    registry.ledger.park(lease, "SUBMISSION_UNKNOWN", "no answer")
    assert registry.ledger.keep_answer(lease.generation_id, Submitted(task_id="t1"))
    with pytest.raises(ProductError):
        registry.ledger.settle(lease, Outcome.WITHDRAWN, credits_consumed=Decimal(0), only_from=LedgerState.UNKNOWN)
    assert registry.ledger.get(lease.generation_id).state is LedgerState.SUBMITTED


def test_a_task_belongs_to_one_generation(registry: Registry) -> None:
    first, second = leased(registry, "a"), leased(registry, "b")
    send(registry, first)
    send(registry, second)
    registry.ledger.submitted(first, Submitted(task_id="t1"))
    registry.ledger.park(second, "SUBMISSION_UNKNOWN", "no answer")
    with pytest.raises(ProductError) as caught:
        registry.ledger.submitted(second, Submitted(task_id="t1"))
    assert caught.value.code == "TASK_TAKEN"
    assert registry.ledger.get(second.generation_id).state is LedgerState.UNKNOWN


def test_only_free_failures_of_the_listed_codes_are_tried_again_and_at_most_twice() -> None:
    failed = a_generation(outcome=Outcome.FAILED, credits_consumed=Decimal(0), error_code="TASK_EXPIRED")
    assert may_try_again(failed)
    assert may_try_again(replace(failed, attempt=2))
    assert not may_try_again(replace(failed, attempt=3))
    assert not may_try_again(replace(failed, credits_consumed=Decimal(30)))
    assert not may_try_again(replace(failed, error_code="TRIPO_2008"))
    assert max(WORTH_ANOTHER_TRY.values()) <= 2


def test_the_next_attempt_comes_after_the_last_one_even_where_earlier_ones_are_not_known(registry: Registry) -> None:
    registry.ledger.settle(leased(registry), Outcome.FAILED, credits_consumed=Decimal(0))
    with write(registry.engine) as session:
        session.execute(update(GenerationRow).values(attempt=3))  # as a rebuilt registry may have it
    assert registry.ledger.open_intent(intent(), AMPLE).attempt == 4
