"""`assets.csv`: the library as a list that a person opens in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from catalog3d.asset import Approval
from catalog3d.asset_record import AssetRecord

INDEX_KEY = "assets.csv"
HEADER = (
    "SKU", "Product name", "Version", "Format", "Approval status", "File path", "Destination", "SHA256",
    "Size (bytes)", "Updated",
)  # fmt: skip

# What spreadsheets take for a formula (OWASP, CSV injection), with the full-width forms that some of them accept.
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")


@dataclass(frozen=True, kw_only=True)
class IndexRow:
    """One asset in the list.

    Attributes:
        file_path: Library key of the model.
        destinations: Channels.
    """

    sku: str
    name: str
    version: int
    format: str
    approval: Approval
    file_path: str
    destinations: tuple[str, ...]
    sha256: str
    size_bytes: int
    updated_at: datetime


def index_row(record: AssetRecord) -> IndexRow:
    """The row of an asset record."""
    return IndexRow(
        sku=record.sku,
        name=record.name,
        version=record.version,
        format=record.format,
        approval=record.approval,
        file_path=record.key,
        destinations=record.destinations,
        sha256=record.sha256,
        size_bytes=record.size_bytes,
        updated_at=record.updated_at,
    )


def index_csv(rows: Iterable[IndexRow]) -> bytes:
    """The list, sorted by SKU, version and format: UTF-8 with a byte order mark, as spreadsheets expect it.

    A text that a spreadsheet would run as a formula gets an apostrophe before it.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    for row in sorted(rows, key=lambda row: (row.sku, row.version, row.format)):
        writer.writerow(
            [
                harmless(row.sku),
                harmless(row.name),
                row.version,
                harmless(row.format),
                row.approval.value,
                row.file_path,
                harmless(", ".join(row.destinations)),
                row.sha256,
                row.size_bytes,
                row.updated_at.isoformat(timespec="seconds"),
            ]
        )
    return text.getvalue().encode("utf-8-sig")


def harmless(text: str) -> str:
    """A text for a cell, with an apostrophe before it where a spreadsheet would run it as a formula."""
    clean = text.replace("\x00", "")
    return f"'{clean}" if _FORMULA.match(clean) else clean
