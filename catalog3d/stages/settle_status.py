"""update_status: commit where a SKU stands, let it go, and tell the one writer of the sheet."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from catalog3d.adapters.registry.catalog import Change
from catalog3d.adapters.registry.runs import RunSku
from catalog3d.ledger import LedgerState
from catalog3d.plan import flag_reason, resting_status
from catalog3d.stages.context import RunContext, SkuWork
from catalog3d.status import PLACES_ON_HOLD, Stage, Status

_ROW_CANNOT_RUN = ("PHOTO_MISSING", "PHOTO_UNREADABLE", "PHOTO_TOO_LARGE", "PHOTO_TOO_SMALL", "PHOTO_BLANK", "URL_")
_CHANGED = frozenset({"PHOTO_CHANGED", "PARAMETERS_CHANGED", "PROMPT_CHANGED"})


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The end of one SKU in one run."""

    status: Status
    stage: str
    reason: str
    message: str


async def settle_status(context: RunContext, sku: str) -> Standing:
    """Commit the SKU's standing to the registry and release it."""
    return await asyncio.to_thread(_settle, context, sku)


def _settle(context: RunContext, sku: str) -> Standing:
    registry = context.catalog.registry
    noted = registry.runs.sku(context.run_id, sku)
    if noted.reason == "TAKEN":
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
        status = _failed_status(context, work, noted)
        return Standing(status=status, stage=noted.stage, reason=noted.reason, message=noted.message)
    if work.asset is None or not work.asset.stored:
        return Standing(
            status=Status.FAILED, stage=noted.stage, reason="UNEXPECTED", message="It ended without a model."
        )
    status = resting_status(work.asset)
    reason, message = flag_reason(work.asset) if status is Status.FLAGGED else ("", "")
    return Standing(status=status, stage=Stage.UPDATE_STATUS.value, reason=reason, message=message)


def _failed_status(context: RunContext, work: SkuWork, noted: RunSku) -> Status:
    if noted.reason.startswith(_ROW_CANNOT_RUN):
        return Status.INVALID
    if noted.reason in _CHANGED:
        return Status.STALE
    if context.stopped_by is not None or noted.reason in PLACES_ON_HOLD:
        known = context.catalog.registry.ledger.latest(context.catalog.realm, work.brief.digest) if work.brief else None
        if known is not None and known.state in (LedgerState.UNKNOWN, LedgerState.SENDING):
            return Status.FAILED
        paid = known is not None and (known.state is LedgerState.SUBMITTED or known.succeeded)
        return Status.GENERATING if paid else Status.READY
    return Status.FAILED
