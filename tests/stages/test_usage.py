"""Reading an account's usage whole."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from catalog3d.lookup import Scan
from catalog3d.ports import TaskState, UsageRow
from catalog3d.stages.usage import read_usage
from tests.stages.tripo import ScriptedTripo

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Account(ScriptedTripo):
    """Serves pages of rows as a test orders and changes them."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = [
            UsageRow(
                task_id=f"t{number}", type="", state=TaskState.SUCCESS, created_at=NOON - timedelta(minutes=number),
                credits_consumed=None,
            )
            for number in range(rows)
        ]  # fmt: skip
        self.longest_page = 200
        self.before_page: Callable[[int], None] = lambda _page: None
        self.pages = 0

    async def usage(self, limit: int = 50, offset: int = 0) -> Sequence[UsageRow]:
        self.pages += 1
        self.before_page(self.pages)
        return self.rows[offset : offset + min(limit, self.longest_page)]

    def arrives(self, task_id: str) -> None:
        self.rows.insert(0, UsageRow(
            task_id=task_id, type="", state=TaskState.RUNNING, created_at=NOON + timedelta(minutes=1),
            credits_consumed=None,
        ))  # fmt: skip

    def read(self, horizon: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> Scan:
        return asyncio.run(read_usage(self, horizon))


@pytest.mark.parametrize("rows", [0, 1, 19, 199, 200, 201, 380, 381, 1000])
@pytest.mark.parametrize("newest_first", [True, False])
def test_every_row_is_read_whatever_their_number_and_order(rows: int, *, newest_first: bool) -> None:
    account = Account(rows)
    if not newest_first:
        account.rows.reverse()
    scan = account.read()
    assert (len(scan.rows), scan.whole) == (rows, True)


@pytest.mark.parametrize("longest_page", [1, 2, 7, 50, 100])
def test_a_server_with_shorter_pages_than_it_is_asked_for_is_read_to_its_end(longest_page: int) -> None:
    account = Account(120)
    account.longest_page = longest_page
    scan = account.read()
    assert len(scan.rows) == 120
    assert scan.whole or longest_page == 1  # pages of one row cannot overlap


def test_rows_that_arrive_while_it_is_read_hide_none() -> None:
    account = Account(900)
    account.before_page = lambda page: account.arrives(f"new{page}")
    scan = account.read()
    assert scan.whole
    assert {row.task_id for row in account.rows} - scan.rows.keys() <= {f"new{page}" for page in range(2, 20)}


def test_a_reading_from_which_rows_vanished_is_not_whole() -> None:
    account = Account(900)
    account.before_page = lambda page: account.rows.__delitem__(slice(0, 60)) if page == 2 else None
    assert not account.read().whole


def test_rows_in_another_order_each_time_are_never_whole_on_several_pages() -> None:
    account, dice = Account(700), random.Random(5)
    account.before_page = lambda _page: dice.shuffle(account.rows)
    assert not account.read().whole
    one_page = Account(150)
    one_page.before_page = lambda _page: dice.shuffle(one_page.rows)
    assert one_page.read().whole


def test_old_rows_are_not_read_where_the_newest_come_first() -> None:
    account = Account(5000)
    scan = account.read(NOON - timedelta(hours=5))
    assert (account.pages, scan.whole) == (2, True)
    account.rows.reverse()
    assert len(account.read(NOON - timedelta(hours=5)).rows) == 5000


def test_an_account_without_end_is_not_whole() -> None:
    account = Account(60_000)
    assert not account.read().whole
