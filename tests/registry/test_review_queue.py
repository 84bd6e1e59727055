"""The queue's order, filters and pages, on SQLite and on PostgreSQL."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, update

from catalog3d.adapters.registry.engine import write
from catalog3d.adapters.registry.registry import Registry, open_registry
from catalog3d.adapters.registry.review_queue import (
    EVERYTHING,
    GREEN,
    WAITING,
    OwnerRules,
    QueueFilter,
    QueueItem,
    ReviewQueue,
)
from catalog3d.adapters.registry.tables import AssetRow, ProductRow
from catalog3d.home import Home
from tests.clock import HandClock

NOW = datetime(2026, 11, 24, tzinfo=UTC)
OWNERS = OwnerRules(everybody="Rest", by_category={"Chairs": "Maria", "Möbel": "Tom"})


def stored(registry: Registry, catalog: str, *rows: dict[str, Any]) -> ReviewQueue:
    """A catalog with these newest versions; what a row does not say is a green, undecided chair."""
    with write(registry.engine) as session:
        for number, row in enumerate(rows):
            sku = row.get("sku", f"S{number:05}")
            fields = {"category": "Chairs", "priority": 0, "owner": "", "input": "photo"}
            session.execute(
                insert(ProductRow).values(
                    catalog=catalog,
                    sku=sku,
                    name=row.get("name", "Chair"),
                    status=row.get("status", "generated"),
                    reason=row.get("reason", ""),
                    fields={**fields, **row.get("fields", {})},
                    updated_at=NOW,
                )
            )
            for version in range(1, row.get("versions", 1) + 1):
                session.execute(
                    insert(AssetRow).values(
                        catalog=catalog,
                        sku=sku,
                        version=version,
                        format="GLB",
                        identity=str(version),
                        file=f"{sku}_V{version}.glb",
                        stored=True,
                        approval=row.get("approval", "pending"),
                        verdict=row.get("verdict", "pass"),
                        run_id=row.get("run", "run-1"),
                        created_at=NOW,
                    )
                )
    return ReviewQueue(registry.engine, catalog, OWNERS)


def skus(items: list[QueueItem]) -> list[str]:
    return [item.asset.sku for item in items]


def test_the_worst_comes_first_then_what_matters_most_then_the_oldest(registry: Registry) -> None:
    queue = stored(
        registry,
        "live",
        {"sku": "OLD"},
        {"sku": "NEW"},
        {"sku": "URGENT", "fields": {"priority": 9}},
        {"sku": "WARNED", "verdict": "warn"},
        {"sku": "DOUBTED", "verdict": "warn", "status": "flagged"},
        {"sku": "BLOCKED", "verdict": "fail", "status": "flagged"},
    )
    expected = ["BLOCKED", "DOUBTED", "WARNED", "URGENT", "OLD", "NEW"]
    assert skus(queue.page(QueueFilter(), limit=10)) == expected
    assert skus(queue.page(QueueFilter(), limit=2, offset=3)) == expected[3:5]


def test_only_the_newest_version_waits_and_other_catalogs_are_not_seen(registry: Registry) -> None:
    stored(registry, "rehearsal", {"sku": "OTHER"})
    queue = stored(registry, "live", {"sku": "A1", "versions": 3})
    (item,) = queue.page(QueueFilter(), limit=10)
    assert (item.asset.sku, item.asset.version) == ("A1", 3)
    assert queue.count(QueueFilter(status=EVERYTHING)) == 1


def test_an_owner_comes_from_the_sheet_else_by_category_else_from_the_rule_for_all(registry: Registry) -> None:
    queue = stored(
        registry,
        "live",
        {"sku": "A", "fields": {"owner": "Ann"}},
        {"sku": "B"},
        {"sku": "C", "fields": {"category": "chairs"}},
        {"sku": "D", "fields": {"category": "Möbel"}},
        {"sku": "E", "fields": {"category": ""}},
    )
    items = queue.page(QueueFilter(), limit=10)
    assert [item.owner for item in items] == ["Ann", "Maria", "Maria", "Tom", "Rest"]
    assert skus(queue.page(QueueFilter(owner="MARIA"), limit=10)) == ["B", "C"]
    assert queue.facets(WAITING).owners == {"Ann": 1, "Maria": 2, "Rest": 1, "Tom": 1}


def test_who_is_away_is_stood_in_for(registry: Registry) -> None:
    stored(registry, "live", {"sku": "A", "fields": {"owner": "ann"}}, {"sku": "B"})
    away = OwnerRules(everybody="Rest", by_category={"Chairs": "Maria"}, delegates={"Ann": "Tom", "Maria": "Tom"})
    queue = ReviewQueue(registry.engine, "live", away)
    assert queue.facets(WAITING).owners == {"Tom": 2}
    assert skus(queue.page(QueueFilter(owner="tom"), limit=10)) == ["A", "B"]


def test_facets_count_within_the_chosen_status_and_name_the_newest_run_first(registry: Registry) -> None:
    queue = stored(
        registry,
        "live",
        {"run": "run-1"},
        {"run": "run-2", "status": "flagged", "reason": "MESH_DOUBT"},
        {"run": "run-2", "status": "approved", "approval": "approved", "fields": {"category": "Tables"}},
    )
    waiting, everything = queue.facets(WAITING), queue.facets(EVERYTHING)
    assert waiting.statuses == {"generated": 1, "flagged": 1, "approved": 1, "all": 3, "waiting": 2}
    assert waiting.categories == {"Chairs": 2}
    assert waiting.reasons == {"MESH_DOUBT": 1}
    assert list(waiting.runs.items()) == [("run-2", 1), ("run-1", 1)]
    assert everything.categories == {"Chairs": 2, "Tables": 1}


def test_only_what_is_green_fresh_and_made_from_a_photo_may_be_approved_with_others(registry: Registry) -> None:
    rows: dict[str, dict[str, Any]] = {
        "GREEN": {},
        "WARNED": {"verdict": "warn"},
        "STALE": {"status": "stale"},
        "DECIDED": {"approval": "rejected", "status": "rejected"},
        "CONCEPT": {"fields": {"input": "prompt"}},
        "UNCHECKED": {"verdict": ""},
        "SAID": {},
    }
    queue = stored(registry, "live", *({"sku": sku, **row} for sku, row in rows.items()))
    items = {item.asset.sku: item for item in queue.page(QueueFilter(status=EVERYTHING), limit=10)}
    with write(registry.engine) as session:
        said = items["SAID"].asset
        session.execute(update(AssetRow).where(AssetRow.id == said.id).values(revision=1))
    items = {item.asset.sku: item for item in queue.page(QueueFilter(status=EVERYTHING), limit=10)}
    assert [sku for sku, item in items.items() if item.is_green] == ["GREEN"]
    assert items["SAID"].seen == 1
    assert items["UNCHECKED"].rank == GREEN


def test_the_way_through_the_queue_visits_everything_once_and_comes_round(registry: Registry) -> None:
    queue = stored(registry, "live", *({"verdict": verdict} for verdict in ("pass", "fail", "warn", "pass")))
    items = queue.page(QueueFilter(), limit=10)
    for number, item in enumerate(items):
        following = queue.after(QueueFilter(), item)
        before = queue.before(QueueFilter(), item)
        assert queue.place(QueueFilter(), item) == number + 1
        assert following is not None
        assert following.asset.id == items[(number + 1) % len(items)].asset.id
        assert (before.asset.id if before else None) == (items[number - 1].asset.id if number else None)
    alone = stored(registry, "alone", {})
    assert alone.after(QueueFilter(), alone.page(QueueFilter(), limit=1)[0]) is None


@pytest.fixture(scope="module")
def one_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    opened = open_registry(Home(root=tmp_path_factory.mktemp("queue"), catalog="live"), "", HandClock())
    yield opened
    opened.close()


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "verdict": st.sampled_from(["pass", "warn", "fail", ""]),
            "status": st.sampled_from(["generated", "flagged", "stale", "approved"]),
            "approval": st.sampled_from(["pending", "approved"]),
            "fields": st.fixed_dictionaries({"priority": st.integers(-2, 2), "owner": st.sampled_from(["", "Ann"])}),
            "versions": st.integers(1, 2),
        }
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=ROWS, size=st.integers(1, 5), owner=st.sampled_from([None, "ann"]), status=st.sampled_from([WAITING, "all"])
)
def test_pages_show_everything_once_in_one_order(
    one_registry: Registry, rows: list[dict[str, Any]], size: int, owner: str | None, status: str
) -> None:
    queue = stored(one_registry, uuid.uuid4().hex, *_named(rows))
    wanted = QueueFilter(status=status, owner=owner)
    whole = queue.page(wanted, limit=100)
    paged = [item for offset in range(0, 20, size) for item in queue.page(wanted, limit=size, offset=offset)]
    assert [item.asset.id for item in paged] == [item.asset.id for item in whole]
    assert len({item.asset.id for item in whole}) == len(whole) == queue.count(wanted)
    keys = [(item.rank, -item.priority, item.asset.id) for item in whole]
    assert keys == sorted(keys)
    assert [queue.place(wanted, item) for item in whole] == list(range(1, len(whole) + 1))


def _named(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"sku": f"S{number}", **row} for number, row in enumerate(rows)]
