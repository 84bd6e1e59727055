"""Every answer of the API that is not a success, and what it means for us: one table.

Read by HTTP status and the envelope's `code` together, because some codes mean different things
under different statuses (1000 and 1001 are a bad key under 401 and a broken server under 500).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

from catalog3d.adapters.tripo.answers import clean_words
from catalog3d.errors import (
    Catalog3DError,
    NeedsPersonError,
    NotSentError,
    ProductError,
    RunError,
    SubmissionUnknown,
    TransientError,
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One HTTP answer, read whole.

    Attributes:
        headers: Names in lower case.
        body: The JSON object, or None if the body is not one (or is too large).
        trace_id: The one that we sent.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    trace_id: str = ""

    @property
    def code(self) -> int | None:
        """The envelope's code, or None where there is none."""
        code = (self.body or {}).get("code")
        if isinstance(code, bool) or not isinstance(code, int | str):
            return None
        return int(code) if str(code).lstrip("-").isdecimal() and len(str(code)) < 10 else None

    @property
    def is_success(self) -> bool:
        """A 2xx with an envelope that does not say otherwise."""
        if self.body is None or not 200 <= self.status < 300:
            return False
        return self.code in (None, 0) and self.body.get("status") != "error"

    @property
    def data(self) -> Any:
        return (self.body or {}).get("data", self.body)

    @property
    def request_id(self) -> str:
        return clean_words((self.body or {}).get("request_id") or self.headers.get("x-request-id"))

    @property
    def words(self) -> str:
        """The provider's own message and suggestion."""
        body = self.body or {}
        parts = [clean_words(body.get(name)).rstrip(".") for name in ("message", "suggestion")]
        return ". ".join(part for part in parts if part)

    @property
    def evidence(self) -> dict[str, str]:
        known = {
            "http_status": str(self.status),
            "code": "" if self.code is None else str(self.code),
            "request_id": self.request_id,
            "trace_id": self.trace_id,
            "server_date": clean_words(self.headers.get("date")),
        }
        return {name: value for name, value in known.items() if value}


class Policy(StrEnum):
    """What becomes of the run or of the SKU."""

    STOP = "stop the run"
    WAIT = "nothing was created: wait as told, then send again"
    REFUSED = "this input is refused: the SKU ends with the provider's words"
    NO_SUCH_TASK = "a read: parked for a person; a create: refused"
    UNCLEAR = "a read: try again; a create: it may have happened"


_ANY_STATUS = frozenset(range(100, 600))
# An explicit "no" of the API itself. 408, 425 and 499 tell of an interrupted request instead.
_A_NO = (frozenset(range(400, 500)) - {408, 425, 499}) | {200}
_ANY_CODE = frozenset(range(-1, 100_000))


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the table.

    Attributes:
        http: HTTP statuses.
        codes: Envelope codes, or None: whatever the body says, even without an envelope.
        code: Our reason code; "" = `TRIPO_<code>`.
        message: Without the provider's words, which are appended.
    """

    http: frozenset[int]
    codes: frozenset[int] | None
    policy: Policy
    code: str = ""
    message: str = ""
    fix: str = ""


_KEY = {
    "policy": Policy.STOP,
    "code": "KEY_REFUSED",
    "message": "Tripo does not accept the API key.",
    "fix": "Check CATALOG3D_TRIPO__API_KEY and CATALOG3D_TRIPO__BASE_URL: the global host (tripo3d.ai) and the "
    "mainland China host (tripo3d.com) have different keys.",
}
# Codes and statuses: Tripo v3 error reference and migration guide, read 2026-11. The first row that fits decides.
CASES: tuple[Case, ...] = (
    Case(http=frozenset({401}), codes=None, **_KEY),  # type: ignore[arg-type]
    Case(http=_A_NO, codes=frozenset({2, 1002}), **_KEY),  # type: ignore[arg-type]
    Case(
        http=_A_NO,
        codes=frozenset({2010}),
        policy=Policy.STOP,
        code="NO_CREDITS",
        message="The Tripo wallet has not enough credits for this task.",
        fix="Buy API credits (credits of Tripo Studio are not API credits), then run again: nothing is lost.",
    ),
    Case(
        http=_A_NO,
        codes=frozenset({2000}),
        policy=Policy.WAIT,
        code="SLOTS_FULL",
        message="All task slots of the account are in use.",
    ),
    Case(
        http=_A_NO,
        codes=frozenset({1007}),
        policy=Policy.WAIT,
        code="RATE_LIMITED",
        message="Tripo asks for fewer requests per minute.",
    ),
    Case(
        http=frozenset({429}),
        codes=None,
        policy=Policy.WAIT,
        code="RATE_LIMITED",
        message="Tripo asks for fewer requests per minute.",
    ),
    Case(
        http=_A_NO,
        codes=frozenset({1005}),
        policy=Policy.STOP,
        code="ACCESS_REFUSED",
        message="This API key may not use what was asked for.",
        fix="Check what the account's plan includes, or use another model version.",
    ),
    Case(
        http=_A_NO,
        codes=frozenset({2001}),
        policy=Policy.NO_SUCH_TASK,
        code="TASK_NOT_FOUND",
        message="Tripo does not know this task (it shows a task only to the API key that made it).",
        fix="If the key was changed, run again with the key that made it.",
    ),
    Case(
        http=_A_NO,
        codes=frozenset({4001}),
        policy=Policy.STOP,
        code="API_MISMATCH",
        message="This server does not know that request.",
        fix="Check CATALOG3D_TRIPO__BASE_URL: it must be a server of Tripo's API v3, without a path.",
    ),
    # 1000 and 1001 outside 401 are the server's own trouble.
    Case(http=_A_NO, codes=frozenset({1000, 1001}), policy=Policy.UNCLEAR),
    Case(
        http=_A_NO,
        codes=frozenset({2008}),
        policy=Policy.REFUSED,
        message="Tripo's content rules refuse this input.",
        fix="Use another photo or prompt.",
    ),
    Case(
        http=_A_NO,
        codes=frozenset({1003, 1004, *range(2002, 2023)}),
        policy=Policy.REFUSED,
        message="Tripo refuses this request.",
        fix="Check the photos and the Tripo parameters of this product's category.",
    ),
    Case(
        http=_A_NO - {200},
        codes=_ANY_CODE - {0},
        policy=Policy.REFUSED,
        message="Tripo refuses this request.",
        fix="Check the photos and the Tripo parameters of this product's category.",
    ),
    Case(http=_ANY_STATUS, codes=None, policy=Policy.UNCLEAR),
)

# Asked waits are bounded, so that an odd header cannot stop a run for days.
MAX_TOLD_WAIT_S = 3600.0


def case_for(answer: Answer) -> Case:
    """The row of the table that fits an answer."""
    return next(
        case for case in CASES if answer.status in case.http and (case.codes is None or answer.code in case.codes)
    )


def error_for(answer: Answer, *, paid: bool, now: datetime) -> Catalog3DError:
    """The error that an unsuccessful answer stands for.

    Args:
        paid: Whether it answers a create POST.
        now: For headers that name a moment instead of a wait.
    """
    case = case_for(answer)
    code = case.code or f"TRIPO_{answer.code}"
    words = answer.words
    message = f"{case.message} Tripo says: {words}." if words else case.message
    shown: dict[str, Any] = {"code": code, "fix": case.fix, "details": answer.evidence}
    if case.policy is Policy.STOP:
        return RunError(message, **shown)
    if case.policy is Policy.WAIT:
        wait_s = told_wait_s(answer.headers, now)
        return (NotSentError if paid else TransientError)(message, retry_after_s=wait_s, **shown)
    if case.policy is Policy.REFUSED:
        return ProductError(message, **shown)
    if case.policy is Policy.NO_SUCH_TASK:
        return ProductError(message, **shown) if paid else NeedsPersonError(message, **shown)
    return unclear(answer, paid=paid, now=now)


def unclear(answer: Answer, *, paid: bool, now: datetime) -> Catalog3DError:
    """An answer that says nothing certain: a 5xx, a page of a proxy, a success without a task id."""
    what = f"Tripo's answer (HTTP {answer.status}) could not be understood"
    if answer.status >= 500:
        what = f"Tripo's server failed (HTTP {answer.status})"
    words = f": {answer.words}." if answer.words else "."
    if paid:
        return submission_unknown(what + words, answer.evidence)
    return TransientError(
        what + words,
        code="SERVER_TROUBLE",
        retry_after_s=told_wait_s(answer.headers, now),
        details=answer.evidence,
    )


def submission_unknown(what: str, evidence: dict[str, str]) -> SubmissionUnknown:
    """The one message of a create whose outcome nobody told us."""
    return SubmissionUnknown(
        f"{what} The task may have been created and paid.",
        fix="Look in the Tripo account whether it was made: it is not sent again by itself.",
        details=evidence,
    )


def told_wait_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """How long the server asks to wait, in seconds: `Retry-After`, else `X-RateLimit-Reset`, else None.

    A named moment is compared with the answer's own `Date` where there is one, because clocks differ.
    """
    server_now = _moment(headers.get("date", "")) or now
    told = _seconds(headers.get("retry-after", ""))
    if told is None:
        moment = _moment(headers.get("retry-after", ""))
        told = (moment - server_now).total_seconds() if moment else None
    if told is None:
        reset = _seconds(headers.get("x-ratelimit-reset", ""))
        told = reset - server_now.timestamp() if reset is not None else None
        if told is not None and told > MAX_TOLD_WAIT_S:
            return None
    return None if told is None else min(max(told, 0.0), MAX_TOLD_WAIT_S)


def server_date(answer: Answer) -> datetime | None:
    """The answer's `Date` header."""
    return _moment(answer.headers.get("date", ""))


def _seconds(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else None
