"""docs/answers.md says what the code does. On a difference, put the rows that the test shows into the page."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from catalog3d.adapters.tripo import Patience
from catalog3d.adapters.tripo.failures import CASES, Answer, Case, case_for, error_for
from catalog3d.errors import Catalog3DError, NotSentError, ProductError, RunError, SubmissionUnknown
from catalog3d.ledger import WORTH_ANOTHER_TRY
from catalog3d.stages.download import _TRIES, MAX_MODEL_BYTES
from catalog3d.stages.order import MOST_TRIES
from catalog3d.stages.watch import MISSES

PAGE = Path(__file__).parents[1] / "docs" / "answers.md"
NOW = datetime(2026, 11, 24, tzinfo=UTC)

# (HTTP status, code or None for no envelope): Tripo v3 error reference and migration guide, read 2026-11. A code that
# is seen under two statuses has two rows.
ANSWERS: tuple[tuple[int, int | None], ...] = (
    (401, None), (401, 2), (401, 1000), (401, 1001), (401, 1002), (403, 1002),
    (403, 1005), (403, 2010), (404, 4001),
    (429, 1007), (429, 2000), (429, None),
    (500, 1000), (500, 1001), (500, None), (502, None), (503, None), (504, None), (408, None), (400, None),
    (400, 1003), (405, 1003), (415, 1003), (400, 1004), (404, 2001), *((400, code) for code in range(2002, 2010)),
    *((400, code) for code in range(2013, 2019)), (404, 2019), *((400, code) for code in range(2020, 2023)),
    (400, 1000), (400, 2999),
)  # fmt: skip

MEANS: dict[type[Catalog3DError], tuple[str, str, str, str]] = {
    RunError: ("not ordered", "**stops**", "by the next run", "0"),
    NotSentError: ("waits", "goes on", "yes", "0"),
    ProductError: ("refused", "goes on", "no", "0"),
    SubmissionUnknown: ("looked up", "goes on", "only on proof", "0, or the task's"),
}
"""What a class of error does to SKU and run, whether it is sent again, and the credits."""


def answer(http: int, code: int | None) -> Answer:
    return Answer(status=http, body=None if code is None else {"code": code, "status": "error", "message": "Because"})


def rows_of_orders() -> list[str]:
    rows = ["| HTTP | Code | Reason | The SKU | The run | Sent again? | Credits |", "|---|---|---|---|---|---|---|"]
    for http, code in ANSWERS:
        error = error_for(answer(http, code), paid=True, now=NOW)
        sku, run, again, cost = MEANS[type(error)]
        rows.append(f"| {http} | {code or 'none'} | `{error.code}` | {sku} | {run} | {again} | {cost} |")
    return rows


def rows_of_new_attempts() -> list[str]:
    rows = ["| Reason | New attempts, at most |", "|---|---|"]
    return rows + [f"| `{code}` | {times} |" for code, times in WORTH_ANOTHER_TRY.items()]


@pytest.mark.parametrize(("part", "rows"), [("orders", rows_of_orders()), ("again", rows_of_new_attempts())])
def test_the_page_shows_the_policies_of_the_code(part: str, rows: list[str]) -> None:
    shown = PAGE.read_text(encoding="utf-8").partition(f"<!-- rows: {part} -->")[2].partition("<!-- end -->")[0]
    assert shown.strip().splitlines() == rows, "the rows must be:\n" + "\n".join(rows)


def test_every_row_of_the_table_in_code_is_on_the_page() -> None:
    used = [case_for(answer(http, code)) for http, code in ANSWERS]
    unused: list[Case] = [case for case in CASES if not any(case is one for one in used)]
    assert [(case.policy, case.codes) for case in unused] == []


def test_the_numbers_in_the_page_are_those_of_the_code() -> None:
    text = re.sub(r"\s+", " ", PAGE.read_text(encoding="utf-8"))
    assert f"after {MOST_TRIES} tries" in text
    assert f"not found, {MISSES} times in a row" in text
    patience = Patience()
    assert f"a read {patience.attempts} times; an upload {patience.attempts} times" in text
    assert (patience.uploads_s, patience.answer_s, patience.stall_s, patience.download_s) == (1800, 120, 60, 900)
    assert f"fetched up to {_TRIES} times" in text
    assert f"more than {MAX_MODEL_BYTES // 10**6} MB" in text
    assert max(WORTH_ANOTHER_TRY.values()) <= 2
