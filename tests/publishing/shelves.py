"""A shop whose models are approved, and publication runs on it without Prefect: only the mesh check is left out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from catalog3d.adapters.channels.opening import open_channel
from catalog3d.asset import Approval
from catalog3d.channels import Channel, Item, Placed
from catalog3d.errors import Catalog3DError
from catalog3d.publish_gates import PublishWish
from catalog3d.quality import MeshFacts, MeshReport
from catalog3d.stages.decide import decide
from catalog3d.stages.publish import Publishing, PublishLine, carry_out, note_failure
from catalog3d.stages.publish_plan import plan_publishing
from catalog3d.stages.publish_telling import tell_everything, untold_channels, write_lists
from tests.catalogs import Shop


class Shelf:
    """A channel in memory, which holds one thing for each SKU.

    Attributes:
        has: SKU -> sha256.
        calls: What it was asked, in order.
        fails: Raised by the next call of this name, once: before it does anything, or ("publish after") when it is done.
    """

    def __init__(self, name: str = "erp") -> None:
        self.name = name
        self.has: dict[str, str] = {}
        self.calls: list[str] = []
        self.items: list[Item] = []
        self.fails: dict[str, BaseException] = {}

    def describe(self, item: Item) -> str:
        return f"Would shelve V{item.version}."

    def publish(self, item: Item) -> Placed:
        self._fail("publish")
        self.calls.append(f"publish {item.sku} V{item.version}")
        self.items.append(item)
        assert hashlib.sha256(item.model.read_bytes()).hexdigest() == item.sha256
        self.has[item.sku] = item.sha256
        self._fail("publish after")
        return Placed(
            channel=self.name,
            sku=item.sku,
            version=item.version,
            sha256=item.sha256,
            destination="shelf",
            link=f"https://shelf.example/{item.sku}",
            remote={"place": f"{item.sku}-{item.version}"},
        )

    def unpublish(self, placed: Placed) -> None:
        self._fail("unpublish")
        self.calls.append(f"unpublish {placed.sku} {placed.remote.get('place', '?')}")
        self.has.pop(placed.sku, None)
        self._fail("unpublish after")

    def _fail(self, call: str) -> None:
        if call in self.fails:
            raise self.fails.pop(call)


def judged(path: Path, profile: str) -> MeshReport:
    content = path.read_bytes()
    facts = MeshFacts(
        size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), triangles=12, extents_m=(0.5, 1.0, 0.25)
    )
    return MeshReport(profile=profile, checks=(), facts=facts)


def publishing_of(shop: Shop, *shelves: Shelf, judge: Callable[..., MeshReport] = judged, **wishes: Any) -> Publishing:
    """A publication run of a shop, planned; channels that are no shelves are real."""
    catalog = shop.catalog
    on_hand: dict[str, Channel] = {shelf.name: shelf for shelf in shelves}

    def opener(name: str) -> Channel:
        if name in on_hand:
            return on_hand[name]
        return open_channel(
            name,
            catalog.rules.channels_in_force[name],
            home=catalog.home,
            settings=catalog.settings,
            registry=catalog.registry,
            clock=catalog.clock,
        )

    wish = PublishWish(**wishes)
    return Publishing(catalog=catalog, wish=wish, plan=plan_publishing(catalog, wish), opener=opener, judge=judge)


def run(publishing: Publishing) -> dict[tuple[str, str], PublishLine]:
    """Do all of it, as the flow does."""
    for wave in publishing.waves:
        for step in wave:
            try:
                publishing.lines[step.sku, step.channel] = carry_out(publishing, step)
            except Catalog3DError as error:
                publishing.lines[step.sku, step.channel] = note_failure(publishing, step, error)
    unlisted = []
    for name in untold_channels(publishing):
        try:
            publishing.notes.extend(write_lists(publishing, name))
        except Catalog3DError as error:
            unlisted.append(name)
            publishing.unwritten[f"lists of {name}"] = error
    tell_everything(publishing, unlisted)
    return {(line.sku, line.channel): line for line in publishing.report}


def publish(shop: Shop, *shelves: Shelf, **wishes: Any) -> dict[tuple[str, str], PublishLine]:
    return run(publishing_of(shop, *shelves, **wishes))


def approve(shop: Shop, sku: str = "A1", version: int = 0, person: str = "Ada") -> None:
    decide(shop.catalog, sku, Approval.APPROVED, person=person, version=version)


def reject(shop: Shop, sku: str = "A1", version: int = 0) -> None:
    decide(shop.catalog, sku, Approval.REJECTED, person="Ada", reason="WRONG_COLOR", version=version)


def next_version(shop: Shop, sku: str = "A1", **row: str) -> None:
    """A further version from a new photo, approved."""
    shop.photograph(sku, f"photo {len(shop.catalog.registry.catalog.assets(sku))}")
    shop.make(sku)
    approve(shop, sku)
