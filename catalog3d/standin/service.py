"""One stand-in, put together; the routes find it at `request.app.state.service`."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from catalog3d.standin.accounts import Keys, RateWindow
from catalog3d.standin.answers import Refusal
from catalog3d.standin.config import StandinConfig
from catalog3d.standin.faults import Faults
from catalog3d.standin.making import MakeGlb, Maker, spawned_workers
from catalog3d.standin.signing import Signer
from catalog3d.standin.store import FileRow, Store
from catalog3d.standin.tasks import Tasks
from catalog3d.standin.wallet import Wallet


@dataclass(frozen=True, kw_only=True)
class Service:
    """The parts of a stand-in that share one state."""

    config: StandinConfig
    clock: Callable[[], float]
    store: Store
    wallet: Wallet
    keys: Keys
    creations: RateWindow
    uploads: RateWindow
    tasks: Tasks
    faults: Faults
    signer: Signer
    maker: Maker

    def find_file(self, owner: str, token: str) -> FileRow:
        """An upload of this owner that has arrived and is not past its time.

        Raises:
            Refusal: 1004.
        """
        row = self.store.file(token)
        if row is None or row.owner != owner or not row.kind:
            raise Refusal(1004, "this file token is not known")
        if row.created_at + self.config.token_ttl_s < self.clock():
            raise Refusal(1004, "this file token has expired")
        return row

    def new_token(self) -> str:
        return f"file_{uuid.uuid4()}"


def build_service(
    config: StandinConfig,
    make_glb: MakeGlb,
    *,
    clock: Callable[[], float] = time.time,
    new_executor: Callable[[], Executor] = spawned_workers,
) -> Service:
    """Open the state folder and wire everything to it."""
    store = Store(config.state)
    wallet = Wallet(store, config.balance)
    tasks = Tasks(store, wallet, config, clock)
    window_s = 60.0 * config.time_scale
    return Service(
        config=config,
        clock=clock,
        store=store,
        wallet=wallet,
        keys=Keys(config.keys),
        creations=RateWindow(config.creations_per_minute, window_s, clock),
        uploads=RateWindow(config.uploads_per_minute, window_s, clock),
        tasks=tasks,
        faults=Faults(store),
        signer=Signer(store.secret(), clock),
        maker=Maker(store, make_glb, tasks.making_failed, new_executor),
    )


def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def owner_of(request: Request) -> str:
    return service_of(request).keys.owner(request.headers.get("Authorization", ""))


In = Annotated[Service, Depends(service_of)]
Owner = Annotated[str, Depends(owner_of)]
WITH_KEY = Depends(owner_of)
