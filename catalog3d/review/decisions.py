"""The one place where the page calls what decides: a decision, a wish for another model, and its price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from catalog3d.adapters.requests import retake_request
from catalog3d.asset import Approval, Asset, Decision
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.decide import Decided, decide, undo_decision
from catalog3d.stages.planning import make_plan
from catalog3d.stages.retaking import require_retakable, retake_case

ALREADY_DECIDED = "ALREADY_DECIDED"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a person sends about one asset.

    Attributes:
        seen: The revision of the asset that they had before them: another one means that somebody was faster.
    """

    choice: Approval
    person: str
    seen: int
    reason: str = ""
    note: str = ""
    checklist: Mapping[str, bool]


@dataclass(frozen=True, kw_only=True)
class RetakePrice:
    """What another model would cost.

    Attributes:
        credits: 0 if it is paid for already.
        why: What would be made, in words.
    """

    credits: Decimal
    why: str

    @property
    def sentence(self) -> str:
        return f"{self.why[:1].upper()}{self.why[1:]}."


def decide_asset(catalog: OpenCatalog, asset: Asset, verdict: Verdict) -> Decided:
    """Decide about an asset, unless somebody else did since this person looked.

    Raises:
        ProductError: ALREADY_DECIDED, and as `catalog3d.stages.decide.decide`.
    """
    return decide(
        catalog,
        asset.sku,
        verdict.choice,
        person=verdict.person,
        reason=verdict.reason,
        note=verdict.note,
        version=asset.version,
        checklist=verdict.checklist,
        seen=verdict.seen,
    )


def take_back(catalog: OpenCatalog, asset: Asset, *, person: str, seen: int) -> Decided:
    """Undo the last decision about an asset, unless somebody decided since.

    Raises:
        ProductError: ALREADY_DECIDED, NOTHING_TO_UNDO, UNDO_REFUSED.
    """
    return undo_decision(catalog, asset.sku, asset.version, person=person, seen=seen)


def decisions_about(catalog: OpenCatalog, asset: Asset) -> list[Decision]:
    """Every decision about one version, oldest first."""
    said = catalog.registry.catalog.decisions(asset.sku)
    return [decision for decision in said if decision.version == asset.version]


def price_retake(catalog: OpenCatalog, sku: str, reason: str) -> RetakePrice:
    """What another model of a SKU would cost; reads its sheet, and spends and changes nothing.

    Raises:
        ProductError: REASON_UNKNOWN, NO_MODEL, RETAKE_UNDER_WAY, ON_HOLD and what else stands in its way.
        RunError: The sheet cannot be read.
    """
    case = retake_case(catalog, sku, reason)
    if case.made is not None:
        return RetakePrice(credits=Decimal(0), why=f"V{case.version} was made since a retake was asked for")
    planned = make_plan(catalog, retake_request(case.sheet, sku))
    item = next(item for item in planned.plan.items if item.sku == sku)
    require_retakable(item)
    return RetakePrice(credits=item.credits, why=item.why)
