"""The library: what lies where, in which order it is written, and what a kill can leave behind."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from catalog3d.adapters.store_local import LocalStore
from catalog3d.asset import Approval
from catalog3d.asset_index import HEADER, index_csv, index_row
from catalog3d.asset_record import AssetRecord, PhotoDigest, Provenance, asset_key, parse_record, picture_key, raw_key
from catalog3d.errors import ProductError
from catalog3d.library import Library
from catalog3d.naming import file_name
from catalog3d.ports import ObjectStore
from catalog3d.product import Severity
from catalog3d.quality import Check
from tests.fakes import MemoryStore

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
RULE = "{sku}_{name}_V{version}_{format}"


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture(params=["memory", "local"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    return MemoryStore() if request.param == "memory" else LocalStore(tmp_path / "library")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.glb"
    path.write_bytes(b"glTF one")
    return path


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "front.png"
    path.write_bytes(b"PNG")
    return path


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def record(content: bytes = b"glTF one", *, sku: str = "CH123", version: int = 1, **changes: Any) -> AssetRecord:
    file = file_name(RULE, sku=sku, name="Modern Dining Chair", version=version, format="GLB", extension="glb")
    key = asset_key(sku, file)
    values: dict[str, Any] = {
        "sku": sku,
        "name": "Modern Dining Chair",
        "version": version,
        "format": "GLB",
        "file": file,
        "key": key,
        "sha256": sha(content),
        "size_bytes": len(content),
        "created_at": NOW,
        "updated_at": NOW,
        "picture_key": picture_key(key),
        "provenance": Provenance(
            realm="tripo:0123456789ab",
            digest="d" * 64,
            brief={"schema": 1, "model": "v3.1"},
            model="v3.1",
            model_seed=7,
            task_id="task-1",
            credits=Decimal("30.00"),
            photos=(PhotoDigest(slot="front", file_sha256="a" * 64, pixels_sha256="b" * 64),),
        ),
        "checks": (Check(code="TRIANGLES", severity=Severity.WARNING, message="Many.", value=120_000, limit=100_000),),
        **changes,
    }
    return AssetRecord(**values)


def add(library: Library, tmp_path: Path, version: int, sku: str = "CH123") -> AssetRecord:
    content = b"glTF %d" % version
    path = tmp_path / f"v{version}.glb"
    path.write_bytes(content)
    return library.add_asset(record(content, sku=sku, version=version, picture_key=""), path, None)


def test_a_new_asset_lies_beside_its_record_and_picture(store: ObjectStore, model: Path, picture: Path) -> None:
    Library(store).add_asset(record(), model, picture)
    assert list(store.keys()) == [
        "assets/CH123/CH123_ModernDiningChair_V1_GLB.glb",
        "assets/CH123/CH123_ModernDiningChair_V1_GLB.json",
        "assets/CH123/CH123_ModernDiningChair_V1_GLB_front.png",
    ]
    assert store.get("assets/CH123/CH123_ModernDiningChair_V1_GLB_front.png", max_bytes=9) == b"PNG"


def test_a_record_reads_back_as_it_was_written(store: ObjectStore, model: Path, picture: Path) -> None:
    library = Library(store)
    written = library.add_asset(record(), model, picture)
    assert library.read_record("CH123", written.file) == written == record()
    assert list(library.records()) == library.records_of("CH123") == [written]
    assert library.read_record("CH123", "CH123_Other_V1_GLB.glb") is None


def test_a_record_is_json_that_a_person_can_read() -> None:
    text = record(sku="Stuhl ä").to_json()
    document = json.loads(text)
    assert document["schema_version"] == 1
    assert document["sku"] == "Stuhl ä"
    assert document["approval"] == "pending"
    assert document["provenance"]["credits"] == "30.00"
    assert document["provenance"]["photos"] == [{"slot": "front", "file_sha256": "a" * 64, "pixels_sha256": "b" * 64}]
    assert document["checks"][0]["limit"] == 100_000
    assert record(sku="Stuhl ä").to_json() == text


def test_the_same_asset_again_writes_nothing_and_keeps_the_decision(model: Path, picture: Path) -> None:
    store = MemoryStore()
    library = Library(store)
    approved = library.set_approval(library.add_asset(record(), model, picture), Approval.APPROVED, at=LATER)
    store.writes.clear()
    assert library.add_asset(record(), model, picture) == approved
    assert store.writes == []


def test_another_model_under_the_same_version_is_refused(store: ObjectStore, model: Path, tmp_path: Path) -> None:
    library = Library(store)
    first = library.add_asset(record(), model, None)
    other = tmp_path / "other.glb"
    other.write_bytes(b"glTF two")
    with pytest.raises(ProductError) as refused:
        library.add_asset(record(b"glTF two"), other, None)
    assert refused.value.code == "KEY_TAKEN"
    assert library.read_record("CH123", first.file) == first
    assert store.get(first.key, max_bytes=99) == b"glTF one"


@pytest.mark.parametrize("killed_before", [record().key, record().picture_key, record().record_key])
def test_a_kill_while_storing_shows_no_record_and_the_next_run_finishes(
    model: Path, picture: Path, killed_before: str
) -> None:
    store = MemoryStore()
    library = Library(store)
    store.fail_before[killed_before] = Killed()
    with pytest.raises(Killed):
        library.add_asset(record(), model, picture)
    assert list(library.records()) == []
    library.add_asset(record(), model, picture)
    assert list(library.records()) == [record()]


def test_raw_bytes_are_kept_once_for_each_generation(store: ObjectStore, model: Path, tmp_path: Path) -> None:
    library = Library(store)
    key = library.keep_raw("tripo:0123456789ab", "d" * 64, 2, model, sha(b"glTF one"))
    assert key == raw_key("tripo:0123456789ab", "d" * 64, 2)
    assert key.startswith("raw/tripo-0123456789ab--")
    assert key.endswith(f"/{'d' * 64}-2.glb")
    assert library.keep_raw("tripo:0123456789ab", "d" * 64, 2, model, sha(b"glTF one")) == key
    other = tmp_path / "other.glb"
    other.write_bytes(b"other")
    with pytest.raises(ProductError):
        library.keep_raw("tripo:0123456789ab", "d" * 64, 2, other, sha(b"other"))
    assert store.get(key, max_bytes=99) == b"glTF one"


def test_approved_holds_exactly_the_latest_approved_file(store: ObjectStore, tmp_path: Path) -> None:
    library = Library(store)
    one, two = add(library, tmp_path, 1), add(library, tmp_path, 2)
    add(library, tmp_path, 3, sku="OTHER")
    approved_one = library.set_approval(one, Approval.APPROVED, at=LATER)
    assert list(store.keys("approved/")) == [one.approved_key]
    library.set_approval(two, Approval.APPROVED, at=LATER)
    assert list(store.keys("approved/")) == [two.approved_key]
    assert store.get(two.approved_key, max_bytes=99) == b"glTF 2"
    library.set_approval(approved_one, Approval.APPROVED, at=LATER)
    assert list(store.keys("approved/")) == [one.approved_key]


def test_approving_leaves_the_files_of_other_skus(store: ObjectStore, tmp_path: Path) -> None:
    library = Library(store)
    other = library.set_approval(add(library, tmp_path, 1, sku="ch123"), Approval.APPROVED, at=LATER)
    mine = library.set_approval(add(library, tmp_path, 2), Approval.APPROVED, at=LATER)
    assert sorted(store.keys("approved/")) == sorted([other.approved_key, mine.approved_key])


@pytest.mark.parametrize("taken_back", [Approval.REJECTED, Approval.PENDING])
def test_what_is_not_approved_any_more_leaves_approved(
    store: ObjectStore, tmp_path: Path, taken_back: Approval
) -> None:
    library = Library(store)
    approved = library.set_approval(add(library, tmp_path, 1), Approval.APPROVED, at=NOW)
    decided = library.set_approval(approved, taken_back, at=LATER)
    assert (decided.approval, decided.updated_at, decided.created_at) == (taken_back, LATER, NOW)
    assert list(store.keys("approved/")) == []
    assert library.read_record("CH123", decided.file) == decided
    assert store.stat(decided.key) is not None
    assert library.set_approval(decided, Approval.APPROVED, at=LATER).approval is Approval.APPROVED
    assert list(store.keys("approved/")) == [decided.approved_key]


def test_the_new_approved_file_is_there_before_the_old_one_goes(tmp_path: Path) -> None:
    store = MemoryStore()
    library = Library(store)
    one, two = add(library, tmp_path, 1), add(library, tmp_path, 2)
    library.set_approval(one, Approval.APPROVED, at=LATER)
    store.fail_before[one.approved_key] = Killed()
    with pytest.raises(Killed):
        library.set_approval(two, Approval.APPROVED, at=LATER)
    assert list(store.keys("approved/")) == [one.approved_key, two.approved_key]
    library.set_approval(two, Approval.APPROVED, at=LATER)
    assert list(store.keys("approved/")) == [two.approved_key]


def test_a_kill_while_rejecting_never_leaves_a_rejected_file_approved(tmp_path: Path) -> None:
    store = MemoryStore()
    library = Library(store)
    approved = library.set_approval(add(library, tmp_path, 1), Approval.APPROVED, at=LATER)
    for key in (approved.approved_key, approved.record_key):
        store.fail_before[key] = Killed()
        with pytest.raises(Killed):
            library.set_approval(approved, Approval.REJECTED, at=LATER)
        rejected = [found.approved_key for found in library.records() if found.approval is Approval.REJECTED]
        assert set(rejected).isdisjoint(store.keys("approved/"))


def test_a_changed_model_is_not_approved(store: ObjectStore, tmp_path: Path) -> None:
    library = Library(store)
    stored = add(library, tmp_path, 1)
    store.replace(stored.key, b"glTF changed", content_type="")
    with pytest.raises(ProductError) as changed:
        library.set_approval(stored, Approval.APPROVED, at=LATER)
    assert changed.value.code == "CONTENT_CHANGED"
    store.delete(stored.key)
    with pytest.raises(ProductError) as missing:
        library.set_approval(stored, Approval.APPROVED, at=LATER)
    assert missing.value.code == "KEY_MISSING"
    assert list(store.keys("approved/")) == []


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"not json", b"[" * 100_000, record().to_json().replace(b'"schema_version": 1', b'"schema_version": 2'),
     record().to_json().replace(b'"CH123"', b'"CH124"'), record().to_json().replace(b'"version": 1', b'"version": 0'),
     b"x" * 1_000_001],
)  # fmt: skip
def test_a_damaged_record_is_reported_and_does_not_hide_the_others(
    store: ObjectStore, tmp_path: Path, content: bytes
) -> None:
    library = Library(store)
    good = add(library, tmp_path, 1)
    bad_key = record(version=2).record_key
    store.replace(bad_key, content, content_type="")
    told: dict[str, str] = {}
    assert list(library.records(lambda key, error: told.update({key: error.code}))) == [good]
    assert list(told) == [bad_key]
    assert told[bad_key] in {"RECORD_INVALID", "FILE_TOO_LARGE"}
    with pytest.raises(ProductError):
        list(library.records())


def test_a_record_in_another_place_than_it_says_is_refused() -> None:
    with pytest.raises(ProductError) as refused:
        parse_record(record().to_json(), record(sku="CH124").record_key)
    assert refused.value.code == "RECORD_INVALID"


@pytest.mark.parametrize(
    "changes", [{"key": "assets/CH124/x.glb"}, {"picture_key": "approved/x.png"}, {"sha256": "x"}, {"extra": 1}]
)
def test_a_record_that_contradicts_itself_cannot_be_made(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        record(**changes)


def test_the_index_lists_every_asset_in_order_and_opens_in_a_spreadsheet(store: ObjectStore) -> None:
    rows = [
        index_row(record(version=10)),
        index_row(record(version=2, approval=Approval.APPROVED, destinations=("shopify", "folder"))),
        index_row(record(sku="A1", name="Stühle, zwei")),
    ]
    key = Library(store).write_index(rows)
    content = store.get(key, max_bytes=100_000)
    assert content == index_csv(reversed(rows))
    assert content is not None
    assert content.startswith(b"\xef\xbb\xbfSKU,")
    table = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert tuple(table[0]) == HEADER
    assert [(line[0], line[2]) for line in table[1:]] == [("A1", "1"), ("CH123", "2"), ("CH123", "10")]
    assert table[1][1] == "Stühle, zwei"
    assert table[2][3:7] == [
        "GLB",
        "approved",
        "assets/CH123/CH123_ModernDiningChair_V2_GLB.glb",
        "shopify, folder",
    ]
    assert table[2][8:] == ["8", "2026-11-22T12:00:00+00:00"]


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "\n=1", "\uff1d1", "=cmd|'/c calc'!A0", "a\x00=1"]
)
def test_no_cell_of_the_index_is_a_formula(name: str) -> None:
    content = index_csv([index_row(record(sku=name, name=name, destinations=(name,)))]).decode("utf-8-sig")
    cells = list(csv.reader(io.StringIO(content, newline="")))[1]
    for cell in (cells[0], cells[1], cells[6]):
        assert cell[:1] not in set("=+-@\t\r\n\uff1d")
        assert cell.removeprefix("'") == name.replace("\x00", "")
