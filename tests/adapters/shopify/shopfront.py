"""What the tests of the Shopify channel share: a store with a chair, models, and channels with a clock of their own."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import trimesh
from pydantic import SecretStr

from catalog3d.adapters.shopify.channel import ShopifyChannel
from catalog3d.adapters.shopify.settings import ShopifySettings
from catalog3d.adapters.shopify.wire import Answer, Patience, Wire, World
from catalog3d.channels import Item, Placed
from tests.shopify_standin.app import CLIENT_ID, CLIENT_SECRET, SHOP, ShopifyStandin

SIZE_M = (0.5, 1.0, 0.6)


class Clock:
    """Seconds that pass only while somebody waits."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.waits: list[float] = []

    def world(self) -> World:
        return World(now=lambda: self.now_s, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now_s += seconds


def settings(url: str, **more: Any) -> ShopifySettings:
    given = {"shop": SHOP, "client_id": CLIENT_ID, "client_secret": SecretStr(CLIENT_SECRET), "base_url": url}
    return ShopifySettings(**(given | more))


PATIENCE = Patience(connect_s=2, stall_s=5, answer_s=3600)


def opened(standin: ShopifyStandin, clock: Clock | None = None, **more: Any) -> ShopifyChannel:
    """A channel as a process of its own would have it: nothing remembered."""
    return ShopifyChannel(settings(standin.url, **more), world=(clock or Clock()).world(), patience=PATIENCE)


def publish(standin: ShopifyStandin, item: Item, **more: Any) -> Placed:
    return opened(standin, **more).publish(item)


def box(size_m: tuple[float, float, float]) -> bytes:
    content = trimesh.creation.box(size_m).export(file_type="glb")
    assert isinstance(content, bytes)
    return content


def item(folder: Path, sku: str = "CH123", version: int = 1, *, content: bytes | None = None, **more: Any) -> Item:
    """An approved model; each version is a file of its own."""
    width, height, depth = SIZE_M
    extents = (width + version / 100, height, depth)
    content = box(extents) if content is None else content
    file = f"{sku.replace('/', '-')}_V{version}_GLB.glb"
    model = folder / file
    model.write_bytes(content)
    given: dict[str, Any] = {
        "sku": sku,
        "name": "Modern Dining Chair",
        "version": version,
        "format": "GLB",
        "file": file,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
        "model": model,
        "extents_m": extents,
    }
    return Item(**(given | more))


class Killed(BaseException):
    """The process ended here."""


class DeadlyWire(Wire):
    """A connection on which the process is killed at the nth request: before it is sent, or after its answer came."""

    def __init__(self, at: int, *, after: bool) -> None:
        super().__init__(world=World(), patience=PATIENCE)
        self._left = at
        self._after = after

    def send(self, who: str, url: str, **content: Any) -> Answer:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Killed
        answer = super().send(who, url, **content)
        if self._left == 0:
            raise Killed
        return answer


def publish_and_die(standin: ShopifyStandin, item: Item, at: int, *, after: bool) -> Placed | None:
    """What was published, or None if the process was killed before it could tell."""
    wire = DeadlyWire(at, after=after)
    channel = ShopifyChannel(settings(standin.url), world=Clock().world(), patience=PATIENCE, wire=wire)
    try:
        return channel.publish(item)
    except Killed:
        return None
