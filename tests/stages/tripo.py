"""A provider in memory whose answers a test decides, and a run that uses it."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from catalog3d.adapters.holders import HolderFiles
from catalog3d.adapters.registry.ledger import Caps
from catalog3d.adapters.registry.registry import open_registry
from catalog3d.brief import Brief, Picture, make_brief, task_type_of
from catalog3d.errors import SubmissionUnknown
from catalog3d.home import Home
from catalog3d.ledger import SOURCE
from catalog3d.library import Library
from catalog3d.lookup import LookupRules, seed_name
from catalog3d.plan import Plan, PlanItem
from catalog3d.ports import Balance, Downloaded, PreparedView, Submitted, TaskDetail, TaskState, UsageRow
from catalog3d.product import SheetReading
from catalog3d.quality import MeshReport
from catalog3d.request import RunRequest
from catalog3d.rules import Rules, TripoRules
from catalog3d.settings import Settings
from catalog3d.stages.context import GeneratorLink, OpenCatalog, RunContext, SkuWork
from catalog3d.stages.open_lookups import Lookups
from catalog3d.stages.planning import Planned, record_run
from catalog3d.stages.slots import Slots
from catalog3d.stages.watch import TaskWatcher
from catalog3d.status import Status
from tests.clock import HandClock
from tests.fakes import MemoryStore
from tests.products import a_product

MODEL = b"glTF of a test"

BEGINNING = datetime(2026, 11, 22, 12, tzinfo=UTC)
QUICK = LookupRules(absent_after_s=180, apart_s=0.02, unseen_after_s=1800, give_up_after_s=7200)
"""The server's clock passes an hour a second here; what is slept in between is ours."""


class ScriptedTripo:
    """A `Generator`. Every submit is counted; what it does beyond that is set by the test.

    Attributes:
        on_submit: Called with the number of the submit; may raise, or return how long the answer takes.
        arrived: Set once a submit is there.
        states: Task id -> what `tasks` says; a new task is a success at once unless `new_state` says otherwise.
        made: Task id -> its usage row. Foreign tasks may be put there.
        echoes: Task id -> what its `input` echoes.
        lost_answers: Submits whose task is made and whose answer is lost; `never_made`: nothing is made either.
        usage_shows: Whether a row is shown now.
        hours_a_second: The server's clock runs faster than ours.
    """

    hours_a_second = 1.0

    def __init__(self) -> None:
        self.submits = 0
        self.uploads = 0
        self.on_submit: Callable[[int], float] = lambda _number: 0.0
        self.new_state = TaskState.SUCCESS
        self.error_code = "2008"
        self.states: dict[str, TaskState] = {}
        self.made: dict[str, UsageRow] = {}
        self.echoes: dict[str, dict[str, str]] = {}
        self.lost_answers: set[int] = set()
        self.never_made: set[int] = set()
        self.usage_shows: Callable[[UsageRow], bool] = lambda _row: True
        self.usage_reads = 0
        self._began = time.monotonic()
        self.upload_takes_s = 0.0
        self.arrived = asyncio.Event()

    async def balance(self) -> Balance:
        return Balance(available=Decimal(1000), frozen=Decimal(0))

    async def upload(self, view: PreparedView) -> str:
        await asyncio.sleep(self.upload_takes_s)
        self.uploads += 1
        return f"file_{self.uploads}"

    async def submit(self, brief: Brief, tokens: Mapping[str, str], model_seed: int) -> Submitted:
        self.submits += 1
        task_id, number = f"task-{self.submits}", self.submits
        takes_s = self.on_submit(number)
        if number in self.never_made:
            raise SubmissionUnknown("no answer")
        self.states[task_id] = self.new_state
        self.made[task_id] = UsageRow(
            task_id=task_id,
            type=task_type_of(brief.endpoint),
            state=self.new_state,
            created_at=self.server_now(),
            credits_consumed=None,
        )
        named = tokens.get(SOURCE) or tokens["front"]
        self.echoes[task_id] = {seed_name(brief.endpoint): str(model_seed), "model": brief.model, "input": named}
        self.arrived.set()
        await asyncio.sleep(takes_s)
        if number in self.lost_answers:
            raise SubmissionUnknown("no answer")
        return Submitted(task_id=task_id, server_date=self.made[task_id].created_at)

    def server_now(self) -> datetime:
        passed_s = (time.monotonic() - self._began) * 3600 * self.hours_a_second
        return BEGINNING + timedelta(seconds=passed_s)

    async def usage(self, limit: int = 50, offset: int = 0) -> Sequence[UsageRow]:
        self.usage_reads += 1
        rows = [replace(row, state=self.states.get(row.task_id, row.state)) for row in self.made.values()]
        shown = [row for row in reversed(rows) if self.usage_shows(row)]
        return shown[offset : offset + limit]

    async def task(self, task_id: str) -> TaskDetail:
        return (await self.tasks([task_id]))[task_id]

    async def tasks(self, task_ids: Sequence[str]) -> Mapping[str, TaskDetail]:
        return {
            task_id: TaskDetail(
                task_id=task_id,
                type=self.made[task_id].type if task_id in self.made else "image_to_model",
                state=self.states[task_id],
                model_url="https://tripo.test/model.glb" if self.states[task_id] is TaskState.SUCCESS else "",
                credits_consumed=Decimal(30) if self.states[task_id] is TaskState.SUCCESS else Decimal(0),
                error_code=self.error_code if self.states[task_id] is TaskState.FAILED else "",
                created_at=self.made[task_id].created_at if task_id in self.made else None,
                echo=self.echoes.get(task_id, {}),
            )
            for task_id in task_ids
            if task_id in self.states
        }

    async def download(self, url: str, target: Path, max_bytes: int) -> Downloaded:
        await asyncio.to_thread(target.write_bytes, MODEL)
        return Downloaded(path=target, sha256=hashlib.sha256(MODEL).hexdigest(), size_bytes=len(MODEL))

    async def close(self) -> None: ...


class NoInspector:
    """For stages that inspect nothing."""

    def inspect(self, *_arguments: Any, **_options: Any) -> MeshReport:
        raise AssertionError("nothing is inspected here")

    def close(self) -> None: ...


class NoKeeper:
    """Leases of a test do not expire."""

    def keep(self, lease: Any) -> None: ...

    def forget(self, lease: Any) -> None: ...


class NoPictures:
    """For stages whose views are prepared already."""

    def pixels_sha256(self, view: Any) -> str | None:
        return None

    def prepare(self, view: Any) -> PreparedView:
        raise AssertionError("nothing is prepared here")


@asynccontextmanager
async def a_run(
    folder: Path,
    tripo: ScriptedTripo,
    photos: Mapping[str, str],
    *,
    run_id: str = "20261124-120000-abcdef",
    slots: int = 10,
    caps: Caps | None = None,
    slot_patience_s: float = 60,
    lookup_rules: LookupRules = QUICK,
    sides: tuple[str, ...] = ("front",),
) -> AsyncIterator[RunContext]:
    """A run of SKUs whose views are prepared.

    Args:
        photos: SKU -> a letter: SKUs with the same letter share a photo, so a brief.
    """
    home, clock, store = Home(root=folder, catalog="live"), HandClock(), MemoryStore()
    registry = open_registry(home, "", clock)
    holders = HolderFiles(home.shared / "holders")
    products = {sku: a_product(sku, row=number) for number, sku in enumerate(photos, start=2)}
    briefs = {
        sku: make_brief(TripoRules(), tuple(Picture(slot=slot, pixels_sha256=photos[sku] * 64) for slot in sides))
        for sku in photos
    }
    items = [
        PlanItem(
            sku=sku, row=product.row, name=product.name, do=True, status=Status.READY, credits=Decimal(30),
            price_group=briefs[sku].digest, product=product,
        )
        for sku, product in products.items()
    ]  # fmt: skip
    watcher = TaskWatcher(tripo, poll_s=0.01, deadline_s=30, polls_per_s=100, now=lambda: BEGINNING)
    catalog = OpenCatalog(
        home=home,
        settings=Settings(),
        rules=Rules(),
        generator_name="tripo",
        realm="tripo:test",
        registry=registry,
        store=store,
        library=Library(store),
        pictures=NoPictures(),
        holders=holders,
        clock=clock,
    )
    context = RunContext(
        run_id=run_id,
        request=RunRequest(sheet=str(folder / "sheet.csv")),
        catalog=catalog,
        reading=SheetReading(
            sheet=str(folder / "sheet.csv"), dialect="", mapping={"sku": "SKU"}, rows=len(photos),
            products=tuple(products.values()), invalid=(), problems=(),
        ),
        plan=Plan(items=tuple(items)),
        caps=caps or Caps(run=Decimal(10_000), day=Decimal(10_000)),
        holder=holders.name_of(run_id),
        random=Random(1),
        inspector=NoInspector(),
        started_at=clock.now(),
        slot_patience_s=slot_patience_s,
        link=GeneratorLink(
            client=tripo, watcher=watcher, base_url="https://tripo.test", key_fingerprint="0" * 12,
            slots=Slots({"H": slots, "P": slots, "processing": slots}, patience_s=slot_patience_s),
        ),
        keeper=NoKeeper(),
        lookups=Lookups(rules=lookup_rules, elapsed_s=lambda: tripo.server_now().timestamp()),
    )  # fmt: skip
    record_run(catalog, context.request, Planned(reading=context.reading, plan=context.plan), run_id)
    for sku, product in products.items():
        views = tuple(
            PreparedView(
                slot=slot, path=folder / "photo.png", file_sha256=photos[sku] * 64, pixels_sha256=photos[sku] * 64,
                mime="image/png", width_px=1024, height_px=1024, size_bytes=10,
            )
            for slot in sides
        )  # fmt: skip
        context.work[sku] = SkuWork(product=product, may_pay=True, views=views, brief=briefs[sku])
    with holders.living(context.holder):
        try:
            yield context
        finally:
            await context.lookups.close()
            await watcher.close()
            for threads in (context.threads, context.picture_threads, context.mesh_threads):
                threads.shutdown()
            registry.close()
