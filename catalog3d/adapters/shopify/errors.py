"""Every answer of Shopify that is not a success, and what it means for us.

Statuses and codes: "Response status and error codes" and "API limits", `FilesErrorCode`, `MediaUserErrorCode`,
shopify.dev, read 2026-11-24; the shape of refusals: threads of Shopify's repositories.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from catalog3d.adapters.shopify.answers import UserError
from catalog3d.adapters.shopify.wire import Answer
from catalog3d.adapters.tripo.answers import clean_words
from catalog3d.errors import Catalog3DError, ProductError, RunError, TransientError

MAX_TOLD_WAIT_S = 3600.0
_AGAIN = "Publish again in a few minutes: it goes on where it stopped."
_SCOPE = re.compile(r"\b((?:read|write)_[a-z_]{2,40})\b")

_STATUSES: Mapping[int, tuple[str, str, str]] = {
    401: (
        "SHOPIFY_TOKEN_REFUSED",
        "Shopify does not accept the access token that it has just given.",
        "Check that the app is still installed in the store.",
    ),
    402: ("SHOPIFY_STORE_FROZEN", "The store is frozen.", "Its owner must settle the outstanding balance."),
    403: ("SHOPIFY_ACCESS_DENIED", "Shopify denies the app access.", "Check the app's scopes and installation."),
    404: (
        "SHOPIFY_NO_STORE",
        "Shopify knows no such store or API version.",
        "Correct the settings `shop` (NAME.myshopify.com) and `api_version`.",
    ),
    423: ("SHOPIFY_STORE_LOCKED", "The store is locked.", "Ask Shopify's support why."),
    430: (
        "SHOPIFY_REJECTED",
        "Shopify's protection rejects requests from here.",
        "Wait some hours, and publish from a network that Shopify does not suspect.",
    ),
}


def http_error(answer: Answer, hide: Callable[[str], str]) -> Catalog3DError:
    """The error that an HTTP status stands for."""
    said = hide(words_of(answer))
    told = f" It says: {said}." if said else ""
    if answer.status == 429:
        return throttled(retry_after_s(answer))
    if answer.status == 408 or answer.status >= 500:
        message = f"Shopify's server failed (HTTP {answer.status})."
        return TransientError(message, code="SHOPIFY_SERVER", fix=_AGAIN, retry_after_s=retry_after_s(answer))
    if answer.status == 403 and _SCOPE.search(said):
        return scope_missing(said)
    if answer.status in _STATUSES:
        code, message, fix = _STATUSES[answer.status]
        return RunError(message + told, code=code, fix=fix)
    return RunError(
        f"Shopify refuses the request (HTTP {answer.status}).{told}",
        code="SHOPIFY_REFUSED",
        fix="Check the settings `shop` and `api_version`.",
    )


def throttled(wait_s: float | None) -> TransientError:
    """Nothing was done: the store's bucket of query costs is empty."""
    return TransientError(
        "Shopify asks for fewer requests.", code="SHOPIFY_THROTTLED", fix=_AGAIN, retry_after_s=wait_s
    )


def scope_missing(said: str) -> RunError:
    """The store says which access scope is needed."""
    scopes = list(dict.fromkeys(_SCOPE.findall(said)))
    named = f"the access scope {' or '.join(scopes)}" if scopes else "an access scope"
    return RunError(
        f"The app lacks {named}. Shopify says: {said.rstrip('.')}.",
        code="SHOPIFY_SCOPE_MISSING",
        fix="Add it to the app's version in the Dev Dashboard and approve the update in the store.",
    )


def graphql_error(document: Mapping[str, Any], hide: Callable[[str], str]) -> Catalog3DError:
    """The error that the top-level `errors` of an answer stand for; the gravest decides."""
    found = document.get("errors")
    listed: Sequence[Any] = found if isinstance(found, list) else [{"message": found}]
    errors = [error for error in listed if isinstance(error, Mapping)]
    codes = {str(_extensions(error).get("code", "")) for error in errors}
    said = hide(". ".join(clean_words(error.get("message")).rstrip(".") for error in errors[:3]))
    if "ACCESS_DENIED" in codes:
        required = [clean_words(_extensions(error).get("requiredAccess")) for error in errors]
        return scope_missing(" ".join([said, *filter(None, required)]))
    if "SHOP_INACTIVE" in codes:
        return RunError("The store is not active.", code="SHOPIFY_STORE_FROZEN", fix="Its owner must reactivate it.")
    if "THROTTLED" in codes or said.lower() == "throttled":
        return throttled(bucket_wait_s(document))
    if codes & {"INTERNAL_SERVER_ERROR", "TIMEOUT"} or said.lower().startswith("internal error"):
        return TransientError(f"Shopify's server failed. It says: {said}.", code="SHOPIFY_SERVER", fix=_AGAIN)
    return RunError(
        f"Shopify does not understand the request. It says: {said or 'nothing'}.",
        code="SHOPIFY_MISMATCH",
        fix="Set `api_version` to a version that Shopify supports, or update catalog3d.",
    )


def bucket_wait_s(document: Mapping[str, Any]) -> float | None:
    """Seconds until the bucket holds the query's cost, by `extensions.cost`; None if it does not say."""
    cost = _extensions(document).get("cost")
    status = cost.get("throttleStatus") if isinstance(cost, Mapping) else None
    if not isinstance(cost, Mapping) or not isinstance(status, Mapping):
        return None
    asked, there = _number(cost.get("requestedQueryCost")), _number(status.get("currentlyAvailable"))
    rate = _number(status.get("restoreRate"))
    if asked is None or there is None or not rate or rate < 0:
        return None
    return min(max((asked - there) / rate, 0.1), MAX_TOLD_WAIT_S)


def retry_after_s(answer: Answer) -> float | None:
    """The wait in seconds of `Retry-After`, bounded."""
    try:
        told = float(answer.headers.get("retry-after", ""))
    except ValueError:
        return None
    return min(max(told, 0.0), MAX_TOLD_WAIT_S) if math.isfinite(told) else None


def words_of(answer: Answer) -> str:
    """What a refused request says about itself, made fit for a sentence."""
    document = answer.json
    if not isinstance(document, Mapping):
        return ""
    said = document.get("errors") or document.get("error_description") or document.get("error")
    return clean_words(said if isinstance(said, str) else "").rstrip(".")


_PLAN_FULL = (
    "SHOPIFY_PLAN_FULL",
    "The store has as many 3D models and videos as its plan allows (Basic 250, Shopify 1,000, Advanced 5,000).",
    "Delete models that nobody uses under Content > Files, or take a larger plan. Replacing one needs a free place too.",
)
_TOO_FAST = (
    "SHOPIFY_MODELS_THROTTLED",
    "The app has made as many 3D models as Shopify allows it for now.",
    "Publish the rest later: the count is reset some days after the first.",
)
_TRIAL = (
    "SHOPIFY_TRIAL_STORE",
    "A store on a trial plan takes no 3D models.",
    "Select a plan in the store's settings, then publish again.",
)
_STOPS: Mapping[str, tuple[str, str, str]] = {
    "NON_IMAGE_MEDIA_PER_SHOP_LIMIT_EXCEEDED": _PLAN_FULL,
    "SHOP_MEDIA_LIMIT_EXCEEDED": _PLAN_FULL,
    "MODEL3D_THROTTLE_EXCEEDED": _TOO_FAST,
    "UNACCEPTABLE_TRIAL_ASSET": _TRIAL,
    "UNACCEPTABLE_UNVERIFIED_TRIAL_ASSET": _TRIAL,
}
_BUSY = {"FILE_LOCKED", "MEDIA_CANNOT_BE_MODIFIED", "NON_READY_STATE", "NON_READY_MEDIA"}
# `productUpdate` answers with UserError, which has no code: its words are those of the codes' descriptions.
_SAID: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"limit of (non-image )?media per (shop|store)|non-image media per"), "SHOP_MEDIA_LIMIT_EXCEEDED"),
    (re.compile(r"(model ?3d|3d model).*throttle|throttle.*(model ?3d|3d model)"), "MODEL3D_THROTTLE_EXCEEDED"),
    (re.compile(r"not supported on trial"), "UNACCEPTABLE_TRIAL_ASSET"),
    (re.compile(r"currently being modified|not in (the|a) ready state"), "MEDIA_CANNOT_BE_MODIFIED"),
)


def user_error(errors: Iterable[UserError], what: str, hide: Callable[[str], str]) -> Catalog3DError:
    """The error that `userErrors` stand for.

    Args:
        what: What Shopify refuses to do, after "Shopify refuses to".
    """
    listed = list(errors)
    codes = {code_of(error) for error in listed}
    said = hide(". ".join(clean_words(error.message).rstrip(".") for error in listed[:3]))
    for code in codes & _STOPS.keys():
        stop, message, fix = _STOPS[code]
        return RunError(f"{message} It says: {said}.", code=stop, fix=fix)
    if codes & _BUSY:
        return TransientError(f"Shopify is still busy with the file: {said}.", code="SHOPIFY_BUSY", fix=_AGAIN)
    return ProductError(
        f"Shopify refuses to {what}: {said}.",
        code="SHOPIFY_REFUSED",
        fix="Correct the product in Shopify or its row in the sheet, then publish again.",
    )


def code_of(error: UserError) -> str:
    """The error's code, read from its words where the answer has none."""
    if error.code:
        return error.code
    said = error.message.lower()
    return next((code for pattern, code in _SAID if pattern.search(said)), "")


def _number(value: Any) -> float | None:
    """A finite number below a million, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e6 < value < 1e6:
        return None
    return float(value)


def _extensions(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    found = holder.get("extensions")
    return found if isinstance(found, Mapping) else {}
