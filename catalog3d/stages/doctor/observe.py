"""Watches one paid task from its answer to its file, and notes what the account shows of it."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import ValidationError

from catalog3d.adapters.tripo.answers import BalanceAnswer, TaskAnswer, clean_words, task_map, usage_rows
from catalog3d.adapters.tripo.probe import Look, Probe
from catalog3d.diagnosis.facts import Facts, Refused
from catalog3d.diagnosis.signed_urls import expiry_of
from catalog3d.errors import Catalog3DError, TransientError, UrlExpiredError
from catalog3d.ports import Balance, Generator, TaskDetail, TaskState, UsageRow

MAX_RESULT_BYTES = 100_000_000
"""A cube of 5,000 faces has a few hundred kB."""
USAGE_PAGE = 200
"""The largest page (Tripo v3 documentation)."""
OVERLAP = 10
"""Rows that two pages share, because new tasks move the pages while they are read."""
MAX_PAGES = 25
"""About 5,000 tasks of one account."""

NEWEST_FIRST = "newest first"
_COMPARED = ("type", "state", "progress", "credits_consumed", "error_code", "error_message", "created_at", "echo")
_RATE = "x-ratelimit-"


class Observer:
    """Reads only; a read that fails leaves its fact unseen.

    Args:
        look_s: Between two looks.
        proof_s: How long usage is read for a task that it does not list.
    """

    def __init__(self, *, probe: Probe, facts: Facts, look_s: float, proof_s: float) -> None:
        self.facts = facts
        self.look_s = look_s
        self.proof_s = proof_s
        self._probe = probe
        self._offsets: list[float] = []
        self._answered_at: float | None = None
        self._made_at: datetime | None = None
        self._began_at = asyncio.get_running_loop().time()

    async def note_wallet_before(self) -> None:
        """The wallet before the order."""
        balance = await self._balance()
        self.facts.balance_before = balance.available if balance else None

    async def note_answer(self, task_id: str) -> None:
        """The order was answered with a task id just now."""
        self._answered_at = self._began_at = asyncio.get_running_loop().time()
        look = await self._look("GET", _path(task_id))
        if look is not None:
            self.facts.found_at_once = look.answer.is_success

    def note_end(self) -> None:
        """The task was settled just now."""
        if self._answered_at is not None:
            self.facts.duration_s = asyncio.get_running_loop().time() - self._answered_at

    async def watch(self, task_id: str) -> None:
        """Read usage until it lists the task, or until its absence would count as a proof."""
        loop, facts = asyncio.get_running_loop(), self.facts
        while True:
            row, whole = await self.find(task_id)
            facts.looked_s = loop.time() - self._began_at
            detail = await self.detail(task_id)
            going = detail is not None and not detail.state.is_final
            if row is not None:
                facts.seen_after_s = None if facts.resumed else facts.looked_s
                facts.seen_in_flight = going or not row.state.is_final
                facts.in_flight_reads += facts.seen_in_flight
            elif whole and going:
                facts.in_flight_reads += 1
            if going and facts.frozen_in_flight is None:
                await self._note_held(task_id)
            ended = detail is not None and detail.state.is_final
            if row is not None or (ended and (facts.resumed or facts.looked_s >= self.proof_s)):
                return
            if detail is None and facts.looked_s >= self.proof_s:
                return  # it cannot be asked for: the watcher decides
            await asyncio.sleep(self.look_s)

    async def look_back(self, task_id: str, client: Generator, folder: Path, ages_s: Sequence[float]) -> None:
        """What can be seen of a settled task.

        Args:
            folder: For the file; removed again.
            ages_s: When to try the first address again, in seconds after it was given.
        """
        facts = self.facts
        facts.task_id = task_id
        await self._note_usage(task_id)
        await self._note_unknown_task()
        given_at = asyncio.get_running_loop().time()
        detail = await self.detail(task_id)
        if detail is not None:
            facts.state, facts.error = detail.state.value, detail.error_message
            facts.credits, facts.echo = detail.credits_consumed, detail.echo
            await self._note_list(detail)
        balance = await self._balance()
        facts.balance_after = balance.available if balance else None
        if detail is not None and detail.state is TaskState.SUCCESS and detail.model_url:
            try:
                await self._note_address(detail, client, folder)
                await self._try_again(detail.model_url, client, folder, given_at, ages_s)
            finally:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        facts.clock_offset_s = statistics.median(self._offsets) if self._offsets else None

    async def usage(self, limit: int = USAGE_PAGE, offset: int = 0) -> tuple[UsageRow, ...] | None:
        """One page, or None if it could not be read."""
        look = await self._look("GET", "/v3/account/usage", params={"limit": limit, "offset": offset})
        try:
            return usage_rows(look.answer.data) if look is not None and look.answer.is_success else None
        except ValueError:
            return None

    async def pages(self) -> AsyncIterator[tuple[UsageRow, ...] | None]:
        """Usage from its first row on, page by page; None for a page that could not be read."""
        for page in range(MAX_PAGES):
            rows = await self.usage(USAGE_PAGE, page * (USAGE_PAGE - OVERLAP))
            yield rows
            if rows is None or len(rows) < USAGE_PAGE:
                return

    async def find(self, task_id: str) -> tuple[UsageRow | None, bool]:
        """The row of a task, and whether its absence is sure: all was read, or all that is newer, newest first."""
        async for rows in self.pages():
            row = next((row for row in rows or () if row.task_id == task_id), None)
            if row is not None or rows is None:
                return row, False
            if len(rows) < USAGE_PAGE or self._are_older(rows):
                return None, True
        return None, False

    async def detail(self, task_id: str) -> TaskDetail | None:
        """What the task says of itself, or None if it could not be read."""
        detail = _detail_in(await self._look("GET", _path(task_id)))
        if detail is not None:
            self._made_at = detail.created_at
        return detail

    def _are_older(self, rows: Sequence[UsageRow]) -> bool:
        """Whether nothing after these rows can be as new as the task that was asked for last."""
        last = rows[-1].created_at
        return bool(self._made_at and last and last < self._made_at and _order_of(rows) == NEWEST_FIRST)

    async def _note_held(self, task_id: str) -> None:
        balance = await self._balance()
        after = await self.detail(task_id)
        if balance is not None and after is not None and not after.state.is_final:
            self.facts.frozen_in_flight = balance.frozen

    async def _note_usage(self, task_id: str) -> None:
        rows = await self.usage()
        if rows is None:
            return
        self.facts.usage_rows = len(rows)
        self.facts.order = _order_of(rows)
        row, _ = await self.find(task_id)
        if row is not None and row.state.is_final:
            self.facts.usage_credits = row.credits_consumed
        if len(rows) > 1:
            first, second = await self.usage(2, 0), await self.usage(2, 1)
            if first and second and len(first) > 1:
                self.facts.pages_agree = first[1].task_id == second[0].task_id

    async def _note_unknown_task(self) -> None:
        look = await self._look("GET", _path(str(uuid.uuid4())))
        if look is not None:
            answer = look.answer
            self.facts.not_found = Refused(status=answer.status, code=answer.code, words=answer.words)

    async def _note_list(self, detail: TaskDetail) -> None:
        look = await self._look("POST", "/v3/tasks/list", json={"task_ids": [detail.task_id]})
        if look is None or not look.answer.is_success:
            return
        try:
            listed = task_map(look.answer.data).get(detail.task_id)
        except ValueError:
            listed = None
        self.facts.listed = listed is not None
        if listed is not None:
            self.facts.differs = tuple(name for name in _COMPARED if getattr(listed, name) != getattr(detail, name))

    async def _note_address(self, detail: TaskDetail, client: Generator, folder: Path) -> None:
        facts = self.facts
        facts.host = clean_words(urlsplit(detail.model_url).hostname)
        look = await self._look("GET", _path(detail.task_id))
        again = _detail_in(look)
        if look is not None and again is not None and again.model_url:
            facts.fresh_url = again.model_url != detail.model_url
            ends_at = expiry_of(again.model_url)
            if ends_at is not None:
                by_ours = (ends_at - look.answered_at).total_seconds()
                facts.url_life_s = (by_ours - (statistics.median(self._offsets) if self._offsets else 0.0), by_ours)
        try:
            done = await client.download(detail.model_url, folder / "check.glb", MAX_RESULT_BYTES)
        except Catalog3DError as error:
            facts.host_allowed = error.code != "DOWNLOAD_REFUSED"
            facts.delivery_trouble = error.message
        else:
            facts.host_allowed, facts.delivered_bytes = True, done.size_bytes

    async def _try_again(
        self, url: str, client: Generator, folder: Path, given_at: float, ages_s: Sequence[float]
    ) -> None:
        loop = asyncio.get_running_loop()
        for age_s in ages_s:
            await asyncio.sleep(max(0.0, given_at + age_s - loop.time()))
            tried_at = loop.time() - given_at
            try:
                await client.download(url, folder / f"again-{age_s:.0f}.glb", MAX_RESULT_BYTES)
            except UrlExpiredError:
                self.facts.old_url.append((tried_at, False))
                return
            except Catalog3DError:
                continue  # a broken connection says nothing about the address
            self.facts.old_url.append((tried_at, True))

    async def _balance(self) -> Balance | None:
        look = await self._look("GET", "/v3/account/balance")
        try:
            return (
                BalanceAnswer.model_validate(look.answer.data).to_balance() if look and look.answer.is_success else None
            )
        except ValidationError:
            return None

    async def _look(self, method: str, path: str, **content: Any) -> Look | None:
        try:
            look = await self._probe.look(method, path, **content)
        except TransientError:
            return None
        self.facts.reads += 1
        names = {name for name in look.answer.headers if name.startswith(_RATE) or name == "retry-after"}
        self.facts.rate_headers = tuple(sorted({*self.facts.rate_headers, *names}))
        if look.clock_offset_s is not None:
            self._offsets.append(look.clock_offset_s)
        return look


def _detail_in(look: Look | None) -> TaskDetail | None:
    try:
        return TaskAnswer.model_validate(look.answer.data).to_detail() if look and look.answer.is_success else None
    except ValidationError:
        return None


def _order_of(rows: Sequence[UsageRow]) -> str:
    moments = [row.created_at for row in rows if row.created_at is not None]
    if len(set(moments)) < 2:
        return ""
    if moments == sorted(moments, reverse=True):
        return NEWEST_FIRST
    return "oldest first" if moments == sorted(moments) else "no order"


def _path(task_id: str) -> str:
    return f"/v3/tasks/{quote(task_id, safe='')}"
