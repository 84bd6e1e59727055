"""The end of a run: the sheet gets its results, the registry its summary, people a report."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from catalog3d.adapters.registry.catalog import Standing
from catalog3d.adapters.registry.figures import approved_assets, credits_spent
from catalog3d.adapters.registry.runs import RunSku
from catalog3d.adapters.report_html import write_report
from catalog3d.asset import Asset
from catalog3d.errors import Catalog3DError, ProductError, RunError
from catalog3d.ledger import Generation
from catalog3d.plan import PlanItem
from catalog3d.report import RunReport, SkuLine
from catalog3d.stages.context import OpenCatalog, RunContext
from catalog3d.stages.index import write_index
from catalog3d.stages.last_words import cost_notes
from catalog3d.stages.pictures import picture_file
from catalog3d.stages.planning import Planned
from catalog3d.stages.reconcile import reconcile
from catalog3d.stages.settle_status import settle_unbegun
from catalog3d.stages.sheet_writer import write_standings
from catalog3d.stages.telling import surely
from catalog3d.status import SOMEBODY_ELSE
from catalog3d.wording import cost_text, credits_text

_BALANCE_S = 10.0
_MOST_LINES = 200
"""Of the artifact's table: the page of a Prefect run is for the failures, the whole list is in report.html."""


async def finish_run(context: RunContext) -> RunReport:
    """Compare the account with the ledger, write sheet, index and report, and close the run in the registry.

    A registry that is away for a moment is told again. Somebody who asked to stop waits for nothing of the provider's.
    """
    await settle_unbegun(context)
    if not context.braked:
        with suppress(ProductError):  # stopped meanwhile: the next run compares
            await context.unless_braked(_ask_the_account(context), "")
    context.report = await surely(context, _finish, context)
    return context.report


async def _ask_the_account(context: RunContext) -> None:
    """What the account says about our tasks, and what is left in its wallet: that is worth a moment only."""
    await reconcile(context)
    try:
        async with asyncio.timeout(_BALANCE_S):
            context.balance = (await context.link.client.balance()).available
    except Catalog3DError as error:
        context.notes.append(f"The balance could not be read: {error.message}")
    except TimeoutError:
        context.notes.append(f"The balance could not be read within {_BALANCE_S:.0f} s.")


def _finish(context: RunContext) -> RunReport:
    planned = Planned(reading=context.reading, plan=context.plan)
    notes = list(context.notes)
    if context.stopped_by is not None:
        notes.append(f"The run was stopped: {context.stopped_by}")
    notes.extend(cost_notes(context))
    fetched = {sku: work.views[0].path for sku, work in context.work.items() if work.views}
    return close_run(context.catalog, context.run_id, planned, balance=context.balance, notes=notes, fetched=fetched)


def close_run(
    catalog: OpenCatalog,
    run_id: str,
    planned: Planned,
    *,
    balance: Decimal | None,
    notes: Sequence[str] = (),
    fetched: Mapping[str, Path] | None = None,
) -> RunReport:
    """Results into the sheet, index into the library, report on disk, run closed.

    Nothing here can undo what the run achieved: what cannot be written is said in the report.

    Args:
        fetched: SKU -> its first picture as prepared in this run: what the report shows of photos behind links.
    """
    said = list(notes)
    state = "stopped" if any("was stopped" in note for note in said) else "finished"
    written_to = _write_sheet(catalog, planned, said)
    if any(item.do for item in planned.plan.items):
        _write_index(catalog, said)
    report = _report(catalog, run_id, planned, balance, said, written_to)
    shown = [replace(line, photo=line.photo or (fetched or {}).get(line.sku)) for line in report.lines]
    report = replace(report, lines=tuple(shown))
    report = _write_page(catalog, report)
    catalog.registry.runs.finish(run_id, state=state, message=report.sentence, report=report.html)
    return report


def _write_sheet(catalog: OpenCatalog, planned: Planned, said: list[str]) -> str:
    try:
        wrote = write_standings(catalog, Path(planned.reading.sheet), planned.reading.mapping)
    except Catalog3DError as error:
        said.append(f"The sheet could not be written: {error}")
        return ""
    if wrote.message:
        said.append(wrote.message)
    return str(wrote.path)


def _write_index(catalog: OpenCatalog, said: list[str]) -> None:
    try:
        write_index(catalog)
    except Catalog3DError as error:
        said.append(f"assets.csv of the library could not be written; the next run writes it: {error}")


def _write_page(catalog: OpenCatalog, report: RunReport) -> RunReport:
    try:
        return replace(report, html=str(write_report(report, catalog.home.reports / report.run_id)))
    except RunError as error:
        return replace(report, notes=(*report.notes, str(error)))


def _report(
    catalog: OpenCatalog,
    run_id: str,
    planned: Planned,
    balance: Decimal | None,
    notes: Sequence[str],
    written_to: str,
) -> RunReport:
    run = catalog.registry.runs.get(run_id)
    standings = catalog.registry.catalog.standings()
    newest = catalog.registry.catalog.assets_in_force()
    noted = {item.sku: item for item in catalog.registry.runs.skus(run_id)}
    ids = {standing.generation_id for standing in standings.values()} | {sku.generation_id for sku in noted.values()}
    made = catalog.registry.ledger.of_sku(sorted(number for number in ids if number is not None))
    generations = {generation.id: generation for generation in made}
    bills = planned.plan.bills
    lines = [
        replace(
            _line(catalog, item, noted[item.sku], standings[item.sku], newest.get(item.sku), generations),
            estimated=bills.get(item.sku, Decimal(0)),
        )
        for item in sorted(planned.plan.items, key=lambda item: item.row)
    ]
    return RunReport(
        run_id=run_id,
        generator=catalog.generator_name,
        home=str(catalog.home.root),
        sheet=planned.reading.sheet,
        started_at=run.started_at,
        duration_s=(catalog.clock.now() - run.started_at).total_seconds(),
        credits_estimated=run.estimated_credits,
        credits_spent=catalog.registry.ledger.spent(run_id),
        spent_so_far=credits_spent(catalog.registry.engine, catalog.realm),
        approved=approved_assets(catalog.registry.engine, catalog.registry.name),
        balance=balance,
        lines=tuple(lines),
        problems=planned.reading.problems,
        written_to=written_to,
        notes=tuple(notes),
    )


def _line(
    catalog: OpenCatalog,
    item: PlanItem,
    noted: RunSku,
    standing: Standing,
    asset: Asset | None,
    generations: dict[int, Generation],
) -> SkuLine:
    generation = generations.get(noted.generation_id or standing.generation_id or 0)
    product = item.product
    picture = picture_file(catalog, asset) if asset else None
    views = [view.location for view in product.views if not view.is_url] if product else []
    elsewhere = noted.reason in SOMEBODY_ELSE
    return SkuLine(
        sku=item.sku,
        name=item.name,
        status=standing.status,
        stage=standing.stage or noted.stage,
        reason=noted.reason if elsewhere else standing.reason,
        message=noted.message if elsewhere else standing.message,
        planned=item.do,
        row=item.row,
        version=asset.version if asset else None,
        file=asset.file if asset else "",
        key=asset.key if asset else "",
        location=catalog.store.location(asset.key) if asset else "",
        sha256=asset.sha256 if asset else "",
        size_bytes=asset.size_bytes if asset else 0,
        category=product.category if product else "",
        credits=noted.credits,
        task_id=generation.task_id if generation else "",
        attempts=generation.attempt if generation else 0,
        concept=product.is_concept if product else False,
        prompt=product.prompt if product and not product.views else "",
        photo=Path(views[0]) if views else None,
        picture=picture if picture and picture.exists() else None,
        checks=asset.checks if asset else (),
    )


def artifact_markdown(report: RunReport) -> str:
    """The summary for Prefect's page: the sentence, the credits, and who needs a person."""
    head = [
        f"## {report.sentence}",
        "",
        f"Generator: **{report.generator}** · {cost_text(report)} · {report.duration_s:.0f} s",
        "",
        f"Report: `{report.html}`",
        "",
        *(f"> {_cell(note)}\n" for note in report.notes),
    ]
    lines = sorted(report.lines, key=lambda line: (not line.needs_person, line.row))[:_MOST_LINES]
    table = ["| SKU | Status | Version | Why, and what to do |", "|---|---|---|---|"]
    for line in lines:
        version = f"V{line.version}" if line.version else ""
        cells = (line.sku, line.status.value, version, f"{line.message} {line.next_action}")
        table.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    if len(report.lines) > len(lines):
        table.append(f"\n{len(report.lines) - len(lines)} more in the report.")
    return "\n".join([*head, *table, *_category_table(report)])


def _category_table(report: RunReport) -> list[str]:
    """What each category cost, where there is more than one or something was paid."""
    if not any(cost.estimated or cost.spent for cost in report.categories):
        return []
    rows = ["", "| Category | SKUs | Models paid | Estimated | Spent |", "|---|---|---|---|---|"]
    for cost in report.categories:
        figures = (cost.skus, cost.models, credits_text(cost.estimated), credits_text(cost.spent))
        rows.append(f"| {_cell(cost.category) or 'none'} | " + " | ".join(map(str, figures)) + " |")
    return rows


def _cell(text: str) -> str:
    """Text that cannot break out of a Markdown table or become HTML."""
    plain = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("`", "'")
    return plain.replace("<", "&lt;").replace(">", "&gt;").replace("[", "\\[")
