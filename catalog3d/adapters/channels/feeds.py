"""Lists over everything that is published: JSON, Google's supplemental feed, import files of shops. Pure text."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from catalog3d.channels import Listed
from catalog3d.wording import plain, plural

MAX_GOOGLE_ID = 50
MAX_GOOGLE_LINK = 2000
MAX_GOOGLE_BYTES = 15_000_000
"""Google Merchant Center: `id` and `virtual_model_link` in the product data specification, read 2026-11."""

_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection)."""
_WOO_TAKES_BACK = ("=", "+", "-", "@")
"""WooCommerce's importer removes an apostrophe before these, as its exporter puts it there."""


def json_feed(listed: Iterable[Listed]) -> bytes:
    """Everything that is published, for whoever builds on it; the same bytes for the same content."""
    models = [_model(entry) for entry in listed if entry.link]
    return (json.dumps({"version": 1, "models": models}, indent=1, ensure_ascii=False) + "\n").encode()


def _model(entry: Listed) -> dict[str, Any]:
    size = None
    if entry.extents_m is not None:
        size = dict(zip(("width", "height", "depth"), (round(value, 4) for value in entry.extents_m), strict=True))
    return {
        "sku": entry.sku,
        "name": entry.name,
        "link": entry.link,
        "version": entry.version,
        "format": entry.format,
        "sha256": entry.sha256,
        "size_bytes": entry.size_bytes,
        "dimensions_m": size,
    }


def google_feed(listed: Iterable[Listed]) -> tuple[bytes, tuple[str, ...]]:
    """Google's supplemental feed: tab-separated `id` and `virtual_model_link`, and what could not go into it."""
    lines, left_out = [("id", "virtual_model_link")], []
    for entry in listed:
        if not entry.link.startswith(("https://", "http://")):
            continue
        if why := _not_for_google(entry):
            left_out.append(f"{plain(entry.sku, 60)}: {why}")
        else:
            lines.append((entry.sku, entry.link))
    text = "".join(f"{sku}\t{link}\n" for sku, link in lines)
    return text.encode(), _left_out("Google's feed", left_out)


def _not_for_google(entry: Listed) -> str:
    if len(entry.sku) > MAX_GOOGLE_ID:
        return f"an id has at most {MAX_GOOGLE_ID} characters"
    if _FORMULA.match(entry.sku) or re.search(r"[\t\r\n]", entry.sku):
        return "its SKU reads as a formula or breaks the line"
    if len(entry.link) > MAX_GOOGLE_LINK:
        return f"a link has at most {MAX_GOOGLE_LINK} characters"
    if entry.size_bytes > MAX_GOOGLE_BYTES:
        return "a model has at most 15 MB"
    return ""


def woocommerce_csv(listed: Iterable[Listed], meta_key: str) -> tuple[bytes, tuple[str, ...]]:
    """The importer's SKU and one custom field; a blank one takes the link away again."""
    rows, left_out = [("SKU", f"Meta: {meta_key}")], []
    for entry in listed:
        if entry.sku.startswith(_WOO_TAKES_BACK):
            rows.append((f"'{entry.sku}", entry.link))
        elif _FORMULA.match(entry.sku):
            left_out.append(f"{plain(entry.sku, 60)}: its SKU reads as a formula")
        else:
            rows.append((entry.sku, entry.link))
    return _csv(rows, ","), _left_out("the file for WooCommerce", left_out)


def akeneo_csv(listed: Iterable[Listed], identifier: str, attribute: str) -> tuple[bytes, tuple[str, ...]]:
    """The identifier and one attribute; Akeneo takes no apostrophe back, so a SKU that reads as a formula is left out."""
    rows, left_out = [(identifier, attribute)], []
    for entry in listed:
        if _FORMULA.match(entry.sku):
            left_out.append(f"{plain(entry.sku, 60)}: its SKU reads as a formula")
        else:
            rows.append((entry.sku, entry.link))
    return _csv(rows, ";"), _left_out("the file for Akeneo", left_out)


def _csv(rows: Sequence[tuple[str, str]], delimiter: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _left_out(place: str, left_out: Sequence[str]) -> tuple[str, ...]:
    if not left_out:
        return ()
    shown = "; ".join(left_out[:5])
    more = f"; and {len(left_out) - 5} more" if len(left_out) > 5 else ""
    return (f"{plural(len(left_out), 'SKU is', 'SKUs are')} not in {place}: {shown}{more}.",)
