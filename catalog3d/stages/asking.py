"""A person's wish for another model: what it would change and cost, put on record, or taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from catalog3d.adapters.registry.catalog import Change, Standing
from catalog3d.errors import ProductError
from catalog3d.learning import How, source_of, surface_words, variant_change
from catalog3d.plan import PlanItem
from catalog3d.product import Product
from catalog3d.request import RunRequest, Wish
from catalog3d.retake import Retake
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.decide import tell_library
from catalog3d.stages.planning import make_plan
from catalog3d.stages.resting import come_to_rest
from catalog3d.stages.retaking import require_retakable, retake_case
from catalog3d.status import RETAKE_WAITS
from catalog3d.wording import credits_text, plain


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What another model of a SKU would change, before anybody has asked for it.

    Attributes:
        version: Whose place it would take; that one stays live until the new one is approved.
        change: In words.
        credits: What ordering it bills now: 0 where a model of the same brief is paid for already.
        number, most: Which attempt it is, and how many there may be.
    """

    sku: str
    version: int
    change: str
    route: str
    credits: Decimal
    number: int
    most: int


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A wish that is on record.

    Attributes:
        waits: Whether only an operator may order it: the budget of retakes does not pay for it today.
        message: One sentence for whoever asked.
    """

    offer: Offer
    retake: Retake
    waits: bool
    message: str


def offer_retake(catalog: OpenCatalog, sku: str, reasons: Sequence[str], note: str = "", how: How = How.AUTO) -> Offer:
    """What another model of a SKU would change and cost; nothing is written.

    Raises:
        ProductError: As `retake_case`, `require_retakable` and `learning.change_for`.
        RunError: Its sheet cannot be read.
    """
    return _offer(*_planned(catalog, sku, reasons, note, how))


def ask_retake(
    catalog: OpenCatalog,
    sku: str,
    reasons: Sequence[str],
    note: str,
    person: str,
    *,
    may_order: bool,
    how: How = How.AUTO,
    seen: int = 0,
) -> Asked:
    """Put a person's wish for another model on record; the same again while it is open is the same wish.

    Whoever may order has it allowed at once. A reviewer's is allowed within the budget of retakes of the day
    (CATALOG3D_BUDGET__RETAKES), else it waits and is listed (`RETAKE_WAITS`). Nothing is sent here: a run of the flow
    `retake` does that, with this record alone.

    Args:
        seen: The newest version that the person looked at; 0 = whichever there is.

    Raises:
        ProductError: As `offer_retake`; VERSION_CHANGED if there is another version than was seen.
    """
    case = retake_case(catalog, sku, *reasons)
    if seen and case.version != seen:
        raise ProductError(
            f"The newest version is V{case.version}, not V{seen} any more.",
            code="VERSION_CHANGED",
            fix="Look at the new one before you ask for another.",
            sku=sku,
        )
    if case.made is not None:  # whoever asks now has seen what came of it
        catalog.registry.retakes.close(case.made.id)
    item, wish = _planned(catalog, sku, reasons, note, how)
    within = None if may_order else catalog.settings.budget.retakes
    words = Wish(reasons=tuple(reasons), note=note, how=how)
    retake = put_on_record(catalog, item, words, person=person, within=within)
    offer = _offer(item, replace(retake, number=wish.number, most=wish.most))
    waits = not retake.is_allowed
    message = _sentence(catalog, offer, waits=waits)
    _say_where_it_stands(catalog, sku, message, waits=waits)
    return Asked(offer=offer, retake=retake, waits=waits, message=message)


def put_on_record(
    catalog: OpenCatalog, item: PlanItem, words: Wish, *, person: str, within: Decimal | None = None
) -> Retake:
    """Keep a priced wish as a decision of this person, in the registry and in the record beside the model.

    Args:
        item: The plan of it.
        within: As for `RetakeRecord.ask`.

    Raises:
        ProductError: As `require_retakable` and `RetakeRecord.ask`; as `tell_library`, and then it is on record still.
    """
    wish = replace(require_retakable(item), credits=item.credits)
    retake = catalog.registry.retakes.ask(wish, person=person, reason=words.reasons[0], note=words.note, within=within)
    tell_library(catalog, item.sku)
    return retake


def open_retake(catalog: OpenCatalog, sku: str) -> Retake:
    """The retake of a SKU that somebody asked for, until they heard what came of it.

    Raises:
        ProductError: NO_RETAKE.
    """
    retake = catalog.registry.retakes.newest().get(sku)
    if retake is None or not retake.is_open:
        raise ProductError(
            f"No retake of {plain(sku)} is open.",
            code="NO_RETAKE",
            fix="Ask for one: catalog3d retake SKU --reason CODE.",
            sku=sku,
        )
    return retake


def drop_retake(catalog: OpenCatalog, sku: str) -> Retake:
    """Take back a wish that was not ordered; the SKU stands where its versions say.

    Raises:
        ProductError: NO_RETAKE if none is open; RETAKE_UNDER_WAY if it was ordered.
    """
    retake = open_retake(catalog, sku)
    ordered = catalog.registry.ledger.latest(retake.realm, retake.digest, after_attempt=retake.after_attempt)
    if ordered is not None and (ordered.is_open or ordered.succeeded):
        raise ProductError(
            f"The retake of {sku} is ordered already.",
            code="RETAKE_UNDER_WAY",
            fix="Wait for its model, and reject that if you do not want it.",
            sku=sku,
        )
    catalog.registry.retakes.close(retake.id)
    come_to_rest(catalog, sku)
    return retake


@dataclass(frozen=True, kw_only=True)
class VariantOffer:
    """A SKU that has the very model of another one, though the sheet says another color or material of it.

    Attributes:
        of: The first SKU of that model in the sheet.
        words: What its surface would be.
    """

    sku: str
    of: str
    words: str
    credits: Decimal


def variant_offers(catalog: OpenCatalog) -> tuple[VariantOffer, ...]:
    """Proposals for color variants that share a photo, and so a model: a surface of their own, by their sheet's words.

    Nothing orders them by itself: a person asks for each with `ask_retake(.., how=How.TEXTURE)`.
    """
    standings = catalog.registry.catalog.standings()
    shared: dict[int, list[Standing]] = {}
    for sku, asset in catalog.registry.catalog.newest_assets().items():
        if asset.generation_id is not None and sku in standings:
            shared.setdefault(asset.generation_id, []).append(standings[sku])
    made = {generation.id: generation for generation in catalog.registry.ledger.of_sku(sorted(shared))}
    offers = []
    for generation_id, group in shared.items():
        first, *others = sorted(group, key=lambda standing: (standing.row, standing.sku))
        source = source_of(made[generation_id].brief, made[generation_id].digest, made[generation_id].raw_sha256)
        looks = [(other, _surface_of(other)) for other in others]
        for other, (surface, product) in looks:
            if source is not None and any(surface) and surface != _surface_of(first)[0]:
                change = variant_change(source, product)
                words = surface_words(product)
                offers.append(VariantOffer(sku=other.sku, of=first.sku, words=words, credits=change.credits))
    return tuple(sorted(offers, key=lambda offer: offer.sku))


def _surface_of(standing: Standing) -> tuple[tuple[str, str], Product]:
    color, material = (str(standing.fields.get(name, "")) for name in ("color", "material"))
    product = Product(sku=standing.sku, name=standing.name, row=standing.row, color=color, material=material)
    return (color.casefold(), material.casefold()), product


def _planned(catalog: OpenCatalog, sku: str, reasons: Sequence[str], note: str, how: How) -> tuple[PlanItem, Retake]:
    """The plan of one retake, by the sheet that its SKU was last seen in."""
    case = retake_case(catalog, sku, *reasons)
    images = (catalog.registry.catalog.last_request(case.sheet) or {}).get("images")
    request = RunRequest(
        sheet=case.sheet,
        images=str(images) if images else None,
        only=(sku,),
        retake=True,
        wish=Wish(reasons=tuple(reasons), note=note, how=how),
    )
    (item,) = make_plan(catalog, request).plan.items
    return item, require_retakable(item)


def _offer(item: PlanItem, retake: Retake) -> Offer:
    return Offer(
        sku=item.sku,
        version=retake.version,
        change=retake.why,
        route=retake.route.value,
        credits=item.credits,
        number=retake.number,
        most=retake.most,
    )


def _sentence(catalog: OpenCatalog, offer: Offer, *, waits: bool) -> str:
    what = f"Another model of {offer.sku} beside V{offer.version} ({offer.number} of {offer.most}): {offer.change}"
    price = f"{credits_text(offer.credits)} credits"
    if not waits:
        return f"{what}, for {price}."
    budget = catalog.settings.budget.retakes
    left = credits_text(catalog.registry.retakes.left_today(budget))
    return (
        f"{what}. It costs {price}, and of today's {credits_text(budget)} for retakes {left} are left: it waits for an "
        "operator."
    )


def _say_where_it_stands(catalog: OpenCatalog, sku: str, message: str, *, waits: bool) -> None:
    """Show it at once; the next plan says the same."""
    standing = catalog.registry.catalog.standing(sku)
    if standing is not None:
        reason = RETAKE_WAITS if waits else "RETAKE_ASKED"
        change = Change(
            sku=sku,
            status=standing.status,
            stage=standing.stage,
            reason=reason,
            message=message,
            seen=standing.revision,
        )
        catalog.registry.catalog.change([change])
