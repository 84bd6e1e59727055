"""Rebuilding a lost registry from library and sheet: what comes back, what is believed, and what is said of the rest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalog3d.adapters.registry.ledger import Caps, Intent
from catalog3d.asset import Approval, Asset, asset_identity
from catalog3d.asset_record import AssetRecord
from catalog3d.brief import Brief, Source, texture_brief
from catalog3d.errors import RunError, TransientError
from catalog3d.ledger import Generation, Outcome
from catalog3d.ports import Pictures, PreparedView, Submitted
from catalog3d.product import Product, Severity, ViewSource
from catalog3d.quality import Check, MeshReport
from catalog3d.recovery import Recovery
from catalog3d.stages.context import SkuWork
from catalog3d.stages.decide import decide
from catalog3d.stages.planning import start_run
from catalog3d.stages.recover import recover
from catalog3d.stages.upload import record_of
from catalog3d.status import Stage, Status
from tests.catalogs import Shop, open_shop

CHAIR = {"Dimensions": "80 x 90 x 60 cm"}
DOUBT = Check(code="PROPORTION_MISMATCH", severity=Severity.WARNING, message="Too wide.", value=1.5, limit=1.2)
AMPLE = Caps(run=Decimal(10**6), day=Decimal(10**6))


def paid(shop: Shop, sku: str) -> Generation:
    """The model of a SKU, ordered, made and kept as a run does it."""
    ledger = shop.catalog.registry.ledger
    item = shop.plan()[sku]
    known = ledger.latest(shop.catalog.realm, item.price_group)
    if known is not None:
        return known
    generation, lease = shop.intent(sku)
    ledger.start_sending(lease, slots=9, file_tokens={"front": "t"}, run_id="run-0", caps=AMPLE)
    ledger.submitted(lease, Submitted(task_id=f"task-{generation.id}"))
    ledger.settle(lease, Outcome.SUCCESS, credits_consumed=Decimal("30.5"))
    content = b"glTF " + generation.digest.encode()
    file = shop.folder / "raw.glb"
    file.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    key = shop.catalog.library.keep_raw(generation.realm, generation.digest, generation.attempt, file, sha256)
    generation = ledger.keep_raw(lease, key, sha256, len(content))
    ledger.drop_lease(lease)
    return generation


def finished(shop: Shop, sku: str, *checks: Check) -> Asset:
    """One SKU, made to its end."""
    shop.note()
    generation = paid(shop, sku)
    product = shop.plan()[sku].product
    assert product is not None
    asset = shop.reserve(product, generation)
    report = MeshReport(profile="web-ar", checks=checks, facts=None)
    work = SkuWork(product=product, may_pay=True, views=(view(shop, product, generation),))
    record = record_of(work, asset, generation, report, standin=False)
    shop.catalog.library.add_asset(record, shop.folder / "raw.glb", None)
    asset = shop.catalog.registry.catalog.note_stored(
        asset, key=record.key, picture_key="", sha256=record.sha256, size_bytes=record.size_bytes, report=report
    )
    status = Status.FLAGGED if checks else Status.GENERATED
    shop.put(sku, status, stage=Stage.UPDATE_STATUS.value, generation_id=generation.id)
    return asset


def view(shop: Shop, product: Product, generation: Generation) -> PreparedView:
    photo = Path(product.views[0].location)
    content = photo.read_bytes()
    return PreparedView(
        slot="front",
        path=photo,
        file_sha256=hashlib.sha256(content).hexdigest(),
        pixels_sha256=generation.brief.pictures[0].pixels_sha256,
        mime="image/png",
        width_px=96,
        height_px=96,
        size_bytes=len(content),
    )


def standing(shop: Shop) -> dict[str, Any]:
    """All that matters of a registry, without ids and moments of its own."""
    record, ledger = shop.catalog.registry.catalog, shop.catalog.registry.ledger
    generations = {digest: asdict(made) for digest, made in ledger.outcomes(shop.catalog.realm).items()}
    for made in generations.values():
        for own in ("id", "lease_fence", "run_id", "file_tokens", "sent_at", "accepted_at", "submitted_at"):
            del made[own]
    return {
        "generations": generations,
        "assets": [asdict(asset) | {"id": 0, "generation_id": 0, "identity": ""} for asset in record.assets()],
        "decisions": [decision for sku in record.standings() for decision in record.decisions(sku)],
        "products": {
            sku: (item.status, item.stage, item.reason, item.message, item.name, item.row, item.sheet, item.fields)
            for sku, item in record.standings().items()
        },
    }


def lose(shop: Shop) -> None:
    """A registry that is gone: every table empty, as a new file has them."""
    shop.catalog.registry.close()
    for left in shop.catalog.home.inner.glob("registry.db*"):
        left.unlink()


def recovered(folder: Path, **how: Any) -> tuple[Recovery, dict[str, Any]]:
    with open_shop(folder) as fresh:
        done = recover(fresh.catalog, how.pop("sheet", fresh.sheet), **how)
        return done, standing(fresh)


def codes(done: Recovery) -> list[tuple[str, str]]:
    return sorted((lost.code, lost.sku) for lost in done.unrestored)


@pytest.fixture
def full(shop: Shop) -> Shop:
    """One of each: approved, rejected, waiting, doubted, two that share a photo, one not begun, one invalid."""
    skus = ("AP", "RE", "WA", "DO", "S1", "NEW")
    rows = [{"SKU": sku, "Name": f"Chair {sku}", **CHAIR} for sku in skus]
    shop.write(*rows, {"SKU": "S2", "Image": "S1.png"}, {"SKU": "BAD", "Image": "none.png"})
    for sku in ("AP", "RE", "WA", "S1", "S2"):
        finished(shop, sku)
    finished(shop, "DO", DOUBT)
    decide(shop.catalog, "AP", Approval.APPROVED, person="Ada", note="Fine.")
    decide(shop.catalog, "RE", Approval.REJECTED, person="Ben", reason="WRONG_COLOR", note="Too red.")
    shop.note()
    return shop


def test_everything_comes_back_as_it_was(full: Shop) -> None:
    before = standing(full)
    lose(full)
    done, after = recovered(full.folder)
    assert codes(done) == []
    assert after == before
    assert done.rebuilt.restored == {"generations": 5, "assets": 6, "decisions": 2, "publications": 0, "products": 8}


def test_after_it_a_run_buys_only_what_never_had_a_model(full: Shop) -> None:
    lose(full)
    with open_shop(full.folder) as fresh:
        with pytest.raises(RunError, match="pay for them again") as refused:
            start_run(fresh.catalog, fresh.request(), "run-1")
        assert "catalog3d recover" in refused.value.fix
        recover(fresh.catalog, fresh.sheet)
        plan = start_run(fresh.catalog, fresh.request(), "run-2").plan
        assert [(item.sku, item.credits) for item in plan.todo] == [("NEW", Decimal(30))]


def test_again_it_changes_nothing(full: Shop) -> None:
    lose(full)
    _, once = recovered(full.folder)
    done, twice = recovered(full.folder)
    assert twice == once
    assert set(done.rebuilt.restored.values()) == {0}
    assert (done.rebuilt.known["assets"], done.rebuilt.skus) == (6, {})


def test_a_dry_run_says_the_same_and_writes_nothing(full: Shop) -> None:
    lose(full)
    dry, after = recovered(full.folder, dry_run=True)
    assert after == {"generations": {}, "assets": [], "decisions": [], "products": {}}
    real, _ = recovered(full.folder)
    assert (dry.rebuilt, dry.unrestored) == (real.rebuilt, real.unrestored)


def test_without_the_sheet_the_models_come_back_and_the_next_run_brings_the_rows(full: Shop) -> None:
    lose(full)
    with open_shop(full.folder) as fresh:
        done = recover(fresh.catalog, None)
        assert done.rebuilt.skus["AP"] == ("approved", (1,))
        assert any("sheet was not named" in note for note in done.notes)
        plan = start_run(fresh.catalog, fresh.request(), "run-1").plan
        assert [item.sku for item in plan.todo] == ["NEW"]


def test_what_the_registry_knows_stays_as_it_is(full: Shop) -> None:
    decide(full.catalog, "WA", Approval.APPROVED, person="Ada")
    before = standing(full)
    (record_file(full, "WA")).write_text(
        record_file(full, "WA").read_text().replace('"approval": "approved"', '"approval": "pending"')
    )
    done = recover(full.catalog, full.sheet)
    assert standing(full) == before
    assert ("REGISTRY_DIFFERS", "WA") in codes(done)


def record_file(shop: Shop, sku: str) -> Path:
    return next((shop.catalog.home.models / "assets" / sku).glob("*.json"))


def model_file(shop: Shop, sku: str) -> Path:
    return next((shop.catalog.home.models / "assets" / sku).glob("*.glb"))


def edited(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_a_damaged_record_is_listed_and_its_paid_model_comes_back_with_the_sheet(full: Shop) -> None:
    record_file(full, "WA").write_text("{")
    lose(full)
    done, _ = recovered(full.folder)
    assert codes(done) == [("RECORD_DAMAGED", "WA")]
    with open_shop(full.folder) as fresh:
        item = fresh.plan()["WA"]
        assert (item.do, item.stage, item.credits) == (True, Stage.GENERATE_MODEL, Decimal(0))


def test_a_paid_model_that_only_the_sheet_can_name_asks_for_the_sheet(full: Shop) -> None:
    record_file(full, "WA").unlink()
    lose(full)
    with pytest.raises(RunError) as refused:
        recovered(full.folder, sheet=None)
    assert (refused.value.code, "raw/" in refused.value.message) == ("SHEET_NEEDED", True)
    done, after = recovered(full.folder, sheet=None, dry_run=True)
    assert codes(done) == [("RAW_UNCLAIMED", ""), ("RECORD_MISSING", "WA")]
    assert after["generations"] == {}


class Linked:
    """Photos behind links: known by their pixels only once they were fetched."""

    def __init__(self, real: Pictures, *, answers: bool) -> None:
        self._real = real
        self._answers = answers
        self._fetched: set[str] = set()

    def pixels_sha256(self, view: ViewSource) -> str | None:
        return self._real.pixels_sha256(view) if view.location in self._fetched else None

    def prepare(self, view: ViewSource) -> PreparedView:
        if not self._answers:
            raise TransientError("The picture's server does not answer.", code="URL_UNREACHABLE")
        self._fetched.add(view.location)
        return self._real.prepare(view)


@pytest.mark.parametrize("answers", [True, False])
def test_photos_behind_links_are_fetched_where_they_tell_whose_a_paid_model_is(full: Shop, answers: bool) -> None:
    record_file(full, "WA").unlink()
    lose(full)
    with open_shop(full.folder) as fresh:
        linked = replace(fresh.catalog, pictures=Linked(fresh.catalog.pictures, answers=answers))
        done = recover(linked, fresh.sheet)
        known = fresh.plan()["WA"].credits == 0
    assert known is answers
    said = [] if answers else ["RAW_UNCLAIMED", *7 * ["URL_UNREACHABLE"]]
    assert [code for code, _ in codes(done) if code != "RECORD_MISSING"] == said


def test_a_model_that_was_changed_is_not_believed_and_what_was_paid_is(full: Shop) -> None:
    model_file(full, "WA").write_bytes(b"glTF something else")
    model_file(full, "DO").unlink()
    lose(full)
    done, after = recovered(full.folder)
    assert codes(done) == [("MODEL_CHANGED", "WA"), ("MODEL_MISSING", "DO")]
    assert {asset["sku"] for asset in after["assets"]} == {"AP", "RE", "S1", "S2"}
    with open_shop(full.folder) as fresh:
        plan = fresh.plan()
        assert {sku: plan[sku].credits for sku in ("WA", "DO")} == {"WA": 0, "DO": 0}


def test_a_record_whose_brief_was_changed_proves_no_payment_and_its_model_is_never_bought_again(full: Shop) -> None:
    edited(record_file(full, "WA"), lambda record: record["provenance"]["brief"].update(model="v9"))
    lose(full)
    done, after = recovered(full.folder)
    assert codes(done) == [("BRIEF_UNPROVEN", "WA")]
    assert next(asset for asset in after["assets"] if asset["sku"] == "WA")["stored"]
    with open_shop(full.folder) as fresh:
        assert not fresh.plan()["WA"].do


@pytest.mark.parametrize(
    "wild",
    [
        {"version": 2**40},
        {"sku": "W" * 101},
        {"provenance": {"credits": "1e30"}},
        {"provenance": {"task_id": "t" * 129}},
        {"provenance": {"brief": {"params": 3}}},
        {"provenance": {"model_seed": -(2**40)}},
        {"provenance": {"brief": {"endpoint": None, "pictures": [[1]]}}},
    ],
)
def test_no_record_takes_the_recovery_down(full: Shop, wild: dict[str, Any]) -> None:
    def spoil(record: dict[str, Any]) -> None:
        for name, value in wild.items():
            if isinstance(value, dict):
                record[name].update(value)
            else:
                record[name] = value

    edited(record_file(full, "WA"), spoil)
    lose(full)
    done, after = recovered(full.folder)
    assert [code for code, _ in codes(done)] in (["RECORD_DAMAGED"], ["BRIEF_UNPROVEN"])
    assert len(after["assets"]) >= 5


def test_an_approval_counts_only_where_record_and_file_agree(full: Shop) -> None:
    approved = full.catalog.home.models / "approved"
    next(approved.glob("AP_*")).unlink()
    (approved / model_file(full, "WA").name).write_bytes(model_file(full, "WA").read_bytes())
    lose(full)
    done, after = recovered(full.folder)
    assert codes(done) == [("APPROVAL_UNCERTAIN", "AP"), ("APPROVAL_UNCERTAIN", "WA")]
    assert {after["products"][sku][0] for sku in ("AP", "WA")} == {Status.GENERATED}


def test_an_early_record_says_less_and_is_still_restored(full: Shop) -> None:
    def early(record: dict[str, Any]) -> None:
        del record["dimensions_m"], record["decisions"]
        for name in ("base_url", "key_fingerprint", "ordered_at", "settled_at", "raw_size_bytes"):
            del record["provenance"][name]

    for sku in ("AP", "WA"):
        edited(record_file(full, sku), early)
    lose(full)
    done, _ = recovered(full.folder)
    assert codes(done) == [("PERSON_UNKNOWN", "AP")]
    with open_shop(full.folder) as fresh:
        assert [item.sku for item in fresh.plan().values() if item.do] == ["NEW"]
        assert fresh.stands("AP").status is Status.APPROVED


def test_a_row_that_shows_a_version_without_a_model_is_listed(full: Shop) -> None:
    full.write(
        {"SKU": "AP", "Name": "Chair AP", **CHAIR, "3D Version": "V1"},
        {"SKU": "NEW", "3D Version": "V3", "3D File": "NEW_Chair_V3_GLB.glb"},
    )
    lose(full)
    done, _ = recovered(full.folder)
    assert codes(done) == [("ONLY_IN_SHEET", "NEW")]
    assert (done.unrestored[0].place, "would buy it" in done.unrestored[0].fix) == ("row 3", True)


def test_it_starts_nothing_while_a_run_is_under_way(full: Shop) -> None:
    full.catalog.registry.catalog.take("NEW", "elsewhere-1-abcdef")
    with pytest.raises(RunError) as refused:
        recover(full.catalog, full.sheet)
    assert (refused.value.code, "elsewhere-1" in refused.value.message) == ("RUN_UNDER_WAY", True)


def test_an_older_backup_is_brought_up_to_date(full: Shop) -> None:
    before = standing(full)
    lose(full)
    with open_shop(full.folder) as backup:
        backup.note()
        generation, lease = backup.intent("WA")
        caps = AMPLE
        backup.catalog.registry.ledger.start_sending(lease, slots=9, file_tokens={}, run_id="run-0", caps=caps)
        backup.catalog.registry.ledger.drop_lease(lease)
        done = recover(backup.catalog, backup.sheet)
        assert codes(done) == []
        assert backup.catalog.registry.ledger.get(generation.id).task_id.startswith("task-")
        after = standing(backup)
    assert {sku: item[0] for sku, item in after["products"].items()} == {
        sku: item[0] for sku, item in before["products"].items()
    }


def test_a_record_keeps_all_that_it_needs_in_its_stored_form(full: Shop) -> None:
    record = AssetRecord.model_validate_json(record_file(full, "AP").read_bytes())
    assert [(said.person, said.note) for said in record.decisions] == [("Ada", "Fine.")]
    assert (record.dimensions_m is not None, record.provenance.settled_at is not None) == (True, True)


def test_a_version_that_a_retake_changed_is_not_stale_after_the_registry_was_lost(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        finished(shop, "A1")
        sheet = paid(shop, "A1")
        brief = texture_brief(Source(digest=sheet.digest, raw_sha256=sheet.raw_sha256), "color: Blue; Chair")
        repainted = repaint(shop, sheet, brief)
        before = standing(shop)
        assert shop.plan()["A1"].status is Status.GENERATED
        lose(shop)
    with open_shop(tmp_path) as fresh:
        recover(fresh.catalog, fresh.sheet)
        after = standing(fresh)
        assert (after["assets"], after["generations"]) == (before["assets"], before["generations"])
        assert [asset.asked for asset in fresh.catalog.registry.catalog.assets("A1")] == ["", repainted.asked]
        assert (fresh.plan()["A1"].do, fresh.plan()["A1"].status) == (False, Status.GENERATED)


def repaint(shop: Shop, sheet: Generation, brief: Brief) -> Asset:
    """The next version of A1, made from another brief than the sheet's."""
    ledger, record = shop.catalog.registry.ledger, shop.catalog.registry.catalog
    intent = Intent(
        realm=sheet.realm, brief=brief, pool=brief.pool, base_url=sheet.base_url, key_fingerprint=sheet.key_fingerprint,
        model_seed=5, expected_credits=Decimal(10), run_id="run-1",
    )  # fmt: skip
    lease = ledger.take_lease(ledger.open_intent(intent, AMPLE).id, "worker")
    assert lease is not None
    ledger.start_sending(lease, slots=9, file_tokens={"source": sheet.task_id}, run_id="run-1", caps=AMPLE)
    ledger.submitted(lease, Submitted(task_id="task-blue"))
    ledger.settle(lease, Outcome.SUCCESS, credits_consumed=Decimal(10))
    content = b"glTF blue"
    file = shop.folder / "raw.glb"
    file.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    key = shop.catalog.library.keep_raw(sheet.realm, brief.digest, 1, file, sha256)
    made = ledger.keep_raw(lease, key, sha256, len(content))
    ledger.drop_lease(lease)
    product = shop.plan()["A1"].product
    assert product is not None
    asset = record.allot_version(
        "A1", format="GLB", identity=asset_identity(made.id, product), generation_id=made.id, run_id="run-1",
        file_name=lambda version: f"A1_Chair_V{version}_GLB.glb", asked=sheet.brief.canonical(),
    )  # fmt: skip
    report = MeshReport(profile="web-ar", checks=(), facts=None)
    entry = record_of(SkuWork(product=product, may_pay=True), asset, made, report, standin=False)
    shop.catalog.library.add_asset(entry, file, None)
    return record.note_stored(
        asset, key=entry.key, picture_key="", sha256=entry.sha256, size_bytes=entry.size_bytes, report=report
    )
