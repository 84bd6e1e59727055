"""The doctor sees each habit of an account that Tripo's documentation leaves open, as the stand-in's profiles play them."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from catalog3d.adapters.wiring import open_catalog
from catalog3d.diagnosis.evidence import Evidence
from catalog3d.diagnosis.judging import Verdict
from catalog3d.stages.doctor.live import Patience, make_offer, perform
from tests.pipeline.team import KEY, Provider, with_tripo
from tests.standin.harness import served

pytestmark = pytest.mark.server
profiles = pytest.importorskip("catalog3d.standin.profiles", reason="this stand-in has no account profiles")

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


def visit(home: Path, profile: str, monkeypatch: pytest.MonkeyPatch) -> Evidence:
    """What the doctor sees of an account with this profile; nothing may be bought twice."""
    home.mkdir()
    with served(home.parent / "account", keys=(KEY,), time_scale=SCALE, profile=profile) as server:
        for name, value in with_tripo(server.url).items():
            monkeypatch.setenv(name, value)
        with open_catalog(home, offline=True) as catalog:
            patience = Patience(look_s=0.05, proof_s=180 * SCALE)
            evidence = asyncio.run(perform(catalog, make_offer(catalog), patience))
        assert Provider(url=server.url).stats()["most_per_brief"] == 1
    return evidence


@pytest.mark.parametrize("profile", BROKEN)
def test_an_account_is_seen_as_it_is(profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = visit(tmp_path / "home", profile, monkeypatch)
    assert {one.key for one in evidence.of(Verdict.BROKEN)} == BROKEN[profile]
    assert evidence.facts.clock_offset_s == pytest.approx(OFFSETS_S.get(profile, 0.0), abs=1.5)
    assert evidence.facts.credits == Decimal(10)
