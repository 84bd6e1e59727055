"""Many people who decide at the same time, from one machine or from several that share a database."""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from catalog3d.asset import Approval
from catalog3d.asset_index import IndexRow
from catalog3d.errors import ProductError
from catalog3d.library import Library
from catalog3d.stages.audit import audit_trail
from catalog3d.stages.decide import decide
from tests.catalogs import Shop, open_shop, with_key
from tests.postgres_server import fresh_database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def reviewed(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with_key(monkeypatch)
    with ExitStack() as stack:
        if request.param == "postgresql":
            url = stack.enter_context(fresh_database(request.getfixturevalue("postgres_server")))
            monkeypatch.setenv("CATALOG3D_REGISTRY_URL", url)
        yield stack.enter_context(open_shop(tmp_path))


def test_32_reviewers_at_once_are_all_on_record_and_registry_library_and_trail_agree(reviewed: Shop) -> None:
    skus = [f"S{number}" for number in range(4)]
    reviewed.write(*({"SKU": sku} for sku in skus))
    for sku in skus:
        reviewed.make(sku)
    told = []

    def review(number: int) -> None:
        sku, decision = skus[number % 4], (Approval.APPROVED, Approval.REJECTED)[number // 4 % 2]
        seen = reviewed.catalog.registry.catalog.assets(sku)[0].revision
        try:
            decide(reviewed.catalog, sku, decision, person=f"P{number}", reason="OTHER", seen=seen)
        except ProductError as error:
            told.append((number, error.code))

    threads = [threading.Thread(target=review, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = audit_trail(reviewed.catalog, library=True)
    refused = {number for number, code in told if code == "ALREADY_DECIDED"}
    assert (found.faults, len(refused)) == ((), len(told))
    assert sorted(entry.person for entry in found.entries) == sorted(f"P{n}" for n in range(32) if n not in refused)
    for sku in skus:
        (asset,), (record,) = reviewed.catalog.registry.catalog.assets(sku), reviewed.catalog.library.records_of(sku)
        assert (asset.approval, asset.revision) == (record.approval, len(record.decisions))
        assert (asset.file in reviewed.approved_files()) is (asset.approval is Approval.APPROVED)


def test_the_list_of_assets_knows_every_decision_and_is_not_written_by_everybody(
    reviewed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    skus = [f"S{number}" for number in range(12)]
    reviewed.write(*({"SKU": sku} for sku in skus))
    for sku in skus:
        reviewed.make(sku)
    written = []

    def slowly(library: Library, rows: Iterable[IndexRow]) -> str:
        listed = list(rows)
        written.append(len(listed))
        time.sleep(0.3)
        return write(library, listed)

    write = Library.write_index
    monkeypatch.setattr(Library, "write_index", slowly)
    approve = partial(decide, reviewed.catalog, decision=Approval.APPROVED, person="Ada")
    threads = [threading.Thread(target=approve, args=(sku,)) for sku in skus]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    content = reviewed.catalog.store.get("assets.csv", max_bytes=100_000) or b""
    states = [row["Approval status"] for row in csv.DictReader(content.decode("utf-8-sig").splitlines())]
    assert states == ["approved"] * 12
    assert len(written) < 12
