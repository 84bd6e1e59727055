"""The doctor sees each habit of an account that Tripo's documentation leaves open, as the stand-in's profiles play them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from catalog3d.adapters.wiring import open_catalog
from catalog3d.diagnosis.evidence import Evidence
from catalog3d.diagnosis.judging import Verdict
from catalog3d.errors import SubmissionUnknown
from catalog3d.stages.doctor.live import Patience, perform
from catalog3d.stages.doctor.offer import make_offer
from tests.pipeline.team import KEY, Provider, with_tripo
from tests.standin.harness import served

pytestmark = pytest.mark.server

SCALE = 0.02
BROKEN: dict[str, set[str]] = {
    "plain": set(),
    "hidden-in-flight": {"usage_in_flight"},
    "slow-to-show": {"usage_in_flight"},
    "slow-to-know": {"task_exists"},
    "no-seed-echo": {"echo_seed"},
    "clock-ahead": set(),
    "clock-behind": set(),
    "busy-account": set(),
    "busy-account,oldest-first": {"usage_order"},
    "busy-account,shuffled": {"usage_order", "usage_pages"},
    "shifting-pages": {"usage_pages"},
    "hurried-urls": {"url_life"},
}
OFFSETS_S = {"clock-ahead": 300.0, "clock-behind": -300.0}


@contextmanager
def account(home: Path, profile: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """An account with this profile, at which nothing may be bought twice."""
    home.mkdir()
    with served(home.parent / "account", keys=(KEY,), time_scale=SCALE, profile=profile) as server:
        haste = {"CATALOG3D_TRIPO__ABSENT_AFTER_S": str(180 * SCALE), "CATALOG3D_TRIPO__LOOK_APART_S": "0.2"}
        for name, value in {**with_tripo(server.url), **haste}.items():
            monkeypatch.setenv(name, value)
        provider = Provider(url=server.url)
        yield provider
        assert provider.stats()["most_per_brief"] == 1


def visit(home: Path) -> Evidence:
    with open_catalog(home, offline=True) as catalog:
        patience = Patience(look_s=0.05, proof_s=180 * SCALE)
        return asyncio.run(perform(catalog, make_offer(catalog), patience))


@pytest.mark.parametrize("profile", BROKEN)
def test_an_account_is_seen_as_it_is(profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with account(tmp_path / "home", profile, monkeypatch):
        evidence = visit(tmp_path / "home")
    assert {one.key for one in evidence.of(Verdict.BROKEN)} == BROKEN[profile]
    assert evidence.facts.clock_offset_s == pytest.approx(OFFSETS_S.get(profile, 0.0), abs=1.5)
    assert evidence.facts.credits == Decimal(10)


@pytest.mark.parametrize("profile", ["plain", "hidden-in-flight", "busy-account,shuffled", "clock-ahead"])
def test_a_lost_answer_is_found_whatever_the_account_is_like(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with account(tmp_path / "home", profile, monkeypatch) as provider:
        provider.fault("drop_after_create")
        evidence = visit(tmp_path / "home")
    assert (evidence.facts.adopted, evidence.facts.state) == (True, "success")


def test_a_lost_answer_that_nothing_tells_apart_is_left_to_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with account(tmp_path / "home", "silent-echo", monkeypatch) as provider:
        provider.fault("drop_after_create")
        for _ in range(2):
            with pytest.raises(SubmissionUnknown):
                visit(tmp_path / "home")
        assert provider.stats()["create_posts"] == 1
