"""What an S3 store may say, as the project's own errors. No key, secret or signature is ever part of a message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from xml.etree.ElementTree import ParseError  # minio lets it through; nothing is parsed here

import httpx
import urllib3.exceptions
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError

from catalog3d.errors import Catalog3DError, RunError, TransientError

MISSING_CODES = frozenset({"NoSuchKey", "NoSuchObject", "NoSuchVersion", "ResourceNotFound"})
_REFUSED_CODES = frozenset(
    {
        "AccessDenied", "AccountProblem", "AllAccessDisabled", "ExpiredToken", "InvalidAccessKeyId", "InvalidSecurity",
        "InvalidToken", "NotSignedUp", "SignatureDoesNotMatch", "UnauthorizedAccess",
    }
)  # fmt: skip
_FULL_CODES = frozenset({"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"})
_REGION_CODES = frozenset({"AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect", "Redirect"})
_STATUS = re.compile(r"Response code: ([0-9]{3})\b")
_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,100})</Code>")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which store: what every message names."""

    endpoint: str
    bucket: str


@contextmanager
def s3_errors(place: Place) -> Iterator[None]:
    """Map what minio, urllib3 and httpx raise.

    Raises:
        RunError: STORE_KEY_REFUSED, STORE_BUCKET_MISSING, STORE_FULL, STORE_CLOCK, STORE_SETTINGS.
        TransientError: STORE_UNREACHABLE, STORE_BUSY.
    """
    try:
        yield
    except S3Error as exc:
        raise code_error(exc.code or "", exc.response.status, place) from exc
    except ServerError as exc:
        raise code_error("", exc.status_code, place) from exc
    except InvalidResponseError as exc:
        status = _STATUS.search(str(exc))
        raise code_error("", int(status[1]) if status else 400, place) from exc
    except ParseError as exc:
        raise _foreign_answer(place) from exc
    except (MinioException, urllib3.exceptions.HTTPError, httpx.HTTPError) as exc:
        raise _connection_error(exc, place) from exc
    except ConnectionError as exc:
        raise _connection_error(exc, place) from exc


def code_of(body: str) -> str:
    """The error code in an S3 answer's XML, or ""."""
    match = _CODE.search(body)
    return match[1] if match else ""


def code_error(code: str, status: int, place: Place) -> Catalog3DError:
    """The error for an answer with an S3 error code, or "" where there was none."""
    details = {"s3_code": code, "http_status": str(status)}
    reason = _reason(code, status)
    if reason == "STORE_UNREACHABLE":
        return _foreign_answer(place)
    said = f"The store at {place.endpoint}"
    if reason == "STORE_BUSY":
        return TransientError(f"{said} could not do it for now ({code or status}).", code=reason, details=details)
    what, fix = _STOPS[reason]
    message = f"{said} {what.format(bucket=place.bucket, answer=code or status)}."
    return RunError(message, code=reason, fix=fix, details=details)


_STOPS = {
    "STORE_BUCKET_MISSING": (
        "has no bucket called {bucket}",
        "Create it there, or correct CATALOG3D_STORE__BUCKET; it is never created by itself.",
    ),
    "STORE_KEY_REFUSED": (
        "refused the access key for the bucket {bucket} ({answer})",
        "Check CATALOG3D_STORE__ACCESS_KEY and CATALOG3D_STORE__SECRET_KEY, and what that key may do.",
    ),
    "STORE_FULL": ("has no space left for {bucket}", "Free some space or raise the bucket's quota."),
    "STORE_CLOCK": ("has another time than this machine", "Set this machine's clock."),
    "STORE_SETTINGS": (
        "says that the bucket {bucket} is in another region",
        "Correct CATALOG3D_STORE__REGION or CATALOG3D_STORE__ENDPOINT.",
    ),
}


def _reason(code: str, status: int) -> str:
    reason = "STORE_BUSY"
    if code == "NoSuchBucket":
        reason = "STORE_BUCKET_MISSING"
    elif code in _FULL_CODES or status == 507:
        reason = "STORE_FULL"
    elif code == "RequestTimeTooSkewed":
        reason = "STORE_CLOCK"
    elif code in _REGION_CODES or status in {301, 302, 307, 308}:
        reason = "STORE_SETTINGS"
    elif code in _REFUSED_CODES or status in {401, 403}:
        reason = "STORE_KEY_REFUSED"
    elif not code and 400 <= status < 500 and status not in {408, 429}:
        reason = "STORE_UNREACHABLE"
    return reason


def _foreign_answer(place: Place) -> TransientError:
    return TransientError(
        f"What answers at {place.endpoint} does not answer like an S3 store.",
        code="STORE_UNREACHABLE",
        fix="Check CATALOG3D_STORE__ENDPOINT (the S3 port, not the console's) and CATALOG3D_STORE__SECURE.",
    )


def _connection_error(exc: Exception, place: Place) -> TransientError:
    text = repr(exc)
    fix = "Check that it runs, and CATALOG3D_STORE__ENDPOINT."
    if "SSL" in text or "CERTIFICATE" in text.upper():
        what, fix = (
            "does not speak TLS that this machine trusts",
            "If it speaks plain http, set CATALOG3D_STORE__SECURE=false.",
        )
    elif isinstance(exc, httpx.TimeoutException) or "Timeout" in text or "timed out" in text:
        what = "did not answer in time"
    elif "getaddrinfo" in text or "NameResolution" in text or "Name or service" in text:
        what = "is not known by that name"
    else:
        what = "could not be reached"
    return TransientError(f"The store at {place.endpoint} {what}.", code="STORE_UNREACHABLE", fix=fix)
