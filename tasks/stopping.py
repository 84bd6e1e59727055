"""How a run hears that it should stop: a signal, or Cancel on Prefect's page."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import NoReturn
from uuid import UUID

import httpx
from prefect import get_client
from prefect.client.schemas.objects import StateType
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run

from catalog3d.stages.context import RunContext

log = logging.getLogger(__name__)

SECOND_SIGNAL = 130
ENDING_AT_ONCE = (
    "Ending at once: requests under way are kept as unknown, and the next run looks for them before it asks again.\n"
)
AT_ONCE_S = 3.0
"""For Prefect to hear of it and the terminal to be put right; threads that still work are not waited for."""
LOOK_S = 3.0
"""One small request to Prefect's server each: Cancel is heard within seconds."""

_CANCELLED = frozenset({StateType.CANCELLING, StateType.CANCELLED})


@contextmanager
def stopped_by_signals(context: RunContext) -> Iterator[None]:
    """The first SIGINT or SIGTERM stops the run gently, the second ends the program at once.

    A run that is stopping for another reason, such as Cancel on Prefect's page, has not heard a signal yet. Signals
    reach the main thread only; elsewhere this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    heard: list[int] = []

    def asked(number: int) -> None:
        heard.append(number)
        if len(heard) > 1:
            _end_at_once()
        context.brake()

    for number in before:
        loop.add_signal_handler(number, asked, number)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


def _end_at_once() -> NoReturn:
    """End with 130: in order if that is quick, else without waiting for anybody, as `kill -9` would."""
    sys.stderr.write(ENDING_AT_ONCE)
    sys.stderr.flush()
    threading.Thread(target=_cut_off, name="catalog3d-end", daemon=True).start()
    raise SystemExit(SECOND_SIGNAL)


def _cut_off() -> None:
    time.sleep(AT_ONCE_S)
    os._exit(SECOND_SIGNAL)


@asynccontextmanager
async def stopped_on_cancel(context: RunContext) -> AsyncIterator[None]:
    """Stop gently when this flow run is cancelled: a run that no worker started hears of it in no other way."""
    watching = asyncio.create_task(_watch(context, UUID(flow_run.id))) if flow_run.id else None
    try:
        yield
    finally:
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def _watch(context: RunContext, flow_run_id: UUID) -> None:
    async with get_client() as client:
        while not context.braked:
            await asyncio.sleep(LOOK_S)
            try:
                state = (await client.read_flow_run(flow_run_id)).state
            except (httpx.HTTPError, PrefectException):
                log.warning("Prefect's server could not be asked whether this run is cancelled.", exc_info=True)
                continue
            if state is not None and state.type in _CANCELLED:
                context.brake()
