"""What the team's sheet is told about each SKU: our columns, as text."""

from __future__ import annotations

from datetime import datetime

from catalog3d.asset import Asset
from catalog3d.rules import Rules
from catalog3d.status import Status

STATUS_COLUMN = "3D Status"
OUR_COLUMNS = (STATUS_COLUMN, "3D Version", "3D File", "3D Live Version", "3D Link", "3D Message", "3D Updated")
ACTION_COLUMN = "3D Action"
"""Theirs: we only read it."""


def sheet_values(
    rules: Rules,
    *,
    status: Status,
    message: str,
    asset: Asset | None,
    link: str,
    live_version: int | None,
    updated_at: datetime,
) -> dict[str, str]:
    """Our column -> text for one SKU.

    Args:
        asset: The version that the status speaks of, or None.
        link: Where a person finds the file.
        live_version: The version that is published, or None.
    """
    return {
        STATUS_COLUMN: rules.label(status),
        "3D Version": f"V{asset.version}" if asset else "",
        "3D File": asset.file if asset else "",
        "3D Live Version": f"V{live_version}" if live_version else "",
        "3D Link": link,
        "3D Message": message,
        "3D Updated": updated_at.strftime("%Y-%m-%d %H:%M UTC"),
    }
