"""`check`: every problem of every row at once, and what a run would cost; spends nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from catalog3d.adapters.wiring import caps_of, open_catalog
from catalog3d.cli.errors import COULD_NOT_START, console, print_json, sentence_on_error
from catalog3d.cli.plan import estimate, plan_panel
from catalog3d.cli.run import announce, existing
from catalog3d.cli.tables import mapping_table, problems_table
from catalog3d.request import RunRequest
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.planning import Planned, make_plan


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
            if json_:
                print_json(check_json(catalog, planned))
            else:
                out.print(mapping_table(planned.reading.mapping, planned.reading.dialect))
                if planned.reading.problems:
                    out.print(problems_table(planned.reading.problems))
                out.print(plan_panel(catalog, planned, caps_of(catalog, request)))
    raise typer.Exit(1 if any(problem.severity == "error" for problem in planned.reading.problems) else 0)


def check_json(catalog: OpenCatalog, planned: Planned) -> dict[str, Any]:
    """The JSON contract of `check`."""
    reading = planned.reading
    hours, limit = estimate(catalog, planned)
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
        "hours_estimated": round(hours, 2),
        "limit": limit,
    }
