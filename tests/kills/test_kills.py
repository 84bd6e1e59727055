"""Runs that are SIGKILLed at random moments, with cut connections: nothing is paid twice, lost, partial or forgotten.

The long version is `python -m bench.kills`. Moments of kills are seeded, but no two machines are equally fast: figures differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from catalog3d.adapters.store_local import LocalStore
from tests.kills.judging import Verdict, judge, read_books
from tests.kills.places import laid_siege, shared_prefect
from tests.kills.siege import Siege
from tests.postgres_server import fresh_database
from tests.s3_server import S3Server

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]

SKUS = 12
SCALE = 0.02
LONGEST_TASK_S = 600.0
"""Three times what the stand-in's longest task takes, so that a proof of absence is not waited for half a minute."""


@pytest.fixture(scope="module")
def prefect_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with shared_prefect(tmp_path_factory.mktemp("prefect")) as url:
        yield url


def test_a_run_that_is_killed_again_and_again_pays_each_brief_once(tmp_path: Path, prefect_url: str) -> None:
    with laid_siege(
        tmp_path,
        skus=SKUS,
        profile="plain",
        prefect_url=prefect_url,
        seed=1,
        scale=SCALE,
        longest_task_s=LONGEST_TASK_S,
    ) as siege:
        verdict = siege.play(kills=4)
        assert_all_is_well(siege, verdict)
        # the judge sees what it is there for
        assert_it_would_tell(siege, verdict)


def test_so_it_does_on_a_busy_account_that_hides_running_tasks(tmp_path: Path, prefect_url: str) -> None:
    with laid_siege(
        tmp_path,
        skus=SKUS,
        profile="hidden-in-flight,busy-account",
        prefect_url=prefect_url,
        seed=2,
        scale=SCALE,
        longest_task_s=LONGEST_TASK_S,
    ) as siege:
        assert_all_is_well(siege, siege.play(kills=3))


def test_two_runs_at_once_share_a_registry_and_a_bucket(
    tmp_path: Path, prefect_url: str, postgres_server: str, s3_server: S3Server
) -> None:
    with (
        fresh_database(postgres_server) as database,
        laid_siege(
            tmp_path,
            skus=SKUS,
            profile="plain",
            prefect_url=prefect_url,
            seed=3,
            scale=SCALE,
            longest_task_s=LONGEST_TASK_S,
            postgres_url=database,
            s3=s3_server,
            processes=2,
        ) as siege,
    ):
        assert_all_is_well(siege, siege.play(kills=3))


def assert_all_is_well(siege: Siege, verdict: Verdict) -> None:
    """All promises hold, and there was something to hold them against."""
    assert verdict.defects == {}
    assert siege.tally.broken == []
    assert siege.tally.kills >= 2
    assert verdict.stored + verdict.parked.total() >= SKUS
    assert verdict.stored > SKUS / 2, verdict.parked


def assert_it_would_tell(siege: Siege, verdict: Verdict) -> None:
    """Each promise, broken by hand in what the judge is shown, is found broken."""
    tasks, home = siege.account.tasks(), siege.catalog.models
    with siege.engine() as engine:
        books = read_books(engine)
    store = LocalStore(home)

    def judged(**changed: object) -> set[str]:
        shown = {"skus": siege.catalog.skus, "books": books, "tasks": tasks, **changed}
        found = judge(store=store, folder=home, killed=siege.tally.killed, **shown)  # type: ignore[arg-type]
        return set(found.defects)

    paid = next(task for task in tasks if task["status"] == "success")
    assert judged() == set()
    again = {**paid, "task_id": "bought-again", "model_seed": 1}
    assert judged(tasks=[*tasks, again]) == {"briefs paid twice", "orphans unlisted"}
    assert judged(tasks=[*tasks, {**again, "digest": "of nothing we asked for"}]) == {"orphans unlisted"}
    assert judged(tasks=[*tasks, {**again, "status": "failed"}]) == set()
    assert judged(skus=[*siege.catalog.skus, "P9999"]) == {"lost SKUs"}
    held = [{**row, "lease_holder": "vm-1-abcdef"} for row in books.products]
    assert judged(books=replace(books, products=held)) == {"leases held"}
    model = next(home.rglob("assets/*/*.glb"))
    model.chmod(0o600)
    model.write_bytes(model.read_bytes()[:-1])
    assert judged() == {"partial objects"}
