"""Two signs that a run goes wrong, on which nothing new is ordered: dearer than planned, or not usable.

What is paid is finished. Both hold for one run: running again is a person's word that it may go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from catalog3d.errors import RunError
from catalog3d.prices import PRICES_DATED
from catalog3d.wording import credits_text, plural

MOST_ABOVE_ESTIMATE = 3
"""Settled prices above the estimate that stop a run (design, promise 6)."""

FIRST_MODELS = 20
MOST_BLOCKED = 10
"""50 % blocking checks among the first 20 models stop a run (design, promise 6)."""


@dataclass(frozen=True, kw_only=True)
class Charge:
    """What one settled task cost, and what it was expected to cost."""

    task_id: str
    expected: Decimal
    charged: Decimal

    @property
    def is_above(self) -> bool:
        return self.charged > self.expected


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One model as it was judged: `blocked_by` is the code of the check that blocks it, "" if none does."""

    sku: str
    blocked_by: str = ""


def price_drift(charges: Iterable[Charge]) -> RunError | None:
    """PRICE_DRIFT once three tasks of a run were charged above their estimate: the price list is out of date."""
    above = [charge for charge in charges if charge.is_above]
    if len(above) < MOST_ABOVE_ESTIMATE:
        return None
    return RunError(
        f"Tripo charges more than the price list of {PRICES_DATED} says: {_compared(above)}.",
        code="PRICE_DRIFT",
        fix="What is paid is finished. Compare with Tripo's price page and install a catalog3d with the new prices; "
        "running again orders at the new price, and stops after three more.",
    )


def price_note(charges: Iterable[Charge]) -> str:
    """A sentence about prices above the estimate, "" if there was none."""
    above = [charge for charge in charges if charge.is_above]
    if not above:
        return ""
    return f"Tripo charged more than the price list of {PRICES_DATED} says: {_compared(above)}."


def bad_batch(judged: Sequence[Judged]) -> RunError | None:
    """BAD_BATCH once ten of the first twenty models of a run have blocking checks.

    Half of twenty is certain with the tenth, so it strikes there and does not wait for the rest. It never strikes
    before ten models were judged; a run of fewer is over by then, and its models are flagged one by one.

    Args:
        judged: In the order in which they were judged, each model once; what follows the first twenty does not count.
    """
    first = judged[:FIRST_MODELS]
    blocked = [model for model in first if model.blocked_by]
    if len(blocked) < MOST_BLOCKED:
        return None
    code, count = Counter(model.blocked_by for model in blocked).most_common(1)[0]
    return RunError(
        f"{len(blocked)} of the first {len(first)} models cannot be used as they are ({code} blocks {count} of them).",
        code="BAD_BATCH",
        fix="What is paid is finished. Look at the first models in the report: correct the photos or `tripo:` in catalog.yaml if the models are wrong, or "
        "`quality:` if its limits are too strict. Running again goes on and counts anew.",
    )


def _compared(above: Sequence[Charge]) -> str:
    shown = [
        f"{credits_text(charge.charged)} instead of {credits_text(charge.expected)} credits (task {charge.task_id})"
        for charge in above[:MOST_ABOVE_ESTIMATE]
    ]
    more = len(above) - len(shown)
    return ", ".join(shown) + (f", and {plural(more, 'more task')}" if more else "")
