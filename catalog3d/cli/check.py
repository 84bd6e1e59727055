"""`check`: every problem of every row at once, and what a run would cost; spends nothing."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from catalog3d.adapters.wiring import open_catalog
from catalog3d.cli.errors import COULD_NOT_START, console, print_json, sentence_on_error
from catalog3d.cli.plan import estimate, plan_panel
from catalog3d.cli.run import announce, existing
from catalog3d.cli.tables import mapping_table, problems_table
from catalog3d.funds import Fit, waits
from catalog3d.request import RunRequest
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.planning import Planned, make_plan
from catalog3d.stages.preflight import hold_against_funds, stops_over_budget, words_to_come
from catalog3d.wording import credits_text, plain


def check(
    sheet: Annotated[Path, typer.Argument(help="The product sheet: CSV, TSV or XLSX.")],
    images: Annotated[Path | None, typer.Option(help="A folder with more photos.", file_okay=False)] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Look at nothing outside this machine.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Read a sheet, report every problem of every row, and price the run. Spends nothing, and the sheet stays as it is.

    Exit code: 0 all rows usable, 1 some are not, 2 the sheet cannot be read.
    """
    with sentence_on_error(json_=json_, exit_code=COULD_NOT_START):
        path = existing(sheet)
        request = RunRequest(sheet=str(path), images=str(images.resolve()) if images else None)
        with open_catalog(path.parent, offline=offline) as catalog:
            out = console()
            if not json_:
                announce(out, catalog)
            with out.status("Reading the sheet and its photos"):
                planned = make_plan(catalog, request)
            fitted = hold_against_funds(catalog, request, planned.plan, must_answer=False)
            if json_:
                print_json(check_json(catalog, planned, fitted))
            else:
                out.print(mapping_table(planned.reading.mapping, planned.reading.dialect))
                if planned.reading.problems:
                    out.print(problems_table(planned.reading.problems))
                _say_price(out, catalog, request, planned, fitted)
    raise typer.Exit(1 if any(problem.severity == "error" for problem in planned.reading.problems) else 0)


def _say_price(out: Console, catalog: OpenCatalog, request: RunRequest, planned: Planned, fitted: Fit) -> None:
    stops = stops_over_budget(catalog, request, planned.plan)
    out.print(plan_panel(catalog, planned, fitted, stops=stops))
    if stops:
        path = Path(planned.reading.sheet)
        sheet = shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))
        out.print(
            f"The limit is the budget: a run without a budget of its own stops above "
            f"{credits_text(fitted.funds.run)} credits and spends nothing. "
            f"`catalog3d run {escape(plain(sheet, 400))} --budget {fitted.wanted}` makes all of it; "
            "a smaller budget is used by priority and then in the sheet's order.",
            style="yellow",
        )
    elif fitted.waiting:
        out.print(waits(fitted), style="yellow")
    for sentence in words_to_come(catalog, planned.plan):
        out.print(sentence, style="yellow")


def check_json(catalog: OpenCatalog, planned: Planned, fitted: Fit) -> dict[str, Any]:
    """The JSON contract of `check`: the price of the whole plan, and what holds it back most."""
    reading = planned.reading
    expected = estimate(catalog, planned.plan)
    return {
        "sheet": reading.sheet,
        "dialect": reading.dialect,
        "mapping": reading.mapping,
        "rows": reading.rows,
        "products": len(reading.products),
        "problems": [
            {
                "row": problem.row,
                "sku": problem.sku,
                "column": problem.column,
                "code": problem.code,
                "severity": problem.severity.value,
                "message": problem.message,
            }
            for problem in reading.problems
        ],
        "credits_estimated": float(round(planned.plan.credits, 2)),
        "hours_estimated": round(expected.hours, 2),
        "limit": fitted.binds.limit if fitted.binds else expected.limit,
    }
