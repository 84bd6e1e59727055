"""Where the SKUs of a run stand in line: for an upload, for a slot, and for being worked on at all.

An account has two limits that bind a run: its slots, and about ten uploads a minute. A slot that frees must find
somebody whose pictures are there already, so more SKUs may upload than there are slots; and whoever waits for what
somebody else does must not keep others from their work.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

MOST_AHEAD = 20
"""SKUs with uploaded pictures and no slot yet, at most: with multiview some minutes of uploads."""

UPLOADING = 2
"""SKUs that upload at once: the views of one follow each other, and no more than their files are in memory."""

ORDERING = 4
"""SKUs that ask for a slot at once: ~2 s for an answer make 120 orders a minute, beyond any account's slots."""

FINISHING = 16
"""SKUs whose model is there and is checked, named and stored, beside those at the provider."""


def ahead_of(slots: int) -> int:
    """How many SKUs of a pool may have uploaded their pictures before a slot is free."""
    return min(max(4, 2 * slots), MOST_AHEAD)


class Lines:
    """The lines at the provider, in the order of coming."""

    def __init__(self) -> None:
        self._places: dict[str, asyncio.Semaphore] = {}
        self._orders: dict[str, asyncio.Semaphore] = {}
        self._uploads = asyncio.Semaphore(UPLOADING)

    def place(self, pool: str, slots: int) -> asyncio.Semaphore:
        """Held from the upload until the model is there."""
        return self._places.setdefault(pool, asyncio.Semaphore(slots + ahead_of(slots)))

    def upload(self) -> asyncio.Semaphore:
        """Held while the pictures of one SKU are uploaded."""
        return self._uploads

    def order(self, pool: str) -> asyncio.Semaphore:
        """Held from when a slot is wanted until the order is sent: the others need not ask meanwhile."""
        return self._orders.setdefault(pool, asyncio.Semaphore(ORDERING))


class Gate:
    """How many SKUs are worked on at once: as many as the slots keep busy, and those before and after.

    Args:
        slots: Pool -> slots.
    """

    def __init__(self, slots: Mapping[str, int]) -> None:
        self._places = {pool: asyncio.Semaphore(count + ahead_of(count) + FINISHING) for pool, count in slots.items()}
        self._turns: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def place(self, pool: str) -> AsyncIterator[Place]:
        """Held while a SKU is worked on."""
        place = Place(self._places[pool], self._turns)
        await place.take()
        try:
            yield place
        finally:
            place.give_up()


class Place:
    """One SKU's place among those worked on."""

    def __init__(self, free: asyncio.Semaphore, turns: dict[str, asyncio.Lock]) -> None:
        self._free = free
        self._turns = turns
        self._held = False

    async def take(self) -> None:
        await self._free.acquire()
        self._held = True

    def give_up(self) -> None:
        if self._held:
            self._held = False
            self._free.release()

    @asynccontextmanager
    async def turn(self, digest: str) -> AsyncIterator[None]:
        """One SKU of a brief at a time. Who has to wait gives its place up: variants of one photo keep nobody out."""
        turn = self._turns.setdefault(digest, asyncio.Lock())
        if turn.locked():
            self.give_up()
        async with turn:
            if not self._held:
                await self.take()
            yield
