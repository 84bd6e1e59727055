"""Live progress of a run."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from catalog3d.report import RunReport
from catalog3d.stages.context import RunContext
from catalog3d.status import HAS_MODEL, NEEDS_PERSON, Stage

STOPPING = "\nStopping: nothing new starts, paid models are kept for the next run. Ctrl-C again ends at once."
_REFRESH_S = 0.25
_WORDS = {
    Stage.VALIDATE_FIELDS: "preparing photos",
    Stage.GENERATE_MODEL: "generating",
    Stage.VALIDATE_MESH: "checking",
    Stage.NAME_VERSION: "naming",
    Stage.UPLOAD_ASSET: "storing",
}


class RunProgress:
    """Shows the run that starts in this process; on a terminal as a bar, elsewhere not at all."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._context: RunContext | None = None
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._done = threading.Event()

    def __call__(self, context: RunContext) -> None:
        """A run starts: follow it."""
        self._context = context

    @property
    def report(self) -> RunReport | None:
        """What the run ended with, None until it has."""
        return self._context.report if self._context else None

    @property
    def is_stopped(self) -> bool:
        """Whether somebody asked to stop it."""
        return self._context is not None and self._context.braked

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Draw until the block ends."""
        with self._bar:
            task = self._bar.add_task("starting", total=None)
            thread = threading.Thread(target=self._draw, args=(task,), daemon=True)
            thread.start()
            try:
                yield
            finally:
                self._done.set()
                thread.join(timeout=2)

    def _draw(self, task: TaskID) -> None:
        told = False
        while not self._done.wait(_REFRESH_S):
            context = self._context
            if context is None:
                continue
            if context.braked and not told:
                told = True
                self._console.print(STOPPING)
            self._bar.update(task, total=len(context.work), completed=len(context.ended), description=sentence(context))


def sentence(context: RunContext) -> str:
    """What is going on, in a few words: "10 generating, 2 checking, 31 done, 1 needs a person"."""
    running = Counter(stage for sku, stage in dict(context.stage_now).items() if sku not in context.ended)
    parts = [f"{running[stage]} {word}" for stage, word in _WORDS.items() if running[stage]]
    done = sum(status in HAS_MODEL - NEEDS_PERSON for status in list(context.ended.values()))
    waiting = sum(status in NEEDS_PERSON for status in list(context.ended.values()))
    if done:
        parts.append(f"{done} done")
    if waiting:
        parts.append(f"{waiting} need{'s' if waiting == 1 else ''} a person")
    return ", ".join(parts) or "starting"
