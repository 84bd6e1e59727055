"""What all tasks share: retries only for what is worth trying again, no caching, failures written down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from prefect.cache_policies import NO_CACHE

from catalog3d.errors import Catalog3DError, ProductError, RunError, TransientError
from catalog3d.status import Stage
from tasks.sessions import session_of

log = logging.getLogger(__name__)


async def worth_retrying(_task: Any, _run: Any, state: Any) -> bool:
    """Only a TransientError is tried again; a retry re-enters the ledger and never implies a paid request."""
    try:
        await state.aresult()
    except TransientError:
        return True
    except Exception:  # noqa: BLE001 - whatever else ended the task, it is not retried
        return False
    return False


TASK_POLICY: dict[str, Any] = {
    "retries": 2,
    "retry_delay_seconds": [2, 10],
    "retry_condition_fn": worth_retrying,
    "cache_policy": NO_CACHE,
    "persist_result": False,
}


@asynccontextmanager
async def written_down(stage: Stage, sku: str, run_id: str) -> AsyncIterator[None]:
    """Note why a stage ended without its result, so that update_status can say so; then let it go on.

    Anything unforeseen becomes a ProductError of this SKU: one bad product never stops the others. Once somebody asked
    to stop, no further stage begins.
    """
    session = session_of(run_id)
    runs = session.catalog.registry.runs
    session.started.stage_now[sku] = stage
    try:
        session.started.require_unbraked(sku)
        yield
        await asyncio.to_thread(runs.note, run_id, sku, reason="", message="")
    except Catalog3DError as error:
        await asyncio.to_thread(
            runs.note, run_id, sku, stage=stage, reason=error.code, message=f"{error.message} {error.fix}".strip()
        )
        if isinstance(error, RunError):
            session.started.stop(error)
        raise error.for_sku(sku)  # noqa: B904 - the same error, named
    except Exception as exc:
        log.exception("%s failed for %s", stage, sku)
        message = f"Something unforeseen happened in {stage}: {type(exc).__name__}."
        await asyncio.to_thread(runs.note, run_id, sku, stage=stage, reason="UNEXPECTED", message=message)
        raise ProductError(message, code="UNEXPECTED", fix="See the log of the run.", sku=sku) from exc
