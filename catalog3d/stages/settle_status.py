"""update_status: commit where a SKU stands, let it go, and tell the one writer of the sheet."""

from __future__ import annotations

from dataclasses import dataclass

from catalog3d.adapters.registry.catalog import Change
from catalog3d.adapters.registry.runs import RunSku
from catalog3d.errors import RunError
from catalog3d.ledger import Generation, LedgerState
from catalog3d.stages.context import RunContext, SkuWork
from catalog3d.stages.resting import resting
from catalog3d.stages.telling import surely
from catalog3d.status import HAS_MODEL, NEXT_ACTIONS, PLACES_ON_HOLD, SOMEBODY_ELSE, Stage, Status

_ROW_CANNOT_RUN = ("PHOTO_MISSING", "PHOTO_UNREADABLE", "PHOTO_TOO_LARGE", "PHOTO_TOO_SMALL", "PHOTO_BLANK", "URL_")
_CHANGED = frozenset({"PHOTO_CHANGED", "PARAMETERS_CHANGED", "PROMPT_CHANGED"})
_PARKED = frozenset({"SUBMISSION_UNKNOWN", "TASK_STUCK", "TASK_LOST", "OTHER_KEY"})
"""Money is out and nobody knows for what: that is said even of a SKU that has a model."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The end of one SKU in one run."""

    status: Status
    stage: str
    reason: str
    message: str


async def settle_status(context: RunContext, sku: str) -> Standing:
    """Commit the SKU's standing to the registry and release it; a registry that is away for a moment is told again."""
    return await surely(context, _settle, context, sku)


async def settle_unbegun(context: RunContext) -> None:
    """Once a run is stopped, say of the SKUs that it never came to why they wait: none is `ready` without a word."""
    if context.stopped_by is not None:
        await surely(context, _settle_unbegun, context, context.stopped_by)


def _settle(context: RunContext, sku: str) -> Standing:
    registry = context.catalog.registry
    noted = registry.runs.sku(context.run_id, sku)
    if noted.reason in SOMEBODY_ELSE or _is_elsewhere(context, sku):
        registry.catalog.release(sku, context.holder)
        context.ended[sku] = Status.GENERATING
        return Standing(status=Status.GENERATING, stage=noted.stage, reason=noted.reason, message=noted.message)
    end = _standing(context, context.work[sku], noted)
    change = Change(
        sku=sku,
        status=end.status,
        stage=end.stage,
        reason=end.reason,
        message=end.message,
        generation_id=noted.generation_id,
    )
    registry.catalog.change([change], done_by=context.holder)
    registry.runs.note(context.run_id, sku, status=end.status, stage=end.stage, reason=end.reason, message=end.message)
    context.changed_skus.add(sku)
    context.ended[sku] = end.status
    return end


def _settle_unbegun(context: RunContext, stopped_by: RunError) -> None:
    record = context.catalog.registry.catalog
    outcomes = context.catalog.registry.ledger.outcomes(context.catalog.realm)
    # The next action of most reasons says already what the fix would.
    why = stopped_by.message if stopped_by.code in NEXT_ACTIONS else str(stopped_by)
    message, changes = f"The run was stopped before this SKU: {why}", []
    for item in context.plan.todo:
        untouched = item.sku not in context.stage_now and item.sku not in context.ended
        # What failed before has its reason still, and another worker says where its own SKUs stand.
        if untouched and item.status is not Status.FAILED and not _is_elsewhere(context, item.sku):
            # A group of the plan is the digest of its brief wherever the pictures' pixels are known.
            status = _held(item.status, outcomes.get(item.price_group))
            changes.append(Change(sku=item.sku, status=status, reason=stopped_by.code, message=message))
    record.change(changes)
    context.ended.update({change.sku: change.status for change in changes})
    context.changed_skus.update(change.sku for change in changes)


def _is_elsewhere(context: RunContext, sku: str) -> bool:
    """Whether another worker has a SKU by now."""
    there = context.catalog.registry.catalog.worker_of(sku)
    if there is None or there[0] == context.holder or there[1] <= context.catalog.clock.now():
        return False
    return context.catalog.holders.lives(there[0]) is not False


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
    """The stop may have met it while its photos were read: then the plan knows what it asks for."""
    sku, ledger = work.product.sku, context.catalog.registry.ledger
    planned = (item.price_group for item in context.plan.items if item.sku == sku)
    digest = work.brief.digest if work.brief else next(planned, "")
    return _held(work.before, ledger.latest(context.catalog.realm, digest))


def _held(before: Status, known: Generation | None) -> Status:
    """Where a SKU waits whose turn comes later: a model that it has is not forgotten."""
    if before in HAS_MODEL:
        return before
    if known is not None and known.state in (LedgerState.UNKNOWN, LedgerState.SENDING):
        return Status.FAILED
    paid = known is not None and (known.state is LedgerState.SUBMITTED or known.succeeded)
    return Status.GENERATING if paid else Status.READY
