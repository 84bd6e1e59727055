from __future__ import annotations

import json
from decimal import Decimal

import pytest

from catalog3d.status import Stage, Status
from tests.sample_report import full_report, run_report, sku_line

RUN_KEYS = ["run_id", "generator", "home", "counts", "credits", "duration_s", "report", "skus"]
BEYOND_THE_CONTRACT = ["categories", "credits_per_approved", "notes"]
SKU_KEYS = [
    *("sku", "status", "stage", "reason", "message", "version", "file", "key", "sha256", "size_bytes"),
    *("credits", "task_id", "attempts"),
]


def test_json_has_exactly_the_keys_of_the_contract(tmp_path):
    document = full_report(tmp_path).as_json()
    assert list(document) == [*RUN_KEYS, *BEYOND_THE_CONTRACT]
    assert list(document["credits"]) == ["estimated", "spent", "balance"]
    assert all(list(sku) == SKU_KEYS for sku in document["skus"])


def test_json_is_plain_json_with_the_words_of_status_and_stage(tmp_path):
    document = json.loads(json.dumps(full_report(tmp_path).as_json(), allow_nan=False))
    assert [sku["sku"] for sku in document["skus"]][:2] == ["CH123", "TB201"]
    assert {sku["status"] for sku in document["skus"]} == {status.value for status in Status}
    assert {sku["stage"] for sku in document["skus"]} <= {stage.value for stage in Stage}
    assert document["report"] == "/shop/reports/20261122-120000-7f3a/report.html"


def test_version_is_an_integer_and_null_without_a_model():
    made, missing = run_report(sku_line(version=2), sku_line(status=Status.FAILED)).as_json()["skus"]
    assert made["version"] == 2
    assert isinstance(made["version"], int)
    assert missing["version"] is None


def test_credits_are_numbers_with_two_decimals_and_an_unknown_balance_is_null():
    report = run_report(
        sku_line(credits=Decimal("12.349")),
        credits_estimated=Decimal("100.005001"),
        credits_spent=Decimal("12.349"),
        balance=None,
        duration_s=1.23456,
    )
    document = report.as_json()
    assert document["credits"] == {"estimated": 100.01, "spent": 12.35, "balance": None}
    assert document["skus"][0]["credits"] == 12.35
    assert isinstance(document["credits"]["spent"], float)
    assert document["duration_s"] == 1.23


def test_credits_are_told_by_category_dearest_first_and_the_sums_are_those_of_the_lines():
    report = run_report(
        sku_line(category="Lamps", estimated=Decimal(30), credits=Decimal(0)),
        sku_line(category="Chairs", estimated=Decimal(30), credits=Decimal(30)),
        sku_line(category="CHAIRS", estimated=Decimal(0), credits=Decimal(0)),
    )
    assert report.as_json()["categories"] == [
        {"category": "Chairs", "skus": 2, "models": 1, "estimated": 30.0, "spent": 30.0},
        {"category": "Lamps", "skus": 1, "models": 0, "estimated": 30.0, "spent": 0.0},
    ]


def test_an_approved_model_has_cost_all_that_was_spent_so_far_shared_by_those_approved():
    assert run_report(spent_so_far=Decimal(100), approved=3).as_json()["credits_per_approved"] == 33.33
    assert run_report(spent_so_far=Decimal(100)).as_json()["credits_per_approved"] is None


def test_counts_name_only_statuses_that_somebody_has():
    report = run_report(sku_line(), sku_line(), sku_line(status=Status.FAILED))
    assert report.as_json()["counts"] == {"generated": 2, "failed": 1}
    assert run_report().as_json()["counts"] == {}


@pytest.mark.parametrize(
    ("statuses", "sentence"),
    [
        ([Status.GENERATED] * 409 + [Status.FAILED, Status.INVALID, Status.FLAGGED], "409 generated, 3 need a person"),
        ([Status.APPROVED, Status.PUBLISHED, Status.REJECTED], "3 generated"),
        ([Status.STALE], "0 generated, 1 needs a person"),
        ([Status.GENERATED, Status.READY, Status.GENERATING], "1 generated, 2 not done yet"),
        ([Status.FAILED, Status.READY], "0 generated, 1 needs a person, 1 not done yet"),
        ([], "0 generated"),
    ],
)
def test_run_is_told_in_one_sentence(statuses, sentence):
    assert run_report(*[sku_line(status=status) for status in statuses]).sentence == sentence


@pytest.mark.parametrize(
    ("status", "counts_as_model"),
    [
        (Status.GENERATED, True),
        (Status.FLAGGED, True),
        (Status.STALE, True),
        (Status.APPROVED, True),
        (Status.READY, False),
        (Status.GENERATING, False),
        (Status.INVALID, False),
        (Status.FAILED, False),
    ],
)
def test_flagged_and_stale_count_as_models_and_unfinished_ones_do_not(status, counts_as_model):
    assert run_report(sku_line(), sku_line(status=status)).all_have_models is counts_as_model


def test_needs_person_is_the_list_of_invalid_failed_flagged_and_stale(tmp_path):
    listed = {line.status for line in full_report(tmp_path).needs_person}
    assert listed == {Status.INVALID, Status.FAILED, Status.FLAGGED, Status.STALE}
    assert all(line.next_action for line in full_report(tmp_path).needs_person)
