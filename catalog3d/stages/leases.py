"""Leases of a run: taken, kept alive from a thread of their own, dropped."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from catalog3d.adapters.registry.ledger import LEASE_S
from catalog3d.adapters.registry.registry import Registry
from catalog3d.errors import ProductError, TransientError
from catalog3d.ledger import Lease
from catalog3d.stages.context import RunContext

log = logging.getLogger(__name__)

LOST_S = LEASE_S / 2
"""Without a renewal for so long, we stop before others may take over."""

_BEAT_S = LEASE_S / 4
_LOOK_AGAIN_S = 1.0


class LeaseKeeper:
    """Renews what a run holds. A thread, so that a busy event loop never loses a lease.

    Args:
        on_lost: Called, in the thread, when nothing could be renewed for LOST_S.
        wait: Waits for the next beat; True when it is over.
    """

    def __init__(
        self,
        registry: Registry,
        holder: str,
        *,
        on_lost: Callable[[], None],
        wait: Callable[[threading.Event], bool] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._holder = holder
        self._on_lost = on_lost
        self._wait = wait or (lambda done: done.wait(_BEAT_S))
        self._monotonic = monotonic
        self._leases: dict[int, Lease] = {}
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="catalog3d-leases", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join(timeout=5)

    def keep(self, lease: Lease) -> None:
        with self._lock:
            self._leases[lease.generation_id] = lease

    def forget(self, lease: Lease) -> None:
        with self._lock:
            self._leases.pop(lease.generation_id, None)

    def beat(self) -> None:
        """Renew everything once."""
        with self._lock:
            leases = list(self._leases.values())
        self._registry.catalog.renew(self._holder)
        for lease in leases:
            if not self._registry.ledger.renew_lease(lease):
                log.warning("The lease of generation %s was taken over.", lease.generation_id)
                self.forget(lease)

    def _run(self) -> None:
        renewed_at = self._monotonic()
        while not self._wait(self._done):
            try:
                self.beat()
                renewed_at = self._monotonic()
            except Exception:  # the next beat may reach the registry; the fence guards the rest
                log.warning("Leases could not be renewed.", exc_info=True)
                if self._monotonic() - renewed_at >= LOST_S:
                    self._on_lost()


@asynccontextmanager
async def held(context: RunContext, generation_id: int, sku: str) -> AsyncIterator[Lease]:
    """Hold the lease of a generation; waits while another worker holds it.

    Raises:
        ProductError: The run was stopped meanwhile.
    """
    while True:
        async with take_over(context, generation_id) as lease:
            if lease is not None:
                yield lease
                return
        await context.pause(_LOOK_AGAIN_S, sku)


@asynccontextmanager
async def take_over(context: RunContext, generation_id: int) -> AsyncIterator[Lease | None]:
    """Hold the lease of a generation if nobody has it, or its holder surely lives no more; else None."""
    ledger = context.catalog.registry.ledger
    holder = await context.record(ledger.lease_holder, generation_id)
    gone = holder if holder and await _lives(context, holder) is False else ""
    lease = await context.record(ledger.take_lease, generation_id, context.holder, instead_of=gone)
    if lease is None:
        yield None
        return
    context.keeper.keep(lease)
    context.holding.add(generation_id)
    try:
        yield lease
    finally:
        context.holding.discard(generation_id)
        context.keeper.forget(lease)
        await asyncio.shield(_drop(context, lease))


async def _drop(context: RunContext, lease: Lease) -> None:
    try:
        await context.record(context.catalog.registry.ledger.drop_lease, lease)
    except TransientError as error:
        log.warning("The lease of generation %s stays until it expires: %s", lease.generation_id, error)


async def take_product(context: RunContext, sku: str) -> None:
    """Become the one worker of a SKU.

    A worker that has died is taken over: at once if it surely lives no more, else when its lease has expired.

    Raises:
        ProductError: TAKEN while another run works on it.
    """
    record, gone, seen = context.catalog.registry.catalog, "", None
    while not await context.record(record.take, sku, context.holder, instead_of=gone):
        there = await context.record(record.worker_of, sku)
        if there is None:
            continue
        lives = await _lives(context, there[0])
        if lives or seen not in (None, there):  # a lease that was renewed has a living holder
            raise ProductError("Another run is working on this product.", code="TAKEN", sku=sku)
        gone, seen = (there[0] if lives is False else ""), there
        if not gone:
            await context.pause(_LOOK_AGAIN_S, sku)


async def _lives(context: RunContext, holder: str) -> bool | None:
    return await asyncio.to_thread(context.catalog.holders.lives, holder)
