"""How values read to a person, in the terminal and in report.html alike: pure, and safe with foreign text."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from catalog3d.product import RowProblem, Severity
from catalog3d.report import RunReport, SkuLine
from catalog3d.status import Status

SYMBOLS: dict[Status, str] = {
    Status.READY: "○",
    Status.INVALID: "⊘",
    Status.GENERATING: "◐",
    Status.GENERATED: "✓",
    Status.FLAGGED: "!",
    Status.APPROVED: "★",
    Status.REJECTED: "−",  # noqa: RUF001 - the minus sign is as wide as its neighbours
    Status.PUBLISHED: "▲",
    Status.FAILED: "✕",
    Status.STALE: "↻",
}
"""One sign a status, so that no meaning hangs on colour alone."""

_URGENCY = (Status.FAILED, Status.INVALID, Status.FLAGGED, Status.STALE)
_SEVERITIES = (Severity.ERROR, Severity.WARNING, Severity.INFO)
# Unicode's explicit direction marks (UAX 9) can make a name read as another; the rest would move a terminal's cursor.
_DIRECTION_MARKS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_ELLIPSIS = "…"


@dataclass(frozen=True, kw_only=True)
class Part:
    """A piece of a sentence: words, or a command that can be typed as it stands."""

    text: str
    is_command: bool


def plain(text: str, limit: int = 200) -> str:
    """Foreign text on one line: white space folded, control and direction characters gone, at most `limit` long."""
    cut = text[: 4 * limit]
    folded = " ".join(_DIRECTION_MARKS.sub("", cut).split())
    clean = _UNPRINTABLE.sub("\ufffd", folded)
    if len(clean) <= limit and len(cut) == len(text):
        return clean
    return clean[: limit - 1].rstrip() + _ELLIPSIS


def credits_text(value: Decimal | None) -> str:
    """Credits with as many decimals as they need, at most two; "unknown" for None."""
    if value is None:
        return "unknown"
    rounded = round(value, 2)
    return f"{rounded:,.0f}" if rounded == int(rounded) else f"{rounded:,.2f}"


def cost_text(report: RunReport) -> str:
    """Credits of a run: spent against estimated, what is left, and what an approved model has cost so far."""
    unit = "stand-in credits" if report.generator == "standin" else "credits"
    spent, estimated = credits_text(report.credits_spent), credits_text(report.credits_estimated)
    difference = report.credits_difference
    if difference:
        estimated = f"{estimated} estimated ({credits_text(abs(difference))} {'more' if difference > 0 else 'less'})"
    else:
        estimated += " estimated"
    left = "balance unknown" if report.balance is None else f"{credits_text(report.balance)} left"
    each = report.credits_per_approved
    so_far = "no approved model yet" if each is None else f"{credits_text(each)} per approved model so far"
    return f"{spent} {unit} spent, {estimated}, {left}; {so_far}"


def duration_text(seconds: float) -> str:
    """A run's duration: "0.4 s", "48 s", "6 min 12 s", "2 h 5 min"."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def size_text(size_bytes: int) -> str:
    """A file's size in decimal units, as file managers and Tripo's limits count."""
    if size_bytes < 1_000_000:
        return f"{size_bytes / 1000:.0f} kB" if size_bytes >= 1000 else f"{size_bytes} B"
    return f"{size_bytes / 1_000_000:.1f} MB"


def value_text(value: float | str | None) -> str:
    """What a check measured or allows; an en dash where there is nothing to show."""
    if value is None or value == "":
        return "–"  # noqa: RUF001 - an en dash is meant
    if isinstance(value, str):
        return plain(value, 80)
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def parts_of(sentence: str) -> tuple[Part, ...]:
    """Split a sentence at its `commands`."""
    pieces = plain(sentence, 1000).split("`")
    if len(pieces) % 2 == 0:  # a lonely backtick is only a character
        pieces[-2:] = ["`".join(pieces[-2:])]
    return tuple(Part(text=piece, is_command=n % 2 == 1) for n, piece in enumerate(pieces) if piece)


def command_for(command: str, sku: str) -> str:
    """The command for this SKU; left general where the SKU cannot be typed safely."""
    if not sku or sku.startswith("-") or plain(sku, 80) != sku:
        return command
    return re.sub(r"\bSKU\b", lambda _: shlex.quote(sku), command)


def todo(line: SkuLine) -> tuple[Part, ...]:
    """What to do next about a SKU, its commands naming this SKU; empty when nothing waits."""
    return tuple(
        Part(text=command_for(part.text, line.sku), is_command=True) if part.is_command else part
        for part in parts_of(line.next_action)
    )


def by_urgency(lines: Iterable[SkuLine]) -> list[SkuLine]:
    """Those that need a person first (failed, invalid, flagged, stale), then those not done, then the rest."""

    def rank(line: SkuLine) -> int:
        if line.status in _URGENCY:
            return _URGENCY.index(line.status)
        return len(_URGENCY) + (line.version is not None)

    return sorted(lines, key=rank)


def errors_first(problems: Iterable[RowProblem]) -> list[RowProblem]:
    """Row problems, worst first, in sheet order otherwise."""
    return sorted(problems, key=lambda problem: (_SEVERITIES.index(problem.severity), problem.row))


def plural(count: int, one: str, many: str = "") -> str:
    """`1 row`, `2 rows`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
