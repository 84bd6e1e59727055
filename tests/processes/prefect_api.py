"""Requests to a real Prefect server, as its pages and its own client send them."""

from __future__ import annotations

import time
from typing import Any

import httpx

BUSY_S = 30.0
"""On SQLite a server answers 503 while its file is locked, and its clients ask again."""


def ask_prefect(url: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """The answer of `/api/{path}`; POST where there is a body.

    Raises:
        httpx.HTTPError: No server, or an answer that is no success.
    """
    deadline = time.monotonic() + BUSY_S
    while True:
        method = "GET" if body is None else "POST"
        answer = httpx.request(method, f"{url}/api/{path}", json=body, trust_env=False, timeout=BUSY_S)
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
            return answer.raise_for_status().json()
        time.sleep(0.5)
