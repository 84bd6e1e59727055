"""Running a flow in this process, for as long as there is something to wait for."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx

from catalog3d.adapters.local_servers import client_environment, prefect_server
from catalog3d.cli.entry import end_by_force
from catalog3d.errors import RunError
from catalog3d.home import Home
from catalog3d.settings import prefect_api_url

log = logging.getLogger(__name__)

AFTER_REPORT_S = 20.0
"""For Prefect to take the end of a run that has its report. Prefect 3.8's client tries each call again for a minute."""

_LOOK_S = 0.5


Start = Callable[[], Awaitable[Any]]


def run_in_flow(
    home: Home,
    begun: Callable[[], AbstractContextManager[Start]],
    *,
    has_report: Callable[[], bool],
    is_stopped: Callable[[], bool] = lambda: False,
    lost: RunError,
) -> Any:
    """Run a flow in this process, against a Prefect server that is given, joined or our own.

    Args:
        begun: Gives what starts the flow, and listens to it meanwhile; may import flows, which is too early before.
        has_report: Whether the flow has told all that is waited for.
        lost: What is said if Prefect's server goes away before that.

    Returns:
        The state that it ended in, None if it has its report and Prefect does not take its end.
    """
    with prefect_server(home, given_url=prefect_api_url()) as api_url:
        os.environ.update(client_environment(home, api_url))  # Prefect reads it when it is imported
        from tasks.farewell import send_what_is_left

        state, listens = None, True
        try:
            with begun() as start:
                state = run_to_its_end(start, has_report=has_report, is_stopped=is_stopped)
            listens = state is not None
        except Exception as exc:
            if not has_report():
                raise (lost if isinstance(exc, httpx.HTTPError) else exc) from exc
            log.warning("Prefect could not be told how the run ended.", exc_info=True)
        finally:
            if listens and not send_what_is_left():
                end_by_force()
    return state


def run_to_its_end(start: Start, *, has_report: Callable[[], bool], is_stopped: Callable[[], bool]) -> Any:
    """The state that a flow ends in; None when it has its report but Prefect does not take its end.

    Then, and when somebody asked to stop, threads that still work are not waited for, such as one that fetches a photo:
    the program ends by force once it has said everything.
    """
    runner = asyncio.Runner()
    try:
        state = runner.run(_unless_nobody_listens(start, has_report))
    except BaseException:
        runner.close()
        raise
    if state is None or is_stopped():
        end_by_force()  # closing the loop would wait for the flow and for all threads
    else:
        runner.close()
    return state


async def _unless_nobody_listens(start: Start, has_report: Callable[[], bool]) -> Any:
    flow, left_s = asyncio.ensure_future(start()), AFTER_REPORT_S
    try:
        while left_s > 0:
            done, _ = await asyncio.wait({flow}, timeout=_LOOK_S)
            if done:
                return flow.result()
            left_s -= _LOOK_S * has_report()
    except asyncio.CancelledError:
        flow.cancel()
        await asyncio.gather(flow, return_exceptions=True)
        raise
    return None
