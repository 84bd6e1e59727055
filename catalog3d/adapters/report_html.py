"""report.html: what a run made, photo beside model picture, for people. One file and a folder of small pictures.

The page is opened from disk and asks nothing of any network. Its content security policy allows the inlined
script and style by their hashes and nothing else, so that no text of a sheet or server can run in it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from catalog3d.adapters.thumbnails import Thumbnail, Thumbnails
from catalog3d.errors import RunError
from catalog3d.product import Severity
from catalog3d.quality import Check
from catalog3d.report import RunReport, SkuLine
from catalog3d.status import HAS_MODEL, NEEDS_PERSON, Status
from catalog3d.wording import (
    SYMBOLS,
    by_urgency,
    command_for,
    credits_text,
    duration_text,
    errors_first,
    parts_of,
    plain,
    plural,
    size_text,
    todo,
    value_text,
)

FILE_NAME = "report.html"
PICTURES = "pictures"
PROBLEMS_SHOWN = 1000
"""Rows of the folded list; a browser lays out more only slowly, and nobody reads them."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """One SKU as the page shows it.

    Attributes:
        number: From 1, in the order of the report: the anchor.
        source: What the left picture is: Photo, Sketch or Prompt.
        photo: None when the SKU is made from words alone or has no photo.
        href: Relative link to the model file; "" when it is not a file on this disk.
        findings: Errors and warnings, worst first.
        other_checks: What is only said.
    """

    number: int
    line: SkuLine
    source: str
    photo: Thumbnail | None
    picture: Thumbnail | None
    href: str
    findings: tuple[Check, ...]
    other_checks: tuple[Check, ...]


def write_report(report: RunReport, folder: Path) -> Path:
    """Write `folder/report.html` and its pictures; the page comes last, so it never shows half a report.

    Blocks: about 20 ms for each picture. Written again into the same folder, it replaces the page.

    Args:
        folder: Created if missing.

    Returns:
        Absolute path of report.html.

    Raises:
        RunError: REPORT_UNWRITABLE; the run's results are elsewhere and are not touched by it.
    """
    folder = folder.absolute()
    target = folder / FILE_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        thumbnails = Thumbnails(folder / PICTURES)
        cards = [_card(number, line, folder, thumbnails) for number, line in enumerate(report.lines, start=1)]
        _write_atomically(target, render_page(report, cards).encode("utf-8", "replace"))
    except OSError as exc:
        raise RunError(
            f"The report could not be written to {folder}: {exc.strerror or exc}.",
            code="REPORT_UNWRITABLE",
            fix="Make room on the disk or correct the folder's rights; `catalog3d status` shows the same results.",
        ) from exc
    return target


def render_page(report: RunReport, cards: list[Card]) -> str:
    """The page as text; pure."""
    style, script = _asset("report.css"), _asset("report.js")
    anchors = {id(card.line): card.number for card in cards}
    problems = errors_first(report.problems)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            cards=cards,
            sheet_name=report.sheet.replace("\\", "/").rsplit("/", 1)[-1] or "no sheet",
            standin=report.generator == "standin",
            waiting=[(anchors[id(line)], line) for line in by_urgency(report.needs_person)],
            statuses=[status for status in Status if status.value in report.counts],
            unfinished=sum(line.status not in HAS_MODEL | NEEDS_PERSON for line in report.lines),
            costs=[cost for cost in report.categories if cost.estimated or cost.spent],
            problems=problems[:PROBLEMS_SHOWN],
            problems_left=max(len(problems) - PROBLEMS_SHOWN, 0),
            errors=sum(problem.severity is Severity.ERROR for problem in problems),
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            policy=_policy(style, script),
        )
    )


def _card(number: int, line: SkuLine, folder: Path, thumbnails: Thumbnails) -> Card:
    source = "Photo"
    if line.concept:
        source = "Prompt" if line.prompt and line.photo is None else "Sketch"
    order = (Severity.ERROR, Severity.WARNING)
    return Card(
        number=number,
        line=line,
        source=source,
        photo=thumbnails.of(line.photo) if line.photo else None,
        picture=thumbnails.of(line.picture) if line.picture else None,
        href=_link(line.location, folder),
        findings=tuple(check for severity in order for check in line.checks if check.severity is severity),
        other_checks=tuple(check for check in line.checks if check.severity not in order),
    )


def _link(location: str, folder: Path) -> str:
    """A relative link to a file on this disk, so that home can be moved or shared as a whole."""
    if not location or "\0" in location:
        return ""
    path = Path(location)
    try:
        if not path.is_absolute() or not path.is_file():
            return ""
        return quote(Path(os.path.relpath(path, folder)).as_posix())
    except (OSError, ValueError):  # a name too long to exist, another drive, half a surrogate
        return ""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("catalog3d.adapters", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        plain=plain,
        credits=credits_text,
        duration=duration_text,
        size=size_text,
        value=value_text,
        command=command_for,
        parts=parts_of,
        todo=todo,
        plural=plural,
    )
    environment.globals["symbols"] = SYMBOLS
    return environment


@cache
def _asset(name: str) -> str:
    return (files("catalog3d.adapters") / "templates" / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; img-src 'self' file:; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _write_atomically(target: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
