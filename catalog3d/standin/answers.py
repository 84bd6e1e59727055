"""The envelope of every answer, and the refusals in Tripo's own codes."""

from __future__ import annotations

import math
from typing import Any

from fastapi.responses import JSONResponse

# code -> HTTP status, message, suggestion. Tripo v3 error reference and answers that users saw, 2026-11.
CODES: dict[int, tuple[int, str, str]] = {
    2: (401, "Authentication failed", "Check your API key"),
    1000: (500, "Unknown server error", "Please retry later"),
    1003: (400, "The request body is malformed", "Check method, content type and body"),
    1004: (
        400,
        "One or more of your parameter is invalid",
        "Refer to the API documentation for parameter requirements",
    ),
    1005: (403, "You are not allowed to access this resource", "Check your plan"),
    1007: (429, "Rate limit exceeded", "Please slow down"),
    2000: (429, "You have exceeded the limit of generation", "Please wait for your running tasks"),
    2001: (404, "Task not found", "Check the task id and the API key"),
    2002: (400, "The task type or a parameter is not supported", "Use another endpoint or option"),
    2003: (400, "The input file is empty or unreadable", "Check the input file"),
    2004: (400, "The file type is not supported", "Use another file type"),
    2006: (400, "The original task's type is invalid", "Use another original task"),
    2007: (400, "The original task has not succeeded", "Wait for the original task"),
    2008: (
        400,
        "Task is rejected because the input violates our content policy. Please modify your input and retry.",
        "Please modify your input",
    ),
    2010: (403, "You don't have enough credit to create this task", "Please purchase more credit"),
    2014: (400, "Content audit failed", "Contact support"),
    2015: (400, "This version is deprecated", "Use a newer version"),
    2017: (400, "The model version is invalid", "Use another model version"),
    2018: (400, "The model is too complex to remesh", "Use a simpler model"),
    2019: (404, "The uploaded file was not found", "Upload it again"),
    2020: (400, "The image URL is invalid or inaccessible", "Upload the image instead"),
    2021: (400, "The file exceeds the size limit", "Use a smaller file"),
    2022: (400, "The image exceeds the dimension limit", "Use a smaller image"),
    4001: (404, "Unknown endpoint", "Check the path"),
}


class Refusal(Exception):  # noqa: N818 - an answer, not a failure of the server
    """A request that is answered with an error envelope.

    Args:
        code: One of `CODES`; an unknown one is answered as HTTP 400.
        reason: What exactly is wrong. Tripo's 1004 names no field and neither does the envelope here:
            the reason is a header of its own, for people who debug.
        retry_after_s: For `Retry-After`, which is told in whole seconds and at least one.
        message: Instead of the code's own.
    """

    def __init__(
        self, code: int, reason: str = "", *, http: int = 0, message: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(reason or str(code))
        status, usual, self.suggestion = CODES.get(code, (400, "The request is refused", "See the documentation"))
        self.code = code
        self.http = http or status
        self.message = message or usual
        self.headers = {"X-Standin-Reason": reason.encode("ascii", "replace").decode()[:300]} if reason else {}
        self._retry_after_s = retry_after_s

    def answer(self, request_id: str, *, exact_waits: bool = False) -> JSONResponse:
        """The error envelope.

        Args:
            exact_waits: Tell `Retry-After` in parts of a second, where time is scaled.
        """
        body = {
            "code": self.code,
            "status": "error",
            "message": self.message,
            "suggestion": self.suggestion,
            "request_id": request_id,
        }
        headers = dict(self.headers)
        if self._retry_after_s is not None:
            whole = str(max(1, math.ceil(self._retry_after_s)))
            headers["Retry-After"] = f"{max(self._retry_after_s, 0.001):.3f}" if exact_waits else whole
        return JSONResponse(body, status_code=self.http, headers=headers)


def ok(data: Any) -> JSONResponse:
    """The success envelope."""
    return JSONResponse({"code": 0, "status": "success", "data": data})
