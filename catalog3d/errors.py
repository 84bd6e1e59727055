"""Every error of catalog3d. The class is the policy.

Catalog3DError
  TransientError      try again        timeouts, 429, 5xx on reads, a lost connection
    NotSentError      send again       a paid request that surely created nothing
    UrlExpiredError   ask again        a signed URL that is past its time
  ProductError        skip this SKU    a bad row, a refused photo, a failed generation
    NeedsPersonError  parked           going on by itself could cost money twice: a person decides
      SubmissionUnknown                a paid request without an answer
  RunError            stop the run     a bad key, an empty wallet, a missing bucket

Adapters map foreign errors to these once, at their edge. The message says what happened,
`fix` what to do next. All of them survive pickling.
"""

from __future__ import annotations

from typing import Any, Self


class Catalog3DError(Exception):
    """Base of all errors.

    Args:
        message: What happened, one sentence that an operator understands.
        code: Stable reason code in capitals, such as `PHOTO_MISSING`.
        fix: What to do next, one sentence, or "".
        sku: The SKU it concerns, or "".
        details: Evidence for logs and records (HTTP status, request id, trace id); never secrets.
    """

    default_code = "ERROR"

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        fix: str = "",
        sku: str = "",
        details: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.fix = fix
        self.sku = sku
        self.details = dict(details or {})

    def __str__(self) -> str:
        where = f"{self.sku}: " if self.sku else ""
        return f"{where}{self.message}" + (f" {self.fix}" if self.fix else "")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), dict(self.__dict__))

    def for_sku(self, sku: str) -> Self:
        """The same error naming the SKU it concerns."""
        self.sku = self.sku or sku
        return self


class TransientError(Catalog3DError):
    """Worth trying again.

    Args:
        retry_after_s: How long the other side asked us to wait, in seconds; None if it did not say.
    """

    default_code = "TRANSIENT"

    def __init__(self, message: str, *, retry_after_s: float | None = None, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.retry_after_s = retry_after_s


class NotSentError(TransientError):
    """A paid request that surely created nothing: a connection that was never made, or a 429."""

    default_code = "NOT_SENT"


class UrlExpiredError(TransientError):
    """A signed URL that no longer answers: the task has a fresh one."""

    default_code = "URL_EXPIRED"


class ProductError(Catalog3DError):
    """This SKU cannot go on; the others do."""

    default_code = "PRODUCT"


class NeedsPersonError(ProductError):
    """This SKU is parked until a person decides, because going on by itself could cost money twice."""

    default_code = "NEEDS_PERSON"


class SubmissionUnknown(NeedsPersonError):  # noqa: N818 - the word of the ledger state
    """A paid request that may have arrived, with no answer that says so. Never sent again blindly."""

    default_code = "SUBMISSION_UNKNOWN"


class RunError(Catalog3DError):
    """Nothing can go on: the run stops before it spends."""

    default_code = "RUN"


def _rebuild(cls: type[Catalog3DError], fields: dict[str, Any]) -> Catalog3DError:
    error = cls.__new__(cls)
    Exception.__init__(error, fields["message"])
    error.__dict__.update(fields)
    return error
