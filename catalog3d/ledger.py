"""The ledger's states: one generation is one paid task, written down before it is sent.

    intent ──> sending ──> submitted ──> settled
      ^  │        │ │          ^            ^
      │  └────────┼─┼──────────┼────────────┤   never sent, or refused with an answer
      └───────────┘ └──> unknown ───────────┘   looked up: adopted, or withdrawn on proof that nothing was made

`sending` is committed right before the request, the task id the moment it returns. A `sending`
whose process died has no answer: it becomes `unknown` and is never sent again blindly. Proven
absent it is closed, and a new attempt with a seed of its own may be sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from catalog3d.brief import Brief
from catalog3d.errors import RunError


class LedgerState(StrEnum):
    INTENT = "intent"
    SENDING = "sending"
    SUBMITTED = "submitted"
    UNKNOWN = "unknown"
    SETTLED = "settled"


class Outcome(StrEnum):
    """How a settled generation ended."""

    SUCCESS = "success"
    FAILED = "failed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


ALLOWED: dict[LedgerState, frozenset[LedgerState]] = {
    LedgerState.INTENT: frozenset({LedgerState.SENDING, LedgerState.SETTLED}),
    LedgerState.SENDING: frozenset(
        {LedgerState.SUBMITTED, LedgerState.UNKNOWN, LedgerState.INTENT, LedgerState.SETTLED}
    ),
    LedgerState.UNKNOWN: frozenset({LedgerState.SUBMITTED, LedgerState.SETTLED}),
    LedgerState.SUBMITTED: frozenset({LedgerState.SETTLED}),
    LedgerState.SETTLED: frozenset(),
}

OPEN_STATES = frozenset(LedgerState) - {LedgerState.SETTLED}
SLOT_STATES = frozenset({LedgerState.SENDING, LedgerState.SUBMITTED, LedgerState.UNKNOWN})
"""What may be running at the provider, so it counts against the account's slots."""


SOURCE = "source"
"""Slot of the task that a request starts from, among its file tokens: it was sent, and is no upload."""

PROVEN_ABSENT = "PROVEN_ABSENT"
RESUBMITTED = "RESUBMITTED"
CLOSED_AS_NOTHING = (PROVEN_ABSENT, RESUBMITTED)
"""Why a request without an answer was closed: its task was proven absent, or a person said that there is none."""

WORTH_ANOTHER_TRY: dict[str, int] = {
    "TASK_EXPIRED": 2,  # it waited too long in the provider's queue (SDK 1.0.0; before v3's 2018)
    "TRIPO_2018": 1,  # by one source too complex, by another the queue's time ran out: once may help
    "TRIPO_1000": 2,  # the provider's own server error, here as the end of a task
    "TRIPO_1001": 2,
}
"""Ends of a task at 0 credits after which a new attempt starts by itself, and how many there may be (at most 2)."""


def may_try_again(generation: Generation) -> bool:
    """Whether a failed task may get a new attempt without anybody asking: it surely cost nothing, and others may end
    differently.
    """
    free = generation.outcome is Outcome.FAILED and not generation.credits_consumed
    return free and generation.attempt <= WORTH_ANOTHER_TRY.get(generation.error_code, 0)


def require_legal(current: LedgerState, wanted: LedgerState) -> None:
    """Raise RunError LEDGER_ILLEGAL unless the ledger may go from `current` to `wanted`."""
    if wanted not in ALLOWED[current]:
        raise RunError(
            f"The ledger refuses to go from {current} to {wanted}.",
            code="LEDGER_ILLEGAL",
            fix="This is a defect of catalog3d: please report it with the run's log.",
        )


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One row of the ledger.

    Attributes:
        realm: `standin`, or `tripo` + account: part of the identity.
        attempt: 1 for the first; UNIQUE with realm and digest.
        expected_credits: The price reserved against the budgets.
        credits_consumed: What the provider said, None until it did.
        file_tokens: Slot -> file token that was sent, and `SOURCE` -> task id: evidence, never used again.
        raw_key: Library key of the provider's bytes, "" until they are there.
        sent_at: When the request left, and
        given_up_at: when it was surely over without an answer, and
        accepted_at: when its task was made: all by the provider's clock.
        lease_fence: Number of the lease under which a transition is valid.
    """

    id: int
    realm: str
    digest: str
    attempt: int
    state: LedgerState
    outcome: Outcome | None
    brief: Brief
    pool: str
    base_url: str
    key_fingerprint: str
    model_seed: int
    file_tokens: Mapping[str, str]
    expected_credits: Decimal
    credits_consumed: Decimal | None
    task_id: str
    error_code: str
    error_message: str
    raw_key: str
    raw_sha256: str
    raw_size_bytes: int
    lease_fence: int
    run_id: str
    created_at: datetime
    sent_at: datetime | None
    given_up_at: datetime | None
    accepted_at: datetime | None
    submitted_at: datetime | None
    settled_at: datetime | None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def succeeded(self) -> bool:
        return self.outcome is Outcome.SUCCESS


@dataclass(frozen=True, kw_only=True)
class Lease:
    """The right to move one generation on, until it expires or somebody takes it over.

    Attributes:
        fence: Grows with every take-over: a holder that slept fails its next transition.
        sole: Whether whoever held it before surely does nothing more; a paused program may still wake up.
    """

    generation_id: int
    fence: int
    holder: str
    sole: bool = False
