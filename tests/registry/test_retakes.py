"""Retakes in the registry: asked for once, open until somebody was told what came of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest

from catalog3d.adapters.registry.registry import Registry
from catalog3d.asset import Approval, Choice
from catalog3d.brief import Source, texture_brief
from catalog3d.errors import ProductError
from catalog3d.learning import Route
from catalog3d.retake import Retake
from tests.registry.test_catalog import decide, stored

WISH = Retake(sku="A1", version=1, generation_id=None, realm="tripo-test", digest="a" * 64, after_attempt=1)


def ask(registry: Registry, wish: Retake = WISH) -> Retake:
    return registry.retakes.ask(wish, person="Ada", reason="WRONG_SHAPE", note="Too round.")


def test_a_retake_is_a_decision_of_a_person_and_leaves_the_approval_alone(registry: Registry) -> None:
    decide(registry, stored(registry, "a"), Approval.APPROVED)
    ask(registry)
    said = registry.catalog.decisions("A1")[-1]
    assert (said.decision, said.person, said.reason, said.version) == (Choice.RETAKE, "Ada", "WRONG_SHAPE", 1)
    assert registry.catalog.assets("A1")[0].approval is Approval.APPROVED


def test_the_same_retake_is_recorded_once_however_many_ask(registry: Registry) -> None:
    stored(registry, "a")
    with ThreadPoolExecutor(8) as pool:
        ids = {retake.id for retake in pool.map(lambda _: ask(registry), range(16))}
    assert len(ids) == 1
    assert len(registry.catalog.decisions("A1")) == 1


def test_an_open_retake_keeps_what_it_was_asked_after(registry: Registry) -> None:
    stored(registry, "a")
    first = ask(registry)
    assert ask(registry, replace(WISH, after_attempt=5)) == first
    assert registry.retakes.newest() == {"A1": first}


def test_a_closed_retake_lets_the_next_one_be_asked(registry: Registry) -> None:
    stored(registry, "a")
    first = ask(registry)
    registry.retakes.close(first.id)
    assert not registry.retakes.newest()["A1"].is_open
    assert (ask(registry).id != first.id, registry.retakes.newest()["A1"].is_open) == (True, True)


def test_a_wish_about_a_version_that_is_not_the_newest_any_more_is_refused(registry: Registry) -> None:
    for identity in ("a", "b"):
        stored(registry, identity)
    with pytest.raises(ProductError) as refused:
        ask(registry)
    assert refused.value.code == "VERSION_CHANGED"
    assert registry.catalog.decisions("A1") == []


def test_a_rejection_is_still_why_a_model_is_rejected_after_a_retake_was_asked(registry: Registry) -> None:
    asset = stored(registry, "a")
    decide(registry, asset, Approval.REJECTED, note="Too red.")
    ask(registry)
    assert registry.catalog.rejections()[asset.id].note == "Too red."


def test_however_many_reviewers_ask_at_once_their_budget_is_never_overdrawn(registry: Registry) -> None:
    skus = [f"A{number}" for number in range(12)]
    for sku in skus:
        stored(registry, sku, sku=sku)

    def ask_for(sku: str) -> Retake:
        wish = replace(WISH, sku=sku, credits=Decimal(10))
        return registry.retakes.ask(wish, person="Mia", reason="WRONG_COLOR", note="", within=Decimal(55))

    with ThreadPoolExecutor(8) as pool:
        asked = list(pool.map(ask_for, skus))
    assert sum(retake.is_allowed for retake in asked) == 5
    assert registry.retakes.left_today(Decimal(55)) == 5
    waiting = next(retake for retake in asked if not retake.is_allowed)
    wish = replace(WISH, sku=waiting.sku, credits=Decimal(10))
    allowed = registry.retakes.ask(wish, person="Olga", reason="OTHER", note="")
    assert (allowed.id, allowed.is_allowed, allowed.person, allowed.reasons) == (
        waiting.id,
        True,
        "Mia",
        ("WRONG_COLOR",),
    )
    assert registry.retakes.left_today(Decimal(55)) == 5  # an operator's word is not the reviewers' budget


def test_a_retake_keeps_its_change_whoever_reads_it(registry: Registry) -> None:
    stored(registry, "a")
    brief = texture_brief(Source(digest="d" * 64, raw_sha256="e" * 64), "color: Blue")
    wish = replace(
        WISH, digest=brief.digest, brief=brief, asked="f" * 64, route=Route.TEXTURE, why="its surface is made anew",
        credits=Decimal(10), reasons=("WRONG_COLOR", "WRONG_MATERIAL"),
    )  # fmt: skip
    ask(registry, wish)
    kept = registry.retakes.newest()["A1"]
    assert (kept.brief, kept.sheet_digest, kept.route, kept.why, kept.credits, kept.reasons, kept.note) == (
        brief, "f" * 64, Route.TEXTURE, "its surface is made anew", Decimal(10), wish.reasons, "Too round.",
    )  # fmt: skip
