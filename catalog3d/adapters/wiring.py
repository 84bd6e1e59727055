"""The composition root: settings and environment in, an opened catalog or a run under way out."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from pydantic import SecretStr

from catalog3d.adapters.catalog_name import catalog_name
from catalog3d.adapters.holders import HolderFiles
from catalog3d.adapters.local_servers import standin_server
from catalog3d.adapters.mesh_process import MeshInspector
from catalog3d.adapters.pictures import PictureShelf
from catalog3d.adapters.registry.durations import seconds_taken
from catalog3d.adapters.registry.registry import open_registry
from catalog3d.adapters.stores import open_store
from catalog3d.adapters.tripo.client import TripoClient
from catalog3d.adapters.wallet import available_credits, wallet_of
from catalog3d.adapters.whole_files import clear_stale_parts
from catalog3d.asset import asset_to_keep
from catalog3d.brief import Brief
from catalog3d.errors import RunError
from catalog3d.home import Home, find_home
from catalog3d.library import Library
from catalog3d.lookup import LookupRules
from catalog3d.request import RunRequest
from catalog3d.rules import load_rules
from catalog3d.settings import given_home, key_fingerprint, load_settings, realm_of
from catalog3d.stages.context import GeneratorLink, OpenCatalog, RunContext, SkuWork
from catalog3d.stages.durations import Durations
from catalog3d.stages.leases import LeaseKeeper
from catalog3d.stages.open_lookups import Lookups
from catalog3d.stages.planning import Planned
from catalog3d.stages.preflight import caps_of
from catalog3d.stages.slots import Slots
from catalog3d.stages.watch import TaskWatcher
from catalog3d.standin.config import StandinConfig

_STANDIN_POLL_S = 0.5


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@contextmanager
def open_catalog(start: Path, *, rehearse: bool = False, offline: bool = False) -> Iterator[OpenCatalog]:
    """Open the catalog that a folder belongs to.

    Args:
        start: The sheet's folder, or the working folder.
        rehearse: Use the stand-in even though there is a key.
        offline: Ask nobody outside this machine: no store yet (only which catalog of a shared registry it is, once),
            and no wallet.

    Raises:
        RunError: Settings, rules, registry or store cannot be used; the message says which and why.
    """
    root = find_home(start, given_home())
    settings = load_settings(root)
    generator = "standin" if rehearse else settings.generator_in_force
    home = Home(root=root, catalog="rehearsal" if generator == "standin" else "live")
    rules = load_rules(settings.rules or home.rules_file)
    clock = SystemClock()
    store = open_store(settings.store, home)
    if not offline:
        store.check()
        clear_stale_parts(home.work, below=True)
    registry = open_registry(home, settings.registry_url, clock, catalog_name(home, settings, store))
    try:
        yield OpenCatalog(
            home=home,
            settings=settings,
            rules=rules,
            generator_name=generator,
            realm=realm_of(settings, generator),
            registry=registry,
            store=store,
            library=Library(store),
            holders=_holders(home),
            pictures=PictureShelf(home.shared / "pictures", known=registry.pixels),
            clock=clock,
            wallet=None if offline or generator == "standin" else wallet_of(settings),
        )
    finally:
        registry.close()


def new_run_id() -> str:
    """Sortable by time, unique by chance."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"


@asynccontextmanager
async def open_run(
    catalog: OpenCatalog, request: RunRequest, planned: Planned, run_id: str
) -> AsyncIterator[RunContext]:
    """Everything that the stages of one run share, started; stopped again at the end.

    Raises:
        RunError: The generator refuses the key or does not answer; nothing was spent.
    """
    async with AsyncExitStack() as stack:
        link, balance = await stack.enter_async_context(open_generator(catalog))
        holders = _holders(catalog.home)
        holder = holders.name_of(run_id)
        stack.enter_context(holders.living(holder))
        loop = asyncio.get_running_loop()

        def registry_lost() -> None:
            loop.call_soon_threadsafe(_stop_without_registry, context)

        keeper = LeaseKeeper(catalog.registry, holder, on_lost=registry_lost)
        keeper.start()
        stack.push_async_callback(asyncio.to_thread, keeper.stop)
        inspector = MeshInspector()
        stack.push_async_callback(asyncio.to_thread, inspector.close)
        context = RunContext(
            run_id=run_id,
            request=request,
            catalog=catalog,
            reading=planned.reading,
            plan=planned.plan,
            caps=caps_of(catalog, request),
            holder=holder,
            random=random.SystemRandom(),
            inspector=inspector,
            started_at=catalog.clock.now(),
            slot_patience_s=2 * catalog.settings.tripo.deadline_s,
            link=link,
            keeper=keeper,
            balance=balance,
            lookups=Lookups(rules=lookup_rules_of(catalog)),
            notes=list(planned.notes),
        )
        stack.push_async_callback(context.lookups.close)
        context.work.update(_work_of(catalog, planned))
        stack.callback(context.threads.shutdown)
        for threads in (context.picture_threads, context.mesh_threads):
            # What they do is bounded, and worth nothing once the run is over.
            stack.callback(threads.shutdown, wait=False, cancel_futures=True)
        yield context


def _work_of(catalog: OpenCatalog, planned: Planned) -> dict[str, SkuWork]:
    newest, in_force = catalog.registry.catalog.newest_assets(), catalog.registry.catalog.assets_in_force()
    work = {}
    for item in planned.plan.todo:
        if item.product is not None:
            asset = newest.get(item.sku)
            kept = asset_to_keep(asset, in_force[item.sku], item.product) if asset else None
            work[item.sku] = SkuWork(
                product=item.product,
                may_pay=item.credits > 0 or asset is None,
                before=item.status,
                own_generation=kept.generation_id if kept else None,
                made_for=Brief.parse(kept.asked).digest if kept and kept.asked else "",
                retake=item.retake,
            )
    return work


def _stop_without_registry(context: RunContext) -> None:
    context.stop(
        RunError("The registry does not answer any more.", code="REGISTRY_BUSY", fix="Is the database running?")
    )
    context.brake()


def _holders(home: Home) -> HolderFiles:
    return HolderFiles(home.shared / "holders")


def lookup_rules_of(catalog: OpenCatalog) -> LookupRules:
    if catalog.generator_name == "standin":
        return LookupRules().scaled(StandinConfig(state=catalog.home.work).time_scale)
    return catalog.settings.tripo.lookup_rules


@asynccontextmanager
async def open_generator(catalog: OpenCatalog) -> AsyncIterator[tuple[GeneratorLink, Decimal]]:
    """The server that makes the models, asked for the balance first.

    Raises:
        RunError: KEY_MISSING, KEY_REFUSED, GENERATOR_UNREACHABLE.
    """
    async with AsyncExitStack() as stack:
        yield await _generator(catalog, stack)


async def _generator(catalog: OpenCatalog, stack: AsyncExitStack) -> tuple[GeneratorLink, Decimal]:
    url, key = _address(catalog, stack)
    settings = catalog.settings.tripo
    client, watcher = _line(catalog, stack, url, key)
    balance = await available_credits(client)
    former = [] if catalog.is_rehearsal else settings.previous_api_keys
    link = GeneratorLink(
        client=client,
        watcher=watcher,
        base_url=url,
        key_fingerprint=key_fingerprint(key),
        slots=Slots(
            {"H": settings.concurrency, "P": settings.concurrency_p, "processing": settings.concurrency_processing},
            patience_s=2 * settings.deadline_s,
        ),
        earlier={key_fingerprint(old): _line(catalog, stack, url, old) for old in former},
    )
    return link, balance


def _line(catalog: OpenCatalog, stack: AsyncExitStack, url: str, key: SecretStr) -> tuple[TripoClient, TaskWatcher]:
    """A client with one key, and who polls the tasks that this key made."""
    settings = catalog.settings.tripo
    client = TripoClient(base_url=url, api_key=key, download_hosts=settings.download_hosts)
    stack.push_async_callback(client.close)
    watcher = TaskWatcher(
        client,
        poll_s=_STANDIN_POLL_S if catalog.is_rehearsal else settings.poll_s,
        deadline_s=settings.deadline_s,
        durations=Durations(seconds_taken(catalog.registry.engine, catalog.realm, url)),
    )
    stack.push_async_callback(watcher.close)
    return client, watcher


def _address(catalog: OpenCatalog, stack: AsyncExitStack) -> tuple[str, SecretStr]:
    if catalog.generator_name == "standin":
        address = stack.enter_context(standin_server(catalog.home))
        return address.url, address.api_key
    key = catalog.settings.tripo_key
    if key is None:
        raise RunError("There is no Tripo key.", code="KEY_MISSING", fix="Set CATALOG3D_TRIPO__API_KEY.")
    return catalog.settings.tripo.base_url, key
