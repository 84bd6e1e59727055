"""ingest_sheet: read the sheet, check every row, and plan what this run has to do."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from catalog3d.adapters.registry.catalog import Change, Standing
from catalog3d.adapters.registry.runs import RunSku
from catalog3d.asset import Asset
from catalog3d.brief import Brief
from catalog3d.diagnosis.account_check import check_of
from catalog3d.errors import RunError
from catalog3d.funds import Fit, waits
from catalog3d.ledger import Generation
from catalog3d.plan import Known, Plan, PlanItem, Terms, plan_invalid, plan_product
from catalog3d.product import Product, SheetReading
from catalog3d.publication import Publication
from catalog3d.request import RunRequest
from catalog3d.selection import in_order
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.ingest import read_sheet
from catalog3d.stages.looking import Look, look_at_products
from catalog3d.stages.memory import require_registry
from catalog3d.stages.preflight import first_words, hold_against_funds, require_payable, stops_over_budget
from catalog3d.stages.retaking import require_asked, with_retakes
from catalog3d.status import Status

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A sheet, read and planned.

    Attributes:
        first_of_realm: Whether the registry has no product's generation at all of who makes the models now.
        seen: SKU -> the revision of its standing that the plan was made from.
        notes: Sentences for whoever reads the run, such as who waits for money.
        counts: How many SKUs of the sheet stand where, selected or not.
    """

    reading: SheetReading
    plan: Plan
    first_of_realm: bool = False
    seen: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    counts: dict[Status, int] = field(default_factory=dict)


def make_plan(catalog: OpenCatalog, request: RunRequest, progress: Callable[[], None] | None = None) -> Planned:
    """Read the sheet and plan the run; nothing is spent or changed.

    Args:
        progress: Called after each product whose pictures were looked at.

    Raises:
        RunError: The sheet cannot be read, or has none of the SKUs that were named (SKU_UNKNOWN).
    """
    images = Path(request.images) if request.images else None
    reading = read_sheet(Path(request.sheet), catalog.rules, images=images)
    _require_named(reading, request)
    reading, looks = look_at_products(catalog, reading, progress)
    standings = catalog.registry.catalog.standings()  # before all else: whatever comes later shows as a new revision
    outcomes = catalog.registry.ledger.outcomes(catalog.realm)
    products = {product.sku: product for product in reading.products}
    known = with_retakes(catalog, request, _known(catalog, looks, outcomes, standings), products)
    auto = catalog.rules.regenerate_changed == "auto"
    items: list[PlanItem] = []
    for product in reading.products:
        terms = Terms(price=looks[product.sku].price, request=request, auto_stale=auto)
        items.append(plan_product(product, known[product.sku], terms))
    items.extend(plan_invalid(row) for row in reading.invalid)
    return Planned(
        reading=reading,
        plan=in_order(items, request, known, now=catalog.clock.now()),
        first_of_realm=_nothing_made(outcomes),
        seen={sku: standing.revision for sku, standing in standings.items()},
        counts=dict(Counter(item.status for item in items)),
    )


def _nothing_made(outcomes: Mapping[str, Generation]) -> bool:
    """Whether no product was ever ordered: a check of the account (`doctor --live`) proves no registry right."""
    return all(check_of(generation.brief) for generation in outcomes.values())


def start_run(catalog: OpenCatalog, request: RunRequest, run_id: str) -> Planned:
    """Plan a run and write it down: from here on the registry knows it.

    Raises:
        RunError: As `make_plan` and `require_startable`.
    """
    planned = make_plan(catalog, request)
    require_asked(planned.plan.items)
    planned = require_startable(catalog, request, planned)
    record_run(catalog, request, planned, run_id)
    return planned


def require_startable(
    catalog: OpenCatalog, request: RunRequest, planned: Planned, fitted: Fit | None = None
) -> Planned:
    """Stop a run before it spends what nobody meant to spend; trim it to what its budget and the wallet pay for.

    Args:
        fitted: The plan held against its funds, if somebody did that just now.

    Returns:
        The plan with what is paid for left to do; what does not fit waits, first by priority and sheet.

    Raises:
        RunError: OVER_BUDGET if a Tripo run would cost more than the standing cap and nobody named a budget;
            NO_CREDITS if the wallet pays for no model; GENERATOR_UNREACHABLE, KEY_REFUSED if it cannot be read;
            REGISTRY_MISSING if there are results that this registry does not know.
    """
    if planned.first_of_realm and planned.plan.todo:
        require_registry(catalog, planned.reading)
    plan = planned.plan
    if stops_over_budget(catalog, request, plan):
        raise RunError(
            f"This run would cost {plan.credits} credits for {plan.generations} models, and runs without a budget of "
            f"their own stop at {catalog.settings.budget.run}. Nothing was spent.",
            code="OVER_BUDGET",
            fix=f"Say how much it may cost, such as --budget {plan.credits}; work that does not fit waits for the next "
            "run.",
        )
    fitted = fitted or hold_against_funds(catalog, request, plan)
    require_payable(fitted)
    notes = (waits(fitted), *first_words(catalog, fitted.plan))
    return replace(planned, plan=fitted.plan, notes=tuple(note for note in notes if note))


def record_run(catalog: OpenCatalog, request: RunRequest, planned: Planned, run_id: str) -> None:
    """Write a planned run down, and the standings of the SKUs that need no work."""
    changed = note_plan(catalog, planned)
    catalog.registry.runs.start(
        run_id,
        realm=catalog.realm,
        sheet=planned.reading.sheet,
        request=request.model_dump(mode="json"),
        estimated_credits=planned.plan.credits,
        budget_credits=request.budget if request.budget is not None else catalog.settings.budget.run,
        skus=[_run_sku(position, item) for position, item in enumerate(planned.plan.items)],
    )
    log.info("run %s: %s SKUs, %s standings changed", run_id, len(planned.plan.items), len(changed))


def note_plan(catalog: OpenCatalog, planned: Planned) -> list[str]:
    """Take over the sheet's fields, and where the SKUs stand that need no work.

    What an interrupted run left is put right here: a SKU with a stored model stands where that model says. A decision
    or a result that came since the plan was made stays.

    Returns:
        The SKUs whose standing changed.
    """
    record = catalog.registry.catalog
    sheet = planned.reading.sheet
    record.note_products(
        (item.sku, item.name, item.row, sheet, fields_of(item.product) if item.product else {})
        for item in planned.plan.items
    )
    before = record.standings()
    changes = [
        Change(
            sku=item.sku,
            status=item.status,
            stage=item.stage.value,
            reason=item.reason,
            message=item.message,
            seen=planned.seen.get(item.sku, 0),
        )
        for item in planned.plan.items
        if not item.do and _differs(before[item.sku], item)
    ]
    return record.change(changes)


def _require_named(reading: SheetReading, request: RunRequest) -> None:
    there = {product.sku for product in reading.products} | {row.sku for row in reading.invalid}
    missing = set(request.only) - there
    if missing:
        raise RunError(
            f"The sheet has no row with the SKU {', '.join(sorted(missing))}.",
            code="SKU_UNKNOWN",
            fix="Name SKUs as the sheet has them: capitals and leading zeros count.",
        )


def _run_sku(position: int, item: PlanItem) -> RunSku:
    return RunSku(
        sku=item.sku,
        position=position,
        planned=item.do,
        digest="",
        status=item.status,
        stage=item.stage.value,
        reason=item.reason,
        message=item.message,
        generation_id=None,
        asset_id=None,
        credits=Decimal(0),
    )


def _differs(standing: Standing, item: PlanItem) -> bool:
    now = (standing.status, standing.reason, standing.message)
    return now != (item.status, item.reason, item.message)


def _known(
    catalog: OpenCatalog,
    looks: Mapping[str, Look],
    outcomes: Mapping[str, Generation],
    standings: Mapping[str, Standing],
) -> dict[str, Known]:
    record = catalog.registry.catalog
    newest, in_force = record.newest_assets(), record.assets_in_force()
    rejections = record.rejections()
    made_by = {asset.generation_id for asset in newest.values() if asset.generation_id is not None}
    generations = {generation.id: generation for generation in catalog.registry.ledger.of_sku(sorted(made_by))}
    publications: dict[str, list[Publication]] = defaultdict(list)
    for publication in catalog.registry.publications.of():
        publications[publication.sku].append(publication)
    known = {}
    for sku in {*looks, *standings}:
        brief = looks[sku].brief if sku in looks else None
        asset, standing = newest.get(sku), standings.get(sku)
        made = generations.get(asset.generation_id or 0) if asset else None
        known[sku] = Known(
            brief=brief,
            generation=outcomes.get(brief.digest) if brief else None,
            asset=asset,
            asset_brief=asked_for(asset, made),
            in_force=in_force.get(sku),
            rejection=rejections.get(in_force[sku].id) if sku in in_force else None,
            status=standing.status if standing else None,
            reason=standing.reason if standing else "",
            stage=standing.stage if standing else "",
            changed_at=standing.updated_at if standing else None,
            ordered=standing.generation_id if standing else None,
            publications=tuple(publications[sku]),
        )
    return known


def asked_for(asset: Asset | None, made: Generation | None) -> Brief | None:
    """The brief that the sheet asked for when a version was made: what a change of the sheet is held against."""
    if asset is not None and asset.asked:
        return Brief.parse(asset.asked)
    return made.brief if made else None


def fields_of(product: Product) -> dict[str, Any]:
    """What the registry keeps of a product's row, as JSON values."""
    size = product.dimensions
    return {
        "category": product.category,
        "material": product.material,
        "color": product.color,
        "dimensions": size.text if size else "",
        "input": product.input_kind.value,
        "prompt": product.prompt,
        "views": [{"slot": view.slot.value, "location": view.location.partition("?")[0]} for view in product.views],
        "formats": list(product.formats),
        "channels": list(product.channels),
        "handle": product.handle,
        "owner": product.owner,
        "priority": product.priority,
        "action": product.action,
    }
