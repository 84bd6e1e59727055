"""What a run ends with: one line a SKU, counts and credits, as values and as the JSON contract."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from catalog3d.product import RowProblem
from catalog3d.quality import Check
from catalog3d.status import HAS_MODEL, NEEDS_PERSON, Status, needs_person, next_action


@dataclass(frozen=True, kw_only=True)
class SkuLine:
    """One SKU of a run.

    Attributes:
        stage: The stage it reached, one of the seven names.
        version: None as long as there is no model.
        photo: The view it was made from, as a local file; None for a prompt or when it cannot be shown.
        picture: The model's picture as a local file, or None.
        planned: Whether this run had something to do about it.
        category: As the sheet has it.
        estimated: What this run would bill for it; the first SKU of a shared model pays.
        credits: What this run paid for it.
        attempts: Paid requests for its brief so far.
    """

    sku: str
    name: str
    status: Status
    stage: str
    reason: str
    message: str
    planned: bool
    row: int = 0
    version: int | None = None
    file: str = ""
    key: str = ""
    location: str = ""
    sha256: str = ""
    size_bytes: int = 0
    category: str = ""
    estimated: Decimal = Decimal(0)
    credits: Decimal = Decimal(0)
    task_id: str = ""
    attempts: int = 0
    concept: bool = False
    prompt: str = ""
    photo: Path | None = None
    picture: Path | None = None
    checks: tuple[Check, ...] = ()

    @property
    def next_action(self) -> str:
        return next_action(self.status, self.reason)

    @property
    def needs_person(self) -> bool:
        return needs_person(self.status, self.reason)


@dataclass(frozen=True, kw_only=True)
class CategoryCost:
    """What one category of a run was expected to cost, and what it cost.

    Attributes:
        category: "" for products without one.
        models: How many models of it the run paid for.
    """

    category: str
    skus: int
    models: int
    estimated: Decimal
    spent: Decimal


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """A whole run.

    Attributes:
        generator: `tripo` or `standin`.
        balance: Credits left at the provider, None if unknown.
        spent_so_far: Credits charged in all runs of this catalog and account.
        approved: Assets of this catalog that are approved now.
        problems: Of the sheet's rows, warnings included.
        html: Path of report.html, "" if there is none.
        written_to: The sheet file that got the results, "" if none was written.
        notes: Sentences that the operator must read (a sidecar was written, a run was stopped, ..).
    """

    run_id: str
    generator: str
    home: str
    sheet: str
    started_at: datetime
    duration_s: float
    credits_estimated: Decimal
    credits_spent: Decimal
    balance: Decimal | None
    spent_so_far: Decimal = Decimal(0)
    approved: int = 0
    lines: tuple[SkuLine, ...]
    problems: tuple[RowProblem, ...] = ()
    html: str = ""
    written_to: str = ""
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many SKUs stand where; statuses that nobody has are left out."""
        return dict(Counter(line.status.value for line in self.lines))

    @property
    def credits_difference(self) -> Decimal:
        """Spent less estimated: below zero where something cost less, or was not ordered."""
        return self.credits_spent - self.credits_estimated

    @property
    def categories(self) -> tuple[CategoryCost, ...]:
        """By category, dearest first; credits of a shared model count for the SKU that was billed."""
        named: dict[str, list[SkuLine]] = {}
        for line in self.lines:
            named.setdefault(line.category.casefold(), []).append(line)
        costs = [
            CategoryCost(
                category=lines[0].category,
                skus=len(lines),
                models=sum(line.credits > 0 for line in lines),
                estimated=sum((line.estimated for line in lines), Decimal(0)),
                spent=sum((line.credits for line in lines), Decimal(0)),
            )
            for lines in named.values()
        ]
        return tuple(sorted(costs, key=lambda cost: (-cost.spent, -cost.estimated, cost.category)))

    @property
    def credits_per_approved(self) -> Decimal | None:
        """What one approved model has cost so far, all attempts counted; None as long as there is none."""
        return self.spent_so_far / self.approved if self.approved else None

    @property
    def needs_person(self) -> tuple[SkuLine, ...]:
        return tuple(line for line in self.lines if line.needs_person)

    @property
    def all_have_models(self) -> bool:
        """Whether every selected SKU ended generated or later (flagged counts, stale does not hinder)."""
        return all(line.status in HAS_MODEL for line in self.lines)

    @property
    def sentence(self) -> str:
        """The run in one sentence: "409 generated, 3 need a person"."""
        done = sum(line.status in HAS_MODEL - NEEDS_PERSON for line in self.lines)
        waiting = len(self.lines) - done - len(self.needs_person)
        parts = [f"{done} generated"]
        if self.needs_person:
            parts.append(f"{len(self.needs_person)} need{'s' if len(self.needs_person) == 1 else ''} a person")
        if waiting:
            parts.append(f"{waiting} not done yet")
        return ", ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """The JSON contract of `run` and `rerun`."""
        return {
            "run_id": self.run_id,
            "generator": self.generator,
            "home": self.home,
            "counts": self.counts,
            "credits": {
                "estimated": _credits(self.credits_estimated),
                "spent": _credits(self.credits_spent),
                "balance": None if self.balance is None else _credits(self.balance),
            },
            "duration_s": round(self.duration_s, 2),
            "report": self.html,
            "skus": [_line_json(line) for line in self.lines],
            "categories": [
                {
                    "category": cost.category,
                    "skus": cost.skus,
                    "models": cost.models,
                    "estimated": _credits(cost.estimated),
                    "spent": _credits(cost.spent),
                }
                for cost in self.categories
            ],
            "credits_per_approved": None if self.credits_per_approved is None else _credits(self.credits_per_approved),
            "notes": list(self.notes),
        }


def _credits(value: Decimal) -> float:
    return float(round(value, 2))


def _line_json(line: SkuLine) -> dict[str, Any]:
    return {
        "sku": line.sku,
        "status": line.status.value,
        "stage": line.stage,
        "reason": line.reason,
        "message": line.message,
        "version": line.version,
        "file": line.file,
        "key": line.key,
        "sha256": line.sha256,
        "size_bytes": line.size_bytes,
        "credits": _credits(line.credits),
        "task_id": line.task_id,
        "attempts": line.attempts,
    }
