"""Several processes at one registry: what they write at once, how a new one comes to be, what its loss sounds like."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from catalog3d.adapters.registry.alone import alone
from catalog3d.adapters.registry.catalog import Change
from catalog3d.adapters.registry.engine import locked_beside, open_engine, sqlite_url
from catalog3d.adapters.registry.registry import Registry, open_registry
from catalog3d.errors import TransientError
from catalog3d.home import Home
from catalog3d.status import Status
from tests.clock import HandClock
from tests.postgres_server import fresh_database, running_postgres


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    """The results of the same work in many threads that begin together."""
    barrier = Barrier(count)

    def begin(number: int) -> Any:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def test_runs_that_meet_new_skus_at_once_all_note_them(registry: Registry) -> None:
    skus = [f"S{number}" for number in range(50)]

    def note(number: int) -> None:
        registry.catalog.note_products((sku, f"Chair {number}", 2, "sheet.csv", {}) for sku in skus)

    at_once(4, note)
    assert registry.catalog.standings().keys() == set(skus)


def test_the_first_digest_of_a_picture_wins_however_many_come_at_once(registry: Registry) -> None:
    def put(picture: str, number: int) -> str:
        return registry.pixels.put(picture * 64, str(number) * 64)

    for picture in "abcdef":
        assert set(at_once(4, partial(put, picture))) == {registry.pixels.get(picture * 64)}


def test_of_changes_that_were_thought_out_from_one_standing_only_one_is_made(registry: Registry) -> None:
    registry.catalog.note_products([("A1", "Chair", 2, "sheet.csv", {})])

    def change(number: int) -> list[str]:
        return registry.catalog.change([Change(sku="A1", status=Status.FAILED, message=str(number), seen=0)])

    moved = at_once(4, change)
    assert sorted(moved) == [[], [], [], ["A1"]]
    standing = registry.catalog.standing("A1")
    assert standing is not None
    assert (standing.message, standing.revision) == (str(moved.index(["A1"])), 1)


def test_who_opens_a_new_home_waits_for_the_one_who_is_making_it(tmp_path: Path) -> None:
    file = tmp_path / "registry.db"

    with ThreadPoolExecutor(1) as pool:
        with locked_beside(str(file), "upgrade"), closing(sqlite3.connect(file, isolation_level=None)) as making:
            making.execute("BEGIN IMMEDIATE")  # with this, SQLite refuses another one's journal mode without waiting
            opening = pool.submit(open_engine, sqlite_url(file))
            time.sleep(0.2)
            assert not opening.done()
            making.execute("COMMIT")
        opening.result(timeout=30).dispose()


def test_a_new_home_may_be_opened_by_many_at_once(tmp_path: Path) -> None:
    file = tmp_path / "registry.db"
    at_once(8, lambda _number: open_engine(sqlite_url(file)).dispose())


def test_a_registry_in_a_folder_that_nobody_may_write_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "registry.db.upgrade.lock").mkdir()
    with pytest.raises(Exception, match=r"folder of the registry cannot be written") as refused:
        open_engine(sqlite_url(tmp_path / "registry.db"))
    assert getattr(refused.value, "code", "") == "REGISTRY_UNREACHABLE"


@pytest.mark.server
def test_a_database_that_goes_away_is_said_plainly_to_who_waits_his_turn(tmp_path: Path, clock: HandClock) -> None:
    with running_postgres() as server, fresh_database(server) as url:
        registry = open_registry(Home(root=tmp_path, catalog="live"), url, clock)
        with registry.catalog.one_decision_at_a_time():
            pass
    with pytest.raises(TransientError) as lost, alone(registry.engine, "decisions:live"):
        pytest.fail("nobody holds this")
    assert (lost.value.code, "Is it running?" in lost.value.fix) == ("REGISTRY_BUSY", True)
    registry.close()
