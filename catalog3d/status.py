"""The status of a SKU, and what the operator should do next about each reason."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Where a SKU stands. The sheet shows the rules' label for it."""

    READY = "ready"
    INVALID = "invalid"
    GENERATING = "generating"
    GENERATED = "generated"
    FLAGGED = "flagged"
    APPROVED = "approved"
    REJECTED = "rejected"
    PUBLISHED = "published"
    FAILED = "failed"
    STALE = "stale"


class Stage(StrEnum):
    """The seven stages, which are also the seven task names, in order."""

    INGEST_SHEET = "ingest_sheet"
    VALIDATE_FIELDS = "validate_fields"
    GENERATE_MODEL = "generate_model"
    VALIDATE_MESH = "validate_mesh"
    NAME_VERSION = "name_version"
    UPLOAD_ASSET = "upload_asset"
    UPDATE_STATUS = "update_status"


RETAKE_WAITS = "RETAKE_WAITS"
"""A reviewer's retake that the budget of retakes does not pay for: an operator orders it."""

NEEDS_PERSON = frozenset({Status.INVALID, Status.FAILED, Status.FLAGGED, Status.STALE})


def needs_person(status: Status, reason: str) -> bool:
    """Whether a SKU belongs on the list of those that wait for somebody."""
    return status in NEEDS_PERSON or reason == RETAKE_WAITS


HAS_MODEL = frozenset(
    {Status.GENERATED, Status.FLAGGED, Status.APPROVED, Status.REJECTED, Status.PUBLISHED, Status.STALE}
)
"""Where a SKU stands only if a model of it is stored; it may go to the others from anywhere."""

PLACES_ON_HOLD = frozenset({"NO_CREDITS", "OVER_BUDGET", "RUN_STOPPED", "TAKEN"})
"""Reasons that leave a SKU `ready`: nothing is wrong with it, its turn comes later."""

SOMEBODY_ELSE = frozenset({"TAKEN", "LEASE_LOST"})
"""Another worker has this SKU now and says where it stands."""

NEXT_ACTIONS: dict[str, str] = {
    "PHOTO_MISSING": "Put the photo into the folder, or correct its name in the sheet, and run again.",
    "PHOTO_UNREADABLE": "Replace the photo by a PNG or JPEG that opens on your computer, and run again.",
    "PHOTO_TOO_SMALL": "Use a larger photo (1024 pixels or more), and run again.",
    "PHOTO_TOO_LARGE": "Save the photo below 20 MB, and run again.",
    "PHOTO_BLANK": "The picture is one single color: use the real photo, and run again.",
    "URL_REFUSED": "Use a public https link that leads straight to the picture, and run again.",
    "REQUIRED_FIELD_MISSING": "Fill in the field in the sheet, and run again.",
    "SUBMISSION_UNKNOWN": "The next run looks for it again. Or look in the Tripo account, and use `catalog3d resolve "
    "SKU --adopt TASK_ID`, or `--resubmit` if there is no such task.",
    "OTHER_KEY": "Add the key that made it to CATALOG3D_TRIPO__PREVIOUS_API_KEYS, and run again: nothing is paid again.",
    "OVER_BUDGET": "Raise the budget, or let the next run go on.",
    "NO_CREDITS": "Buy API credits (Studio credits do not count), and run again.",
    "PRICE_DRIFT": "Compare with Tripo's price page; running again orders at the new price.",
    "BAD_BATCH": "Look at the first models in the report before more are ordered, then run again.",
    "RUN_STOPPED": "Run again: it goes on where it stopped.",
    "TAKEN": "Another run is working on it.",
    "TASK_FAILED": "Try another photo; `catalog3d rerun --sku SKU` tries the same one again.",
    "WRONG_FILE": "Run again: the finished model is fetched anew at no cost. If it stays so, look at the task in Tripo's "
    "console; `catalog3d retake SKU` makes a new one, which is billed.",
    "PRICE_UNKNOWN": "Name a model and options with a known price in catalog.yaml, and run again.",
    "RETAKE_ASKED": "`catalog3d retake SKU --reason CODE` orders it and says the price first; with a better photo in "
    "place of the old one, `catalog3d rerun --stale` does.",
    RETAKE_WAITS: "An operator orders it with `catalog3d retake SKU --reason CODE`, which says the price first, or drops it "
    "with `catalog3d retake SKU --drop`.",
    "ON_HOLD": "Empty 3D Action in the sheet to let it go on.",
    "MESH_BLOCKED": "Look at the checks: the file cannot be used as it is.",
    "MESH_DOUBT": "Look at the model beside its photo, then approve or reject it.",
}


def next_action(status: Status, reason: str) -> str:
    """What a person should do about a SKU, one sentence; "" when nothing waits for them."""
    if reason in ("RETAKE_ASKED", RETAKE_WAITS):
        return NEXT_ACTIONS[reason]
    if status is Status.GENERATED:
        return "Look at it beside its photo, then approve or reject it."
    if status in (Status.APPROVED, Status.PUBLISHED):
        return ""
    if status is Status.REJECTED:
        return (
            "Put a better photo in place of the old one, and `catalog3d rerun --stale` makes another version; "
            "`catalog3d retake SKU --reason CODE` tries the same photo again. Both say the price first."
        )
    if status is Status.STALE:
        return "Look at it; `catalog3d rerun --stale` makes the new version and says the price first."
    if reason in NEXT_ACTIONS:
        return NEXT_ACTIONS[reason]
    if status is Status.FLAGGED:
        return NEXT_ACTIONS["MESH_DOUBT"]
    if status is Status.INVALID:
        return "Correct the row in the sheet, and run again."
    if status is Status.FAILED:
        return "Read the message; `catalog3d rerun --failed` tries again."
    return ""
