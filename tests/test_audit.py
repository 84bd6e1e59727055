"""The audit trail: no single change of a chain stays unseen, and what is said names the entry."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog3d.audit import GENESIS, Entry, Place, canonical, find_hash
from catalog3d.audit_faults import AssetState, Fault, verify, verify_assets, verify_former
from tests.chains import a_chain, an_entry, chain_of

JSON_VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
WORDS = st.text(max_size=12)
CHANGED: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("sku", "format", "asset_sha256", "decision", "person", "note", "profile"), WORDS),
    "reason": WORDS,
    "version": st.integers(0, 9),
    "seen": st.none() | st.integers(0, 9),
    "at": st.integers(1, 10**6).map(lambda seconds: an_entry().at + timedelta(days=1, seconds=seconds)),
    "checklist": st.dictionaries(WORDS, JSON_VALUES, max_size=3),
    "checks": st.lists(st.lists(JSON_VALUES, min_size=4, max_size=4), max_size=3),
    "changes": st.dictionaries(WORDS, st.lists(WORDS, max_size=2), max_size=3),
}
lengths = st.integers(3, 8)


def numbers(faults: list[Fault]) -> list[int | None]:
    return [fault.sequence for fault in faults]


def with_place(entry: Entry, **changes: Any) -> Entry:
    return replace(entry, places=(*entry.places[:-1], replace(entry.place, **changes)))


def test_every_field_of_an_entry_is_tried() -> None:
    assert {field.name for field in fields(Entry)} == {*CHANGED, "places"}


@given(lengths)
def test_a_chain_that_nobody_touched_is_whole(length: int) -> None:
    assert verify(chain_of(length)) == []


@given(st.data(), lengths, st.sampled_from(sorted(CHANGED)))
def test_a_change_of_any_field_is_found_and_named(data: st.DataObject, length: int, name: str) -> None:
    chain = chain_of(length)
    at = data.draw(st.integers(0, length - 1))
    spoilt = replace(chain[at], **{name: data.draw(CHANGED[name])})
    if canonical(spoilt, spoilt.places) == canonical(chain[at], chain[at].places):
        return  # another way to write the same value
    chain[at] = spoilt
    (fault,) = verify(chain)
    assert (fault.code, fault.sequence) == ("ENTRY_CHANGED", at + 1)
    assert fault.message.startswith(f"Entry {at + 1} (")


@given(st.data(), lengths, st.sampled_from(["previous", "hash", "recovered", "catalog"]))
def test_a_change_of_its_place_is_found_and_named(data: st.DataObject, length: int, name: str) -> None:
    chain = chain_of(length)
    at = data.draw(st.integers(0, length - 1))
    other: dict[str, Any] = {"previous": "e" * 64, "hash": "e" * 64, "recovered": True, "catalog": "another"}
    chain[at] = with_place(chain[at], **{name: other[name]})
    assert numbers(verify(chain)) == [at + 1]


@given(st.data(), lengths)
def test_an_entry_that_got_another_number_is_named_with_its_true_one(data: st.DataObject, length: int) -> None:
    chain = chain_of(length)
    at = data.draw(st.integers(0, length - 1))
    chain[at] = with_place(chain[at], sequence=99)
    said = {fault.sequence: fault.message for fault in verify(chain) if "written as" in fault.message}
    assert said[99].endswith(f"it was written as entry {at + 1}.")


@given(st.data(), lengths)
def test_an_entry_that_was_rewritten_with_a_hash_that_fits_is_found_and_named(data: st.DataObject, length: int) -> None:
    chain = chain_of(length)
    at = data.draw(st.integers(0, length - 2))
    spoilt = replace(chain[at], person="Somebody else")
    chain[at] = with_place(spoilt, hash=spoilt.digest())
    (fault,) = verify(chain)
    assert (fault.code, fault.sequence) == ("ENTRY_REWRITTEN", at + 1)


@given(st.data(), lengths)
def test_entries_that_were_removed_are_named(data: st.DataObject, length: int) -> None:
    chain = chain_of(length)
    first = data.draw(st.integers(0, length - 2))
    last = data.draw(st.integers(first, length - 2))
    (fault,) = verify(chain[:first] + chain[last + 1 :])
    named = f"Entry {first + 1} was" if first == last else f"Entries {first + 1} to {last + 1} were"
    assert (fault.code, fault.message.startswith(named)) == ("ENTRY_REMOVED", True)


@given(st.data(), lengths)
def test_a_removal_that_is_hidden_by_new_numbers_is_found_and_named(data: st.DataObject, length: int) -> None:
    chain = chain_of(length)
    gone = data.draw(st.integers(0, length - 2))
    closed = chain[:gone] + [with_place(entry, sequence=entry.place.sequence - 1) for entry in chain[gone + 1 :]]
    assert numbers(verify(closed)) == list(range(gone + 1, length))


@given(st.data(), lengths)
def test_two_that_stand_in_each_others_place_are_both_named(data: st.DataObject, length: int) -> None:
    chain = chain_of(length)
    one, other = sorted(data.draw(st.lists(st.integers(0, length - 1), min_size=2, max_size=2, unique=True)))
    chain[one], chain[other] = chain[other], chain[one]
    faults = verify(chain)
    assert {fault.code for fault in faults} == {"ENTRY_MOVED"}
    assert sorted(map(str, numbers(faults))) == sorted(map(str, (one + 1, other + 1)))


@given(st.data(), lengths)
def test_two_whose_numbers_were_swapped_are_both_named_with_their_true_numbers(
    data: st.DataObject, length: int
) -> None:
    chain = chain_of(length)
    one, other = sorted(data.draw(st.lists(st.integers(0, length - 1), min_size=2, max_size=2, unique=True)))
    chain[one], chain[other] = (
        with_place(chain[other], sequence=one + 1),
        with_place(chain[one], sequence=other + 1),
    )
    said = {fault.sequence: fault.message for fault in verify(chain) if fault.code == "ENTRY_MOVED"}
    assert f"it was written as entry {other + 1}." in said[one + 1]
    assert f"it was written as entry {one + 1}." in said[other + 1]


@given(st.data(), lengths, st.booleans())
def test_an_entry_that_was_inserted_is_found_and_named(data: st.DataObject, length: int, fits: bool) -> None:
    chain = chain_of(length)
    at = data.draw(st.integers(0, length - 2))
    forged = replace(chain[at], person="Mallory")
    forged = with_place(forged, hash=forged.digest() if fits else "e" * 64)
    chain.insert(at + data.draw(st.integers(0, 1)), forged)
    (fault,) = [fault for fault in verify(chain) if fault.code != "ENTRY_MOVED"]
    assert (fault.code, fault.sequence, "Mallory" in fault.message) == ("ENTRY_INSERTED", at + 1, True)


def test_a_removed_end_shows_only_to_who_noted_the_head() -> None:
    chain = chain_of(4)
    assert verify(chain[:3]) == []
    assert find_hash(chain[:3], chain[3].place.hash) is None
    found = find_hash(chain, chain[2].place.hash[:12])
    assert found is not None
    assert found[0].place.sequence == 3


def test_a_chain_that_was_computed_anew_is_whole_and_has_another_head() -> None:
    before = chain_of(4)
    forged = a_chain([replace(entry, person="Mallory", places=()) for entry in before])
    assert verify(forged) == []
    assert find_hash(forged, before[-1].place.hash) is None


def test_the_first_entry_follows_nothing() -> None:
    spoilt = with_place(chain_of(1)[0], previous="e" * 64)
    (fault,) = verify([with_place(spoilt, hash=spoilt.digest())])
    assert (fault.code, fault.sequence) == ("ENTRY_CHANGED", 1)


def test_nothing_is_a_whole_chain() -> None:
    assert verify([]) == []


def test_the_form_of_what_is_hashed_stays_as_it_is() -> None:
    """Another form would make every chain that was ever written look spoilt."""
    (entry,) = a_chain([an_entry()])
    text = (
        '{"asset_sha256":"' + "d" * 64 + '","at":"2026-11-22T12:00:00.000000+00:00","catalog":"live",'
        '"changes":{"1":["pending","rejected"]},"checklist":{"material_color":false},'
        '"checks":[["FILE_TOO_LARGE","warning",6000000.5,5242880],["TEXTURE_MIN","info",null,"512"]],'
        '"decision":"rejected","form":1,"format":"GLB","former":[],"note":"Too red.","person":"Ben",'
        '"previous":"' + "0" * 64 + '","profile":"web-ar","reasons":["WRONG_COLOR"],"recovered":false,"seen":0,'
        '"sequence":1,"sku":"A1","version":1}'
    )
    golden = hashlib.sha256(text.encode()).hexdigest()
    assert canonical(entry, entry.places) == text
    assert entry.place == Place(catalog="live", sequence=1, previous=GENESIS, hash=golden)


@given(st.dictionaries(WORDS, st.lists(JSON_VALUES, max_size=3), max_size=3))
def test_what_a_json_file_has_kept_has_the_same_hash(values: dict[str, Any]) -> None:
    entry = an_entry(checklist=values)
    again = replace(entry, checklist=json.loads(json.dumps(values)), checks=tuple(map(tuple, entry.checks)))
    assert a_chain([again])[0].place == a_chain([entry])[0].place


def test_a_recovered_chain_keeps_the_evidence_of_the_one_that_was_lost() -> None:
    lost = a_chain([an_entry("A1"), an_entry("B2")])
    again = a_chain([lost[1], lost[0]], catalog="live:new", recovered=True)
    once_more = a_chain(again, recovered=True)
    assert (verify(once_more), verify_former(once_more)) == ([], [])
    found = find_hash(once_more, lost[1].place.hash)
    assert found is not None
    assert (found[0].sku, found[0].place.sequence, found[1].sequence) == ("B2", 1, 2)


@pytest.mark.parametrize(
    "forge",
    [
        lambda entry: replace(entry, person="Mallory"),
        lambda entry: replace(entry, places=(replace(entry.places[0], sequence=7), *entry.places[1:])),
    ],
)
def test_what_was_forged_before_it_was_recovered_is_named(forge: Callable[[Entry], Entry]) -> None:
    lost = a_chain([an_entry("A1"), an_entry("B2")])
    forged = [lost[0], forge(lost[1])]
    again = a_chain(forged, recovered=True)
    assert verify(again) == []
    assert [(fault.code, fault.sku) for fault in verify_former(again)] == [("FORMER_CHANGED", "B2")]


def state(version: int, approval: str, sha256: str = "d" * 64) -> AssetState:
    return AssetState(sku="A1", version=version, format="GLB", sha256=sha256, approval=approval)


APPROVED_V2 = an_entry(
    decision="approved", version=2, changes={"1": ["approved", "superseded"], "2": ["pending", "approved"]}
)


def test_approvals_that_the_chain_led_to_are_right() -> None:
    chain = a_chain([an_entry(decision="approved", changes={"1": ["pending", "approved"]}), APPROVED_V2])
    assert verify_assets(chain, [state(1, "superseded"), state(2, "approved"), state(3, "pending")]) == []


@pytest.mark.parametrize(
    ("asset", "said"),
    [
        (state(1, "approved"), "A1 V1 is approved in the registry, and entry 1 left it superseded."),
        (state(3, "approved"), "A1 V3 is approved in the registry, and no entry says who decided so."),
        (state(2, "approved", "e" * 64), "Entry 1 (A1 V2, approved by Ben"),
    ],
)
def test_an_asset_that_was_changed_past_the_chain_is_named(asset: AssetState, said: str) -> None:
    (fault,) = verify_assets(a_chain([APPROVED_V2]), [asset])
    assert said in fault.message


def test_early_records_say_less_and_are_no_fault() -> None:
    early = an_entry(decision="approved", version=2, changes={})
    chain = a_chain([early], recovered=True)
    for approval in ("approved", "pending"):
        assert verify_assets(chain, [state(1, "superseded"), state(2, approval)]) == []
    assert len(verify_assets(chain, [state(2, "rejected")])) == 1
