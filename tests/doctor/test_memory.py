"""A check of the account is no product: it must not make a lost registry look like the right one."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest

from catalog3d.adapters.registry.ledger import Intent
from catalog3d.brief import make_brief
from catalog3d.diagnosis.account_check import check_brief, check_of
from catalog3d.errors import RunError
from catalog3d.ledger import Outcome
from catalog3d.prices import price_of
from catalog3d.rules import TripoRules
from catalog3d.stages.planning import start_run
from tests.catalogs import AMPLE, Shop, open_shop, with_key

MODEL = TripoRules().model


def check_account(shop: Shop) -> None:
    """What a finished `doctor --live` leaves in the ledger."""
    brief = check_brief("20261122-120000-abc", MODEL)
    ledger = shop.catalog.registry.ledger
    intent = Intent(
        realm=shop.catalog.realm,
        brief=brief,
        pool="H",
        base_url="https://tripo.test",
        key_fingerprint="0" * 12,
        model_seed=7,
        expected_credits=price_of(brief),
        run_id="doctor",
    )
    lease = ledger.take_lease(ledger.open_intent(intent, AMPLE).id, "doctor")
    assert lease is not None
    ledger.settle(lease, Outcome.WITHDRAWN, credits_consumed=Decimal(0))


def test_a_lost_registry_still_stops_a_run_after_the_account_was_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_key(monkeypatch)
    with open_shop(tmp_path) as shop:
        shop.make("A1")
        for left in shop.catalog.home.inner.glob("registry.db*"):
            os.unlink(left)  # noqa: PTH108 - a shell's rm, so to speak
    with open_shop(tmp_path) as fresh:
        check_account(fresh)
        with pytest.raises(RunError) as refused:
            start_run(fresh.catalog, fresh.request(), "run-1")
    assert refused.value.code == "REGISTRY_MISSING"


def test_a_check_costs_ten_credits_whatever_the_rules_say() -> None:
    for model in (MODEL, "v3.0-20250812", "P2-20260801", "unheard-of-1"):
        assert price_of(check_brief("a", model)) == 10


def test_a_check_is_told_from_a_product_by_its_whole_prompt() -> None:
    assert check_of(check_brief("20261122-120000-abc", MODEL)) == "20261122-120000-abc"
    for prompt in ("A chair. Account check a.", "Account check a.", "A plain cube with sharp edges."):
        assert check_of(make_brief(TripoRules(), (), prompt)) == ""
