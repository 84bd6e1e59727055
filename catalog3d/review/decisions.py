"""The one place where the page calls what decides: a decision, a wish for another model, and its price."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from catalog3d.asset import Approval, Asset, Decision
from catalog3d.people import Act, Person
from catalog3d.stages.asking import Asked, Offer, ask_retake, offer_retake
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.decide import Decided, decide, undo_decision

ALREADY_DECIDED = "ALREADY_DECIDED"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a person sends about one asset.

    Attributes:
        seen: The revision of it that they had before them: another one means that somebody was faster.
    """

    choice: Approval
    person: str
    seen: int
    reason: str = ""
    note: str = ""
    checklist: Mapping[str, bool | None]


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
        note=verdict.note.strip(),
        version=asset.version,
        checklist=verdict.checklist,
        seen=verdict.seen,
    )


def take_back(catalog: OpenCatalog, asset: Asset, *, person: str, seen: int) -> Decided:
    """Take the last decision about an asset back.

    Raises:
        ProductError: ALREADY_DECIDED, and as `catalog3d.stages.decide.undo_decision`.
    """
    return undo_decision(catalog, asset.sku, asset.version, person=person, seen=seen)


def decisions_about(catalog: OpenCatalog, asset: Asset) -> list[Decision]:
    """Every decision about one version, oldest first."""
    said = catalog.registry.catalog.decisions(asset.sku)
    return [decision for decision in said if decision.version == asset.version]


def offer(catalog: OpenCatalog, sku: str, reason: str, note: str) -> Offer:
    """What another model of a SKU would change and cost; reads its sheet, and spends and changes nothing.

    Raises:
        ProductError: As `catalog3d.stages.asking.offer_retake`.
        RunError: The sheet cannot be read.
    """
    return offer_retake(catalog, sku, (reason,), note)


def ask_for_another(
    catalog: OpenCatalog, asset: Asset, *, reason: str, note: str, person: Person, order: Callable[[str], None]
) -> Asked:
    """Put a wish for another model on record, and order it unless it has to wait for an operator.

    What a kill right here leaves is on record, and the same wish again orders it.

    Args:
        order: Begins the retake of a SKU that is on record, and does not wait for it.

    Raises:
        ProductError: As `catalog3d.stages.asking.ask_retake`.
        RunError: The sheet cannot be read.
    """
    may_order = person.role.may(Act.ORDER)
    asked = ask_retake(catalog, asset.sku, (reason,), note, person.name, may_order=may_order, seen=asset.version)
    if not asked.waits:
        order(asset.sku)
    return asked
