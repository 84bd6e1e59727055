"""What `bench/slots.py` measures against: the ideal schedule and the catalog with its times."""

from __future__ import annotations

import pytest

from bench.slots_catalog import MULTIVIEW_SHARE, Item, make_items, number_of, picture
from bench.slots_ideal import ideal

NO_LIMIT = 10**9


def items(*products: tuple[int, float]) -> list[Item]:
    """Products by number of views and seconds."""
    return [Item(number=number, views=views, seconds=seconds) for number, (views, seconds) in enumerate(products)]


def test_the_ideal_keeps_every_slot_full() -> None:
    assert ideal(items((1, 60.0), (1, 60.0), (1, 60.0), (1, 60.0)), 2, NO_LIMIT).makespan_s == 120


def test_the_ideal_waits_for_the_upload_that_the_rate_allows() -> None:
    found = ideal(items(*[(4, 10.0)] * 5), 10, 10)
    assert found.binds == "uploads"
    assert found.makespan_s == 60 + 10  # 20 uploads: 10 at once, the rest a minute later


def test_the_ideal_is_never_below_what_one_limit_alone_needs() -> None:
    for slots in (1, 3, 10):
        found = ideal(make_items(60, seed=slots), slots, 10)
        assert found.makespan_s >= max(found.by_slots_s, found.by_uploads_s)


def test_the_times_of_a_catalog_are_realistic_and_the_same_each_time() -> None:
    catalog = make_items(400, seed=7)
    assert catalog == make_items(400, seed=7)
    assert all(40 <= item.seconds <= 210 for item in catalog)
    assert sum(item.views == 4 for item in catalog) / 400 == pytest.approx(MULTIVIEW_SHARE, abs=0.05)


@pytest.mark.parametrize("number", [0, 255, 256, 999])
def test_a_picture_says_which_product_it_is_of(number: int) -> None:
    assert {number_of(picture(number, place)) for place in range(4)} == {number}
