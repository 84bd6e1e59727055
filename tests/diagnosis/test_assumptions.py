"""What was seen of an account becomes a verdict on each assumption, and evidence that people can read."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from catalog3d.diagnosis.assumptions import judge
from catalog3d.diagnosis.evidence import Evidence
from catalog3d.diagnosis.facts import Facts, Refused
from catalog3d.diagnosis.judging import Verdict

H, B, U = Verdict.HOLDS, Verdict.BROKEN, Verdict.UNSEEN


def seen(**facts: Any) -> Facts:
    return Facts(model_seed=4711, prompt="A cube.", price=Decimal(10), deadline_s=1800.0, **facts)


CASES: list[tuple[str, dict[str, Any], Verdict]] = [
    ("task_exists", {"found_at_once": True}, H),
    ("task_exists", {"found_at_once": False}, B),
    ("echo_seed", {"echo": {"model_seed": "4711"}}, H),
    ("echo_seed", {"echo": {"model_seed": "4712"}}, B),
    ("echo_seed", {"echo": {"prompt": "A cube."}}, B),
    ("echo_prompt", {"echo": {"prompt": "A cube."}}, H),
    ("echo_prompt", {"echo": {}}, B),
    ("usage_in_flight", {"seen_in_flight": True, "seen_after_s": 2.0, "in_flight_reads": 1}, H),
    ("usage_in_flight", {"in_flight_reads": 7}, B),
    ("usage_in_flight", {}, U),
    ("usage_delay", {"seen_after_s": 12.0}, H),
    ("usage_delay", {"seen_after_s": 181.0}, B),
    ("usage_delay", {"looked_s": 200.0}, B),
    ("usage_delay", {"looked_s": 20.0}, U),
    ("usage_delay", {"looked_s": 200.0, "resumed": True}, U),
    ("usage_order", {"order": "newest first", "usage_rows": 2}, H),
    ("usage_order", {"order": "oldest first", "usage_rows": 2}, B),
    ("usage_order", {"usage_rows": 1}, U),
    ("usage_pages", {"pages_agree": False}, B),
    ("not_found", {"not_found": Refused(status=404, code=2001, words="Task not found")}, H),
    ("not_found", {"not_found": Refused(status=400, code=1004, words="")}, B),
    ("price", {"credits": Decimal("10.00"), "state": "success"}, H),
    ("price", {"credits": Decimal(12), "state": "success"}, B),
    ("price", {"credits": Decimal(0), "state": "failed"}, H),
    ("price", {"credits": Decimal(10), "state": "failed"}, B),
    ("usage_price", {"credits": Decimal(10), "usage_credits": Decimal("10.0")}, H),
    ("usage_price", {"credits": Decimal(10), "usage_credits": Decimal(0)}, B),
    ("held", {"frozen_in_flight": Decimal(10)}, H),
    ("held", {"frozen_in_flight": Decimal(0)}, B),
    ("wallet", {"balance_before": Decimal(50), "balance_after": Decimal(40), "credits": Decimal(10)}, H),
    ("wallet", {"balance_before": Decimal(50), "balance_after": Decimal(10), "credits": Decimal(10)}, U),
    ("list_agrees", {"listed": True}, H),
    ("list_agrees", {"listed": True, "differs": ("state",)}, B),
    ("list_agrees", {"listed": False}, B),
    ("fresh_url", {"fresh_url": False}, B),
    ("url_life", {"host": "h", "url_life_s": (299.6, 299.2)}, H),
    ("url_life", {"host": "h", "url_life_s": (60.0, 60.4)}, B),
    ("url_life", {"host": "h", "url_life_s": (0.0, 300.0)}, U),
    ("url_life", {"host": "h", "url_life_s": (3600.0, 3600.0), "old_url": [(60.0, True), (61.0, False)]}, B),
    ("url_life", {"host": "h", "old_url": [(60.0, True), (330.0, True)]}, H),
    ("url_life", {"host": "h", "old_url": [(60.0, True)]}, U),
    ("url_life", {}, U),
    ("result_host", {"host": "h", "host_allowed": False}, B),
    ("result_file", {"delivered_bytes": 1620}, H),
    ("result_file", {"delivery_trouble": "It is an FBX."}, B),
    ("rate_headers", {"reads": 9}, B),
    ("rate_headers", {"reads": 9, "rate_headers": ("x-ratelimit-limit",)}, H),
    ("clock", {"clock_offset_s": -599.0}, H),
    ("clock", {}, B),
    ("duration", {"duration_s": 90.0}, H),
    ("duration", {"duration_s": 1900.0}, B),
]


@pytest.mark.parametrize(("key", "facts", "verdict"), CASES)
def test_facts_decide_about_an_assumption(key: str, facts: dict[str, Any], verdict: Verdict) -> None:
    found = {one.key: one for one in judge(seen(**facts))}
    assert found[key].verdict is verdict, found[key].observed


def test_every_assumption_is_tried_above_and_says_what_follows_from_it() -> None:
    observations = judge(seen())
    assert {key for key, _, _ in CASES} == {one.key for one in observations}
    assert all(one.assumption and one.observed and one.consequence for one in observations)


def test_words_of_the_provider_cannot_break_the_page_of_evidence() -> None:
    facts = seen(not_found=Refused(status=404, code=1, words="a | b <script>\n\x1b[31m"), error="x | y", task_id="t")
    evidence = Evidence(
        check_id="c",
        made_at=datetime(2026, 11, 22, tzinfo=UTC),
        program="1",
        base_url="https://openapi.tripo3d.ai",
        realm="tripo:r",
        key_fingerprint="0" * 12,
        facts=facts,
    )
    page = evidence.as_markdown()
    assert "<script>" not in page
    assert "\x1b" not in page
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {5}
    assert len(rows) == len(evidence.observations) + 1
