"""What every store promises: the local folder, a bucket of a real S3 server, and the fake that other tests use."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from catalog3d.adapters.store_local import LocalStore
from catalog3d.adapters.store_minio import MinioStore
from catalog3d.errors import ProductError
from catalog3d.ports import ObjectStore, StoredObject
from tests.fakes import MemoryStore

GLB = "model/gltf-binary"


@pytest.fixture(params=["memory", "local", pytest.param("s3", marks=pytest.mark.server)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "memory":
        return MemoryStore()
    if request.param == "local":
        return LocalStore(tmp_path / "library")
    server = request.getfixturevalue("s3_server")
    return MinioStore(server.account(server.new_bucket()))


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put(store: ObjectStore, key: str, content: bytes) -> StoredObject:
    return store.put_new(key, content, sha256=sha(content), content_type=GLB)


def test_a_working_store_passes_its_check_and_holds_nothing_afterwards(store: ObjectStore) -> None:
    store.check()
    store.check()
    assert list(store.keys()) == []


def test_what_is_put_can_be_read_back_with_its_size_and_sha256(store: ObjectStore) -> None:
    stored = put(store, "assets/CH123/a.glb", b"glTF model")
    assert stored == StoredObject(key="assets/CH123/a.glb", size_bytes=10, sha256=sha(b"glTF model"))
    assert store.stat("assets/CH123/a.glb") == stored
    assert store.get("assets/CH123/a.glb", max_bytes=10) == b"glTF model"


def test_an_empty_file_is_a_file(store: ObjectStore) -> None:
    put(store, "empty", b"")
    assert store.get("empty", max_bytes=0) == b""
    assert store.stat("empty") == StoredObject(key="empty", size_bytes=0, sha256=sha(b""))


def test_a_large_file_is_put_from_disk_and_fetched_whole(store: ObjectStore, tmp_path: Path) -> None:
    source, target = tmp_path / "source.glb", tmp_path / "new" / "folder" / "target.glb"
    source.write_bytes(bytes(range(256)) * 4096 * 12)
    digest = sha(source.read_bytes())
    assert store.put_new("raw/x.glb", source, sha256=digest, content_type=GLB).size_bytes == 12 << 20
    store.fetch("raw/x.glb", target, sha256=digest)
    assert sha(target.read_bytes()) == digest
    assert [path.name for path in target.parent.iterdir()] == ["target.glb"]


def test_the_same_content_again_changes_nothing(store: ObjectStore) -> None:
    assert put(store, "a.glb", b"one") == put(store, "a.glb", b"one")


def test_other_content_under_a_taken_key_is_refused_and_the_first_stays(store: ObjectStore) -> None:
    put(store, "a.glb", b"one")
    with pytest.raises(ProductError) as refused:
        put(store, "a.glb", b"two")
    assert refused.value.code == "KEY_TAKEN"
    assert store.get("a.glb", max_bytes=10) == b"one"


def test_of_eight_writers_of_one_key_exactly_one_wins(store: ObjectStore) -> None:
    gate = threading.Barrier(8)

    def write(number: int) -> str:
        gate.wait()
        try:
            put(store, "race.glb", b"content of %d" % number)
        except ProductError as exc:
            return exc.code
        return "won"

    with ThreadPoolExecutor(8) as pool:
        ends = list(pool.map(write, range(8)))
    assert sorted(ends) == ["KEY_TAKEN"] * 7 + ["won"]
    assert store.get("race.glb", max_bytes=100) == b"content of %d" % ends.index("won")


def test_eight_writers_of_the_same_content_all_succeed(store: ObjectStore) -> None:
    gate = threading.Barrier(8)

    def write(_: int) -> StoredObject:
        gate.wait()
        return put(store, "same.glb", b"same")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(write, range(8)))) == 1


@pytest.mark.parametrize("taken", [False, True])
def test_content_that_is_not_what_was_promised_is_refused(store: ObjectStore, tmp_path: Path, taken: bool) -> None:
    if taken:
        put(store, "a.glb", b"right")
    source = tmp_path / "changed.glb"
    source.write_bytes(b"wrong")
    for content in (b"wrong", source, tmp_path / "gone.glb"):
        with pytest.raises(ProductError) as refused:
            store.put_new("a.glb", content, sha256=sha(b"right"), content_type=GLB)
        assert refused.value.code == "CONTENT_CHANGED"
    assert list(store.keys()) == (["a.glb"] if taken else [])


def test_replace_overwrites_and_readers_see_the_old_or_the_new(store: ObjectStore) -> None:
    old, new = b"o" * 300_000, b"n" * 300_000
    store.replace("assets.csv", old, content_type="text/csv")
    seen: set[bytes | None] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(store.get("assets.csv", max_bytes=1_000_000))

    reader = threading.Thread(target=read)
    reader.start()
    for content in (new, old, new):
        assert store.replace("assets.csv", content, content_type="text/csv").sha256 == sha(content)
    done.set()
    reader.join()
    assert seen <= {old, new}
    assert store.stat("assets.csv") == StoredObject(key="assets.csv", size_bytes=300_000, sha256=sha(new))


def test_a_missing_key_reads_as_none_and_cannot_be_fetched(store: ObjectStore, tmp_path: Path) -> None:
    assert store.get("nothing/here.glb", max_bytes=1) is None
    assert store.stat("nothing/here.glb") is None
    with pytest.raises(ProductError) as missing:
        store.fetch("nothing/here.glb", tmp_path / "t.glb", sha256=sha(b""))
    assert missing.value.code == "KEY_MISSING"


def test_fetch_refuses_other_content_and_leaves_the_older_file(store: ObjectStore, tmp_path: Path) -> None:
    put(store, "a.glb", b"damaged")
    target = tmp_path / "target.glb"
    target.write_bytes(b"older")
    with pytest.raises(ProductError) as refused:
        store.fetch("a.glb", target, sha256=sha(b"as recorded"))
    assert refused.value.code == "CONTENT_CHANGED"
    assert target.read_bytes() == b"older"


def test_get_refuses_what_is_larger_than_asked_for(store: ObjectStore) -> None:
    put(store, "a.json", b"x" * 5_000_000)
    with pytest.raises(ProductError) as refused:
        store.get("a.json", max_bytes=100)
    assert refused.value.code == "FILE_TOO_LARGE"


def test_keys_are_sorted_as_text_and_limited_to_a_prefix(store: ObjectStore) -> None:
    keys = ["a-b", "a.txt", "a/x", "a/y.z", "aB", "b/c/d.glb"]
    for key in reversed(keys):
        put(store, key, b"x")
    assert list(store.keys()) == keys
    assert list(store.keys("a/")) == ["a/x", "a/y.z"]
    assert list(store.keys("a")) == keys[:5]
    assert list(store.keys("b/c/d")) == ["b/c/d.glb"]
    assert list(store.keys("nothing/")) == []


def test_a_deleted_key_is_gone_and_may_be_written_again(store: ObjectStore) -> None:
    put(store, "approved/a.glb", b"one")
    store.delete("approved/a.glb")
    store.delete("approved/a.glb")
    assert list(store.keys()) == []
    put(store, "approved/a.glb", b"two")
    assert store.get("approved/a.glb", max_bytes=10) == b"two"


@pytest.mark.parametrize(
    "key",
    ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\\b", "Stühle.glb", "椅子.glb", "a b.glb", "a\n", ".part-1", "a/.x",
     "C:", "x" * 201, "/".join(["abcdefghi"] * 91), "rehearsal/a.glb", "Rehearsal/a.glb"],
)  # fmt: skip
def test_a_key_that_is_not_safe_everywhere_is_refused(store: ObjectStore, tmp_path: Path, key: str) -> None:
    for use in (
        lambda: put(store, key, b"x"),
        lambda: store.replace(key, b"x", content_type=GLB),
        lambda: store.get(key, max_bytes=1),
        lambda: store.stat(key),
        lambda: store.delete(key),
        lambda: store.fetch(key, tmp_path / "t", sha256=sha(b"x")),
        lambda: store.location(key),
    ):
        with pytest.raises(ProductError) as refused:
            use()
        assert refused.value.code == "KEY_INVALID"


def test_a_location_names_the_key(store: ObjectStore) -> None:
    assert store.location("assets/CH123/a.glb").endswith("assets/CH123/a.glb")
