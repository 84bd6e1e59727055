"""What was seen of an account while one paid task was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class Refused:
    """How the server answered a question about a task that does not exist."""

    status: int
    code: int | None
    words: str


@dataclass(kw_only=True)
class Facts:
    """What was seen, filled in as it is seen; None and empty mean: not seen.

    Attributes:
        resumed: Whether an interrupted check went on, so that nothing was seen of its beginning.
        found_at_once: Whether the first question after the answer knew the task.
        in_flight_reads: Reads of usage while the task was surely not finished.
        seen_in_flight: Whether one of them listed it.
        seen_after_s: From the answer to the first read of usage that listed it.
        looked_s: From the answer to the last read of usage.
        order: "newest first", "oldest first", "no order", or "" for fewer than two moments.
        pages_agree: Whether two overlapping pages said the same about their common rows.
        differs: Fields in which tasks/list and tasks/{id} differ.
        rate_headers: Names of rate limit headers, per kind of request.
        url_life_s: What the address says of its life, by the server's clock and by ours: it may mean either.
        old_url: (age in seconds, whether it still delivered) for each later try.
    """

    model_seed: int
    prompt: str
    price: Decimal
    deadline_s: float
    resumed: bool = False
    adopted: bool = False
    task_id: str = ""
    found_at_once: bool | None = None
    echo: Mapping[str, str] | None = None
    in_flight_reads: int = 0
    seen_in_flight: bool = False
    seen_after_s: float | None = None
    looked_s: float = 0.0
    usage_rows: int = 0
    order: str = ""
    pages_agree: bool | None = None
    usage_credits: Decimal | None = None
    not_found: Refused | None = None
    host: str = ""
    host_allowed: bool | None = None
    url_life_s: tuple[float, float] | None = None
    fresh_url: bool | None = None
    delivered_bytes: int | None = None
    delivery_trouble: str = ""
    old_url: list[tuple[float, bool]] = field(default_factory=list)
    listed: bool | None = None
    differs: tuple[str, ...] = ()
    rate_headers: tuple[str, ...] = ()
    reads: int = 0
    clock_offset_s: float | None = None
    state: str = ""
    error: str = ""
    credits: Decimal | None = None
    duration_s: float | None = None
    balance_before: Decimal | None = None
    balance_after: Decimal | None = None
    frozen_in_flight: Decimal | None = None
