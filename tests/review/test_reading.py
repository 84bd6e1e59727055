"""What an address asks the queue for, and how sizes read to a reviewer."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog3d.mesh.profiles import limits_for
from catalog3d.quality import MeshFacts
from catalog3d.review.queue import PAGE_SIZE, STATUSES, Wish, pages_of, read_wish
from catalog3d.review.sizes import bars, sides

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=100).map(str.strip)
WISHES = st.builds(
    Wish,
    status=st.sampled_from(STATUSES),
    category=WORDS,
    owner=WORDS,
    reason=WORDS,
    run=WORDS,
    text=WORDS,
    page=st.integers(1, 1000),
)


@given(WISHES)
def test_a_wish_survives_its_own_address(wish: Wish) -> None:
    assert read_wish(dict(parse_qsl(wish.query()))) == wish


@given(st.dictionaries(st.sampled_from(["status", "page", "owner", "text", "category"]), st.text(max_size=300)))
def test_any_address_is_some_wish(query: dict[str, str]) -> None:
    wish = read_wish(query)
    assert wish.status in STATUSES
    assert 1 <= wish.page <= 1_000_000


@given(st.integers(0, 20_000))
def test_pages_hold_everything_and_the_last_is_not_empty(count: int) -> None:
    pages = pages_of(count)
    assert pages >= 1
    assert (pages - 1) * PAGE_SIZE < max(count, 1) <= pages * PAGE_SIZE


def test_another_filter_starts_on_its_first_page() -> None:
    assert Wish(owner="mine", page=7).query(category="Chairs") == "category=Chairs&owner=mine"


@pytest.mark.parametrize("extents", [(0.5, 1.0, 0.25), (0.25, 1.0, 0.5), (5.0, 10.0, 2.5)])
def test_a_model_fits_its_declared_size_in_any_scale_and_either_way_round(extents: tuple[float, float, float]) -> None:
    found = sides((0.5, 1.0, 0.25), extents)
    assert [side.measured_cm for side in found] == pytest.approx([50, 100, 25])
    assert all(side.fits for side in found)


def test_a_side_that_is_off_says_by_how_much_and_one_that_is_not_declared_is_only_measured() -> None:
    width, height, depth = sides((0.5, 1.0, None), (0.5, 1.21, 0.3))
    assert (width.off_percent, height.off_percent) == pytest.approx((-9.09, 10.0), abs=0.01)
    assert not width.fits
    assert (depth.declared_cm, depth.off_percent, depth.fits) == (None, None, True)


@pytest.mark.parametrize("declared", [None, (None, None, None)])
def test_nothing_declared_is_nothing_compared(declared: tuple[None, None, None] | None) -> None:
    assert sides(declared, (1.0, 1.0, 1.0)) == ()


def test_bars_show_the_share_of_the_limit_that_blocks() -> None:
    facts = MeshFacts(size_bytes=7_500_000, sha256="", triangles=120_000, materials=9, largest_texture_px=8192)
    size, triangles, materials, texture = bars(facts, 7_500_000, limits_for("web-ar"))
    assert (size.percent, size.limit, size.level) == (50.0, "15.0 MB", "warning")
    assert (triangles.percent, triangles.level) == (80.0, "warning")
    assert (materials.limit, materials.percent) == ("5", 100.0)
    assert texture.level == "error"
    assert len(bars(None, 1000, limits_for("shopify"))) == 1
