"""What library and sheet still say of a catalog whose registry was lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from catalog3d.asset import Approval, DeclaredSize
from catalog3d.audit import Entry
from catalog3d.brief import Brief
from catalog3d.quality import Check

KINDS = ("generations", "assets", "decisions", "products")


@dataclass(frozen=True, kw_only=True)
class FoundGeneration:
    """A paid model, with what vouches for it.

    Attributes:
        brief: Its canonical form has the digest under which the model was paid.
        credits: What the provider charged, None if nobody wrote it down.
        task_id: "" where only the provider's file is left.
        raw_key: Where the provider's bytes lie, verified; "" if they must be fetched again.
    """

    realm: str
    digest: str
    attempt: int
    brief: Brief
    base_url: str
    key_fingerprint: str
    model_seed: int
    expected_credits: Decimal
    credits: Decimal | None
    task_id: str
    raw_key: str
    raw_sha256: str
    raw_size_bytes: int
    ordered_at: datetime
    settled_at: datetime

    @property
    def identity(self) -> tuple[str, str, int]:
        return self.realm, self.digest, self.attempt


@dataclass(frozen=True, kw_only=True)
class FoundAsset:
    """One version whose model lies in the library, verified.

    Attributes:
        generation: What it was made from; None for a model made by hand, or if its record does not prove it.
        size: The declared dimensions that make it this version.
        profile: The quality profile of its checks, "" where its record does not say.
        decisions: What people decided about it, as far as the library says who they were; with the places in chains
            that their hashes prove.
    """

    sku: str
    name: str
    version: int
    format: str
    file: str
    key: str
    picture_key: str
    sha256: str
    size_bytes: int
    approval: Approval
    checks: tuple[Check, ...]
    size: DeclaredSize | None
    created_at: datetime
    generation: FoundGeneration | None
    profile: str = ""
    decisions: tuple[Entry, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FoundProduct:
    """One SKU, as the sheet has it; or as its newest record does, with row 0 and no sheet.

    Attributes:
        reason: Why its row cannot run, "" if it can.
    """

    sku: str
    name: str
    row: int
    sheet: str
    fields: dict[str, Any]
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Unrestored:
    """Something that could not be restored, or not as it says.

    Attributes:
        place: Where it lies: a key of the library, or a row of the sheet.
    """

    code: str
    sku: str
    place: str
    message: str
    fix: str


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Everything that was found and may be believed."""

    generations: tuple[FoundGeneration, ...]
    assets: tuple[FoundAsset, ...]
    products: tuple[FoundProduct, ...]


@dataclass(kw_only=True)
class Rebuilt:
    """What came back, and what the registry had already.

    Attributes:
        restored: Kind (generations, assets, decisions, products) -> how many.
        known: The same of those that the registry had already; they were left alone.
        skus: SKU -> (status, its versions) after it, of the SKUs that something was restored for.
        differing: Where the registry says otherwise than the library; the registry was left as it is.
    """

    restored: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    known: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    skus: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    differing: list[Unrestored] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """The outcome of one recovery.

    Attributes:
        credits: SKU -> what its restored models had cost, each model with the first SKU that has it.
    """

    dry_run: bool
    rebuilt: Rebuilt
    credits: Mapping[str, Decimal]
    unrestored: tuple[Unrestored, ...]
    notes: tuple[str, ...]
