"""Publication runs: once each, whatever is killed in between, back and away again, and everything says so."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog3d.adapters.channels.storefront import Storefront
from catalog3d.adapters.registry.engine import write
from catalog3d.adapters.registry.tables import Base
from catalog3d.channels import Item
from catalog3d.errors import ProductError, RunError, TransientError
from catalog3d.product import Severity
from catalog3d.publication import PublicationState
from catalog3d.quality import Check, MeshReport
from catalog3d.stages.recover import recover
from catalog3d.status import Status
from tests.catalogs import Shop, open_shop, with_key
from tests.publishing.receiver import SECRET
from tests.publishing.shelves import Shelf, approve, judged, next_version, publish, publishing_of, reject, run

AN_ITEM = Item(
    sku="A1",
    name="Chair",
    version=1,
    format="GLB",
    file="a.glb",
    sha256="d" * 64,
    size_bytes=9,
    model=Path("unread.glb"),
)


class Killed(BaseException):
    """The process ends here."""


def row(shop: Shop, sku: str = "A1") -> dict[str, str]:
    with shop.sheet.open(encoding="utf-8-sig") as file:
        return next(row for row in csv.DictReader(file) if row["SKU"] == sku)


def index(shop: Shop) -> dict[str, dict[str, str]]:
    content = shop.catalog.store.get("assets.csv", max_bytes=10_000)
    assert content is not None
    return {row["Version"]: row for row in csv.DictReader(content.decode("utf-8-sig").splitlines())}


def states(shop: Shop) -> dict[int, PublicationState]:
    return {found.placed.version: found.state for found in shop.catalog.registry.publications.of("A1")}


def live(shop: Shop) -> list[int]:
    return [found.placed.version for found in shop.catalog.registry.publications.of("A1") if found.is_live]


def test_what_is_published_is_said_in_status_sheet_record_and_index(erp_shop: Shop) -> None:
    said = publish(erp_shop, Shelf())["A1", "erp"]
    assert (said.outcome, said.version, said.link) == ("published", 1, "https://shelf.example/A1")
    assert erp_shop.stands("A1").status is Status.PUBLISHED
    told = row(erp_shop)
    assert (told["3D Status"], told["3D Live Version"], told["3D Link"]) == ("Published", "V1", said.link)
    record = erp_shop.catalog.library.records_of("A1")[0]
    assert [(p.channel, p.link, p.remote) for p in record.publications] == [("erp", said.link, {"place": "A1-1"})]
    assert index(erp_shop)["1"]["Destination"] == f"erp: {said.link}"


def test_what_is_live_is_not_asked_for_again(erp_shop: Shop) -> None:
    shelf = Shelf()
    publish(erp_shop, shelf)
    again = publish(erp_shop, shelf)
    assert shelf.calls == ["publish A1 V1"]
    assert again["A1", "erp"].outcome == "live already"


def test_a_model_that_nobody_approved_is_not_published(shop: Shop) -> None:
    shop.write({"SKU": "A1", "Channel": "erp"})
    shop.make("A1")
    shelf = Shelf()
    assert publish(shop, shelf) == {}
    assert publishing_of(shop, shelf).plan.waiting == 1
    named = publish(shop, shelf, only=("A1",))["A1", "erp"]
    assert (named.outcome, named.code, shelf.calls) == ("refused", "NOT_APPROVED", [])


def test_a_newly_approved_version_takes_the_place_of_the_live_one(erp_shop: Shop) -> None:
    shelf = Shelf()
    publish(erp_shop, shelf)
    next_version(erp_shop)
    assert erp_shop.stands("A1").status is Status.APPROVED  # V2 is not live yet
    assert row(erp_shop)["3D Live Version"] == "V1"
    publish(erp_shop, shelf)
    assert shelf.items[1].previous is not None
    assert shelf.items[1].previous.remote == {"place": "A1-1"}
    assert states(erp_shop) == {1: PublicationState.REPLACED, 2: PublicationState.LIVE}
    assert (row(erp_shop)["3D Live Version"], erp_shop.stands("A1").status) == ("V2", Status.PUBLISHED)
    assert [bool(record.publications) for record in erp_shop.catalog.library.records_of("A1")] == [False, True]


def test_the_same_bytes_under_a_new_version_cost_no_request(erp_shop: Shop) -> None:
    shelf = Shelf()
    publish(erp_shop, shelf)
    erp_shop.write({"SKU": "A1", "Name": "Stool", "Channel": "erp"})  # a new name: the same model as V2
    erp_shop.make("A1")
    approve(erp_shop)
    said = publish(erp_shop, shelf)["A1", "erp"]
    assert (said.outcome, live(erp_shop), shelf.calls) == ("published", [2], ["publish A1 V1"])


@pytest.mark.parametrize("moment", ["publish", "publish after"])
def test_a_kill_around_the_request_is_made_good_by_the_next_run(erp_shop: Shop, moment: str) -> None:
    shelf = Shelf()
    publish(erp_shop, shelf)
    next_version(erp_shop)
    shelf.fails[moment] = Killed()
    with pytest.raises(Killed):
        publish(erp_shop, shelf)
    assert states(erp_shop) == {1: PublicationState.LIVE, 2: PublicationState.PLACING}
    publish(erp_shop, shelf)
    newest = erp_shop.catalog.registry.catalog.assets("A1")[-1]
    assert (live(erp_shop), shelf.has) == ([2], {"A1": newest.sha256})
    if moment == "publish after":  # the channel can tell that it was asked before
        assert shelf.items[-1].publication == shelf.items[-2].publication


@pytest.mark.parametrize("step", ["record", "index", "sheet", "told"])
def test_a_kill_after_the_request_leaves_only_words_to_the_next_run(
    erp_shop: Shop, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    shelf = Shelf()
    places = {
        "record": "catalog3d.library.Library.set_publications",
        "index": "catalog3d.stages.publish_telling.write_index",
        "sheet": "catalog3d.stages.sheet_writer.write_standings",
        "told": "catalog3d.adapters.registry.publications.PublicationRecord.note_told",
    }

    def kill(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(places[step], kill)
        with pytest.raises(Killed):
            publish(erp_shop, shelf)
    assert publishing_of(erp_shop, shelf).plan.has_something_to_do
    publish(erp_shop, shelf)
    assert shelf.calls == ["publish A1 V1"]
    assert (row(erp_shop)["3D Status"], index(erp_shop)["1"]["Destination"][:4]) == ("Published", "erp:")
    assert erp_shop.catalog.library.records_of("A1")[0].publications
    assert not publishing_of(erp_shop, shelf).plan.has_something_to_do


def test_two_runs_at_once_publish_once(erp_shop: Shop) -> None:
    shelf = Shelf()
    runs = [publishing_of(erp_shop, shelf) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, runs))
    assert (shelf.calls, live(erp_shop)) == (["publish A1 V1"], [1])


def test_two_rollbacks_of_the_same_live_version_go_back_once(erp_shop: Shop) -> None:
    shelf = Shelf()
    publish(erp_shop, shelf)
    for _ in range(2):
        next_version(erp_shop)
        publish(erp_shop, shelf)
    back = [publishing_of(erp_shop, shelf, only=("A1",), rollback=True) for _ in range(2)]
    assert sorted(run(one)["A1", "erp"].outcome for one in back) == ["left", "rolled back"]
    assert live(erp_shop) == [2]


def test_a_rollback_puts_the_version_before_back_and_stays(erp_shop: Shop) -> None:
    shelf = Shelf()
    publish(erp_shop, shelf)
    next_version(erp_shop)
    publish(erp_shop, shelf)
    said = publish(erp_shop, shelf, only=("A1",), rollback=True)["A1", "erp"]
    assert (said.outcome, said.version, live(erp_shop)) == ("rolled back", 1, [1])
    assert row(erp_shop)["3D Live Version"] == "V1"
    night = publish(erp_shop, shelf)["A1", "erp"]  # V2 is still approved: it does not come back by itself
    assert (night.outcome, night.code, live(erp_shop)) == ("left", "ROLLED_BACK", [1])
    publish(erp_shop, shelf, only=("A1",))
    assert live(erp_shop) == [2]


def test_nothing_is_before_the_first_version(erp_shop: Shop) -> None:
    shelf = Shelf()
    publish(erp_shop, shelf)
    said = publish(erp_shop, shelf, only=("A1",), rollback=True)["A1", "erp"]
    assert (said.outcome, said.code, shelf.calls) == ("refused", "NOTHING_BEFORE", ["publish A1 V1"])


def test_a_rejected_version_is_never_rolled_back_to(erp_shop: Shop) -> None:
    shelf = Shelf()
    publish(erp_shop, shelf)
    next_version(erp_shop)
    publish(erp_shop, shelf)
    reject(erp_shop, version=1)
    said = publish(erp_shop, shelf, only=("A1",), rollback=True)["A1", "erp"]
    assert (said.code, live(erp_shop)) == ("BEFORE_REJECTED", [2])


@pytest.mark.parametrize("moment", ["publish", "publish after"])
def test_a_rollback_that_was_cut_off_is_ended_by_the_next_run_and_not_undone(erp_shop: Shop, moment: str) -> None:
    shelf = Shelf()
    publish(erp_shop, shelf)
    next_version(erp_shop)
    publish(erp_shop, shelf)
    shelf.fails[moment] = Killed()
    with pytest.raises(Killed):
        publish(erp_shop, shelf, only=("A1",), rollback=True)
    publish(erp_shop, shelf)
    oldest = erp_shop.catalog.registry.catalog.assets("A1")[0]
    assert (live(erp_shop), shelf.has["A1"]) == ([1], oldest.sha256)


def test_unpublishing_takes_away_what_we_recorded_and_it_stays_away(erp_shop: Shop) -> None:
    shelf = Shelf()
    publish(erp_shop, shelf)
    publish(erp_shop, shelf, only=("A1",), unpublish=True)
    assert shelf.calls[-1] == "unpublish A1 A1-1"
    assert (live(erp_shop), erp_shop.stands("A1").status) == ([], Status.APPROVED)
    assert (row(erp_shop)["3D Live Version"], index(erp_shop)["1"]["Destination"]) == ("", "erp")
    night = publish(erp_shop, shelf)["A1", "erp"]
    assert (night.outcome, night.code) == ("left", "UNPUBLISHED")
    again = publish(erp_shop, shelf, only=("A1",), unpublish=True)["A1", "erp"]
    assert (again.outcome, len(shelf.calls)) == ("nothing to do", 2)
    publish(erp_shop, shelf, only=("A1",))
    assert (live(erp_shop), shelf.items[0].publication != shelf.items[1].publication) == ([1], True)


@pytest.mark.parametrize("moment", ["unpublish", "unpublish after"])
def test_taking_away_that_was_cut_off_is_ended_by_the_next_run(erp_shop: Shop, moment: str) -> None:
    shelf = Shelf()
    publish(erp_shop, shelf)
    shelf.fails[moment] = Killed()
    with pytest.raises(Killed):
        publish(erp_shop, shelf, only=("A1",), unpublish=True)
    publish(erp_shop, shelf)
    assert (live(erp_shop), shelf.has, states(erp_shop)) == ([], {}, {1: PublicationState.REMOVED})


def test_a_live_version_that_was_rejected_is_said_plainly_and_left(erp_shop: Shop) -> None:
    shelf = Shelf()
    publish(erp_shop, shelf)
    reject(erp_shop)
    said = publish(erp_shop, shelf)["A1", "erp"]
    assert (said.outcome, said.code, live(erp_shop)) == ("refused", "LIVE_REJECTED", [1])
    assert "--unpublish" in said.fix


def test_a_lost_registry_knows_again_what_is_live_and_what_the_channel_calls_it(erp_shop: Shop) -> None:
    shelf = Shelf()
    publish(erp_shop, shelf)
    next_version(erp_shop)
    publish(erp_shop, shelf)
    with write(erp_shop.catalog.registry.engine) as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(table.delete())
    recover(erp_shop.catalog, erp_shop.sheet)
    (found,) = [found for found in erp_shop.catalog.registry.publications.of("A1") if found.is_live]
    assert (found.placed.version, found.placed.remote, found.extents_m) == (2, {"place": "A1-2"}, (0.5, 1.0, 0.25))
    publish(erp_shop, shelf)
    assert shelf.calls == ["publish A1 V1", "publish A1 V2"]
    assert erp_shop.stands("A1").status is Status.PUBLISHED


@pytest.mark.parametrize(
    ("error", "outcome", "state"),
    [
        (ProductError("Too many polygons.", code="NO"), "refused", PublicationState.REFUSED),
        (RunError("The shop is closed.", code="CLOSED"), "failed", PublicationState.PLACING),
        (TransientError("No answer."), "failed", PublicationState.PLACING),
    ],
)
def test_a_refusal_is_kept_and_tried_again(
    erp_shop: Shop, error: Exception, outcome: str, state: PublicationState
) -> None:
    shelf = Shelf()
    shelf.fails["publish"] = error
    said = publish(erp_shop, shelf)["A1", "erp"]
    assert (said.outcome, states(erp_shop), erp_shop.stands("A1").status) == (outcome, {1: state}, Status.APPROVED)
    assert publish(erp_shop, shelf)["A1", "erp"].outcome == "published"


def test_a_closed_channel_is_not_asked_again_and_the_others_go_on(shop: Shop) -> None:
    shop.write({"SKU": "A1", "Channel": "erp, storefront"}, {"SKU": "B2", "Channel": "erp, storefront"})
    for sku in ("A1", "B2"):
        shop.make(sku)
        approve(shop, sku)
    shelf = Shelf()
    shelf.fails["publish"] = RunError("The shop is closed.", code="CLOSED")
    said = publish(shop, shelf)
    assert {key: line.outcome for key, line in said.items()} == {
        ("A1", "storefront"): "published",
        ("B2", "storefront"): "published",
        ("A1", "erp"): "failed",
        ("B2", "erp"): "failed",
    }
    assert shelf.calls == []
    assert shop.stands("A1").status is Status.APPROVED  # not live wherever the sheet wants it
    assert row(shop)["3D Live Version"] == "V1"


def test_a_model_beyond_the_channels_limits_is_refused_with_the_number(erp_shop: Shop) -> None:
    def too_large(path: object, profile: str) -> MeshReport:
        check = Check(
            code="TRIANGLES", severity=Severity.ERROR, message="It has 200,000 triangles.", value=200_000, limit=150_000
        )
        return MeshReport(profile=profile, checks=(check,), facts=None)

    shelf = Shelf()
    said = publish(erp_shop, shelf, judge=too_large)["A1", "erp"]
    assert (said.outcome, said.code, shelf.calls) == ("refused", "CHANNEL_TRIANGLES", [])
    assert "150,000" in said.message


def test_a_file_that_was_changed_in_the_library_is_not_published(erp_shop: Shop) -> None:
    asset = erp_shop.catalog.registry.catalog.assets("A1")[0]
    erp_shop.catalog.store.replace(asset.key, b"glTF of somebody else", content_type="model/gltf-binary")
    shelf = Shelf()
    said = publish(erp_shop, shelf)["A1", "erp"]
    assert (said.outcome, said.code, shelf.calls) == ("refused", "CONTENT_CHANGED", [])


def test_a_run_in_between_keeps_what_is_published(erp_shop: Shop) -> None:
    publish(erp_shop, Shelf())
    erp_shop.note()
    assert erp_shop.stands("A1").status is Status.PUBLISHED
    erp_shop.write({"SKU": "A1", "Channel": "erp, storefront"})
    erp_shop.note()
    assert erp_shop.stands("A1").status is Status.APPROVED  # the sheet wants it at a second place now


def test_a_woocommerce_file_carries_the_storefronts_link_and_takes_it_away_again(shop: Shop) -> None:
    shop.write({"SKU": "A1", "Channel": "shop, storefront"}, {"SKU": "B2", "Channel": "storefront, shop"})
    for sku in ("A1", "B2"):
        shop.make(sku)
        approve(shop, sku)
    said = publish(shop)
    assert {line.outcome for line in said.values()} == {"published"}
    file = shop.folder / "published/shop/woocommerce-import.csv"
    with file.open() as opened:
        rows = {row["SKU"]: row["Meta: model_3d_url"] for row in csv.DictReader(opened)}
    assert rows == {sku: f"https://cdn.example/3d/models/{sku}.glb" for sku in ("A1", "B2")}
    publish(shop, only=("A1",), unpublish=True)
    with file.open() as opened:
        rows = {row["SKU"]: row["Meta: model_3d_url"] for row in csv.DictReader(opened)}
    assert rows == {"A1": "", "B2": "https://cdn.example/3d/models/B2.glb"}
    feed = json.loads((shop.folder / "published/storefront/feed.json").read_text())
    assert [model["sku"] for model in feed["models"]] == ["B2"]


def test_lists_that_could_not_be_written_are_written_by_the_next_run(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write({"SKU": "A1", "Channel": "storefront"})
    shop.make("A1")
    approve(shop)

    def away(*_: object) -> tuple[str, ...]:
        raise TransientError("The bucket is away.")

    with monkeypatch.context() as patched:
        patched.setattr("catalog3d.adapters.channels.storefront.Storefront.write_lists", away)
        first = publishing_of(shop)
        run(first)
        assert first.is_refused
    assert not (shop.folder / "published/storefront/feed.json").exists()
    publish(shop)
    feed = json.loads((shop.folder / "published/storefront/feed.json").read_text())
    assert feed["models"][0]["link"] == "https://cdn.example/3d/models/A1.glb"
    assert feed["models"][0]["dimensions_m"] == {"width": 0.5, "height": 1.0, "depth": 0.25}


def test_a_shops_link_stays_the_same_when_the_model_changes(shop: Shop) -> None:
    shop.write({"SKU": "A1", "Channel": "storefront"})
    shop.make("A1")
    approve(shop)
    first = publish(shop)["A1", "storefront"]
    content = (shop.folder / "published/storefront/models/A1.glb").read_bytes()
    next_version(shop)
    second = publish(shop)["A1", "storefront"]
    assert first.link == second.link == "https://cdn.example/3d/models/A1.glb"
    assert (shop.folder / "published/storefront/models/A1.glb").read_bytes() != content


def test_a_channel_that_the_rules_do_not_set_up_is_refused_with_the_fix(shop: Shop) -> None:
    shop.write({"SKU": "A1", "Channel": "shopify"})
    shop.make("A1")
    approve(shop)
    said = publish(shop)["A1", "shopify"]
    assert (said.code, "catalog.yaml" in said.fix) == ("CHANNEL_NOT_SET_UP", True)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda shop: shop.write({"SKU": "A1", "Channel": "erp", "3D Action": "hold"}), "ON_HOLD"),
        (lambda shop: shop.catalog.registry.catalog.leave_sheet(str(shop.sheet), ["A1"]), "GONE_FROM_SHEET"),
    ],
)
def test_what_the_team_took_back_is_not_published(erp_shop: Shop, change: Callable[[Shop], None], code: str) -> None:
    change(erp_shop)
    if code == "ON_HOLD":
        erp_shop.note()
    said = publish(erp_shop, Shelf())["A1", "erp"]
    assert (said.outcome, said.code) == ("refused", code)


def test_a_concept_is_published_with_its_flag_only(erp_shop: Shop) -> None:
    (record,) = erp_shop.catalog.library.records_of("A1")
    concept = record.model_copy(update={"concept": True})
    erp_shop.catalog.store.replace(concept.record_key, concept.to_json(), content_type="application/json")
    shelf = Shelf()
    assert publish(erp_shop, shelf)["A1", "erp"].code == "CONCEPT"
    assert publish(erp_shop, shelf, concepts=True)["A1", "erp"].outcome == "published"


def test_the_rules_may_ask_for_the_approval_of_the_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_key(monkeypatch)
    rules = "channels: {erp: {kind: webhook, url: 'https://erp.example/'}}\n"
    (tmp_path / "catalog.yaml").write_text(f"{rules}publish_needs_owner: true\nreview_owner: Mia\n")
    with open_shop(tmp_path) as shop:
        shop.write({"SKU": "A1", "Channel": "erp"})
        shop.make("A1")
        shelf = Shelf()
        approve(shop, person="Ada")
        refused = publish(shop, shelf)["A1", "erp"]
        assert (refused.code, "Mia" in refused.fix) == ("NOT_BY_OWNER", True)
        approve(shop, person="Mia")
        assert publish(shop, shelf)["A1", "erp"].outcome == "published"


def test_a_file_that_says_it_is_the_stand_ins_is_refused_whatever_the_record_says(erp_shop: Shop) -> None:
    def standin(path: Path, profile: str) -> MeshReport:
        report = judged(path, profile)
        assert report.facts is not None
        return replace(report, facts=replace(report.facts, standin=True))

    shelf = Shelf()
    said = publish(erp_shop, shelf, judge=standin)["A1", "erp"]
    assert (said.outcome, said.code, shelf.calls) == ("refused", "STANDIN", [])


@pytest.mark.parametrize(
    ("rules", "goes"),
    [
        ({"kind": "storefront", "bucket": "shop", "base_url": "https://cdn.example"}, True),
        ({"kind": "webhook", "url": "http://127.0.0.1:9/"}, True),
        ({"kind": "webhook", "url": "https://erp.example/"}, False),
        ({"kind": "webhook", "url": "https://erp.example/?to=//localhost"}, False),
        ({"kind": "shopify", "shop": "example.myshopify.com"}, False),
    ],
)
def test_nothing_of_a_rehearsal_leaves_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rules: dict[str, Any], goes: bool
) -> None:
    monkeypatch.setenv("CATALOG3D_CHANNELS__ERP__SECRET", SECRET)
    (tmp_path / "catalog.yaml").write_text(yaml.safe_dump({"channels": {"erp": rules}}))
    with open_shop(tmp_path) as shop:  # without a key: a rehearsal
        publishing = publishing_of(shop)
        if not goes:
            with pytest.raises(RunError) as refused:
                publishing.channel("erp")
            assert refused.value.code == "REHEARSAL_CHANNEL"
            return
        channel = publishing.channel("erp")
        if isinstance(channel, Storefront):
            assert str(tmp_path / "rehearsal" / "published" / "erp") in channel.describe(AN_ITEM)
