"""Leases of a run: taken, kept alive from a thread of their own, dropped."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from catalog3d.adapters.registry.ledger import LEASE_S
from catalog3d.adapters.registry.registry import Registry
from catalog3d.errors import Catalog3DError, ProductError
from catalog3d.ledger import Lease
from catalog3d.stages.context import RunContext

log = logging.getLogger(__name__)

_LOOK_AGAIN_S = 1.0


class LeaseKeeper:
    """Renews what a run holds. A thread, so that a busy event loop never loses a lease."""

    def __init__(self, registry: Registry, holder: str, wait: Callable[[threading.Event], bool] | None = None) -> None:
        self._registry = registry
        self._holder = holder
        self._wait = wait or (lambda done: done.wait(LEASE_S / 4))
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
        while not self._wait(self._done):
            try:
                self.beat()
            except Catalog3DError as error:  # the next beat may reach the registry; the fence guards the rest
                log.warning("Leases could not be renewed: %s", error)


@asynccontextmanager
async def held(context: RunContext, generation_id: int) -> AsyncIterator[Lease]:
    """Hold the lease of a generation; waits while another worker holds it."""
    ledger, gone = context.catalog.registry.ledger, ""
    while True:
        lease = await asyncio.to_thread(ledger.take_lease, generation_id, context.holder, instead_of=gone)
        if lease is not None:
            break
        holder = await asyncio.to_thread(ledger.lease_holder, generation_id)
        gone = holder if await _lives(context, holder) is False else ""
        if not gone:
            await asyncio.sleep(_LOOK_AGAIN_S)
    context.keeper.keep(lease)
    try:
        yield lease
    finally:
        context.keeper.forget(lease)
        await asyncio.to_thread(ledger.drop_lease, lease)


async def take_product(context: RunContext, sku: str) -> None:
    """Become the one worker of a SKU.

    A worker that has died is taken over: at once if it surely lives no more, else when its lease has expired.

    Raises:
        ProductError: TAKEN while another run works on it.
    """
    record, gone, seen = context.catalog.registry.catalog, "", None
    while not await asyncio.to_thread(record.take, sku, context.holder, instead_of=gone):
        there = await asyncio.to_thread(record.worker_of, sku)
        if there is None:
            continue
        lives = await _lives(context, there[0])
        if lives or seen not in (None, there):  # a lease that was renewed has a living holder
            raise ProductError("Another run is working on this product.", code="TAKEN", sku=sku)
        gone, seen = (there[0] if lives is False else ""), there
        if not gone:
            context.require_running(sku)
            await asyncio.sleep(_LOOK_AGAIN_S)


async def _lives(context: RunContext, holder: str) -> bool | None:
    return await asyncio.to_thread(context.catalog.holders.lives, holder)
