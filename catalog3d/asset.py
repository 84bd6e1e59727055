"""Assets: the named, versioned model files of a SKU, and the decisions people make about them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from catalog3d.product import Product
from catalog3d.quality import Check


class Approval(StrEnum):
    """What people have said about an asset. `superseded`: they approved another version in its place."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"


class Choice(StrEnum):
    """What a person can decide about an asset.

    A retake asks for another model and leaves the approval as it is. `undone` takes the decision before it back.
    """

    APPROVED = Approval.APPROVED.value
    REJECTED = Approval.REJECTED.value
    RETAKE = "retake"
    UNDONE = "undone"


@dataclass(frozen=True, kw_only=True)
class Asset:
    """One version of a SKU's model in one format.

    Attributes:
        identity: What makes it this version: generation, name and dimensions.
        key: Its place in the library, "" until it is stored.
        verdict: pass, warn or fail of its mesh report.
        profile: The quality profile of that report, "" where it is not known.
        revision: Grows with everything that people decide about it, and with an approval that supersedes it: what
            somebody looked at, when a decision comes.
    """

    id: int
    sku: str
    version: int
    format: str
    identity: str
    generation_id: int | None
    file: str
    key: str
    picture_key: str
    sha256: str
    size_bytes: int
    stored: bool
    approval: Approval
    verdict: str
    checks: tuple[Check, ...]
    created_at: datetime
    profile: str = ""
    revision: int = 0


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a named person decided about one asset.

    Attributes:
        checklist: `CHECKLIST` code -> yes, no, or None for no answer.
    """

    sku: str
    version: int
    decision: Choice
    person: str
    reason: str
    note: str
    asset_sha256: str
    at: datetime
    checklist: Mapping[str, bool | None] = field(default_factory=dict)


CHECKLIST = {
    "matches_photo": "Does the model match the product photo?",
    "proportions": "Are the proportions right?",
    "material_color": "Are material and color right?",
    "format": "Is it in the right format?",
    "file_size": "Is the file small enough?",
    "another_version": "Does it need another version?",
}
"""The questions of a review, by their codes: to all but the last one, yes is good."""

REJECT_REASONS = {
    "WRONG_SHAPE": "The shape does not match the photo.",
    "WRONG_PROPORTIONS": "The proportions are off.",
    "WRONG_MATERIAL": "The material looks wrong.",
    "WRONG_COLOR": "The color looks wrong.",
    "BACK_OR_SIDES": "The back or a side is wrong.",
    "WRONG_PRODUCT": "It shows another product.",
    "FILE_PROBLEM": "The file is too large or in the wrong format.",
    "OTHER": "See the note.",
}
"""Coded reasons of a rejection and of a retake: the reviewer's checklist of the sheet recipe, one code a question."""


def version_in_force(versions: Sequence[Asset]) -> Asset:
    """The version that says where its SKU stands.

    It is the newest, unless people prefer another: one that an approval has superseded does not count, and a
    rejected one leaves the approved one in force.

    Args:
        versions: The stored versions of one SKU, oldest first; at least one.
    """
    counted = [asset for asset in versions if asset.approval is not Approval.SUPERSEDED] or versions
    approved = [asset for asset in counted if asset.approval is Approval.APPROVED]
    if approved and counted[-1].approval is Approval.REJECTED:
        return approved[-1]
    return counted[-1]


def generation_to_keep(newest: Asset, in_force: Asset, product: Product) -> int | None:
    """The generation behind a SKU's next version while its brief stays the same.

    That of the newest version; but a new name goes to the model that people prefer, and not to a retake that they
    passed over.
    """
    renamed = newest.generation_id is not None and asset_identity(newest.generation_id, product) != newest.identity
    return in_force.generation_id if renamed else newest.generation_id


def decisions_in_effect(decisions: Iterable[Decision]) -> list[Decision]:
    """Those of one asset that were not taken back, oldest first."""
    kept: list[Decision] = []
    for decision in decisions:
        if decision.decision is not Choice.UNDONE:
            kept.append(decision)
        elif kept:
            kept.pop()
    return kept


def rejection_text(reason: str, note: str) -> str:
    """Why an asset was rejected, in words for the team."""
    return f"{REJECT_REASONS.get(reason, reason)} {note}".strip()


DeclaredSize = tuple[float | None, float | None, float | None]
"""Width, height and depth in metres; None where the sheet does not say."""


def declared_size(product: Product) -> DeclaredSize | None:
    """The dimensions of a product that make its version, None without any."""
    size = product.dimensions
    return (size.width_m, size.height_m, size.depth_m) if size else None


def asset_identity(generation_id: int, product: Product) -> str:
    """The digest of what makes an asset version: a changed name or dimension makes a new one, a photo swap too."""
    return identity_of(generation_id, product.name, declared_size(product))


def identity_of(generation_id: int, name: str, size: DeclaredSize | None) -> str:
    """`asset_identity`, of a version whose product is known by its record only."""
    parts = [generation_id, name, list(size) if size else None]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()
