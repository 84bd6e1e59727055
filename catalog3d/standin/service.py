"""One stand-in, put together; the routes find it at `request.app.state.service`."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from email.utils import formatdate
from typing import Annotated, Any

from fastapi import Depends, Request

from catalog3d.standin.accounts import Keys, RateWindow
from catalog3d.standin.answers import Refusal
from catalog3d.standin.behaviour import Behaviour
from catalog3d.standin.chance import Chance
from catalog3d.standin.config import StandinConfig
from catalog3d.standin.faults import Faults
from catalog3d.standin.making import MakeGlb, Maker, spawned_workers
from catalog3d.standin.outages import Instead, answer_instead
from catalog3d.standin.signing import Signer
from catalog3d.standin.store import FileRow, Store
from catalog3d.standin.strangers import Strangers
from catalog3d.standin.tasks import Tasks
from catalog3d.standin.usage import Usage
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
    behaviour: Behaviour
    strangers: Strangers
    tasks: Tasks
    usage: Usage
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

    def wire_headers(self) -> dict[str, str]:
        """Headers of every answer: the server's idea of the time, and what is left of the creation rate."""
        offset_s = self.behaviour.conduct.clock_offset_s
        return {"Date": formatdate(self.shown_now(), usegmt=True), **self.creations.headers(offset_s)}

    def shown_now(self) -> float:
        """Seconds since the epoch on the clock that the account shows."""
        return self.clock() + self.behaviour.conduct.clock_offset_s

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
    chance = Chance(config.seed)
    faults = Faults(store, chance, clock)
    strangers = Strangers(store, clock, chance, config.time_scale)
    behaviour = Behaviour(store, wallet, faults, strangers, config)
    behaviour.start()
    tasks = Tasks(store, wallet, config, behaviour, clock)
    usage = Usage(
        store, tasks, behaviour, strangers, clock=clock, generator=chance.generator("order of usage", clock())
    )
    window_s = 60.0 * config.time_scale
    return Service(
        config=config,
        clock=clock,
        store=store,
        wallet=wallet,
        keys=Keys(config.keys),
        creations=RateWindow(lambda: behaviour.creations_per_minute, window_s, clock),
        uploads=RateWindow(lambda: behaviour.uploads_per_minute, window_s, clock),
        behaviour=behaviour,
        strangers=strangers,
        tasks=tasks,
        usage=usage,
        faults=faults,
        signer=Signer(store.secret(), clock),
        maker=Maker(store, make_glb, tasks.making_failed, new_executor),
    )


def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def owner_of(request: Request) -> str:
    return service_of(request).keys.owner(request.headers.get("Authorization", ""))


def meddled(route: str) -> Any:
    """A dependency that answers with the fault that hits this route, if one does."""

    async def meddle(request: Request) -> None:
        service = service_of(request)
        if fault := service.faults.on_request(route):
            raise Instead(answer_instead(fault, service.shown_now()))

    return Depends(meddle)


In = Annotated[Service, Depends(service_of)]
Owner = Annotated[str, Depends(owner_of)]
WITH_KEY = Depends(owner_of)
