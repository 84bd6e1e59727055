"""Whether a task is the answer to a lost request, and when it is proven that there is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog3d.lookup import (
    Fit,
    LookupRules,
    Scan,
    Sent,
    claims,
    first_made,
    fit,
    follows,
    goes_back_to,
    may_be,
    proven_absent,
)
from catalog3d.ports import TaskDetail, TaskState, UsageRow

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
RULES = LookupRules()
SENT = Sent(
    generation_id=1, endpoint="image-to-model", model="v3.1-20260211", prompt="", model_seed=77,
    tokens=frozenset({"file_ours"}), sent_at=NOON, given_up_at=NOON + timedelta(minutes=2),
)  # fmt: skip


def a_task(**changes: object) -> TaskDetail:
    echo = {"model_seed": "77", "input": "file_ours", "model": "v3.1-20260211"}
    task = TaskDetail(
        task_id="t1", type="image_to_model", state=TaskState.RUNNING, created_at=NOON + timedelta(seconds=1), echo=echo
    )
    return replace(task, **changes)  # type: ignore[arg-type]


TEXTURE = replace(
    SENT, endpoint="models/texture", model="v3.0-20250812", prompt="dark walnut", tokens=frozenset(), source="task-1"
)


def a_texture(**changes: str | None) -> TaskDetail:
    echo = {
        "texture_seed": "77", "input": "task-1", "model": "v3.0-20250812", "texture_prompt.text": "dark  walnut",
        **changes,
    }  # fmt: skip
    told = {name: value for name, value in echo.items() if value is not None}
    return a_task(type="texture_model", echo=told)


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (a_texture(), Fit.OURS),
        (a_texture(input=None, model=None, **{"texture_prompt.text": None}), Fit.OURS),
        (a_texture(texture_seed="78"), Fit.OTHER),
        (a_texture(texture_seed=None), Fit.UNSURE),  # the same source proves nothing: others may start from it too
        (a_texture(texture_seed=None, input="task-2"), Fit.OTHER),
        (a_texture(input="task-2"), Fit.UNSURE),
        (a_texture(**{"texture_prompt.text": "oak"}), Fit.UNSURE),
        (a_texture(texture_seed=None, model_seed="77"), Fit.UNSURE),
        (replace(a_texture(), type="convert_model"), Fit.UNSURE),
    ],
)
def test_a_texture_is_told_by_the_seed_of_its_texture_and_not_by_the_model_it_starts_from(
    task: TaskDetail, expected: Fit
) -> None:
    assert fit(TEXTURE, task) is expected
    assert claims(TEXTURE, task) is (task.echo.get("texture_seed") == "77")


def echoing(**changes: str | None) -> TaskDetail:
    echo = {**a_task().echo, **changes}
    return a_task(echo={name: value for name, value in echo.items() if value is not None})


def minutes(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def a_scan(at: datetime, *task_ids: str, whole: bool = True) -> Scan:
    rows = {task_id: a_row(task_id, minutes(3)) for task_id in task_ids}
    own_s = (at - NOON).total_seconds()
    ended_at = at + timedelta(seconds=1)
    return Scan(began_at=at, ended_at=ended_at, rows=rows, whole=whole, began_s=own_s, ended_s=own_s + 1)


def a_row(task_id: str, created_at: datetime | None = NOON) -> UsageRow:
    return UsageRow(
        task_id=task_id, type="image_to_model", state=TaskState.RUNNING, created_at=created_at, credits_consumed=None
    )


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        pytest.param(a_task(), Fit.OURS, id="everything agrees"),
        pytest.param(echoing(input=None), Fit.OURS, id="the seed agrees, no token is echoed"),
        pytest.param(echoing(model_seed=None), Fit.OURS, id="the token agrees, no seed is echoed"),
        pytest.param(echoing(model=None), Fit.OURS, id="no model is echoed"),
        pytest.param(echoing(input="https://cdn.test/x.png"), Fit.OURS, id="a URL instead of the token says nothing"),
        pytest.param(a_task(type=""), Fit.OURS, id="no type is told"),
        pytest.param(a_task(type="text_to_model"), Fit.OURS, id="the type of the documentation's sample"),
        pytest.param(a_task(created_at=None), Fit.OURS, id="no time is told"),
        pytest.param(echoing(model_seed="77.0", input=None), Fit.OURS, id="the seed agrees as a number"),
        pytest.param(echoing(model_seed="78"), Fit.UNSURE, id="our token under another seed"),
        pytest.param(echoing(input="file_other"), Fit.UNSURE, id="our seed under another token"),
        pytest.param(echoing(model="v2.5-20250123"), Fit.UNSURE, id="our seed and token with another model"),
        pytest.param(a_task(created_at=minutes(60)), Fit.UNSURE, id="our seed an hour later"),
        pytest.param(echoing(model_seed=None, input=None), Fit.UNSURE, id="neither seed nor token is echoed"),
        pytest.param(echoing(model_seed="78", input="file_other"), Fit.OTHER, id="seed and token differ"),
        pytest.param(echoing(model_seed="78", input=None), Fit.OTHER, id="the seed differs, no token is echoed"),
        pytest.param(echoing(model_seed=None, input="file_other"), Fit.OTHER, id="the token differs"),
        pytest.param(
            a_task(echo={"model": "v2.5-20250123"}), Fit.OTHER, id="neither is echoed, and the model is another"
        ),
        pytest.param(a_task(echo={}, created_at=minutes(13)), Fit.OTHER, id="neither is echoed, too late to be it"),
        pytest.param(a_task(echo={}, type="convert_model"), Fit.OTHER, id="neither is echoed, of another kind"),
    ],
)
def test_how_a_task_fits_a_lost_request(task: TaskDetail, expected: Fit) -> None:
    assert fit(SENT, task) is expected


def test_all_views_of_a_multiview_request_are_compared() -> None:
    sent = replace(SENT, endpoint="multiview-to-model", tokens=frozenset({"file_a", "file_b"}))
    task = a_task(type="multiview_to_model", echo={"inputs.0.front": "file_a", "inputs.1.back": "file_b"})
    assert fit(sent, task) is Fit.OURS
    foreign = replace(task, echo={"inputs.0.front": "file_c", "inputs.1.back": "file_d"})
    assert fit(sent, foreign) is Fit.OTHER
    assert fit(sent, replace(task, echo={"inputs.0.front": "file_a", "inputs.1.back": "file_d"})) is Fit.OTHER


def test_a_prompt_that_differs_rules_a_silent_task_out() -> None:
    sent = replace(SENT, endpoint="text-to-model", prompt="an oak chair", tokens=frozenset())
    silent = a_task(type="text_to_model", echo={"prompt": "an  oak chair"})
    assert fit(sent, silent) is Fit.UNSURE
    assert fit(sent, replace(silent, echo={"prompt": "a red lamp"})) is Fit.OTHER


@given(
    seed=st.sampled_from(["77", "78", None]),
    token=st.sampled_from(["file_ours", "file_other", None]),
    model=st.sampled_from(["v3.1-20260211", "P1-20260311", None]),
    kind=st.sampled_from(["image_to_model", "convert_model", ""]),
    minute=st.sampled_from([-30, 0, 5, 30]),
)
def test_nothing_is_ours_unless_seed_or_token_agree_and_nothing_differs(
    seed: str | None, token: str | None, model: str | None, kind: str, minute: int
) -> None:
    task = replace(echoing(model_seed=seed, input=token, model=model), type=kind, created_at=minutes(minute))
    agrees = seed == "77" or token == "file_ours"
    differs = (
        seed == "78" or token == "file_other" or model == "P1-20260311" or kind == "convert_model" or abs(minute) > 12
    )
    assert (fit(SENT, task) is Fit.OURS) == (agrees and not differs)
    assert (fit(SENT, task) is Fit.OTHER) == (differs and not agrees)
    assert claims(SENT, task) == agrees


def test_the_first_of_several_tasks_is_the_one_that_was_made_first() -> None:
    tasks = [a_task(task_id="b", created_at=minutes(2)), a_task(task_id="c", created_at=None), a_task(task_id="a")]
    assert [task.task_id for task in first_made(tasks)] == ["a", "b", "c"]


def test_a_row_without_a_time_may_be_it_and_one_of_yesterday_may_not() -> None:
    assert may_be(SENT, a_row("x", None))
    assert not may_be(SENT, a_row("x", NOON - timedelta(days=1)))


WITNESS = {"w": minutes(3)}
PROOF = [a_scan(minutes(6), "w"), a_scan(minutes(7), "w")]


@pytest.mark.parametrize(
    ("scans", "witnesses", "running_shown", "expected"),
    [
        pytest.param(PROOF, WITNESS, True, True, id="two readings and a witness"),
        pytest.param(PROOF[:1], WITNESS, True, False, id="one reading"),
        pytest.param([], WITNESS, True, False, id="no reading"),
        pytest.param(PROOF, {}, True, False, id="no witness"),
        pytest.param(PROOF, {"w": minutes(1.9)}, True, False, id="a witness from before it was given up"),
        pytest.param(PROOF, {"w": minutes(2)}, True, False, id="a witness within the grain of the clock"),
        pytest.param(
            [a_scan(minutes(6), "w"), a_scan(minutes(7))], WITNESS, True, False, id="the second lacks the witness"
        ),
        pytest.param(
            [a_scan(minutes(6), "w"), a_scan(minutes(7), "v")], {**WITNESS, "v": minutes(4)}, True, False,
            id="each shows another witness",
        ),
        pytest.param([a_scan(minutes(4), "w"), a_scan(minutes(6), "w")], WITNESS, True, False, id="the first too early"),
        pytest.param(
            [a_scan(minutes(6), "w"), a_scan(minutes(6.4), "w")], WITNESS, True, False, id="too close to each other"
        ),
        pytest.param(
            [a_scan(minutes(6), "w"), a_scan(minutes(7), "w", whole=False)], WITNESS, True, False, id="one is not whole"
        ),
        pytest.param(PROOF, WITNESS, False, False, id="running tasks may be hidden"),
        pytest.param(
            [a_scan(minutes(33), "w"), a_scan(minutes(34), "w")], WITNESS, False, True,
            id="hidden ones would have ended",
        ),
    ],
)  # fmt: skip
def test_what_proves_that_a_request_made_nothing(
    scans: list[Scan], witnesses: dict[str, datetime], *, running_shown: bool, expected: bool
) -> None:
    assert proven_absent(SENT, scans, witnesses, RULES, running_shown=running_shown, not_before_s=0) is expected


def test_a_witness_that_the_usage_dates_by_another_clock_proves_nothing() -> None:
    eight = [replace(scan, rows={"w": a_row("w", minutes(8 * 60 + 3))}) for scan in PROOF]
    assert not proven_absent(SENT, eight, WITNESS, RULES, running_shown=True, not_before_s=0)
    silent = [replace(scan, rows={"w": a_row("w", None)}) for scan in PROOF]
    assert proven_absent(SENT, silent, WITNESS, RULES, running_shown=True, not_before_s=0)


def test_a_jump_of_the_providers_clock_shortens_no_wait() -> None:
    assert not proven_absent(SENT, PROOF, WITNESS, RULES, running_shown=True, not_before_s=6 * 60 + 1)
    at_once = [replace(scan, began_s=500, ended_s=500) for scan in PROOF]
    assert not proven_absent(SENT, at_once, WITNESS, RULES, running_shown=True, not_before_s=0)


def test_a_page_follows_where_its_first_rows_are_the_last_of_the_page_before() -> None:
    rows = [a_row(str(number)) for number in range(30)]
    assert follows(rows[8:18], rows[:10])
    assert follows(rows[3:13], rows[:10])
    assert not follows(rows[10:20], rows[:10])
    assert not follows([rows[8], rows[20], rows[9]], rows[:10])
    assert not follows([], rows[:10])


def test_older_rows_are_left_out_only_where_the_order_is_sure() -> None:
    rows = [a_row(str(number), NOON - timedelta(hours=number)) for number in range(30)]
    assert goes_back_to(rows, NOON - timedelta(hours=24))
    assert not goes_back_to(rows[:20], NOON - timedelta(hours=24))
    assert not goes_back_to(rows[::-1], NOON - timedelta(hours=24))
    assert not goes_back_to([*rows, a_row("x", None)], NOON - timedelta(hours=24))
