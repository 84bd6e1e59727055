"""`run` and `rerun`: plan first, then the flow, then what people read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from catalog3d.adapters.requests import last_sheet, rerun_request, sheet_request
from catalog3d.adapters.wiring import new_run_id, open_catalog
from catalog3d.billing import bill_groups
from catalog3d.cli.errors import console, print_json, sentence_on_error
from catalog3d.cli.plan import plan_panel
from catalog3d.cli.progress import RunProgress
from catalog3d.cli.rehearsal import rehearsed_with, require_standin
from catalog3d.cli.running import Start, run_in_flow
from catalog3d.cli.tables import report_table, summary
from catalog3d.errors import Catalog3DError, RunError
from catalog3d.home import Home
from catalog3d.report import RunReport
from catalog3d.request import EndedAt, RunRequest, StageName, StatusName, named_skus
from catalog3d.selection import nothing_selected
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.planning import Planned, make_plan, record_run, require_startable
from catalog3d.stages.preflight import hold_against_funds, stops_over_budget
from catalog3d.stages.reporting import close_run

Before = Callable[[OpenCatalog, RunRequest, Planned], None]
"""Looks at a plan before anything is begun."""


def run(
    sheet: Annotated[Path, typer.Argument(help="The product sheet: CSV, TSV or XLSX.")],
    images: Annotated[Path | None, typer.Option(help="A folder with more photos.", file_okay=False)] = None,
    only: Annotated[str, typer.Option(help="Only these SKUs, with commas between them.")] = "",
    category: Annotated[str, typer.Option(help="Only this category.")] = "",
    limit: Annotated[int | None, typer.Option(help="Work on at most so many SKUs.", min=1)] = None,
    budget: Annotated[
        float | None, typer.Option(help="Most credits this run may cost (1 credit = $0.01).", min=0)
    ] = None,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="Use the free stand-in even though there is a key.")
    ] = False,
    faults: Annotated[
        str | None,
        typer.Option(
            "--faults", metavar="PROFILE", help="Rehearse with these faults; see `catalog3d standin --profiles`."
        ),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Make a model for every product of a sheet that has none yet.

    Plans first and says what it will cost. Finished products are never done or paid again, so run it as often as
    you like: it goes on where it stopped. Without a Tripo key it rehearses with the free local stand-in.

    Exit code: 0 every selected SKU has a model, 1 some have none, 2 it could not start, 130 second Ctrl-C.
    """
    with sentence_on_error(json_=json_):
        path = str(existing(sheet))
        folder = str(images.resolve()) if images else ""
        wishes: dict[str, Any] = {"limit": limit, "budget": credits_of(budget), "rehearse": rehearse}
        request = sheet_request(
            path,
            deployed=False,
            images=folder,
            only=named_skus(only),
            category=category or None,
            faults=faults,
            **wishes,
        )
        report = perform(request, "catalog_run", sheet=path, images=folder, only=only, category=category, **wishes)
        finish(report, json_=json_)


def rerun(
    sheet: Annotated[Path | None, typer.Option(help="The sheet; without it, that of the last run here.")] = None,
    images: Annotated[
        Path | None, typer.Option(help="A folder with more photos; without it, that of the last run.", file_okay=False)
    ] = None,
    sku: Annotated[str, typer.Option(help="Only these SKUs, with commas between them.")] = "",
    failed: Annotated[
        bool, typer.Option("--failed", help="SKUs that failed, also those the provider refused.")
    ] = False,
    stale: Annotated[
        bool, typer.Option("--stale", help="SKUs whose photo or rules changed: orders new models.")
    ] = False,
    status: Annotated[StatusName | None, typer.Option(help="Only SKUs with this status now.")] = None,
    reason: Annotated[str, typer.Option(help="Only SKUs with this reason code.")] = "",
    stage: Annotated[EndedAt | None, typer.Option(help="Only SKUs that ended at this stage.")] = None,
    category: Annotated[str, typer.Option(help="Only this category.")] = "",
    older_than: Annotated[
        str, typer.Option(help="Only SKUs that have stood unchanged for so long: 30m, 12h, 7d, 2w.")
    ] = "",
    newer_than: Annotated[
        str, typer.Option(help="Only SKUs that changed within this time, such as 12h: last night's.")
    ] = "",
    from_: Annotated[StageName | None, typer.Option("--from", help="Do this stage and the later ones again.")] = None,
    budget: Annotated[float | None, typer.Option(help="Most credits this run may cost.", min=0)] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Do SKUs again, only what is needed, saying first what it will bill.

    Options that choose SKUs narrow each other: --failed --category Chairs --newer-than 12h are last night's failed
    chairs; only --failed and --stale add up. Downloads, checks, names and uploads cost nothing again; only a new
    model does.

    Exit code: 0 every selected SKU has a model, 1 some have none, 2 it could not start, 130 second Ctrl-C.
    """
    with sentence_on_error(json_=json_):
        chosen = status or ("failed" if failed else "stale" if stale else None)
        if not (sku or chosen or reason or stage or category or older_than or newer_than):
            raise RunError(
                "rerun needs to know which SKUs.",
                code="NOTHING_SELECTED",
                fix="Add --failed, --stale, --reason CODE or --sku SKU,SKU; catalog3d rerun --help lists them all.",
            )
        if status and ((failed and status != "failed") or (stale and status != "stale")):
            raise RunError(
                f"--status {status} does not go with --{'failed' if failed else 'stale'}.",
                code="SELECTION_UNCLEAR",
                fix="Use one of them.",
            )
        path = str(existing(sheet) if sheet else last_sheet())
        wishes: dict[str, Any] = {
            "images": str(images.resolve()) if images else "",
            "reason": reason,
            "status": chosen,
            "stale": failed and stale,
            "stage": stage,
            "category": category,
            "older_than": older_than,
            "newer_than": newer_than,
            "from_stage": from_,
            "budget": credits_of(budget),
        }
        request = rerun_request(path, deployed=False, only=named_skus(sku), **wishes)
        report = perform(request, "rerun_failed", before=say_bills, sheet=path, sku=sku, **wishes)
        finish(report, json_=json_)


def perform(request: RunRequest, flow_name: str, *, before: Before | None = None, **parameters: Any) -> RunReport:
    """Plan, say so, and run the flow with these parameters if there is something to do.

    Args:
        before: Called with the plan before anything is begun; may refuse it.

    Raises:
        RunError: It could not start; nothing was spent.
    """
    out = console()
    with open_catalog(Path(request.sheet).parent, rehearse=request.rehearse) as catalog:
        announce(out, catalog)
        require_standin(request.faults, catalog.generator_name)
        with out.status("Reading the sheet and its photos"):
            planned = make_plan(catalog, request)
        fitted = hold_against_funds(catalog, request, planned.plan)
        out.print(plan_panel(catalog, planned, fitted, stops=stops_over_budget(catalog, request, planned.plan)))
        planned = require_startable(catalog, request, planned, fitted)
        for sentence in planned.notes:
            out.print(sentence, style="yellow")
        if before is not None:
            before(catalog, request, planned)
        if not planned.plan.todo:
            return _nothing_to_do(catalog, request, planned, fitted.funds.wallet)
        home = catalog.home
    with rehearsed_with(home, out, request.faults):
        return _in_flow(home, out, flow_name, parameters)


def say_bills(catalog: OpenCatalog, request: RunRequest, planned: Planned) -> None:
    """Say for each group of the selected SKUs what it will bill and why, or what there is instead of them."""
    out = console()
    if not planned.plan.items:
        out.print(escape(nothing_selected(request, planned.counts)), soft_wrap=True)
    for group in bill_groups(planned.plan):
        out.print(f"  {escape(group.sentence(unit_of(catalog)))}", soft_wrap=True, style=None if group.do else "dim")


def unit_of(catalog: OpenCatalog) -> str:
    """What is counted: a rehearsal's credits are no money."""
    return "stand-in credits" if catalog.is_rehearsal else "credits"


def announce(out: Console, catalog: OpenCatalog) -> None:
    """Which catalog this is: printed first in every run."""
    kind = "rehearsal with the local stand-in: free, and not Tripo" if catalog.is_rehearsal else "live: Tripo"
    out.print(f"[bold]Home[/] {escape(str(catalog.home.root))}  ({kind})", soft_wrap=True)


def _nothing_to_do(catalog: OpenCatalog, request: RunRequest, planned: Planned, balance: Decimal | None) -> RunReport:
    run_id = new_run_id()
    record_run(catalog, request, planned, run_id)
    return close_run(catalog, run_id, planned, balance=balance, notes=planned.notes)


def _in_flow(home: Home, out: Console, flow_name: str, parameters: dict[str, Any]) -> RunReport:
    """Run the flow in this process, and show how far it is."""
    progress = RunProgress(out)

    @contextmanager
    def begun() -> Iterator[Start]:
        import flows.catalog
        from tasks.sessions import started_listeners

        flow = getattr(flows.catalog, flow_name)
        started_listeners.append(progress)
        try:
            with progress.shown():
                yield lambda: flow(**parameters, return_state=True)
        finally:
            started_listeners.remove(progress)

    state = run_in_flow(
        home,
        begun,
        has_report=lambda: progress.report is not None,
        is_stopped=lambda: progress.is_stopped,
        lost=_without_prefect(),
    )
    return _report_of(state, progress)


def _without_prefect() -> RunError:
    return RunError(
        "Prefect's server went away before the run was through. What was finished is kept, and nothing is billed twice.",
        code="PREFECT_LOST",
        fix="Run again: it goes on where it stopped. HOME/.catalog3d/logs/prefect-server.log may say why.",
    )


def _report_of(state: Any, progress: RunProgress) -> RunReport:
    """What the run ended with, whatever Prefect has to say about it."""
    if progress.report is not None:
        return progress.report
    error = state.result(raise_on_failure=False)
    if isinstance(error, Catalog3DError):
        raise error
    raise RunError(
        f"The run ended without a report: {state.message or state.name}.",
        code="RUN_FAILED",
        fix="See the logs of home.",
    )


def finish(report: RunReport, *, json_: bool) -> None:
    """Print a run's report and end with the exit code of the contract."""
    show(report, json_=json_)
    raise typer.Exit(0 if report.all_have_models else 1)


def show(report: RunReport, *, json_: bool) -> None:
    """Print a run's report."""
    if json_:
        print_json(report.as_json())
    else:
        out = console()
        out.print(report_table(report))
        out.print(summary(report))


def existing(sheet: Path) -> Path:
    """The sheet, absolute; raises SHEET_MISSING."""
    path = sheet.expanduser().resolve()
    if not path.is_file():
        raise RunError(
            f"There is no sheet at {path}.",
            code="SHEET_MISSING",
            fix="Check the name, or make one with catalog3d init.",
        )
    return path


def credits_of(value: float | None) -> Decimal | None:
    """Credits as typed, exactly."""
    return None if value is None else Decimal(str(value))
