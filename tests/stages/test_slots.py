"""How many slots are used when the provider has fewer than the settings say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog3d.errors import RunError
from catalog3d.stages.slots import FIRST_HOLD_S, LONGEST_HOLD_S, SlotEstimate, Slots


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Account:
    """An account with its slots, some of them taken by other programs; tasks end when the test says so."""

    def __init__(self, slots: int, *, setting: int = 10, patience_s: float = 3600) -> None:
        self.slots, self.taken, self.ours, self.refusals = slots, 0, 0, 0
        self.clock = Seconds()
        self.estimate = SlotEstimate(setting, patience_s=patience_s, now=self.clock)

    def order(self) -> bool:
        """One request if our own count allows it."""
        if self.ours >= self.estimate.usable:
            return False
        if self.ours + self.taken >= self.slots:
            self.refusals += 1
            self.estimate.refused(self.ours)
            return False
        self.ours += 1
        self.estimate.accepted(self.ours)
        return True

    def play(self, seconds: int) -> None:
        """Every ten seconds one task ends and two requests are made."""
        for _ in range(0, seconds, 10):
            self.clock.now += 10
            self.ours = max(0, self.ours - 1)
            self.order()
            self.order()


def test_the_settings_are_used_while_nobody_objects() -> None:
    account = Account(10)
    account.play(600)
    assert (account.ours, account.refusals, account.estimate.usable) == (10, 0, 10)


def test_an_account_with_three_slots_uses_three_and_is_rarely_asked_for_more() -> None:
    account = Account(3)
    account.play(3600)
    assert account.ours == 3
    assert account.refusals < 3600 / LONGEST_HOLD_S + 10


def test_slots_that_others_used_for_a_while_are_used_again_when_they_are_free() -> None:
    account = Account(10)
    account.play(300)
    account.taken, account.ours = 8, 2
    account.play(300)
    assert account.ours == 2
    account.taken = 0
    account.play(int(LONGEST_HOLD_S) + 300)
    assert account.ours == 10


def test_a_slot_freed_a_moment_late_lowers_nothing() -> None:
    estimate = SlotEstimate(10, patience_s=3600, now=Seconds())
    for in_use in range(1, 11):
        estimate.accepted(in_use)
    assert estimate.refused(9) is False  # to be sent again as told
    assert estimate.usable == 10
    estimate.accepted(10)
    assert estimate.refused(9) is False
    assert estimate.refused(9) is True  # but twice in a row it is believed
    assert estimate.usable == 9


def test_one_request_always_knocks_whatever_is_parked() -> None:
    estimate = SlotEstimate(10, patience_s=3600, now=Seconds())
    assert estimate.refused(0) is False
    assert estimate.usable == 1
    assert estimate.refused(2, parked=2) is False
    assert estimate.usable >= 1
    fresh = SlotEstimate(10, patience_s=3600, now=Seconds())
    fresh.refused(2, parked=2)
    assert fresh.usable == 3


def test_a_provider_that_is_full_forever_ends_the_run_with_a_sentence() -> None:
    clock = Seconds()
    estimate = SlotEstimate(10, patience_s=600, now=clock)
    estimate.refused(0)
    clock.now += 599
    estimate.refused(0)
    clock.now += 2
    with pytest.raises(RunError, match="all slots are in use") as caught:
        estimate.refused(0)
    assert caught.value.code == "SLOTS_STUCK"


def test_one_task_in_between_renews_the_patience() -> None:
    clock = Seconds()
    estimate = SlotEstimate(10, patience_s=600, now=clock)
    estimate.refused(0)
    clock.now += 599
    estimate.accepted(1)
    clock.now += 599
    estimate.refused(0)


def test_a_wait_that_the_provider_names_is_kept() -> None:
    clock = Seconds()
    estimate = SlotEstimate(10, patience_s=3600, now=clock)
    estimate.refused(3, told_s=5 * FIRST_HOLD_S)
    clock.now += 5 * FIRST_HOLD_S - 1
    assert estimate.usable == 3
    clock.now += 1
    assert estimate.usable == 4


@given(
    setting=st.integers(1, 20),
    events=st.lists(st.tuples(st.booleans(), st.integers(0, 20), st.integers(0, 3), st.floats(0, 300)), max_size=60),
)
def test_whatever_is_answered_at_least_one_and_at_most_the_setting_is_used(
    setting: int, events: list[tuple[bool, int, int, float]]
) -> None:
    clock = Seconds()
    estimate = SlotEstimate(setting, patience_s=1e9, now=clock)
    for taken, in_use, parked, passed_s in events:
        clock.now += passed_s
        if taken:
            estimate.accepted(in_use)
        else:
            estimate.refused(in_use, parked=min(parked, in_use))
        assert 1 <= estimate.usable <= setting


def test_pools_are_counted_apart() -> None:
    slots = Slots({"H": 10, "P": 5}, now=Seconds())
    slots.of("H").refused(3)
    assert dict(slots) == {"H": 3, "P": 5}
    assert slots.most == {"H": 10, "P": 5}
