"""Wires a publication run: channels and mesh checks behind its ports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalog3d.adapters.channels.opening import open_channel
from catalog3d.adapters.mesh_process import MeshInspector
from catalog3d.channels import Channel
from catalog3d.publish_gates import PublishWish
from catalog3d.quality import MeshReport
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.publish import Publishing
from catalog3d.stages.publish_plan import plan_publishing


@contextmanager
def open_publishing(catalog: OpenCatalog, wish: PublishWish) -> Iterator[Publishing]:
    """Plan a publication run; channels are opened when something goes to them.

    Raises:
        RunError: CHANNEL_UNKNOWN.
    """
    inspector = MeshInspector()

    def opener(name: str) -> Channel:
        return open_channel(
            name,
            catalog.rules.channels_in_force[name],
            home=catalog.home,
            settings=catalog.settings,
            registry=catalog.registry,
            clock=catalog.clock,
        )

    def judge(path: Path, profile: str) -> MeshReport:
        return inspector.inspect(path, profile)

    try:
        yield Publishing(catalog=catalog, wish=wish, plan=plan_publishing(catalog, wish), opener=opener, judge=judge)
    finally:
        inspector.close()
