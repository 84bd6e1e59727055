"""What Prefect still has to hear when a run has ended. None of it can undo what the run achieved."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import httpx
from prefect.artifacts import acreate_markdown_artifact
from prefect.events.worker import EventsWorker
from prefect.exceptions import PrefectException
from prefect.logging.handlers import APILogWorker

log = logging.getLogger(__name__)

TIMEOUT_S = 10.0
"""Prefect sends every 2 s; a run's last logs are a fraction of a second's work."""


async def show_summary(markdown: str, *, key: str, description: str) -> None:
    """Put the summary on Prefect's page; a server that is gone costs the page, not the run."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await acreate_markdown_artifact(markdown, key=key, description=description)
    except (httpx.HTTPError, PrefectException, TimeoutError):
        log.warning("The summary could not be put on Prefect's page; report.html has it all.", exc_info=True)


def send_what_is_left() -> bool:
    """Send logs and events now, before the server that belongs to this run goes away; they leave from threads.

    Returns:
        Whether all of it was sent in time. If not, Prefect's threads would keep this process from ending.
    """
    return all([_drained(EventsWorker.drain_all), _drained(APILogWorker.drain_all)])


def _drained(drain_all: Callable[..., Any]) -> bool:
    _, waiting = drain_all(timeout=TIMEOUT_S)
    return not waiting
