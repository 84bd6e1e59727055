"""What the stages note of every settled price and every judged model, so that a run that goes wrong stops itself."""

from __future__ import annotations

from catalog3d.ledger import Generation
from catalog3d.product import Severity
from catalog3d.quality import MeshReport
from catalog3d.stages.context import RunContext, SkuWork
from catalog3d.stop_rules import Charge, Judged, bad_batch, price_drift


def note_charged(context: RunContext, ended: Generation) -> None:
    """Compare what a task cost with what was expected, and stop the run at the third that cost more.

    Tasks of earlier runs count too: that they ended now says what Tripo charges now.
    """
    if ended.credits_consumed is None:
        return
    context.charges[ended.id] = Charge(
        task_id=ended.task_id, expected=ended.expected_credits, charged=ended.credits_consumed
    )
    error = price_drift(context.charges.values())
    if error is not None:
        context.stop(error)


def note_judged(context: RunContext, work: SkuWork, report: MeshReport) -> None:
    """Count a model that is judged for the first time, and stop the run when too many cannot be used.

    A model that its SKU had before does not count, and a plan that orders nothing is not stopped: judging again
    costs nothing. SKUs that share a model count once. In a rehearsal it counts as in earnest.
    """
    generation = work.generation
    if generation is None or generation.id == work.own_generation or not context.plan.credits:
        return
    blocked_by = next((check.code for check in report.checks if check.severity is Severity.ERROR), "")
    context.judged.setdefault(generation.id, Judged(sku=work.product.sku, blocked_by=blocked_by))
    error = bad_batch(list(context.judged.values()))
    if error is not None:
        context.stop(error)
