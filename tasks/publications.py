"""Publication runs under way in this process: task parameters are names, and this is where the names lead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from catalog3d.adapters.publications import open_publishing
from catalog3d.adapters.wiring import open_catalog
from catalog3d.errors import RunError
from catalog3d.publish_gates import PublishWish
from catalog3d.stages.publish import Publishing

ended_listeners: list[Callable[[Publishing], None]] = []
"""Called with every publication run that ends in this process: the command line gets its report this way."""

_under_way: dict[str, Publishing] = {}


@contextmanager
def publication_run(run_id: str, wish: PublishWish, *, dry_run: bool = False) -> Iterator[Publishing]:
    """Open the catalog of the working folder and plan, for as long as the run lasts."""
    with (
        open_catalog(Path.cwd(), rehearse=wish.standin, offline=dry_run) as catalog,
        open_publishing(catalog, wish) as publishing,
    ):
        _under_way[run_id] = publishing
        try:
            yield publishing
        finally:
            del _under_way[run_id]


def publishing_of(run_id: str) -> Publishing:
    """The publication run.

    Raises:
        RunError: RUN_NOT_HERE; tasks run in the process of their flow.
    """
    try:
        return _under_way[run_id]
    except KeyError:
        raise RunError(
            f"Publication run {run_id} is not under way in this process.",
            code="RUN_NOT_HERE",
            fix="Start the deployment again: what is live is not published twice.",
        ) from None
