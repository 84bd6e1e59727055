"""A storefront in a folder and in a real bucket: one address for good, replaced as a whole, nothing else touched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from catalog3d.adapters.channels.storefront import Storefront
from catalog3d.adapters.store_local import LocalStore
from catalog3d.adapters.store_minio import MinioStore
from catalog3d.channel_rules import StorefrontRules
from catalog3d.channels import Channel, Item, KeepsLists, Listed
from catalog3d.ports import ObjectStore
from tests.s3_server import S3Server

RULES = StorefrontRules(kind="storefront", base_url="https://cdn.example/3d/")


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.server)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    if request.param == "folder":
        yield LocalStore(tmp_path / "front")
        return
    server: S3Server = request.getfixturevalue("s3_server")
    yield MinioStore(server.account(server.new_bucket()), prefix="shop/")


def an_item(folder: Path, content: bytes = b"glTF one", **changes: Any) -> Item:
    model = folder / "model.glb"
    model.write_bytes(content)
    made = Item(
        sku="CH/123 ä",
        name="Chair",
        version=1,
        format="GLB",
        file="x.glb",
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        model=model,
    )
    return replace(made, **changes)


def content_of(store: ObjectStore) -> dict[str, bytes | None]:
    return {key: store.get(key, max_bytes=10_000) for key in store.keys("")}


def test_a_model_is_replaced_under_the_same_link(store: ObjectStore, tmp_path: Path) -> None:
    front = Storefront("storefront", RULES, store)
    first = front.publish(an_item(tmp_path))
    second = front.publish(an_item(tmp_path, b"glTF two", version=2, previous=first))
    assert first.link == second.link
    assert first.link.startswith("https://cdn.example/3d/models/")
    assert store.get(second.remote["model"], max_bytes=100) == b"glTF two"
    assert first.link.isascii()


def test_the_same_again_changes_nothing(store: ObjectStore, tmp_path: Path) -> None:
    front = Storefront("storefront", RULES, store)
    front.publish(an_item(tmp_path))
    before = content_of(store)
    front.publish(an_item(tmp_path))
    assert content_of(store) == before


def test_taking_away_removes_what_was_put_there_and_nothing_else(store: ObjectStore, tmp_path: Path) -> None:
    front = Storefront("storefront", RULES, store)
    store.replace("models/somebody-elses.glb", b"theirs", content_type="model/gltf-binary")
    placed = front.publish(an_item(tmp_path))
    for _ in range(2):
        front.unpublish(placed)
    assert content_of(store) == {"models/somebody-elses.glb": b"theirs"}


def test_what_a_kill_left_without_a_record_is_taken_away_too(store: ObjectStore, tmp_path: Path) -> None:
    front = Storefront("storefront", RULES, store)
    placed = front.publish(an_item(tmp_path))
    front.unpublish(replace(placed, remote={}))
    assert content_of(store) == {}


def test_lists_lie_beside_the_models(store: ObjectStore) -> None:
    front = Storefront("storefront", RULES, store)
    link = "https://cdn.example/3d/models/A1.glb"
    listed = Listed(sku="A1", name="Chair", version=1, format="GLB", sha256="d" * 64, size_bytes=9, link=link)
    assert front.write_lists([listed]) == ()
    written = content_of(store)
    assert json.loads(written["feed.json"] or b"")["models"][0]["link"] == link
    assert (written["google.tsv"] or b"").decode() == f"id\tvirtual_model_link\nA1\t{link}\n"


def test_without_a_web_address_it_says_that_its_links_lead_to_files(tmp_path: Path) -> None:
    front = Storefront("storefront", StorefrontRules(kind="storefront"), LocalStore(tmp_path / "front"))
    placed = front.publish(an_item(tmp_path))
    assert Path(placed.link).read_bytes() == b"glTF one"
    listed = Listed(sku="A1", name="", version=1, format="GLB", sha256="d" * 64, size_bytes=9, link=placed.link)
    (note,) = front.write_lists([listed])
    assert "base_url" in note


def test_it_is_what_a_publication_run_needs(store: ObjectStore) -> None:
    front: Channel = Storefront("storefront", RULES, store)
    assert isinstance(front, KeepsLists)


def test_a_dry_run_writes_nothing(store: ObjectStore, tmp_path: Path) -> None:
    assert "models/" in Storefront("storefront", RULES, store).describe(an_item(tmp_path))
    assert content_of(store) == {}
