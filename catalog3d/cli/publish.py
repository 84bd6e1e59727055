"""`publish`: approved models to the channels that the sheet names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from catalog3d.adapters.publications import open_publishing
from catalog3d.adapters.wiring import open_catalog
from catalog3d.cli.errors import console, print_json, sentence_on_error
from catalog3d.cli.run import announce
from catalog3d.cli.running import Start, run_in_flow
from catalog3d.errors import Catalog3DError, RunError
from catalog3d.home import Home
from catalog3d.publish_gates import PublishWish
from catalog3d.request import named_skus
from catalog3d.stages.publish import Publishing, PublishLine, preview, publish_wish
from catalog3d.stages.publish_report import publish_json, publish_sentence
from catalog3d.wording import command_for, plain

_STYLES = {"refused": "red", "failed": "red", "left": "yellow", "planned": "cyan"}


def publish(
    sku: Annotated[
        str, typer.Option(help="Only these SKUs, with commas between them; also what was taken back by hand.")
    ] = "",
    channel: Annotated[str, typer.Option(help="Only this channel.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")] = False,
    rollback: Annotated[str, typer.Option(metavar="SKU", help="Put the version back that was live before.")] = "",
    unpublish: Annotated[str, typer.Option(metavar="SKU", help="Take it away from its channels.")] = "",
    concepts: Annotated[bool, typer.Option("--concepts", help="Also what was made from a sketch or a prompt.")] = False,
    standin: Annotated[
        bool, typer.Option("--standin", help="Rehearse with what the stand-in made, in folders of the rehearsal.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Publish approved models to the channels that the sheet names.

    What is live already is not sent again, and a newly approved version takes the place of the one that is live. What
    somebody rolled back or took away comes back only when its SKU is named.

    Exit code: 0 all done, 1 something was refused, 2 it could not start.
    """
    with sentence_on_error(json_=json_):
        parameters: dict[str, Any] = {
            "sku": sku,
            "channel": channel,
            "rollback": rollback,
            "unpublish": unpublish,
            "concepts": concepts,
            "standin": standin,
        }
        wish = publish_wish(**{key: value for key, value in parameters.items() if key != "sku"}, only=named_skus(sku))
        is_refused = _publish(wish, parameters, dry_run=dry_run, json_=json_)
    raise typer.Exit(1 if is_refused else 0)


def _publish(wish: PublishWish, parameters: dict[str, Any], *, dry_run: bool, json_: bool) -> bool:
    """Plan, and run the flow if there is something to do; whether anything was refused."""
    out = console()
    with (
        open_catalog(Path.cwd(), rehearse=wish.standin, offline=True) as catalog,
        open_publishing(catalog, wish) as planned,
    ):
        announce(out, catalog)
        if dry_run:
            with out.status("Looking at the models"):
                planned.lines.update({(s.sku, s.channel): preview(planned, s) for s in planned.plan.work})
        if dry_run or not planned.plan.has_something_to_do:
            _show(planned, dry_run=dry_run, json_=json_)
            return planned.is_refused
        home = catalog.home
    ended: list[bool] = []

    def report(publishing: Publishing) -> None:
        _show(publishing, dry_run=False, json_=json_)
        ended.append(publishing.is_refused)

    _in_flow(home, parameters, report, ended)
    return ended[0]


def _in_flow(home: Home, parameters: dict[str, Any], report: Callable[[Publishing], None], ended: list[bool]) -> None:
    @contextmanager
    def begun() -> Iterator[Start]:
        import flows.publish
        from tasks.publications import ended_listeners

        ended_listeners.append(report)
        try:
            yield lambda: flows.publish.publish(**parameters, return_state=True)
        finally:
            ended_listeners.remove(report)

    lost = RunError(
        "Prefect's server went away before all was published. What is recorded as live is not sent again.",
        code="PREFECT_LOST",
        fix="Publish again.",
    )
    state = run_in_flow(home, begun, has_report=lambda: bool(ended), lost=lost)
    if not ended:
        _raise_end(state)


def _raise_end(state: Any) -> None:
    error = state.result(raise_on_failure=False) if state is not None else None
    if isinstance(error, Catalog3DError):
        raise error
    raise RunError("Publishing ended without a report.", code="RUN_FAILED", fix="See the logs of home; publish again.")


def _show(publishing: Publishing, *, dry_run: bool, json_: bool) -> None:
    if json_:
        print_json(publish_json(publishing, dry_run=dry_run))
        return
    out = console()
    if publishing.report:
        out.print(publish_table(publishing.report))
    out.print(escape(publish_sentence(publishing)), soft_wrap=True)
    for what, error in publishing.unwritten.items():
        out.print(f"[red]Not written: {escape(what)}:[/] {escape(str(error))}", soft_wrap=True)
    for note in publishing.notes:
        out.print(escape(note), style="yellow", soft_wrap=True)
    if dry_run:
        out.print("Nothing was changed.", style="dim")


def publish_table(lines: tuple[PublishLine, ...]) -> Table:
    """One row for each SKU and channel."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for heading, ratio in (("SKU", 2), ("Channel", 1), ("", 1), ("Version", None), ("Link, or what to do", 6)):
        table.add_column(heading, ratio=ratio, overflow="fold")
    for line in lines:
        said = f"{line.message} {command_for(line.fix, line.sku)}".strip() or line.link
        table.add_row(
            Text(plain(line.sku, 60)),
            Text(line.channel),
            Text(line.outcome, style=_STYLES.get(line.outcome, "green")),
            Text(f"V{line.version}" if line.version else ""),
            Text(plain(said, 500)),
        )
    return table
