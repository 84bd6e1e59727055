"""A model made by hand as the next version: the same checks, no credits, nothing overwritten."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from catalog3d.adapters.mesh_process import MeshInspector
from catalog3d.asset import Approval
from catalog3d.errors import ProductError
from catalog3d.stages.adding import Added, add_model
from catalog3d.stages.decide import decide
from catalog3d.stages.recover import recover
from catalog3d.standin.request import ShapeRequest
from catalog3d.status import Status
from tests.catalogs import Shop, open_shop, with_key
from tests.mesh.glbs import pack
from tests.standin.harness import box_glb


@pytest.fixture(scope="module")
def inspector() -> Iterator[MeshInspector]:
    """One child process for all tests of this file."""
    shared = MeshInspector(workers=1)
    yield shared
    shared.close()


Add = Callable[..., Added]


@pytest.fixture
def add(shop: Shop, inspector: MeshInspector) -> Add:
    def add_file(path: Path, sku: str = "A1", note: str = "") -> Added:
        return add_model(shop.catalog, sku, path, "Ada", note, inspector=inspector)

    return add_file


def a_box(folder: Path, name: str = "repaired") -> Path:
    """A sound GLB; another name is another box."""
    path = folder / f"{name}.glb"
    path.write_bytes(box_glb(ShapeRequest(pictures={}, prompt=name, face_limit=None, textured=True)))
    return path


def versions(shop: Shop) -> list[tuple[int, Approval]]:
    return [(asset.version, asset.approval) for asset in shop.catalog.registry.catalog.assets("A1") if asset.stored]


def test_a_file_becomes_the_next_version_with_checks_a_picture_and_its_person(shop: Shop, add: Add) -> None:
    shop.make("A1")
    added = add(a_box(shop.folder), note="Leg mended.")
    asset = added.asset
    assert (added.is_new, asset.version, asset.generation_id, asset.file) == (True, 2, None, "A1_Chair_V2_GLB.glb")
    assert asset.verdict == added.report.verdict.value
    record = shop.catalog.library.read_record("A1", asset.file)
    assert record is not None
    said = record.provenance
    assert (said.realm, said.person, said.note, said.digest, said.credits) == ("person", "Ada", "Leg mended.", "", None)
    assert shop.catalog.store.stat(record.picture_key) is not None
    assert shop.catalog.store.get("assets.csv", max_bytes=10**6).count(b"A1_Chair_V2_GLB.glb") == 1  # type: ignore[union-attr]
    assert "V2" in shop.sheet.read_text()
    assert list((shop.catalog.home.work / "added").iterdir()) == []


def test_it_costs_no_credits_and_the_next_run_has_nothing_to_do(shop: Shop, add: Add) -> None:
    shop.note()
    add(a_box(shop.folder))
    item = shop.plan()["A1"]
    assert (item.do, item.status) == (False, Status.GENERATED)
    assert item.credits == 0
    assert shop.catalog.registry.ledger.outcomes(shop.catalog.realm) == {}
    assert not shop.plan(from_stage="name_version", only=("A1",))["A1"].do


def test_another_photo_makes_a_model_made_by_hand_stale_and_never_replaces_it(shop: Shop, add: Add) -> None:
    shop.note()
    add(a_box(shop.folder))
    shop.photograph("A1", "second")
    item = shop.plan()["A1"]
    assert (item.do, item.status, item.reason) == (False, Status.STALE, "PHOTO_CHANGED")


def test_the_same_file_again_changes_nothing(shop: Shop, add: Add) -> None:
    shop.make("A1")
    first = add(a_box(shop.folder))
    again = add(a_box(shop.folder))
    assert (again.is_new, again.asset) == (False, first.asset)
    assert [version for version, _ in versions(shop)] == [1, 2]


def test_a_file_of_before_comes_back_as_a_new_version_after_another_one(shop: Shop, add: Add) -> None:
    shop.note()
    for name in ("first", "second", "first"):
        add(a_box(shop.folder, name))
    assets = shop.catalog.registry.catalog.assets("A1")
    assert [asset.version for asset in assets] == [1, 2, 3]
    assert assets[0].sha256 == assets[2].sha256 != assets[1].sha256


def test_what_is_approved_stays_live_until_the_new_one_is(shop: Shop, add: Add) -> None:
    shop.make("A1")
    decide(shop.catalog, "A1", Approval.APPROVED, person="Ada")
    add(a_box(shop.folder))
    assert shop.approved_files() == ["A1_Chair_V1_GLB.glb"]
    decide(shop.catalog, "A1", Approval.APPROVED, person="Ada")
    assert shop.approved_files() == ["A1_Chair_V2_GLB.glb"]
    assert versions(shop) == [(1, Approval.SUPERSEDED), (2, Approval.APPROVED)]


@pytest.mark.parametrize("step", ["add_asset", "note_stored", "write_index"])
def test_a_kill_between_two_steps_is_finished_by_the_same_call(
    shop: Shop, add: Add, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    shop.make("A1")
    places = {
        "add_asset": (shop.catalog.library, "add_asset"),
        "note_stored": (shop.catalog.registry.catalog, "note_stored"),
    }
    with monkeypatch.context() as patch:
        if step == "write_index":
            patch.setattr("catalog3d.stages.adding.write_index", killed)
        else:
            patch.setattr(*places[step], killed)
        with pytest.raises(KeyboardInterrupt):
            add(a_box(shop.folder))
    done = add(a_box(shop.folder))
    assert (done.asset.version, done.asset.stored, shop.stands("A1").status) == (2, True, Status.GENERATED)
    assert [asset.version for asset in shop.catalog.registry.catalog.assets("A1")] == [1, 2]
    assert list((shop.catalog.home.work / "added").iterdir()) == []


def killed(*_arguments: object, **_options: object) -> None:
    raise KeyboardInterrupt


def no_such_sku(shop: Shop, add: Add) -> None:
    add(a_box(shop.folder), sku="B9")


def no_file(shop: Shop, add: Add) -> None:
    add(shop.folder / "nothing.glb")


def a_folder(shop: Shop, add: Add) -> None:
    add(shop.folder)


def a_pipe(shop: Shop, add: Add) -> None:
    os.mkfifo(shop.folder / "pipe.glb")
    add(shop.folder / "pipe.glb")


def a_photo(shop: Shop, add: Add) -> None:
    add(shop.folder / "A1.png")


def an_empty_file(shop: Shop, add: Add) -> None:
    (shop.folder / "empty.glb").touch()
    add(shop.folder / "empty.glb")


def half_a_file(shop: Shop, add: Add) -> None:
    path = a_box(shop.folder)
    path.write_bytes(path.read_bytes()[:200])
    add(path)


def of_the_standin(shop: Shop, add: Add) -> None:
    path = shop.folder / "standin.glb"
    triangle = {"asset": {"version": "2.0", "generator": "catalog3d stand-in (not Tripo)"}}
    path.write_bytes(pack(triangle))
    add(path)


def while_a_run_works(shop: Shop, add: Add) -> None:
    holders = shop.catalog.holders
    holder = holders.name_of("run-1")  # type: ignore[attr-defined]
    with holders.living(holder):  # type: ignore[attr-defined]
        assert shop.catalog.registry.catalog.take("A1", holder)
        add(a_box(shop.folder))


@pytest.mark.parametrize(
    ("attempt", "code"),
    [
        (no_such_sku, "SKU_UNKNOWN"),
        (no_file, "FILE_MISSING"),
        (a_folder, "FILE_MISSING"),
        (a_pipe, "FILE_MISSING"),
        (a_photo, "WRONG_FILE"),
        (an_empty_file, "WRONG_FILE"),
        (half_a_file, "WRONG_FILE"),
        (of_the_standin, "STANDIN_MODEL"),
        (while_a_run_works, "TAKEN"),
    ],
)
def test_what_cannot_be_added_is_refused_with_the_way_out_and_leaves_nothing(
    shop: Shop, add: Add, attempt: Callable[[Shop, Add], None], code: str
) -> None:
    shop.note()
    with pytest.raises(ProductError) as refused:
        attempt(shop, add)
    assert (refused.value.code, bool(refused.value.message), bool(refused.value.fix)) == (code, True, True)
    assert list(shop.catalog.store.keys("assets/")) == []
    assert shop.catalog.registry.catalog.assets() == []


def test_a_file_that_is_too_large_is_refused_before_it_is_read_to_its_end(
    shop: Shop, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.note()
    monkeypatch.setattr("catalog3d.stages.adding.MAX_MODEL_BYTES", 100)
    with pytest.raises(ProductError) as refused:
        add(a_box(shop.folder))
    assert refused.value.code == "FILE_TOO_LARGE"


def test_it_is_there_again_after_the_registry_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inspector: MeshInspector
) -> None:
    with_key(monkeypatch)
    with open_shop(tmp_path) as shop:
        shop.note()
        add_model(shop.catalog, "A1", a_box(tmp_path), "Ada", inspector=inspector)
        before = decide(shop.catalog, "A1", Approval.APPROVED, person="Ada").asset
        shop.catalog.registry.close()
        for left in shop.catalog.home.inner.glob("registry.db*"):
            left.unlink()
    with open_shop(tmp_path) as fresh:
        recover(fresh.catalog, fresh.sheet)
        (after,) = fresh.catalog.registry.catalog.assets("A1")
        assert (after.sha256, after.identity, after.asked, after.approval) == (
            before.sha256, before.identity, before.asked, Approval.APPROVED,
        )  # fmt: skip
        assert (fresh.plan()["A1"].do, fresh.plan()["A1"].status) == (False, Status.APPROVED)
        assert not add_model(fresh.catalog, "A1", a_box(tmp_path), "Ada", inspector=inspector).is_new
