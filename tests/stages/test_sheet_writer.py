"""The writer of a run's sheet: what the registry says when it writes, whatever else happens to the sheet."""

from __future__ import annotations

import asyncio
import csv
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from catalog3d.adapters.sheet_disk import replace_file, sheet_lock
from catalog3d.asset import Approval
from catalog3d.errors import RunError
from catalog3d.stages import sheet_writer
from catalog3d.stages.context import OpenCatalog, RunContext
from catalog3d.stages.decide import decide
from catalog3d.stages.sheet_writer import sync_sheet, write_standings, written_while_running
from catalog3d.status import Status
from tests.catalogs import Shop, open_shop
from tests.processes.processes import ROOT

MAPPING = {"sku": "SKU", "name": "Name"}
APPROVED, RUNNING = ("P1", "P2", "P3", "P4"), ("R1", "R2")
EDITS = 40

APPROVE = """
import sys
from catalog3d.cli.app import app
for sku in sys.argv[1:]:
    app(["approve", sku], standalone_mode=False)
"""

RUN = """
import asyncio, sys
from pathlib import Path
from catalog3d.stages import sheet_writer
from catalog3d.status import Status
from tests.catalogs import open_shop
from tests.stages.test_sheet_writer import RUNNING, running

async def run(folder):
    sheet_writer.GAP_S = 0.001
    with open_shop(folder) as shop:
        context = running(shop.catalog, shop.sheet)
        async with sheet_writer.written_while_running(context):
            number = 0
            while not (folder / "stop").exists():
                number += 1
                for sku in RUNNING:
                    shop.put(sku, Status.FAILED, message=f"message {number}")
                context.changed_skus |= set(RUNNING)
                await asyncio.sleep(0.005)
            for sku in RUNNING:
                shop.put(sku, Status.FAILED, message="the last message")
            context.changed_skus |= set(RUNNING)

asyncio.run(run(Path(sys.argv[1])))
"""


def rows(sheet: Path) -> dict[str, dict[str, str]]:
    with sheet.open(newline="", encoding="utf-8") as file:
        return {row["SKU"]: row for row in csv.DictReader(file)}


def running(catalog: OpenCatalog, sheet: Path, mapping: dict[str, str] | None = None) -> RunContext:
    """As much of a run as its writer sees."""
    reading = SimpleNamespace(sheet=str(sheet), mapping=MAPPING if mapping is None else mapping)
    return cast("RunContext", SimpleNamespace(catalog=catalog, reading=reading, changed_skus=set()))


def until(seen: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not seen() and time.monotonic() < end:
        time.sleep(0.01)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_writer, "GAP_S", 0.01)


def test_a_decision_made_while_a_writer_waits_for_the_sheet_is_what_it_writes(shop: Shop) -> None:
    shop.make("A1")
    with sheet_lock(shop.sheet, shop.catalog.home.shared / "locks"):
        waiting = threading.Thread(target=write_standings, args=(shop.catalog, shop.sheet, MAPPING))
        waiting.start()
        time.sleep(0.2)
        shop.put("A1", Status.APPROVED)
    waiting.join()
    assert rows(shop.sheet)["A1"]["3D Status"] == "Approved"


def test_a_decision_made_while_sync_waits_for_the_sheet_is_what_it_writes(shop: Shop) -> None:
    shop.make("A1")
    with sheet_lock(shop.sheet, shop.catalog.home.shared / "locks"):
        waiting = threading.Thread(target=sync_sheet, args=(shop.catalog, shop.sheet, MAPPING))
        waiting.start()
        time.sleep(0.2)
        shop.put("A1", Status.APPROVED)
    waiting.join()
    assert rows(shop.sheet)["A1"]["3D Status"] == "Approved"


def test_the_sheet_names_the_version_that_its_status_speaks_of(shop: Shop) -> None:
    shop.make("A1")
    shop.write({"SKU": "A1", "Name": "Stool"})
    shop.make("A1")
    decide(shop.catalog, "A1", Approval.APPROVED, person="Ada", version=1)
    write_standings(shop.catalog, shop.sheet, MAPPING)
    row = rows(shop.sheet)["A1"]
    assert (row["3D Status"], row["3D Version"]) == ("Approved", "V1")
    assert row["3D File"] in row["3D Link"]


def test_rows_that_came_or_went_since_the_run_began_are_found_by_sku_alone(shop: Shop) -> None:
    shop.write({"SKU": "A1"}, {"SKU": "B2"}, {"SKU": "C3"})
    shop.note()
    shop.sheet.write_text("SKU,Name\nNEW,Lamp\nC3,Stool\nA1,Chair\nC3,Stool again\n", encoding="utf-8")
    wrote = write_standings(shop.catalog, shop.sheet, MAPPING)
    with shop.sheet.open(newline="", encoding="utf-8") as file:
        said = [(row["SKU"], row["3D Status"]) for row in csv.DictReader(file)]
    assert said == [("NEW", ""), ("C3", "Ready"), ("A1", "Ready"), ("C3", "Ready")]
    assert (wrote.updated, wrote.missing) == (2, ("B2",))
    assert "B2" in wrote.message


def test_a_product_that_goes_by_its_handle_gets_its_result(shop: Shop) -> None:
    shop.sheet.write_text("Handle,SKU,Name,Image\nsofa,,Sofa,A1.png\nlamp,L1,Lamp,A1.png\n", encoding="utf-8")
    shop.note()
    wrote = write_standings(shop.catalog, shop.sheet, {**MAPPING, "handle": "Handle"})
    assert (wrote.updated, wrote.missing) == (2, ())
    assert rows(shop.sheet)[""]["3D Status"] == "Ready"


def test_sync_of_a_rehearsal_leaves_the_sheet_of_the_team_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CATALOG3D_TRIPO__API_KEY", raising=False)
    with open_shop(tmp_path) as shop:
        shop.note()
        before = shop.sheet.read_bytes()
        wrote = sync_sheet(shop.catalog, shop.sheet, MAPPING)
        assert shop.sheet.read_bytes() == before
        assert rows(wrote.path)["A1"]["3D Status"] == "Ready"
        assert wrote.path.name == "sheet.rehearsal.csv"


@pytest.mark.usefixtures("quick")
def test_the_writer_of_a_run_outlives_an_error_that_nobody_foresaw(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.note()
    mapping: dict[str, str] = {}
    context = running(shop.catalog, shop.sheet, mapping)

    async def run() -> None:
        async with written_while_running(context):
            context.changed_skus.add("A1")
            await asyncio.to_thread(until, lambda: "KeyError" in caplog.text)
            mapping.update(MAPPING)
            await asyncio.to_thread(until, lambda: "3D Status" in shop.sheet.read_text())

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
    assert rows(shop.sheet)["A1"]["3D Status"] == "Ready"


def test_what_changed_last_is_written_however_the_run_ends(shop: Shop) -> None:
    shop.note()
    context = running(shop.catalog, shop.sheet)

    async def run() -> None:
        async with written_while_running(context):
            context.changed_skus.add("A1")
            raise RunError("The wallet is empty.", code="NO_CREDITS")

    with pytest.raises(RunError, match="wallet"):
        asyncio.run(run())
    assert rows(shop.sheet)["A1"]["3D Status"] == "Ready"


def test_a_run_and_approvals_and_a_colleague_write_one_sheet_at_once_and_nothing_is_lost(shop: Shop) -> None:
    skus = (*APPROVED, *RUNNING)
    shop.write(*({"SKU": sku, "Material": "wood"} for sku in skus))
    for sku in APPROVED:
        shop.make(sku)
    write_standings(shop.catalog, shop.sheet, MAPPING)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.Popen([sys.executable, "-c", RUN, str(shop.folder)], cwd=shop.folder, env=environment)
    people = subprocess.Popen([sys.executable, "-c", APPROVE, *APPROVED], cwd=shop.folder, env=environment)
    edited = dict.fromkeys(skus, 0)
    number = 0
    while people.poll() is None or number < EDITS:
        sku = skus[number % len(skus)]
        old, new = (f",wood {edited[sku]} {sku}," if edited[sku] else ",wood,"), f",wood {number + 1} {sku},"
        lines = shop.sheet.read_text(encoding="utf-8").splitlines(keepends=True)
        changed = [line.replace(old, new) if line.startswith(f"{sku},") else line for line in lines]
        replace_file(shop.sheet, "".join(changed).encode())
        edited[sku] = number = number + 1
        time.sleep(0.02)
    (shop.folder / "stop").touch()
    assert (people.wait(60), run.wait(60)) == (0, 0)
    write_standings(shop.catalog, shop.sheet, MAPPING)
    found = rows(shop.sheet)
    assert {sku: row["Material"] for sku, row in found.items()} == {sku: f"wood {edited[sku]} {sku}" for sku in skus}
    assert {found[sku]["3D Status"] for sku in APPROVED} == {"Approved"}
    assert {found[sku]["3D Version"] for sku in APPROVED} == {"V1"}
    assert {found[sku]["3D Message"] for sku in RUNNING} == {"the last message"}
    assert not list(shop.folder.glob(".part-*"))
