"""A run that is stopped: who is waited for, and what everybody is told."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalog3d.adapters.registry.catalog import Change
from catalog3d.errors import ProductError, RunError, TransientError
from catalog3d.ports import Balance, Downloaded
from catalog3d.stages import reporting
from catalog3d.stages.context import RunContext
from catalog3d.stages.generate import generate
from catalog3d.stages.leases import take_product
from catalog3d.stages.planning import start_run
from catalog3d.stages.reporting import finish_run
from catalog3d.stages.settle_status import settle_status, settle_unbegun
from catalog3d.status import Stage, Status
from tests.catalogs import Shop
from tests.processes.processes import ROOT
from tests.stages.test_generate import latest, play
from tests.stages.tripo import ScriptedTripo

NO_CREDITS = RunError("The wallet is empty.", code="NO_CREDITS", fix="Buy API credits.")


class SlowTripo(ScriptedTripo):
    """Its downloads and its balance take a minute."""

    def __init__(self, takes_s: float = 60) -> None:
        super().__init__()
        self.takes_s = takes_s
        self.downloading = asyncio.Event()
        self.balances = 0

    async def download(self, url: str, target: Path, max_bytes: int) -> Downloaded:
        self.downloading.set()
        await asyncio.sleep(self.takes_s)
        return await super().download(url, target, max_bytes)

    async def balance(self) -> Balance:
        self.balances += 1
        await asyncio.sleep(self.takes_s)
        return Balance(available=Decimal(7), frozen=Decimal(0))


async def seconds_of(work: Awaitable[Any]) -> float:
    began = asyncio.get_running_loop().time()
    await work
    return asyncio.get_running_loop().time() - began


def test_a_brake_does_not_wait_for_a_download_and_the_paid_model_is_kept(tmp_path: Path) -> None:
    tripo = SlowTripo()

    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        making = asyncio.create_task(generate(context, "A"))
        await tripo.downloading.wait()
        context.brake()
        with pytest.raises(ProductError) as stopped:
            await asyncio.wait_for(making, 2)
        assert stopped.value.code == "RUN_STOPPED"
        assert (await latest(context)).succeeded

    play(tmp_path, story, tripo=tripo)


def test_a_stop_for_want_of_credits_still_fetches_what_is_paid(tmp_path: Path) -> None:
    tripo = SlowTripo(takes_s=0.3)

    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        making = asyncio.create_task(generate(context, "A"))
        await tripo.downloading.wait()
        context.stop(NO_CREDITS)
        assert (await making).raw_key

    play(tmp_path, story, tripo=tripo)


def test_the_end_of_a_run_waits_a_moment_for_the_balance_and_a_braked_one_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "_BALANCE_S", 0.2)
    slow, braked = SlowTripo(), SlowTripo()

    async def ends(context: RunContext, _tripo: ScriptedTripo) -> None:
        await finish_run(context)
        assert context.report is not None
        assert context.report.balance is None
        assert any("balance could not be read" in note for note in context.report.notes)

    async def brakes(context: RunContext, _tripo: ScriptedTripo) -> None:
        context.brake()
        await finish_run(context)

    play(tmp_path / "slow", ends, tripo=slow)
    play(tmp_path / "braked", brakes, tripo=braked)
    assert (slow.balances, braked.balances) == (1, 0)


def test_skus_that_were_never_begun_say_why_and_keep_their_place(tmp_path: Path) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        await generate(context, "PAID")
        context.work["PAID"].brief = None  # as in the next run, where nothing is prepared yet
        context.stage_now["BEGUN"] = Stage.VALIDATE_FIELDS
        context.stop(NO_CREDITS)
        await finish_run(context)
        assert context.report is not None
        lines = {line.sku: line for line in context.report.lines}
        assert (lines["NEW"].status, lines["NEW"].reason) == (Status.READY, "NO_CREDITS")
        assert lines["NEW"].message == "The run was stopped before this SKU: The wallet is empty."
        assert (lines["PAID"].status, lines["PAID"].reason) == (Status.GENERATING, "NO_CREDITS")
        assert lines["BEGUN"].reason == ""
        assert context.ended["NEW"] is Status.READY
        run = context.catalog.registry.runs.get(context.run_id)
        assert (run.state, run.ended_at is not None) == ("stopped", True)

    play(tmp_path, story, {"PAID": "a", "NEW": "b", "BEGUN": "c"})


def test_a_sku_that_a_stop_meets_while_its_photos_are_read_keeps_the_place_of_its_paid_model(tmp_path: Path) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        await generate(context, "PAID")
        context.brake()
        for sku in ("PAID", "NEW"):
            context.work[sku].brief = None
            note = context.catalog.registry.runs.note
            note(context.run_id, sku, stage=Stage.VALIDATE_FIELDS, reason="RUN_STOPPED", message="The run was stopped.")
        assert (await settle_status(context, "PAID")).status is Status.GENERATING
        assert (await settle_status(context, "NEW")).status is Status.READY

    play(tmp_path, story, {"PAID": "a", "NEW": "b"})


def test_nothing_is_said_about_a_sku_that_another_run_works_on(tmp_path: Path) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        record = context.catalog.registry.catalog
        with context.catalog.holders.living("another"):  # type: ignore[attr-defined]
            assert record.take("A", "another")
            record.change([Change(sku="A", status=Status.GENERATING)])
            context.stop(NO_CREDITS)
            await settle_unbegun(context)
            standing = record.standing("A")
            assert standing is not None
            assert (standing.status, standing.reason) == (Status.GENERATING, "")

    play(tmp_path, story)


def test_a_run_that_ends_well_says_nothing_about_the_others(tmp_path: Path) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        await finish_run(context)
        assert context.report is not None
        assert {line.reason for line in context.report.lines} == {""}

    play(tmp_path, story)


def test_a_product_whose_model_was_taken_over_is_let_go(tmp_path: Path) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        registry = context.catalog.registry
        await take_product(context, "A")
        registry.runs.note(context.run_id, "A", stage=Stage.GENERATE_MODEL, reason="LEASE_LOST", message="taken over")
        end = await settle_status(context, "A")
        assert (end.status, end.reason) == (Status.GENERATING, "LEASE_LOST")
        assert registry.catalog.worker_of("A") is None
        await finish_run(context)
        assert context.report is not None
        assert [line.reason for line in context.report.lines] == ["LEASE_LOST"]

    play(tmp_path, story)


def test_the_end_of_a_run_survives_a_registry_that_is_away_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(context: RunContext, _tripo: ScriptedTripo) -> None:
        runs, away = context.catalog.registry.runs, [True, True]
        finish = runs.finish

        def busy_twice(*arguments: Any, **values: Any) -> None:
            if away:
                away.pop()
                raise TransientError("busy", code="REGISTRY_BUSY")
            finish(*arguments, **values)

        monkeypatch.setattr(runs, "finish", busy_twice)
        context.stop(NO_CREDITS)
        await finish_run(context)
        assert context.report is not None
        assert [note for note in context.report.notes if "was stopped" in note] == [
            f"The run was stopped: {NO_CREDITS}"
        ]
        assert runs.get(context.run_id).state == "stopped"

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyboardInterrupt(), "The program was ended before the run was through"),
        (ValueError("a secret"), "Something unforeseen happened: ValueError."),
        (NO_CREDITS, "The wallet is empty."),
    ],
)
def test_whatever_ends_a_run_closes_it_in_the_registry_and_goes_on(shop: Shop, error: BaseException, said: str) -> None:
    from tasks.sessions import run_session  # noqa: PLC0415 - Prefect is not needed for the other tests

    with pytest.raises(type(error)), run_session("run-1", shop.request()) as session:  # noqa: PT012
        start_run(session.catalog, session.request, "run-1")
        raise error
    run = shop.catalog.registry.runs.get("run-1")
    assert (run.state, run.ended_at is not None) == ("stopped", True)
    assert run.message.startswith(said)


RUN = """
import asyncio, sys, time
from tasks.stopping import stopped_by_signals
class Context:
    braked = False
    def brake(self):
        self.braked = True
        print("braked", flush=True)
async def main():
    context = Context()
    if sys.argv[1:] == ["cancelled"]:
        context.brake()
    with stopped_by_signals(context):
        print("runs", flush=True)
        await asyncio.to_thread(time.sleep, 60)
asyncio.run(main())
"""
"""A run whose thread cannot be interrupted, as a mesh check or a photo's server."""


@pytest.fixture
def running(request: pytest.FixtureRequest) -> Any:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, *getattr(request, "param", ())],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    yield process
    process.kill()
    process.communicate()


def _line(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline().strip()


@pytest.mark.parametrize("running", [("cancelled",)], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_to_a_run_that_is_cancelled_already_does_not_end_it(
    running: subprocess.Popen[str], number: signal.Signals
) -> None:
    assert [_line(running), _line(running)] == ["braked", "runs"]
    running.send_signal(number)
    assert _line(running) == "braked"
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(timeout=1)


def test_the_second_ctrl_c_ends_at_once_and_says_what_becomes_of_requests_under_way(
    running: subprocess.Popen[str],
) -> None:
    assert _line(running) == "runs"
    running.send_signal(signal.SIGINT)
    assert _line(running) == "braked"
    began = time.monotonic()
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=20)
    assert running.returncode == 130
    assert time.monotonic() - began < 6
    assert "kept as unknown, and the next run looks for them" in stderr.splitlines()[0]
