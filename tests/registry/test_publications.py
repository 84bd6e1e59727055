"""Publications in the database: at most one live version at a channel, however many write at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy.exc import IntegrityError

from catalog3d.adapters.registry.engine import write
from catalog3d.adapters.registry.registry import Registry
from catalog3d.adapters.registry.tables import PublicationRow
from catalog3d.asset import Asset
from catalog3d.channels import Placed
from catalog3d.publication import Publication, PublicationState
from catalog3d.quality import MeshReport
from tests.clock import HandClock


def stored(registry: Registry, version: int) -> Asset:
    asset = registry.catalog.allot_version(
        "A1",
        format="GLB",
        identity=str(version) * 64,
        generation_id=None,
        run_id="run",
        file_name=lambda number: f"A1_V{number}_GLB.glb",
    )
    report = MeshReport(profile="web-ar", checks=(), facts=None)
    return registry.catalog.note_stored(
        asset, key=f"assets/A1/{asset.file}", picture_key="", sha256=str(version) * 64, size_bytes=9, report=report
    )


def placed(asset: Asset) -> Placed:
    where = f"shelf {asset.version}"
    return Placed(channel="erp", sku=asset.sku, version=asset.version, sha256=asset.sha256, destination=where)


def put(registry: Registry, asset: Asset) -> Publication:
    return registry.publications.done(registry.publications.begin(asset, "erp"), placed(asset))


def states(registry: Registry) -> list[PublicationState]:
    return [found.state for found in registry.publications.of("A1")]


def test_beginning_twice_goes_on_with_what_was_begun(registry: Registry) -> None:
    asset = stored(registry, 1)
    first, second = (registry.publications.begin(asset, "erp") for _ in range(2))
    assert (first.name, states(registry)) == (second.name, [PublicationState.PLACING])


def test_what_is_published_again_later_has_another_name(registry: Registry) -> None:
    asset = stored(registry, 1)
    first = put(registry, asset)
    registry.publications.begin_removal(first)
    registry.publications.removed(first)
    assert put(registry, asset).name != first.name


def test_the_new_version_ends_the_old_one_in_one_step_and_remembers_it(registry: Registry, clock: HandClock) -> None:
    one, two = stored(registry, 1), stored(registry, 2)
    first = put(registry, one)
    clock.advance(60)
    second = put(registry, two)
    assert states(registry) == [PublicationState.REPLACED, PublicationState.LIVE]
    assert second.previous_id == first.id
    back = registry.publications.done(
        registry.publications.begin(one, "erp"), placed(one), instead=PublicationState.ROLLED_BACK
    )
    assert (back.previous_id, states(registry)) == (None, [PublicationState.LIVE, PublicationState.ROLLED_BACK])


def test_the_database_itself_refuses_a_second_live_version(registry: Registry) -> None:
    put(registry, stored(registry, 1))
    other = registry.publications.begin(stored(registry, 2), "erp")
    with pytest.raises(IntegrityError), write(registry.engine) as session:
        session.get_one(PublicationRow, other.id).state = PublicationState.LIVE.value


def test_of_many_that_publish_at_once_exactly_one_version_is_live(registry: Registry) -> None:
    assets = [stored(registry, version) for version in range(1, 6)]
    together = Barrier(len(assets))

    def work(asset: Asset) -> None:
        together.wait()
        with registry.publications.alone_at("erp", "A1"):
            put(registry, asset)

    with ThreadPoolExecutor(len(assets)) as pool:
        list(pool.map(work, assets))
    assert states(registry).count(PublicationState.LIVE) == 1
    assert states(registry).count(PublicationState.REPLACED) == len(assets) - 1


def test_what_changed_while_it_was_told_stays_to_be_told(registry: Registry, clock: HandClock) -> None:
    first = put(registry, stored(registry, 1))
    clock.advance(1)
    put(registry, stored(registry, 2))
    registry.publications.note_told([first])
    assert [found.placed.version for found in registry.publications.untold()] == [1, 2]
    registry.publications.note_told(registry.publications.untold())
    assert registry.publications.untold() == []
