"""How long a signed address lives, read from its own query; the signature itself is never kept or shown."""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

_EPOCH = re.compile(r"1[0-9]{9}(?:\.[0-9]+)?")
_AMZ_DATE = "%Y%m%dT%H%M%SZ"


def expiry_of(url: str) -> datetime | None:
    """The moment an address says it ends, or None if it does not say.

    Understands S3 (`X-Amz-Date` and `X-Amz-Expires`), CloudFront (`Expires`, or a `Policy`), and the CDN of the mainland
    China region (`auth_key=MOMENT-...`).
    """
    query = {name.lower(): values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    return (
        _amazon(query.get("x-amz-date", ""), query.get("x-amz-expires", ""))
        or _epoch(query.get("expires", ""))
        or _epoch(query.get("auth_key", "").partition("-")[0])
        or _policy(query.get("policy", ""))
    )


def _amazon(date: str, seconds: str) -> datetime | None:
    try:
        start = datetime.strptime(date, _AMZ_DATE).replace(tzinfo=UTC)
        return start + timedelta(seconds=int(seconds))
    except (ValueError, OverflowError):
        return None


def _epoch(text: str) -> datetime | None:
    return datetime.fromtimestamp(float(text), UTC) if _EPOCH.fullmatch(text) else None


def _policy(text: str) -> datetime | None:
    """A CloudFront policy: JSON in its own base64."""
    try:
        plain = base64.b64decode(text.translate(str.maketrans("-_~", "+=/")), validate=True)
        until = json.loads(plain)["Statement"][0]["Condition"]["DateLessThan"]["AWS:EpochTime"]
    except (ValueError, binascii.Error, LookupError, TypeError, RecursionError):
        return None
    return _epoch(str(until))
