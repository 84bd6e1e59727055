"""`retake`: another model of a product that has one, from the same photo. The only command that pays for that."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from catalog3d.adapters.requests import rerun_request, retake_request
from catalog3d.adapters.wiring import open_catalog
from catalog3d.asset import REJECT_REASONS
from catalog3d.cli.errors import console, sentence_on_error
from catalog3d.cli.person import As, deciding
from catalog3d.cli.run import Before, credits_of, existing, perform, say_bills, show, unit_of
from catalog3d.errors import RunError
from catalog3d.people import Act
from catalog3d.request import RunRequest
from catalog3d.retake import Retake
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.planning import Planned
from catalog3d.stages.retaking import Case, close_retake, require_retakable, retake_case
from catalog3d.wording import credits_text, plain


def retake(
    sku: Annotated[str, typer.Argument(help="The SKU.")],
    reason: Annotated[str, typer.Option(help="Why: " + ", ".join(REJECT_REASONS))],
    note: Annotated[str, typer.Option(help="A note for the team.")] = "",
    budget: Annotated[float | None, typer.Option(help="Most credits this may cost.", min=0)] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before paying.")] = False,
    as_: As = "",
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Pay for another model of a SKU that has one, from the same photo (or from the new one, if it changed).

    Says the price first, and on a terminal asks for a yes. The result is the next version beside the old one: what is
    approved stays approved and live until you approve the new one. Interrupted, the same command again goes on with
    the same retake and never pays for it twice.

    Exit code: 0 there is a new version, 1 there is none, 2 it could not start, 130 second Ctrl-C.
    """
    with sentence_on_error(json_=json_):
        with open_catalog(Path.cwd()) as catalog:
            person = deciding(catalog, as_, Act.ORDER)
            case = retake_case(catalog, sku, reason)
        sheet = str(existing(Path(case.sheet)))
        if case.made is not None:
            _say_made(sku, case.version, case.made)
            again: dict[str, Any] = {"sheet": sheet, "status": None}
            request = rerun_request(**again, deployed=False, only=(sku,))
            report = perform(request, "rerun_failed", sku=sku, **again)
        else:
            wishes: dict[str, Any] = {"sheet": sheet, "sku": sku, "budget": credits_of(budget)}
            asking = _asking(case, person=person, reason=reason, note=note, yes=yes)
            report = perform(retake_request(**wishes), "retake", before=asking, **wishes)
        show(report, json_=json_)
        with open_catalog(Path(sheet).parent) as catalog:
            for line in report.lines:
                close_retake(catalog, line)
    is_made = case.made is not None or any((line.version or 0) > case.version for line in report.lines)
    raise typer.Exit(0 if is_made else 1)


def _asking(case: Case, *, person: str, reason: str, note: str, yes: bool) -> Before:
    """Price the retake, ask for a yes, and write it down as this person's decision."""

    def before(catalog: OpenCatalog, request: RunRequest, planned: Planned) -> None:
        say_bills(catalog, request, planned)
        item = planned.plan.items[0]
        wish = require_retakable(item)
        if not yes and _somebody_is_there():
            price = f"{credits_text(item.credits)} {unit_of(catalog)}"
            _require_yes(f"Make another model of {plain(item.sku)} beside V{case.version} for {price}?")
        catalog.registry.retakes.ask(wish, person=person, reason=reason, note=note)

    return before


def _somebody_is_there() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _require_yes(question: str) -> None:
    if not typer.confirm(question, err=True):
        raise RunError("Nothing was ordered.", code="NOT_CONFIRMED", fix="Answer yes, or add --yes.")


def _say_made(sku: str, version: int, retake: Retake) -> None:
    """The retake was made, and whoever asked for it was cut off before they heard of it."""
    console().print(
        f"[green]V{version}[/] of {escape(sku)} was made since a retake of V{retake.version} was asked for: nothing more "
        "is paid. To have yet another one, ask again.",
        soft_wrap=True,
    )
