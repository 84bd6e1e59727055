"""Runs under way in this process: task parameters are names, and this is where the names lead."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from catalog3d.adapters.wiring import open_catalog, open_run
from catalog3d.brief import pool_of
from catalog3d.errors import Catalog3DError, RunError, TransientError
from catalog3d.request import RunRequest
from catalog3d.stages.context import OpenCatalog, RunContext
from catalog3d.stages.open_tasks import tending_open_tasks
from catalog3d.stages.planning import Planned
from catalog3d.stages.sheet_writer import written_while_running
from tasks.stopping import stopped_by_signals, stopped_on_cancel

log = logging.getLogger(__name__)

started_listeners: list[Callable[[RunContext], None]] = []
"""Called with every run that starts in this process: the command line shows its progress this way."""


@dataclass(kw_only=True)
class Session:
    """One run of this process: its catalog, and once it is planned and started its context."""

    run_id: str
    request: RunRequest
    catalog: OpenCatalog
    planned: Planned | None = None
    context: RunContext | None = None

    @property
    def started(self) -> RunContext:
        if self.context is None:
            raise RunError(f"Run {self.run_id} is not started.", code="STAGE_ORDER")
        return self.context

    @property
    def is_stopped(self) -> bool:
        """Whether nothing new may start."""
        return self.context is not None and self.context.stopped_by is not None

    def pool_of(self, sku: str) -> str:
        """The provider's pool that will make this SKU's model."""
        work = self.started.work[sku]
        if work.retake is not None and work.retake.brief is not None:
            return work.retake.brief.pool
        return pool_of(self.catalog.rules.tripo_for(work.product.category).model)

    def brief_of(self, sku: str) -> str:
        """The digest of a SKU's brief, once its views are prepared; before that the SKU has one of its own."""
        brief = self.started.work[sku].brief
        return brief.digest if brief else sku

    @asynccontextmanager
    async def start(self) -> AsyncIterator[RunContext]:
        """Connect to the generator and start what the stages share."""
        if self.planned is None:
            raise RunError(f"Run {self.run_id} is not planned.", code="STAGE_ORDER")
        async with open_run(self.catalog, self.request, self.planned, self.run_id) as context:
            self.context = context
            for listener in started_listeners:
                listener(context)
            async with written_while_running(context), tending_open_tasks(context), stopped_on_cancel(context):
                with stopped_by_signals(context):
                    yield context


_sessions: dict[str, Session] = {}


@contextmanager
def run_session(run_id: str, request: RunRequest) -> Iterator[Session]:
    """Open the catalog of a request for as long as its run lasts."""
    with open_catalog(Path(request.sheet).resolve().parent, rehearse=request.rehearse) as catalog:
        _sessions[run_id] = Session(run_id=run_id, request=request, catalog=catalog)
        try:
            yield _sessions[run_id]
        except BaseException as error:
            _break_off(catalog, run_id, error)
            raise
        finally:
            del _sessions[run_id]


def _break_off(catalog: OpenCatalog, run_id: str, error: BaseException) -> None:
    """Close the run in the registry, whatever ended it: a kill or a Ctrl-C before it began is no defect."""
    if isinstance(error, Catalog3DError):
        why = str(error)
    elif isinstance(error, Exception):
        why = f"Something unforeseen happened: {type(error).__name__}."
    else:
        why = "The program was ended before the run was through; run again: it goes on where it stopped."
    try:
        catalog.registry.runs.break_off(run_id, why)
    except TransientError as away:
        log.warning("Run %s stays open in the registry: %s", run_id, away)


def session_of(run_id: str) -> Session:
    """The session of a run.

    Raises:
        RunError: RUN_NOT_HERE; tasks run in the process of their flow.
    """
    try:
        return _sessions[run_id]
    except KeyError:
        raise RunError(
            f"Run {run_id} is not under way in this process.",
            code="RUN_NOT_HERE",
            fix="Start the deployment again: finished products are not done again.",
        ) from None
