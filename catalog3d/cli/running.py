"""Running a flow in this process, for as long as there is something to wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from catalog3d.cli.entry import end_by_force

AFTER_REPORT_S = 20.0
"""For Prefect to take the end of a run that has its report. Prefect 3.8's client tries each call again for a minute."""

_LOOK_S = 0.5


def run_to_its_end(
    start: Callable[[], Awaitable[Any]], *, has_report: Callable[[], bool], is_stopped: Callable[[], bool]
) -> Any:
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


async def _unless_nobody_listens(start: Callable[[], Awaitable[Any]], has_report: Callable[[], bool]) -> Any:
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
