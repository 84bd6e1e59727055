"""The gates: what is published, what is not, and that each refusal says what to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter

from catalog3d.asset import Approval
from catalog3d.channel_rules import ChannelRules
from catalog3d.mesh.profiles import PROFILES, limits_for
from catalog3d.product import Severity
from catalog3d.publication import PublicationState
from catalog3d.publish_gates import Candidate, PublishWish, Terms, profile_gate
from catalog3d.publishing import Act, Step, plan_steps, selected
from catalog3d.quality import Check, MeshReport
from catalog3d.rules import parse_rules
from tests.products import NOW, a_publication, an_asset

BLOCKED = (Check(code="INDEX_OOB", severity=Severity.ERROR, message="An index points nowhere."),)
V1 = an_asset(id=1, version=1, approval=Approval.APPROVED, sha256="1" * 64)
V2 = an_asset(id=2, version=2, approval=Approval.APPROVED, sha256="2" * 64)
OLD = replace(V1, approval=Approval.SUPERSEDED)
CHANNELS: dict[str, ChannelRules] = TypeAdapter(dict[str, ChannelRules]).validate_python(
    {
        "storefront": {"kind": "storefront"},
        "erp": {"kind": "webhook", "url": "https://erp.example/"},
        "shopify": {"kind": "shopify", "shop": "example.myshopify.com"},
    }
)
LIVE_V1 = a_publication(OLD, "erp", id=11)
LIVE_V2 = a_publication(V2, "erp", id=12, previous_id=11)
GONE_V1 = replace(LIVE_V1, state=PublicationState.REPLACED)


def chair(**changes: Any) -> Candidate:
    made = Candidate(sku="CH123", name="Modern Dining Chair", channels=("erp",), assets=(V1,), owner="Mia")
    return replace(made, **changes)


def planned(candidate: Candidate, *, needs_owner: bool = False, **wishes: Any) -> Step:
    terms = Terms(wish=PublishWish(**wishes), channels=CHANNELS, needs_owner=needs_owner)
    return plan_steps(candidate, terms)[0]


REFUSALS: list[tuple[str, Candidate, dict[str, Any], str]] = [
    ("pending", chair(assets=(replace(V1, approval=Approval.PENDING),)), {}, "NOT_APPROVED"),
    ("rejected", chair(assets=(replace(V1, approval=Approval.REJECTED),)), {}, "NOT_APPROVED"),
    ("superseded only", chair(assets=(OLD,)), {}, "NOT_APPROVED"),
    ("no model", chair(assets=()), {}, "NOT_APPROVED"),
    ("on hold", chair(on_hold=True), {}, "ON_HOLD"),
    ("gone from the sheet", chair(in_sheet=False), {}, "GONE_FROM_SHEET"),
    ("a concept", chair(concepts=frozenset({1})), {}, "CONCEPT"),
    ("of the stand-in", chair(standins=frozenset({1})), {}, "STANDIN"),
    ("a stand-in's concept, one flag", chair(standins=frozenset({1}), concepts=frozenset({1})), {"concepts": True}, "STANDIN"),
    ("the other flag", chair(standins=frozenset({1}), concepts=frozenset({1})), {"standin": True}, "CONCEPT"),
    ("blocked by a check", chair(assets=(replace(V1, checks=BLOCKED),)), {}, "MESH_BLOCKED"),
    ("another format", chair(assets=(replace(V1, format="USDZ"),)), {}, "FORMAT_NOT_MADE"),
    ("not by the owner", chair(approvers={1: "Ada"}), {"needs_owner": True}, "NOT_BY_OWNER"),
    ("nobody on record", chair(approvers={}), {"needs_owner": True}, "NOT_BY_OWNER"),
    ("no owner", chair(owner="", approvers={1: "Ada"}), {"needs_owner": True}, "OWNER_UNKNOWN"),
    ("no such channel", chair(channels=("etsy",)), {}, "CHANNEL_NOT_SET_UP"),
    ("not a channel of its row", chair(), {"channel": "shopify", "only": ("CH123",)}, "NO_CHANNEL"),
    ("no channel at all", chair(channels=()), {"only": ("CH123",)}, "NO_CHANNEL"),
    ("never published", chair(), {"only": ("CH123",), "rollback": True}, "NO_CHANNEL"),
    (
        "live and rejected",
        chair(assets=(replace(V1, approval=Approval.REJECTED),), publications=(a_publication(V1, "erp"),)),
        {},
        "LIVE_REJECTED",
    ),
    ("back beyond the first", chair(publications=(LIVE_V1,)), {"rollback": True}, "NOTHING_BEFORE"),
    (
        "back to a rejected one",
        chair(assets=(replace(V1, approval=Approval.REJECTED), V2), publications=(GONE_V1, LIVE_V2)),
        {"rollback": True},
        "BEFORE_REJECTED",
    ),
    (
        "back to a concept",
        chair(assets=(OLD, V2), concepts=frozenset({1}), publications=(GONE_V1, LIVE_V2)),
        {"rollback": True},
        "CONCEPT",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("candidate", "wishes", "code"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS]
)
def test_a_gate_that_is_shut_says_why_and_what_to_do(candidate: Candidate, wishes: dict[str, Any], code: str) -> None:
    step = planned(candidate, **wishes)
    assert (step.act, step.code) == (Act.REFUSE, code)
    assert step.message.endswith((".", "!"))
    assert step.fix.endswith(".")


@pytest.mark.parametrize(
    ("candidate", "wishes"),
    [
        (chair(), {}),
        (chair(concepts=frozenset({1})), {"concepts": True}),
        (chair(standins=frozenset({1})), {"standin": True}),
        (chair(approvers={1: "mia"}), {"needs_owner": True}),
        (chair(approvers={1: "Ada"}), {}),
        (chair(assets=(V1, replace(V2, approval=Approval.PENDING))), {}),
        (chair(concepts=frozenset({2})), {}),
    ],
    ids=["approved", "concept", "stand-in", "owner", "anybody", "newer one pending", "another version a concept"],
)
def test_an_open_gate_publishes_the_approved_version(candidate: Candidate, wishes: dict[str, Any]) -> None:
    step = planned(candidate, **wishes)
    assert (step.act, step.asset and step.asset.version) == (Act.PUBLISH, 1)


@pytest.mark.parametrize(
    ("candidate", "wishes", "act"),
    [
        (chair(publications=(a_publication(V1, "erp"),)), {}, Act.NOTHING),
        (chair(assets=(OLD, V2), publications=(LIVE_V1,)), {}, Act.PUBLISH),
        (chair(assets=(OLD, V2), publications=(GONE_V1, LIVE_V2)), {"rollback": True}, Act.ROLL_BACK),
        (chair(publications=(a_publication(V1, "erp"),)), {"unpublish": True}, Act.UNPUBLISH),
        (chair(publications=(a_publication(V1, "erp", state=PublicationState.REMOVED),)), {}, Act.LEAVE),
        (
            chair(publications=(a_publication(V1, "erp", state=PublicationState.REMOVED),)),
            {"only": ("CH123",)},
            Act.PUBLISH,
        ),
        (chair(publications=(a_publication(V1, "erp", state=PublicationState.PLACING),)), {}, Act.PUBLISH),
        (chair(publications=(a_publication(V1, "erp", state=PublicationState.REMOVING),)), {}, Act.UNPUBLISH),
        (chair(channels=("storefront",), publications=(a_publication(V1, "erp"),)), {"channel": "erp"}, Act.LEAVE),
    ],
)
def test_what_is_there_decides_what_is_done(candidate: Candidate, wishes: dict[str, Any], act: Act) -> None:
    assert planned(candidate, **wishes).act is act


def test_a_version_of_before_that_may_be_there_after_a_kill_is_replaced_though_the_record_says_live() -> None:
    stray = a_publication(replace(V2, approval=Approval.REJECTED), "erp", id=13, state=PublicationState.PLACING)
    doubtful = chair(
        assets=(V1, replace(V2, approval=Approval.REJECTED)), publications=(a_publication(V1, "erp"), stray)
    )
    step = planned(doubtful)
    assert (step.act, step.adopts) == (Act.PUBLISH, False)


def test_the_same_bytes_are_only_recorded() -> None:
    twin = replace(V2, sha256=V1.sha256)
    assert planned(chair(assets=(OLD, twin), publications=(LIVE_V1,))).adopts
    assert not planned(chair(assets=(OLD, V2), publications=(LIVE_V1,))).adopts


def test_a_version_approved_after_a_rollback_goes_live_by_itself() -> None:
    rolled = replace(LIVE_V2, state=PublicationState.ROLLED_BACK)
    v3 = an_asset(id=3, version=3, approval=Approval.APPROVED, sha256="3" * 64)
    back = replace(LIVE_V1, at=NOW + timedelta(minutes=5))
    assert planned(chair(assets=(OLD, V2), publications=(back, rolled))).code == "ROLLED_BACK"
    third = chair(assets=(OLD, replace(V2, approval=Approval.SUPERSEDED), v3), publications=(back, rolled))
    assert planned(third).act is Act.PUBLISH


def test_storefronts_come_before_those_that_hand_on_their_links() -> None:
    terms = Terms(wish=PublishWish(), channels=CHANNELS)
    steps = plan_steps(chair(channels=("shopify", "erp", "storefront")), terms)
    assert steps[0].channel == "storefront"


def test_without_names_a_sku_that_waits_for_an_approval_is_no_refusal() -> None:
    waiting = chair(assets=(replace(V1, approval=Approval.PENDING),))
    assert selected([waiting, chair(channels=()), chair()], PublishWish()) == ([chair()], 1)
    assert selected([waiting], PublishWish(only=("CH123",))) == ([waiting], 0)


@pytest.mark.parametrize(
    ("profile", "code", "value", "refused"),
    [
        ("shopify", "FILE_TOO_LARGE", 500_000_001, True),
        ("shopify", "FILE_TOO_LARGE", 20_000_000, False),
        ("google-merchant", "FILE_TOO_LARGE", 15_000_001, True),
        ("google-merchant", "TEXTURE_MAX", 4096, True),
        ("web-ar", "FILE_TOO_LARGE", 15_000_001, True),
        ("web-ar", "TRIANGLES", 150_001, True),
        ("web-ar", "TRIANGLES", 120_000, False),
        ("shopify", "TRIANGLES", 400_000, False),
    ],
)
def test_each_kind_of_channel_has_the_limits_of_its_platform(
    profile: str, code: str, value: float, refused: bool
) -> None:
    exceeded = limits_for(profile).limits[code].exceeded(value)
    checks: tuple[Check, ...] = ()
    if exceeded is not None:
        severity, limit = exceeded
        checks = (Check(code=code, severity=Severity(severity), message="Too much.", value=value, limit=limit),)
    found = profile_gate(MeshReport(profile=profile, checks=checks, facts=None), "erp", profile)
    assert (found is not None) is refused
    assert PROFILES[profile][code].source
    if found:
        assert found[0] == f"CHANNEL_{code}"


def test_each_channel_is_held_against_the_profile_of_its_kind_unless_the_rules_name_another() -> None:
    rules = parse_rules("channels: {front: {kind: storefront, profile: google-merchant}}").channels_in_force
    assert (CHANNELS["shopify"].limits, rules["front"].limits, rules["storefront"].limits) == (
        "shopify",
        "google-merchant",
        "web-ar",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("channels: {erp: {kind: carrier pigeon}}", "erp"),
        ("channels: {ERP: {kind: storefront}}", "small letters"),
        ("channels: {library: {kind: storefront}}", "library"),
        ("channels: {erp: {kind: webhook, url: erp.example}}", "https://"),
        ("channels: {erp: {kind: webhook}}", "url"),
        ("channels: {erp: {kind: webhook, url: 'https://x', secret: s}}", "secret"),
        ("channels: {shop: {kind: akeneo, models_from: nowhere}}", "nowhere"),
        ("channels: {front: {kind: storefront, profile: none}}", "none"),
    ],
)
def test_a_channel_that_cannot_be_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        parse_rules(text)


def test_a_sheet_may_use_the_channels_of_the_rules_beside_the_known_words() -> None:
    words = parse_rules("channels: {erp: {kind: webhook, url: 'https://erp.example/'}}").channel_words
    assert {"erp", "storefront", "shopify", "library"} <= set(words)
