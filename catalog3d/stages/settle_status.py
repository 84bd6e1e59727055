"""update_status: commit where a SKU stands, let it go, and tell the one writer of the sheet."""

from __future__ import annotations

from dataclasses import dataclass

from catalog3d.adapters.registry.catalog import Change
from catalog3d.adapters.registry.runs import RunSku
from catalog3d.ledger import LedgerState
from catalog3d.stages.context import RunContext, SkuWork
from catalog3d.stages.resting import resting
from catalog3d.status import HAS_MODEL, PLACES_ON_HOLD, SOMEBODY_ELSE, Stage, Status

_ROW_CANNOT_RUN = ("PHOTO_MISSING", "PHOTO_UNREADABLE", "PHOTO_TOO_LARGE", "PHOTO_TOO_SMALL", "PHOTO_BLANK", "URL_")
_CHANGED = frozenset({"PHOTO_CHANGED", "PARAMETERS_CHANGED", "PROMPT_CHANGED"})
_PARKED = frozenset({"SUBMISSION_UNKNOWN", "TASK_STUCK", "TASK_LOST"})
"""Money is out and nobody knows for what: that is said even of a SKU that has a model."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The end of one SKU in one run."""

    status: Status
    stage: str
    reason: str
    message: str


async def settle_status(context: RunContext, sku: str) -> Standing:
    """Commit the SKU's standing to the registry and release it."""
    return await context.record(_settle, context, sku)


def _settle(context: RunContext, sku: str) -> Standing:
    registry = context.catalog.registry
    noted = registry.runs.sku(context.run_id, sku)
    if noted.reason in SOMEBODY_ELSE:
        context.ended[sku] = Status.GENERATING
        return Standing(status=Status.GENERATING, stage=noted.stage, reason=noted.reason, message=noted.message)
    end = _standing(context, context.work[sku], noted)
    registry.catalog.change(
        [
            Change(
                sku=sku,
                status=end.status,
                stage=end.stage,
                reason=end.reason,
                message=end.message,
                generation_id=noted.generation_id,
            )
        ]
    )
    registry.catalog.release(sku, context.holder)
    registry.runs.note(context.run_id, sku, status=end.status, stage=end.stage, reason=end.reason, message=end.message)
    context.changed_skus.add(sku)
    context.ended[sku] = end.status
    return end


def _standing(context: RunContext, work: SkuWork, noted: RunSku) -> Standing:
    if noted.reason:
        status = _unfinished_status(context, work, noted)
        of = f"The retake of V{work.retake.version}: " if work.retake is not None else ""
        return Standing(status=status, stage=noted.stage, reason=noted.reason, message=f"{of}{noted.message}")
    rest = resting(context.catalog, work.product.sku) if work.asset is not None and work.asset.stored else None
    if rest is None:
        return Standing(
            status=Status.FAILED, stage=noted.stage, reason="UNEXPECTED", message="It ended without a model."
        )
    return Standing(status=rest.status, stage=Stage.UPDATE_STATUS.value, reason=rest.reason, message=rest.message)


def _unfinished_status(context: RunContext, work: SkuWork, noted: RunSku) -> Status:
    if noted.reason in _CHANGED:
        return Status.STALE
    on_hold = noted.reason in PLACES_ON_HOLD or (
        context.stopped_by is not None and noted.reason == context.stopped_by.code
    )
    if on_hold:
        return _held_status(context, work)
    if work.retake is not None and noted.reason not in _PARKED:
        return work.before  # the model that it has is as good as it was
    if noted.reason.startswith(_ROW_CANNOT_RUN):
        return Status.INVALID
    return Status.FAILED


def _held_status(context: RunContext, work: SkuWork) -> Status:
    """Where a SKU waits whose turn comes later: a model that it has is not forgotten."""
    if work.before in HAS_MODEL:
        return work.before
    ledger = context.catalog.registry.ledger
    known = ledger.latest(context.catalog.realm, work.brief.digest) if work.brief else None
    if known is not None and known.state in (LedgerState.UNKNOWN, LedgerState.SENDING):
        return Status.FAILED
    paid = known is not None and (known.state is LedgerState.SUBMITTED or known.succeeded)
    return Status.GENERATING if paid else Status.READY
