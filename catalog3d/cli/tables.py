"""What the terminal shows of sheets and runs: rich renderables that fit 80 columns and use more when there is more.

Foreign text goes into `Text` objects after `plain`, never through markup: a product called "[red]" stays one,
and no name moves the cursor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.panel import Panel
from rich.style import Style
from rich.table import Table
from rich.text import Text

from catalog3d.product import RowProblem, Severity
from catalog3d.report import RunReport, SkuLine
from catalog3d.status import Status
from catalog3d.wording import (
    SYMBOLS,
    Part,
    by_urgency,
    command_for,
    cost_text,
    credits_text,
    duration_text,
    errors_first,
    parts_of,
    plain,
    plural,
    todo,
)

LINES_SHOWN = 40
PROBLEMS_SHOWN = 50
RANGES_SHOWN = 12
CATEGORIES_SHOWN = 12
WIDE_COLUMNS = 130
"""From here on a file name and a message fit beside each other without breaking words."""

_GOOD, _DONE, _WATCH, _BAD, _QUIET, _COMMAND = "green", "blue", "yellow", "red", "dim", "bold cyan"
_STATUS_STYLE: Mapping[Status, str] = {
    Status.GENERATED: _GOOD,
    Status.APPROVED: _DONE,
    Status.PUBLISHED: _DONE,
    Status.FLAGGED: _WATCH,
    Status.STALE: _WATCH,
    Status.FAILED: _BAD,
    Status.INVALID: _BAD,
}
_SEVERITY_SIGN: Mapping[Severity, tuple[str, str]] = {
    Severity.ERROR: ("✕ ", _BAD),
    Severity.WARNING: ("! ", _WATCH),
    Severity.INFO: ("i ", _QUIET),
}


class _ReportTable:
    """Chooses its columns when the width is known."""

    def __init__(self, report: RunReport) -> None:
        self._lines = by_urgency(report.lines)
        self._where = "in report.html" if report.html else "(`catalog3d status` lists them)"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown, left = self._lines[:LINES_SHOWN], len(self._lines) - LINES_SHOWN
        yield _wide(shown) if options.max_width >= WIDE_COLUMNS else _narrow(shown)
        if left > 0:
            yield Text(f"and {left:,} more {self._where}", style=_QUIET)


def report_table(report: RunReport) -> RenderableType:
    """SKU, name, status, version, file and what to do; at most 40 SKUs, those that need a person first."""
    if not report.lines:
        return Text("No SKU was selected.", style=_QUIET)
    return _ReportTable(report)


def summary(report: RunReport) -> RenderableType:
    """The run's last words: one sentence, credits, where the report is, and what to do next."""
    standin = report.generator == "standin"
    blocks: list[RenderableType] = []
    if standin:
        blocks.append(_standin_banner())
    style = "bold yellow" if report.needs_person or not report.all_have_models else "bold green"
    blocks.append(Text(f"{report.sentence} in {duration_text(report.duration_s)}.", style=style))
    blocks.append(Text(f"{cost_text(report)}."))
    blocks.extend(_category_lines(report))
    blocks.extend(Text.assemble(("! ", _WATCH), _sentence(parts_of(note))) for note in report.notes)
    if report.written_to:
        blocks.append(_place("Results", report.written_to))
    if report.html:
        blocks.append(_place("Report", report.html))
    steps = list(_next_steps(report, standin=standin))
    if steps:
        blocks.append(Text("\nWhat to do next", style="bold"))
        blocks.append(_numbered(steps))
    return Group(*blocks)


def problems_table(problems: Sequence[RowProblem]) -> RenderableType:
    """Row, SKU, column, value and problem; errors first, at most 50 lines, then how many more.

    What is said of many rows in the same words, such as a blank field, is one line that names the rows.
    """
    if not problems:
        return Text("✓ No problem found in any row.", style=_GOOD)
    table = _table()
    table.add_column("Row", justify="right", no_wrap=True)
    table.add_column("SKU", max_width=16, overflow="fold")
    table.add_column("Column", max_width=18, overflow="fold")
    table.add_column("Value", max_width=24, overflow="fold")
    table.add_column("Problem", ratio=1, min_width=24, overflow="fold")
    folded = fold_problems(errors_first(problems))
    for alike in folded[:PROBLEMS_SHOWN]:
        problem, many = alike[0], len(alike) > 1
        text = Text.assemble(_SEVERITY_SIGN[problem.severity], _sentence(parts_of(problem.message)))
        if many:
            text.append(f" Rows {row_ranges([each.row for each in alike])}.", style=_QUIET)
        table.add_row(
            f"{len(alike)} rows" if many else str(problem.row) if problem.row else "all",
            _cell("" if many else problem.sku, 60),
            _cell(problem.column, 60),
            _cell(problem.value, 60),
            text,
        )
    return Group(table, _problem_count(problems, sum(map(len, folded[PROBLEMS_SHOWN:]))))


def fold_problems(problems: Sequence[RowProblem]) -> list[list[RowProblem]]:
    """Warnings and hints of different rows that say the same of the same column, together; errors alone."""
    groups: dict[tuple[object, ...], list[RowProblem]] = {}
    for number, problem in enumerate(problems):
        alone = number if problem.severity is Severity.ERROR or not problem.row else -1
        key = (alone, problem.severity, problem.code, problem.column, problem.value, problem.message)
        groups.setdefault(key, []).append(problem)
    return list(groups.values())


def row_ranges(rows: Sequence[int]) -> str:
    """Row numbers in few words.

    >>> row_ranges([2, 3, 4, 9, 11, 12])
    '2 to 4, 9, 11, 12'
    """
    ranges: list[list[int]] = []
    for row in sorted(set(rows)):
        if ranges and row == ranges[-1][-1] + 1:
            ranges[-1].append(row)
        else:
            ranges.append([row])
    words = [
        word for run in ranges for word in ([f"{run[0]} to {run[-1]}"] if len(run) > 2 else [str(row) for row in run])
    ]
    left = len(words) - RANGES_SHOWN
    return ", ".join(words[:RANGES_SHOWN]) + (" and more" if left > 0 else "")


def mapping_table(mapping: Mapping[str, str], dialect: str) -> RenderableType:
    """Which of the sheet's columns was taken for which field."""
    title = Text.assemble("Read as ", (plain(dialect, 60), "bold"))
    if not mapping:
        return Group(title, Text("No column was recognised.", style=_WATCH))
    table = _table()
    table.add_column("Field", no_wrap=True)
    table.add_column("Column of the sheet", overflow="fold")
    for field, column in mapping.items():
        table.add_row(_cell(field.replace("_", " "), 40), _cell(column, 80))
    return Group(title, table)


def _narrow(lines: Sequence[SkuLine]) -> Table:
    """Name, file and what to do below each other: 80 columns hold a file name unbroken."""
    table = _table()
    table.add_column("SKU", max_width=16, overflow="fold")
    table.add_column("Status", no_wrap=True)
    table.add_column("Name, file and what to do", ratio=1, overflow="fold")
    for line in lines:
        told = [_cell(line.name, 80), _cell(line.file, 120, _QUIET), _what_to_do(line)]
        if line.status is Status.GENERATED:
            told.pop()  # the summary says it once for all of them
        table.add_row(_cell(line.sku, 60), _status(line), Text("\n").join(text for text in told if text))
    return table


def _wide(lines: Sequence[SkuLine]) -> Table:
    table = _table()
    table.add_column("SKU", max_width=20, overflow="fold")
    table.add_column("Name", ratio=3, overflow="fold")
    table.add_column("Status", no_wrap=True)
    table.add_column("File", max_width=48, overflow="fold")
    table.add_column("What to do", ratio=5, overflow="fold")
    for line in lines:
        table.add_row(
            _cell(line.sku, 60), _cell(line.name, 120), _status(line), _cell(line.file, 120), _what_to_do(line)
        )
    return table


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")


def _cell(text: str, limit: int, style: str = "") -> Text:
    return Text(plain(text, limit), style=style)


def _status(line: SkuLine) -> Text:
    version = "" if line.version is None else f" V{line.version}"
    words = f"{SYMBOLS[line.status]} {line.status.value.capitalize()}{version}"
    return Text(words, style=_STATUS_STYLE.get(line.status, ""))


def _what_to_do(line: SkuLine) -> Text:
    if line.status is Status.GENERATED:
        return Text("look, then approve or reject", style=_QUIET)
    text = Text()
    if line.message and (line.needs_person or line.version is None):
        text.append_text(_sentence(parts_of(plain(line.message, 300)))).append(" ")
    return text.append_text(_sentence(todo(line)))


def _sentence(parts: Iterable[Part]) -> Text:
    return Text.assemble(*((part.text, _COMMAND if part.is_command else "") for part in parts))


def _standin_banner() -> Panel:
    words = Text("Rehearsal with the local stand-in:\nthese are not Tripo models and cost nothing.", style="bold")
    return Panel(words, border_style=_WATCH, expand=False)


def _category_lines(report: RunReport) -> Iterable[RenderableType]:
    """What each category cost, if there is more than one to compare."""
    costs = [cost for cost in report.categories if cost.estimated or cost.spent]
    if len(costs) < 2:
        return
    table = _table()
    table.add_column("Category", max_width=40, overflow="fold")
    for name in ("SKUs", "Models paid", "Estimated", "Spent"):
        table.add_column(name, justify="right", no_wrap=True)
    for cost in costs[:CATEGORIES_SHOWN]:
        figures = (str(cost.skus), str(cost.models), credits_text(cost.estimated), credits_text(cost.spent))
        table.add_row(_cell(cost.category or "–", 60), *figures)  # noqa: RUF001 - an en dash is meant
    yield table
    if len(costs) > CATEGORIES_SHOWN:
        yield Text(f"and {plural(len(costs) - CATEGORIES_SHOWN, 'more category', 'more categories')}", style=_QUIET)


def _place(label: str, location: str) -> Text:
    """A path on its own line, clickable where the terminal can."""
    path = Path(location)
    style = Style(link=path.as_uri()) if path.is_absolute() and location.isprintable() else Style()
    return Text.assemble((f"{label:<8}", "bold"), (plain(location, 1000), style), overflow="fold")


def _next_steps(report: RunReport, *, standin: bool) -> Iterable[str]:
    done = next((line for line in report.lines if line.status is Status.GENERATED), None)
    if done is not None:
        approve = command_for("catalog3d approve SKU", done.sku)
        where = "Open report.html, look" if report.html else "Look"
        yield f"{where} at each model beside its photo, then `{approve}`."
    if report.needs_person:
        count = len(report.needs_person)
        yield f"{plural(count, 'SKU needs', 'SKUs need')} a person: the table above says why and what to do."
    if standin:
        yield "Use your own sheet: `catalog3d check my-sheet.csv` (it spends nothing and says what a run would cost)."
        yield "For real models set TRIPO_API_KEY: `catalog3d check` prices them before the first credit is spent."


def _numbered(steps: Iterable[str]) -> Padding:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for number, step in enumerate(steps, start=1):
        grid.add_row(f"{number}.", _sentence(parts_of(step)))
    return Padding(grid, (0, 0, 0, 2))


def _problem_count(problems: Sequence[RowProblem], not_shown: int) -> Text:
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    warnings = sum(problem.severity is Severity.WARNING for problem in problems)
    words = f"{plural(errors, 'error')}, {plural(warnings, 'warning')}"
    if not_shown:
        words += f"; {not_shown:,} more are not shown (--json lists them all)"
    return Text(words + ".", style=_QUIET)
