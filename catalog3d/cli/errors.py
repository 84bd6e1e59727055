"""How the command line ends: a sentence and an exit code, or one JSON document."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from catalog3d.errors import Catalog3DError, RunError

log = logging.getLogger(__name__)

COULD_NOT_START = 2


def console() -> Console:
    """Where people read: stderr, so that stdout is free for JSON."""
    return Console(stderr=True, highlight=False)


def print_json(document: Any) -> None:
    """The one JSON document of a `--json` call, on stdout."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    sys.stdout.flush()


@contextmanager
def sentence_on_error(*, json_: bool, exit_code: int = COULD_NOT_START) -> Iterator[None]:
    """Turn an error into a sentence and an exit code; a defect of ours leaves its traceback in a file."""
    try:
        yield
    except Catalog3DError as error:
        log.debug("ended by %s", error.code, exc_info=True)
        _say(error, json_=json_)
        raise typer.Exit(exit_code) from error
    except (typer.Exit, typer.Abort):
        raise
    except Exception as exc:
        _say(_defect(exc), json_=json_)
        raise typer.Exit(exit_code) from exc


def _say(error: Catalog3DError, *, json_: bool) -> None:
    if json_:
        print_json({"error": {"code": error.code, "message": error.message, "fix": error.fix}})
        return
    out = console()
    out.print(f"[bold red]{escape(error.code)}[/]  {escape(error.message)}")
    if error.fix:
        out.print(f"  {escape(error.fix)}", soft_wrap=True)


def _defect(exc: Exception) -> Catalog3DError:
    """A sentence for what nobody foresaw; the details go to a file, for whoever mends it."""
    descriptor, path = tempfile.mkstemp(prefix="catalog3d-defect-", suffix=".log")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        traceback.print_exception(exc, file=file)
    return RunError(
        f"Something unforeseen happened ({type(exc).__name__}). What was finished is kept, and nothing is billed twice.",
        code="UNEXPECTED",
        fix=f"Try again; if it stays, please report it with this file: {path}",
    )
