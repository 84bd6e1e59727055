"""Every answer of Tripo and every end of a task or download, over HTTP, and what each does to a SKU and to credits.

One run of one SKU per case, with the real client and the real stages against a stand-in that misbehaves once, or
always. docs/answers.md is the same in words.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from catalog3d.adapters.tripo import Patience, TripoClient
from catalog3d.errors import Catalog3DError, NeedsPersonError, ProductError, RunError, TransientError
from catalog3d.ledger import Generation
from catalog3d.lookup import LookupRules
from catalog3d.stages import download, order, watch
from catalog3d.stages.context import GeneratorLink, RunContext
from catalog3d.stages.generate import generate
from catalog3d.stages.open_lookups import Lookups
from catalog3d.stages.slots import Slots
from catalog3d.stages.watch import TaskWatcher
from catalog3d.standin.config import DEFAULT_KEY
from catalog3d.standin.faults import KINDS
from tests.stages.tripo import ScriptedTripo, a_run
from tests.standin.harness import AUTH, png, served

ALWAYS = 0
SKU = "A-1"


@dataclass(frozen=True, kw_only=True)
class Ends:
    """How a case must end.

    Attributes:
        error: The class is what becomes of SKU and run; None = the model is there.
        reason: The error's reason code.
        ledger: State and outcome of each attempt.
        creates: Create requests that the provider saw.
        paid: Models that the provider charged for; 30 credits each.
    """

    error: type[Catalog3DError] | None = None
    reason: str = ""
    ledger: tuple[str, ...]
    creates: int
    paid: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """A fault, or several, and the end.

    Attributes:
        answer_s, deadline_s: How long an answer and a task are waited for.
        time_scale: Of the provider's tasks; 1.0 = its task is still under way at the end.
    """

    name: str
    faults: tuple[dict[str, Any], ...]
    ends: Ends
    answer_s: float = 20.0
    deadline_s: float = 30.0
    time_scale: float = 0.001


SUCCESS, FAILED, REFUSED, WITHDRAWN = (
    f"settled/{outcome}" for outcome in ("success", "failed", "refused", "withdrawn")
)


def model(creates: int = 1, ledger: tuple[str, ...] = (SUCCESS,)) -> Ends:
    return Ends(ledger=ledger, creates=creates, paid=1)


def unknown() -> Ends:
    return Ends(error=NeedsPersonError, reason="SUBMISSION_UNKNOWN", ledger=("unknown/None",), creates=1, paid=0)


def refused(reason: str) -> Ends:
    return Ends(error=ProductError, reason=reason, ledger=(REFUSED,), creates=1, paid=0)


def stops(reason: str) -> Ends:
    return Ends(error=RunError, reason=reason, ledger=(WITHDRAWN,), creates=1, paid=0)


def failed(reason: str, attempts: int = 1) -> Ends:
    return Ends(error=ProductError, reason=reason, ledger=(FAILED,) * attempts, creates=attempts, paid=0)


def open_task(reason: str, paid: int) -> Ends:
    """Kept and asked for again by the next run; nothing is ordered in its place."""
    return Ends(error=NeedsPersonError, reason=reason, ledger=("submitted/None",), creates=1, paid=paid)


def paid_but(error: type[Catalog3DError], reason: str) -> Ends:
    """Made and paid, and its file is not here: the next run fetches it and pays nothing."""
    return Ends(error=error, reason=reason, ledger=(SUCCESS,), creates=1, paid=1)


def row(fault: str, ends: Ends, *, on: str = "", times: int = 1, name: str = "", **pace: float) -> Row:
    match = {"on": on} if on else {}
    label = name or f"{on or 'create'} {fault}{' always' if times == ALWAYS else ''}"
    return Row(name=label, faults=({"match": match, "fault": fault, "times": times},), ends=ends, **pace)


SILENT = ("drop", "http_500", "http_502", "http_503", "http_504", "html", "bad_json", "no_id", "hang")
NO_TO_THIS_INPUT = (1003, 1004, 2002, 2003, 2004, 2006, 2007, 2008, 2014, 2015, 2017, 2018, 2019, 2020, 2021, 2022)

ROWS = (
    Row(name="nothing wrong", faults=(), ends=model()),
    # A create without an answer that can be read: nobody knows, so it is looked up and never sent again blindly.
    *(row(fault, unknown(), answer_s=1.0 if fault == "hang" else 20.0) for fault in SILENT),
    row("reject:1000", unknown(), name="create 500/1000"),
    # The same with the task made: found in the account's usage and adopted.
    *(row(f"{fault}_after_create", model(), answer_s=1.0 if fault == "hang" else 20.0) for fault in SILENT),
    # Waits: they never fail a SKU and create nothing.
    row("http_429", model(creates=2)),
    row("reject:1007", model(creates=2)),
    row("reject:2000", model(creates=2)),
    row("storm:3", model(creates=4)),
    row("storm_reset:2", model(creates=3)),
    row("storm_2000:3", model(creates=4)),
    row("storm:12", model(creates=13), name="create storm longer than the tries of a lost connection"),
    # Answers that stop the run: nothing was created.
    row("reject:2", stops("KEY_REFUSED")),
    row("reject:1005", stops("ACCESS_REFUSED")),
    row("reject:2010", stops("NO_CREDITS")),
    row("empty_wallet", stops("NO_CREDITS")),
    row("reject:4001", stops("API_MISMATCH")),
    # Answers that end the SKU.
    row("reject:2001", refused("TASK_NOT_FOUND")),
    *(row(f"reject:{code}", refused(f"TRIPO_{code}")) for code in NO_TO_THIS_INPUT),
    # Ends of a task.
    row("fail:2008", failed("TRIPO_2008")),
    row("fail:2003", failed("TRIPO_2003")),
    row("async_1004", failed("TRIPO_1004")),
    row("banned", failed("TASK_BANNED")),
    row("cancelled", failed("TASK_CANCELLED")),
    row("expired", model(creates=2, ledger=(FAILED, SUCCESS))),
    row("expired", failed("TASK_EXPIRED", 3), times=ALWAYS),
    row("fail:2018", model(creates=2, ledger=(FAILED, SUCCESS))),
    row("fail:2018", failed("TRIPO_2018", 2), times=ALWAYS),
    row("fail:1000", model(creates=2, ledger=(FAILED, SUCCESS))),
    row("fail:1000", failed("TRIPO_1000", 3), times=ALWAYS),
    row("stuck", open_task("TASK_STUCK", 0), deadline_s=1.5),
    row("status:paused", open_task("TASK_STUCK", 0), deadline_s=1.5),
    row("other_key", open_task("TASK_LOST", 1)),
    row("hidden:2", model(), name="a new task is not found at first"),
    # Reads and uploads: free, so they are sent again; only a clear no ends something.
    row("http_500", model(), on="upload"),
    row("html", model(), on="upload"),
    row("drop", model(), on="upload"),
    row("storm:2", model(), on="upload"),
    row("http_503", Ends(error=TransientError, reason="SERVER_TROUBLE", ledger=("intent/None",), creates=0, paid=0),
        on="upload", times=ALWAYS),
    row("reject:2004", Ends(error=ProductError, reason="TRIPO_2004", ledger=(WITHDRAWN,), creates=0, paid=0),
        on="upload"),
    row("reject:2", Ends(error=RunError, reason="KEY_REFUSED", ledger=(WITHDRAWN,), creates=0, paid=0), on="upload"),
    row("http_500", model(), on="tasks_list", times=3),
    row("bad_json", model(), on="tasks_list"),
    row("drop", model(), on="tasks_list"),
    row("storm:2", model(), on="tasks_list"),
    row("reject:2", Ends(error=RunError, reason="KEY_REFUSED", ledger=("submitted/None",), creates=1, paid=0),
        on="tasks_list", time_scale=1.0),
    row("http_502", model(), on="task", times=2),
    row("reject:2001", model(), on="task", times=ALWAYS, name="task 2001 always, and tasks/list still shows it"),
    # Downloads: the model is paid, so it is fetched again with a fresh address, and never ordered again.
    *(row(fault, model()) for fault in ("truncate_download", "short_download", "url_403", "url_404", "url_503")),
    row("slow_download", model()),
    row("stalled_download", model()),
    row("truncate_download:-1", paid_but(TransientError, "DOWNLOAD_BROKEN")),
    row("short_download:-1", paid_but(TransientError, "DOWNLOAD_TRUNCATED")),
    row("long_download:-1", paid_but(ProductError, "WRONG_FILE")),
    row("oversized_download:-1", paid_but(ProductError, "FILE_TOO_LARGE")),
    row("oversized_length:-1", paid_but(ProductError, "FILE_TOO_LARGE")),
    row("wrong_file:-1", paid_but(ProductError, "WRONG_FILE")),
    row("wrong_type:-1", paid_but(ProductError, "WRONG_FILE")),
    row("url_403:-1", paid_but(TransientError, "URL_EXPIRED")),
    row("url_404:-1", paid_but(TransientError, "URL_EXPIRED")),
    row("url_503:-1", paid_but(TransientError, "DOWNLOAD_REFUSED_FOR_NOW")),
)  # fmt: skip


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same policies in less time: how long is waited is tested elsewhere, here it is what comes after."""
    monkeypatch.setattr(order, "_MAX_WAIT_S", 0.02)
    monkeypatch.setattr(watch, "MISSES", 30)
    monkeypatch.setattr(download, "_TRIES", 2)
    monkeypatch.setattr(download, "MAX_MODEL_BYTES", 4_000_000)


@asynccontextmanager
async def a_real_run(folder: Path, url: str, case: Row) -> AsyncIterator[RunContext]:
    """`a_run` whose server is a real one."""
    photo = folder / "photo.png"
    photo.write_bytes(png())
    client = TripoClient(
        base_url=url,
        api_key=SecretStr(DEFAULT_KEY),
        patience=Patience(
            attempts=3, first_wait_s=0.01, longest_wait_s=0.05, answer_s=case.answer_s, stall_s=1.0, download_s=10.0
        ),
    )
    watcher = TaskWatcher(client, poll_s=0.02, deadline_s=case.deadline_s, polls_per_s=100)
    async with client, a_run(folder, ScriptedTripo(), {SKU: "a"}) as context:
        context.link = GeneratorLink(
            client=client, watcher=watcher, base_url=url, key_fingerprint="0" * 12,
            slots=Slots({"H": 10, "P": 5, "processing": 5}, patience_s=30),
        )  # fmt: skip
        context.lookups = Lookups(
            rules=LookupRules(absent_after_s=0.3, apart_s=0.05, unseen_after_s=1, give_up_after_s=60)
        )
        try:
            yield context
        finally:
            await context.lookups.close()
            await watcher.close()


def attempts_of(context: RunContext) -> list[Generation]:
    brief = context.work[SKU].brief
    assert brief is not None
    ledger = context.catalog.registry.ledger
    latest = ledger.latest(context.catalog.realm, brief.digest)
    return [ledger.get(number) for number in range(1, (latest.id if latest else 0) + 1)]


@pytest.mark.parametrize("case", ROWS, ids=lambda case: case.name)
def test_an_answer_ends_as_its_policy_says(case: Row, tmp_path: Path) -> None:
    async def story(url: str) -> None:
        async with a_real_run(tmp_path, url, case) as context, httpx.AsyncClient(base_url=url, headers=AUTH) as http:
            for fault in case.faults:
                (await http.post("/standin/faults", json=fault)).raise_for_status()
            error: Catalog3DError | None = None
            try:
                await generate(context, SKU)
            except Catalog3DError as exc:
                error = exc
            seen = (await http.get("/standin/stats")).json()["data"]
            attempts = attempts_of(context)
            told = Ends(
                error=_policy(error),
                reason=error.code if error else "",
                ledger=tuple(f"{attempt.state}/{attempt.outcome}" for attempt in attempts),
                creates=seen["create_posts"],
                paid=seen["paid"],
            )
            assert told == case.ends, error
            assert seen["credits_spent"] == 30 * case.ends.paid
            known = sum(attempt.credits_consumed or 0 for attempt in attempts)
            assert known == 30 * case.ends.ledger.count(SUCCESS), "the ledger holds what was charged"
            assert error is None or error.message, "a person is told what happened"
            struck = sum(seen["faults_struck"].values())
            assert struck >= len(case.faults), f"the fault never took effect: {seen['faults_struck']}"

    with served(tmp_path / "standin", time_scale=case.time_scale) as server:
        asyncio.run(story(server.url))


def _policy(error: Catalog3DError | None) -> type[Catalog3DError] | None:
    """The class of the policy: run stopped, parked for a person, SKU ended, or tried again later."""
    policies = (RunError, NeedsPersonError, ProductError, TransientError)
    return next((policy for policy in policies if isinstance(error, policy)), None)


def test_the_matrix_has_a_row_for_everything_the_stand_in_can_do() -> None:
    tried = {fault["fault"].partition(":")[0] for case in ROWS for fault in case.faults}
    assert set(KINDS) == tried
    assert len({case.name for case in ROWS}) == len(ROWS) >= 40
