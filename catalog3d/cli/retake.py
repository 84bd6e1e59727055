"""`retake`: another model of a product that has one, with what the reasons change. The only command that pays for it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from catalog3d.adapters.requests import rerun_request, retake_request
from catalog3d.adapters.wiring import open_catalog
from catalog3d.asset import REJECT_REASONS
from catalog3d.cli.errors import console, print_json, sentence_on_error
from catalog3d.cli.person import As, deciding
from catalog3d.cli.run import Before, credits_of, existing, perform, say_bills, show, unit_of
from catalog3d.errors import RunError
from catalog3d.learning import How
from catalog3d.people import Act
from catalog3d.request import RunRequest, Wish
from catalog3d.retake import Retake
from catalog3d.stages.asking import drop_retake, open_retake, put_on_record
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.planning import Planned
from catalog3d.stages.retaking import Case, close_retake, require_asked, require_retakable, retake_case
from catalog3d.wording import credits_text, plain


def retake(
    sku: Annotated[str, typer.Argument(help="The SKU.")],
    reason: Annotated[
        list[str] | None, typer.Option(help="Why; may be given several times: " + ", ".join(REJECT_REASONS))
    ] = None,
    note: Annotated[str, typer.Option(help="A note for the team.")] = "",
    how: Annotated[
        How,
        typer.Option(
            help="What it changes. auto: by the reasons, the cheapest that was not tried. same: nothing but the seed. "
            "texture: the surface, by the sheet's color and material. multiview: other views."
        ),
    ] = How.AUTO,
    budget: Annotated[float | None, typer.Option(help="Most credits this may cost.", min=0)] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before paying.")] = False,
    asked: Annotated[
        bool, typer.Option("--asked", help="Order the retake that is on record, and ask for nothing new.")
    ] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Take back a retake that was not ordered yet.")] = False,
    as_: As = "",
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Pay for another model of a SKU that has one, with a change that the reasons call for.

    Says the change, the attempt and the price first, and on a terminal asks for a yes: a wrong color or material gets
    another surface on the same shape for 10 credits, other reasons other views, options or a new seed. The result is
    the next version beside the old one: what is approved stays approved and live until you approve the new one.
    Interrupted, the same command again goes on with the same retake and never pays for it twice.

    Exit code: 0 there is a new version (or it was taken back), 1 there is none, 2 it could not start, 130 second Ctrl-C.
    """
    with sentence_on_error(json_=json_):
        if drop:
            _drop(sku, as_, json_=json_)
            return
        with open_catalog(Path.cwd()) as catalog:
            # What is on record was asked for and allowed by somebody: carrying it out decides nothing more.
            person = "" if asked else deciding(catalog, as_, Act.ORDER)
            known = open_retake(catalog, sku) if asked else None
            reasons = known.reasons if known is not None else tuple(reason or ())
            case = retake_case(catalog, sku, *reasons)
        sheet = str(existing(Path(case.sheet)))
        if case.made is not None:
            _say_made(sku, case.version, case.made)
            again: dict[str, Any] = {"sheet": sheet, "status": None}
            request = rerun_request(**again, deployed=False, only=(sku,))
            report = perform(request, "rerun_failed", sku=sku, **again)
        else:
            wish = Wish(reasons=reasons, note=note, how=how)
            wishes: dict[str, Any] = {"sheet": sheet, "sku": sku, "budget": credits_of(budget)}
            asking = _asking(case, wish, person=person, yes=yes, on_record=asked)
            report = perform(retake_request(**wishes, wish=wish), "retake", before=asking, **wishes)
        show(report, json_=json_)
        with open_catalog(Path(sheet).parent) as catalog:
            for line in report.lines:
                close_retake(catalog, line)
    is_made = case.made is not None or any((line.version or 0) > case.version for line in report.lines)
    raise typer.Exit(0 if is_made else 1)


def _drop(sku: str, as_: str, *, json_: bool) -> None:
    with open_catalog(Path.cwd()) as catalog:
        deciding(catalog, as_, Act.DECIDE)
        dropped = drop_retake(catalog, sku)
    if json_:
        print_json({"sku": sku, "dropped": True, "version": dropped.version})
    console().print(f"The retake of V{dropped.version} of {escape(sku)} was taken back.", soft_wrap=True)


def _asking(case: Case, wish: Wish, *, person: str, yes: bool, on_record: bool) -> Before:
    """Price the retake, ask for a yes, and write it down as this person's decision, unless somebody's is there."""

    def before(catalog: OpenCatalog, request: RunRequest, planned: Planned) -> None:
        say_bills(catalog, request, planned)
        item = planned.plan.items[0]
        require_retakable(item)
        if not yes and _somebody_is_there():
            price = f"{credits_text(item.credits)} {unit_of(catalog)}"
            _require_yes(f"Make another model of {plain(item.sku)} beside V{case.version} for {price}?")
        if on_record:
            require_asked(planned.plan.items)
            return
        put_on_record(catalog, item, wish, person=person)

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
