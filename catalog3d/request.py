"""What somebody asks of a run: from the command line, the Prefect form or a schedule."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from catalog3d.errors import RunError
from catalog3d.learning import How
from catalog3d.status import Stage, Status

StageName = Literal["validate_fields", "generate_model", "validate_mesh", "name_version", "upload_asset"]
"""The stages that can be done again: reading the sheet and writing the status belong to every run."""
EndedAt = Literal[
    "ingest_sheet",
    "validate_fields",
    "generate_model",
    "validate_mesh",
    "name_version",
    "upload_asset",
    "update_status",
]
"""Where a SKU can end: at the stage that failed, or at the last one."""
StatusName = Literal[
    "failed", "flagged", "invalid", "ready", "rejected", "generated", "stale", "generating", "approved", "published"
]
"""In the order in which people ask for them."""


class Wish(BaseModel):
    """Why somebody wants another model, and how it is to be made.

    Attributes:
        reasons: Codes of `catalog3d.asset.REJECT_REASONS`.
        how: By rule, or one way only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    reasons: tuple[str, ...] = ("OTHER",)
    note: str = Field(default="", max_length=2000)
    how: How = How.SAME


class RunRequest(BaseModel):
    """One run.

    Attributes:
        sheet: Path of the sheet.
        images: A folder of photos beside those the sheet's own folder holds.
        only: SKUs to look at; empty = all.
        budget: The run's own cap in credits; None = the settings' cap, and a Tripo run above it stops first.
        rehearse: Use the stand-in even though there is a key.
        faults: Account profiles that the stand-in takes on for this run, with commas; None = as it is.
        failed: Try failed SKUs again, also those the provider refused.
        stale: Make new versions of SKUs whose photo or parameters changed: this pays.
        status: Only SKUs that now have one of these statuses; empty = all.
        reason: Only SKUs that now have this reason code.
        stage: Only SKUs that ended at this stage.
        older_than: Only SKUs that have stood where they stand for at least so long.
        newer_than: Only SKUs that came to stand where they stand within this time.
        from_stage: Do this stage and the later ones again, even where they are done; never pays for a model twice.
        retake: Make the new models that were asked for of the SKUs in `only`: this pays.
        wish: What a retake that nobody has recorded yet is priced by.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sheet: str
    images: str | None = None
    only: tuple[str, ...] = ()
    category: str | None = None
    limit: int | None = Field(default=None, ge=1)
    budget: Decimal | None = Field(default=None, ge=0)
    rehearse: bool = False
    faults: str | None = None
    failed: bool = False
    stale: bool = False
    status: tuple[Status, ...] = ()
    reason: str | None = None
    stage: Stage | None = None
    older_than: timedelta | None = None
    newer_than: timedelta | None = None
    from_stage: Stage | None = None
    retake: bool = False
    wish: Wish | None = None
    origin: Literal["command line", "prefect", "schedule"] = "command line"


_AGE = re.compile(r"(\d{1,6})\s*([mhdw])", re.IGNORECASE)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_age(text: str) -> timedelta | None:
    """How long, as people type it; None for "".

    Raises:
        RunError: AGE_INVALID.

    >>> parse_age("7d"), parse_age("12 h")
    (datetime.timedelta(days=7), datetime.timedelta(seconds=43200))
    """
    if not text.strip():
        return None
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise RunError(f"{text!r} is no length of time.", code="AGE_INVALID", fix="Write it like 30m, 12h, 7d or 2w.")
    return timedelta(**{_UNITS[found[2].lower()]: int(found[1])})


def named_skus(text: str) -> tuple[str, ...]:
    """The SKUs of a comma list, as people type it.

    >>> named_skus("CH123, CH124,")
    ('CH123', 'CH124')
    """
    return tuple(part.strip() for part in text.split(",") if part.strip())
