"""The way back from a decision: to what it had changed, and only as long as nobody has built on it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog3d.adapters.registry.tables import AssetRow, DecisionRow
from catalog3d.asset import Approval, Choice
from catalog3d.errors import ProductError

_DID = {
    Choice.APPROVED: "approved",
    Choice.REJECTED: "rejected",
    Choice.RETAKE: "asked for a retake of",
    Choice.UNDONE: "took back the last decision about",
}


def who_did_what(row: DecisionRow) -> str:
    """A decision as the beginning of a sentence."""
    return f"{row.person} {_DID[Choice(row.decision)]} V{row.version} on {row.at:%Y-%m-%d %H:%M} UTC"


def last_about(session: Session, asset: AssetRow) -> DecisionRow | None:
    """The last decision about an asset."""
    query = select(DecisionRow).where(DecisionRow.asset_id == asset.id).order_by(DecisionRow.sequence.desc())
    return session.scalars(query.limit(1)).first()


def last_touching(session: Session, asset: AssetRow) -> DecisionRow | None:
    """The last decision that was about an asset, or that superseded it."""
    for row in reversed(_of_sku(session, asset)):
        if row.asset_id == asset.id or str(asset.version) in row.changes:
            return row
    return None


def versions_of(session: Session, asset: AssetRow) -> Sequence[AssetRow]:
    """All versions of the asset's SKU in its format, the asset among them."""
    return session.scalars(
        select(AssetRow).where(
            AssetRow.catalog == asset.catalog, AssetRow.sku == asset.sku, AssetRow.format == asset.format
        )
    ).all()


def way_back(session: Session, asset: AssetRow, last: DecisionRow | None) -> dict[int, Approval]:
    """Version -> the approval that it had before the last decision about an asset.

    Raises:
        ProductError: NOTHING_TO_UNDO; UNDO_REFUSED where it would undo more than that decision.
    """
    if last is None:
        raise _refused(asset, f"Nobody has decided about V{asset.version} yet.", code="NOTHING_TO_UNDO")
    if last.decision == Choice.UNDONE:
        raise _refused(asset, f"{who_did_what(last)} already.", code="NOTHING_TO_UNDO")
    if last.decision == Choice.RETAKE:
        raise _refused(asset, f"{who_did_what(last)}: a retake is a request, and is not undone.")
    if not last.changes:
        raise _refused(asset, f"{who_did_what(last)}, and no record says what it was before.")
    moved = {int(version): pair for version, pair in last.changes.items()}
    for later in _of_sku(session, asset):
        if later.sequence > last.sequence and not moved.keys().isdisjoint(int(version) for version in later.changes):
            raise _refused(asset, f"{who_did_what(later)}, after that.")
    versions = {version.version: version for version in versions_of(session, asset)}
    for number, (_, after) in moved.items():
        if number not in versions or versions[number].approval != after:
            raise _refused(asset, f"V{number} is not {after} any more.")
    back = {number: Approval(before) for number, (before, _) in moved.items()}
    approved = [
        number for number, row in versions.items() if back.get(number, row.approval) == Approval.APPROVED and row.stored
    ]
    if len(approved) > 1:
        raise _refused(asset, f"V{max(approved)} and V{min(approved)} would both be approved.")
    return back


def _of_sku(session: Session, asset: AssetRow) -> Sequence[DecisionRow]:
    return session.scalars(
        select(DecisionRow)
        .where(DecisionRow.catalog == asset.catalog, DecisionRow.sku == asset.sku, DecisionRow.format == asset.format)
        .order_by(DecisionRow.sequence)
    ).all()


def _refused(asset: AssetRow, message: str, code: str = "UNDO_REFUSED") -> ProductError:
    fix = "Decide anew instead: approve or reject it." if code == "UNDO_REFUSED" else ""
    return ProductError(message, code=code, fix=fix, sku=asset.sku)
