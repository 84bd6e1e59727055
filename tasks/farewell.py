"""What Prefect still has to send when a flow has ended: logs and events leave from threads of its own."""

from __future__ import annotations

from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogHandler

TIMEOUT_S = 10.0
"""Prefect sends every 2 s; a run's last logs are a fraction of a second's work."""


def send_what_is_left() -> None:
    """Send it now, before the server that belongs to this run goes away."""
    EventsWorker.drain_all(timeout=TIMEOUT_S)
    APILogHandler().flush()
