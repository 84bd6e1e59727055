"""Telling the registry what the provider said, however long it is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from catalog3d.errors import TransientError
from catalog3d.stages.context import RunContext

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_COMMIT_TRIES = 60
_COMMIT_PAUSE_S = 5.0


async def surely(context: RunContext, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Tell the registry what the provider said, however long it is away: five minutes, then it is a TransientError."""
    for attempt in range(_COMMIT_TRIES):
        try:
            return await context.record(call, *args, **kwargs)
        except TransientError as error:
            log.warning("The registry could not be told yet: %s", error)
            await asyncio.sleep(min(_COMMIT_PAUSE_S, 0.2 * 2**attempt))
    return await context.record(call, *args, **kwargs)
