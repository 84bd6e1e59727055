"""How one stand-in behaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

DEFAULT_KEY = "tsk_standin_rehearsal"

# Developers' documentation, 2026-11: slots per account and pool.
SLOTS = {"H": 10, "P": 5, "processing": 5}
# Migration guide, 2026-07: about 200 generations a minute per key.
CREATIONS_PER_MINUTE = 200
# The same guide: about 10 uploads a minute. Off unless asked for: a rehearsal would take as long as the real run.
UPLOADS_PER_MINUTE = 10

MAX_UPLOAD_BYTES = 20_000_000
MAX_JSON_BYTES = 2_000_000
MAX_IMAGE_PIXELS = 36_000_000
MIN_IMAGE_SIDE_PX = 14


@dataclass(frozen=True, kw_only=True)
class StandinConfig:
    """What a stand-in is told at its start.

    Attributes:
        state: Folder of everything that must survive a restart.
        keys: API keys that are accepted. All belong to one account; a task is shown to its own key only.
        balance: Credits of a new account; an existing state keeps its own.
        time_scale: Seconds here per second at Tripo: tasks and rate windows shrink alike. 0.02 makes a
            textured model of 45 to 200 s take 1 to 4 s.
        url_ttl_s: Life of a signed result URL, not scaled (v2 and v3 quick start: five minutes).
        token_ttl_s: Life of a file token, not scaled (migration guide: 24 h).
        slots: Open tasks per pool, beyond which a create is answered 429/2000.
        creations_per_minute, uploads_per_minute: Beyond which 429/1007 is answered; None = no limit.
        profile: Name of the account's profile, or several with commas; None = as the state has it, at first plain.
        seed: Of everything that happens by chance, such as faults with a rate.
        max_state_bytes: Uploads and results together; beyond it uploads are refused.
    """

    state: Path
    keys: tuple[str, ...] = (DEFAULT_KEY,)
    balance: Decimal = Decimal("10000.00")
    time_scale: float = 0.02
    url_ttl_s: float = 300.0
    token_ttl_s: float = 86_400.0
    slots: Mapping[str, int] = field(default_factory=lambda: dict(SLOTS))
    creations_per_minute: int | None = CREATIONS_PER_MINUTE
    uploads_per_minute: int | None = None
    profile: str | None = None
    seed: int = 0
    max_state_bytes: int = 20_000_000_000
