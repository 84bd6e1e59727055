"""What the stages of one run share: the ports, the plan's SKUs under way, and the brake."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random
from typing import ParamSpec, Protocol, TypeVar

from catalog3d.adapters.registry.ledger import Caps
from catalog3d.adapters.registry.registry import Registry
from catalog3d.asset import Asset
from catalog3d.brief import Brief
from catalog3d.errors import Catalog3DError, ProductError, RunError
from catalog3d.home import Home
from catalog3d.ledger import Generation, Lease
from catalog3d.library import Library
from catalog3d.plan import Plan
from catalog3d.ports import Clock, Generator, ObjectStore, Pictures, PreparedView, Submitted, TaskDetail
from catalog3d.product import Product, SheetReading
from catalog3d.quality import MeshReport
from catalog3d.report import RunReport
from catalog3d.request import RunRequest
from catalog3d.retake import Retake
from catalog3d.rules import Rules
from catalog3d.settings import Settings
from catalog3d.stages.lines import Lines
from catalog3d.stages.open_lookups import Lookups, elapsed_s
from catalog3d.stages.slots import Slots
from catalog3d.status import Stage, Status
from catalog3d.stop_rules import Charge, Judged

P = ParamSpec("P")
T = TypeVar("T")

_REGISTRY_THREADS = 4
"""SQLite takes one writer at a time; PostgreSQL's pool holds five connections by default."""


_PICTURES = 4
"""Pictures fetched and decoded at once: they mostly wait for their server."""

_MESHES = 2
"""As many as there are child processes (`adapters.mesh_process.DEFAULT_WORKERS`)."""


class Inspector(Protocol):
    """Judges a model file in a bounded child process."""

    def inspect(
        self, path: Path, profile: str, product: Product | None, *, limits: dict[str, float], picture: Path | None
    ) -> MeshReport: ...

    def close(self) -> None: ...


class Keeper(Protocol):
    """Keeps leases alive while they are needed."""

    def keep(self, lease: Lease) -> None: ...

    def forget(self, lease: Lease) -> None: ...


class Holders(Protocol):
    """Who of this home still lives."""

    def lives(self, holder: str) -> bool | None:
        """Whether this holder lives; None where that cannot be known, as on another machine."""


class Watcher(Protocol):
    """Polls all tasks under way together."""

    async def wait(self, task_id: str) -> TaskDetail:
        """The task's final detail.

        Raises:
            NeedsPersonError: TASK_STUCK or TASK_LOST; the paid task is kept, and the next run looks again.
        """

    def abandon(self, error: Catalog3DError) -> None:
        """Let nobody wait any longer; the paid tasks are kept."""


@dataclass(frozen=True, kw_only=True)
class OpenCatalog:
    """One catalog, opened: everything that planning, deciding and reporting need.

    Attributes:
        wallet: Asks the provider for the credits available (blocks); None where nobody is to be asked.
    """

    home: Home
    settings: Settings
    rules: Rules
    generator_name: str
    realm: str
    registry: Registry
    store: ObjectStore
    library: Library
    pictures: Pictures
    holders: Holders
    clock: Clock
    wallet: Callable[[], Decimal] | None = None

    @property
    def is_rehearsal(self) -> bool:
        return self.home.catalog == "rehearsal"


@dataclass(kw_only=True)
class SkuWork:
    """One SKU under way: what its stages have found so far.

    Attributes:
        may_pay: Whether the plan lets this SKU buy a model; one that has a model already may not.
        before: Where the plan found it.
        own_generation: The generation of the model that it has, if there is one, and
        made_for: the digest of the brief that the sheet asked for when it was made from another one.
        sheet: The brief that the sheet asks for; a retake may make another one of it.
        retake: The retake that is carried out.
    """

    product: Product
    may_pay: bool
    before: Status = Status.READY
    own_generation: int | None = None
    made_for: str = ""
    retake: Retake | None = None
    views: tuple[PreparedView, ...] = ()
    sheet: Brief | None = None
    brief: Brief | None = None
    generation: Generation | None = None
    raw: Path | None = None
    report: MeshReport | None = None
    picture: Path | None = None
    asset: Asset | None = None


@dataclass(frozen=True, kw_only=True)
class GeneratorLink:
    """The server that makes the models, and how much may go to it at once.

    Attributes:
        slots: Pool -> how many tasks may be there at once: fewer than the settings say after an answer 2000.
        earlier: Fingerprint of a previous key -> who sees the tasks that it made.
    """

    client: Generator
    watcher: Watcher
    base_url: str
    key_fingerprint: str
    slots: Slots
    earlier: Mapping[str, tuple[Generator, Watcher]] = field(default_factory=dict)

    @property
    def clients(self) -> tuple[Generator, ...]:
        """The client in force, then those of previous keys."""
        return (self.client, *(client for client, _ in self.earlier.values()))

    def client_of(self, generation: Generation) -> Generator:
        """Who sees a generation's task: a task is shown only to the key that made it."""
        client, _ = self.earlier.get(generation.key_fingerprint, (self.client, None))
        return client

    def watcher_of(self, generation: Generation) -> Watcher:
        """Who waits for a generation's task."""
        _, watcher = self.earlier.get(generation.key_fingerprint, (None, self.watcher))
        return watcher


@dataclass(kw_only=True)
class RunContext:
    """One run under way in this process.

    Attributes:
        holder: The name under which leases are held.
        slot_patience_s: How long nobody's slot may become free: longer than a task may take.
        changed_skus: Whose standing the sheet does not show yet.
        stage_now: The stage that each SKU under way is in.
        ended: The status of each SKU that is through.
        report: What the run ended with.
        refused: Brief digest -> why the provider did not make it in this run, and the generation that says so: the
            next SKU of the brief shares both.
        charges: Generation id -> what it cost and was expected to, of the tasks that were settled in this run.
        judged: Generation id -> how its model was judged, in that order, of the models that are new in this run.
        braked: Whether somebody asked to stop, so that nobody waits for tasks under way.
        lookups: Requests without an answer that are looked for in the account.
        ordered: SKUs that are through generate_model, however it ended.
        answers: Generation id -> an answer that the registry could not be told yet.
        holding: Generations whose lease this run holds.
        elapsed_s: A clock that counts sleep too.
    """

    run_id: str
    request: RunRequest
    catalog: OpenCatalog
    reading: SheetReading
    plan: Plan
    caps: Caps
    holder: str
    random: Random
    inspector: Inspector
    started_at: datetime
    slot_patience_s: float
    link: GeneratorLink
    keeper: Keeper
    balance: Decimal | None = None
    work: dict[str, SkuWork] = field(default_factory=dict)
    changed_skus: set[str] = field(default_factory=set)
    stopped_by: RunError | None = None
    notes: list[str] = field(default_factory=list)
    stage_now: dict[str, Stage] = field(default_factory=dict)
    ended: dict[str, Status] = field(default_factory=dict)
    report: RunReport | None = None
    refused: dict[str, tuple[ProductError, Generation]] = field(default_factory=dict)
    charges: dict[int, Charge] = field(default_factory=dict)
    judged: dict[int, Judged] = field(default_factory=dict)
    braked: bool = False
    lookups: Lookups = field(default_factory=Lookups)
    ordered: set[str] = field(default_factory=set)
    answers: dict[int, Submitted] = field(default_factory=dict)
    holding: set[int] = field(default_factory=set)
    elapsed_s: Callable[[], float] = elapsed_s
    brief_locks: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    slot_freed: asyncio.Condition = field(default_factory=asyncio.Condition)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    braking: asyncio.Event = field(default_factory=asyncio.Event)
    lines: Lines = field(default_factory=Lines)
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_REGISTRY_THREADS, "registry"))
    picture_threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_PICTURES, "pictures"))
    mesh_threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_MESHES, "meshes"))

    async def record(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask or tell the registry, in threads that downloads and mesh checks cannot keep busy."""
        return await _in_thread(self.threads, call, *args, **kwargs)

    async def with_pictures(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Fetch or read a picture, in threads that no slow picture server can keep from others' work."""
        return await _in_thread(self.picture_threads, call, *args, **kwargs)

    async def with_meshes(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Check a model: whoever waits for a free child process waits here, and blocks no thread of the others."""
        return await _in_thread(self.mesh_threads, call, *args, **kwargs)

    def stop(self, error: RunError) -> None:
        """Let nothing new start: what is paid is finished or kept, everything else waits for the next run."""
        if self.stopped_by is None:
            self.stopped_by = error
        self.stopping.set()

    def brake(self) -> None:
        """Stop because somebody asked: paid tasks are kept for the next run, nobody waits for them."""
        self.braked = True
        kept = ProductError("The run was stopped while this model was being made; it is kept.", code="RUN_STOPPED")
        self.stop(RunError("Somebody stopped it.", code="RUN_STOPPED", fix="Run again: it goes on where it stopped."))
        self.braking.set()
        for watcher in (self.link.watcher, *(watcher for _, watcher in self.link.earlier.values())):
            watcher.abandon(kept)
        self.lookups.abandon(kept)

    @property
    def may_still_order(self) -> bool:
        """Whether a SKU of this run, beside those that wait for a lost answer, may still send a request."""
        if self.stopped_by is not None:
            return False
        left = {item.sku for item in self.plan.todo} - self.ordered - self.ended.keys()
        briefs = {sku: work.brief.digest for sku, work in self.work.items() if work.brief is not None}
        waiting = {case.digest for case in self.lookups.waiting.values()}
        return any(briefs.get(sku) not in waiting for sku in left)

    def require_running(self, sku: str) -> None:
        """Raise the reason why nothing new may start, if there is one."""
        if self.stopped_by is not None:
            raise ProductError(
                f"The run was stopped before this model: {self.stopped_by.message}",
                code=self.stopped_by.code,
                fix=self.stopped_by.fix,
                sku=sku,
            )

    def require_unbraked(self, sku: str) -> None:
        """Raise if somebody asked to stop: what is made already is finished by the next run, at no cost."""
        if self.braked:
            raise ProductError(
                "The run was stopped before this SKU was through; what was made is kept.", code="RUN_STOPPED", sku=sku
            )

    async def pause(self, seconds: float, sku: str) -> None:
        """Wait, but not longer than the run goes on.

        Raises:
            ProductError: The run was stopped.
        """
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)
        self.require_running(sku)

    async def unless_stopped(self, work: Awaitable[T], sku: str) -> T:
        """The result of something that costs nothing, given up as soon as the run is stopped.

        Raises:
            ProductError: The run was stopped.
        """
        return await _given_up_at(self.stopping, work, lambda: self.require_running(sku))

    async def unless_braked(self, work: Awaitable[T], sku: str) -> T:
        """The result of something that finishes what is paid, given up only when somebody asked to stop.

        Raises:
            ProductError: RUN_STOPPED.
        """
        return await _given_up_at(self.braking, work, lambda: self.require_unbraked(sku))


async def _given_up_at(event: asyncio.Event, work: Awaitable[T], complain: Callable[[], None]) -> T:
    """The result of some work; when the event comes first the work is cancelled, and the complaint says why."""
    doing, given_up = asyncio.ensure_future(work), asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait((doing, given_up), return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            complain()
        return await doing
    finally:
        for task in (doing, given_up):
            task.cancel()
        await asyncio.gather(doing, given_up, return_exceptions=True)


async def _in_thread(threads: ThreadPoolExecutor, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return await asyncio.get_running_loop().run_in_executor(threads, partial(call, *args, **kwargs))
