"""What the terminal shows of a doctor's visit."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from catalog3d.diagnosis.evidence import Evidence
from catalog3d.diagnosis.findings import Diagnosis, Finding, Level
from catalog3d.diagnosis.judging import Verdict
from catalog3d.wording import credits_text, parts_of, plain, plural

_SIGN = {Level.OK: ("✓", "green"), Level.WARNING: ("!", "yellow"), Level.PROBLEM: ("✕", "bold red")}
_JUDGED = {Verdict.HOLDS: ("✓", "green"), Verdict.BROKEN: ("!", "yellow"), Verdict.UNSEEN: ("○", "dim")}
_COMMAND = "bold cyan"


def findings_table(diagnosis: Diagnosis) -> RenderableType:
    """One line a finding, its fix below it."""
    table = _table("Checked", "Found, and what to do")
    for finding in diagnosis.findings:
        sign, style = _SIGN[finding.level]
        table.add_row(Text(sign, style=style), Text(plain(finding.check, 40)), _told(finding))
    return table


def verdict(diagnosis: Diagnosis) -> Text:
    """The last line of the free checks."""
    problems, warnings = diagnosis.problems, diagnosis.of(Level.WARNING)
    if problems:
        return Text(f"{plural(len(problems), 'problem')}, {plural(len(warnings), 'warning')}.", style="bold red")
    if warnings:
        return Text(f"No problem, {plural(len(warnings), 'warning')}.", style="bold yellow")
    return Text("All well.", style="bold green")


def observations_table(evidence: Evidence) -> RenderableType:
    """One line an assumption; below those that do not hold, what becomes of it."""
    table = _table("Assumed of this account", "Observed")
    for one in evidence.observations:
        sign, style = _JUDGED[one.verdict]
        told = Text(one.observed, style=style if one.verdict is Verdict.UNSEEN else "")
        if one.verdict is Verdict.BROKEN:
            told.append(f"\n→ {one.consequence}", style=style)
        table.add_row(Text(sign, style=style), Text(one.assumption), told)
    held, broken, unseen = (len(evidence.of(kind)) for kind in (Verdict.HOLDS, Verdict.BROKEN, Verdict.UNSEEN))
    facts = evidence.facts
    words = (
        f"{plural(held, 'assumption holds', 'assumptions hold')}, {broken} do not, {unseen} not observed; "
        f"{credits_text(facts.credits)} credits spent, {credits_text(facts.price)} expected."
    )
    return Group(table, Text(words, style="bold yellow" if broken else "bold green"))


def _table(subject: str, told: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("", no_wrap=True)
    if subject == "Checked":
        table.add_column(subject, no_wrap=True)
    else:
        table.add_column(subject, ratio=2, overflow="fold")
    table.add_column(told, ratio=3, overflow="fold")
    return table


def _told(finding: Finding) -> Text:
    text = _sentence(finding.found)
    if finding.fix:
        text.append("\n→ ").append_text(_sentence(finding.fix))
    return text


def _sentence(words: str) -> Text:
    return Text.assemble(*((part.text, _COMMAND if part.is_command else "") for part in parts_of(words)))
