"""ingest_sheet: read the sheet, check every row, and plan what this run has to do."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from catalog3d.adapters.registry.catalog import Change, Standing
from catalog3d.adapters.registry.runs import RunSku
from catalog3d.brief import Brief, Picture, make_brief
from catalog3d.errors import ProductError, RunError
from catalog3d.ledger import Generation
from catalog3d.plan import Known, Plan, PlanItem, Terms, in_order, plan_invalid, plan_product
from catalog3d.prices import price
from catalog3d.product import InvalidRow, Product, RowProblem, Severity, SheetReading
from catalog3d.request import RunRequest
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.ingest import read_sheet
from catalog3d.status import may_follow

log = logging.getLogger(__name__)

_DECODERS = 4


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A sheet, read and planned."""

    reading: SheetReading
    plan: Plan


def make_plan(catalog: OpenCatalog, request: RunRequest, progress: Callable[[], None] | None = None) -> Planned:
    """Read the sheet and plan the run; nothing is spent or changed.

    Args:
        progress: Called after each product whose pictures were looked at.

    Raises:
        RunError: The sheet cannot be read.
    """
    images = Path(request.images) if request.images else None
    reading = read_sheet(Path(request.sheet), catalog.rules, images=images)
    reading, briefs = _with_briefs(catalog, reading, progress)
    known = _known(catalog, briefs)
    auto = catalog.rules.regenerate_changed == "auto"
    items: list[PlanItem] = []
    for product in reading.products:
        terms = Terms(price=_price(catalog, product, briefs[product.sku]), request=request, auto_stale=auto)
        items.append(plan_product(product, known.get(product.sku, Known(brief=briefs[product.sku])), terms))
    items.extend(plan_invalid(row) for row in reading.invalid)
    return Planned(reading=reading, plan=in_order(items, request, known))


def start_run(catalog: OpenCatalog, request: RunRequest, run_id: str) -> Planned:
    """Plan a run and write it down: from here on the registry knows it.

    Raises:
        RunError: The sheet cannot be read, or the plan costs more than anybody allowed (OVER_BUDGET).
    """
    planned = make_plan(catalog, request)
    require_affordable(catalog, request, planned.plan)
    record_run(catalog, request, planned, run_id)
    return planned


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


def require_affordable(catalog: OpenCatalog, request: RunRequest, plan: Plan) -> None:
    """Stop a Tripo run that would cost more than the standing cap when nobody named a budget."""
    cap = catalog.settings.budget.run
    if catalog.is_rehearsal or request.budget is not None or plan.credits <= cap:
        return
    raise RunError(
        f"This run would cost {plan.credits} credits for {plan.generations} models, and runs without a budget of "
        f"their own stop at {cap}. Nothing was spent.",
        code="OVER_BUDGET",
        fix=f"Say how much it may cost, such as --budget {plan.credits}; work that does not fit waits for the next run.",
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


def note_plan(catalog: OpenCatalog, planned: Planned) -> list[str]:
    """Take over the sheet's fields and the standings that need no work.

    Returns:
        The SKUs whose standing changed.
    """
    record = catalog.registry.catalog
    sheet = planned.reading.sheet
    record.note_products(
        (item.sku, item.name, item.row, sheet, _fields(item.product) if item.product else {})
        for item in planned.plan.items
    )
    before = record.standings()
    changes = []
    for item in planned.plan.items:
        if item.do or not _differs(before[item.sku], item) or not may_follow(before[item.sku].status, item.status):
            continue
        changes.append(
            Change(sku=item.sku, status=item.status, stage=item.stage.value, reason=item.reason, message=item.message)
        )
    record.change(changes)
    return [change.sku for change in changes]


def _differs(standing: Standing, item: PlanItem) -> bool:
    now = (standing.status, standing.reason, standing.message)
    return now != (item.status, item.reason, item.message)


def _with_briefs(
    catalog: OpenCatalog, reading: SheetReading, progress: Callable[[], None] | None
) -> tuple[SheetReading, dict[str, Brief | None]]:
    """The brief of each product; products whose pictures turn out to be unusable become invalid rows."""

    def look(product: Product) -> Brief | ProductError | None:
        try:
            return _brief(catalog, product)
        except ProductError as error:
            return error
        finally:
            if progress is not None:
                progress()

    with ThreadPoolExecutor(_DECODERS) as pool:
        results = list(pool.map(look, reading.products))
    briefs: dict[str, Brief | None] = {}
    usable: list[Product] = []
    invalid: list[InvalidRow] = list(reading.invalid)
    problems: list[RowProblem] = list(reading.problems)
    for product, result in zip(reading.products, results, strict=True):
        if isinstance(result, ProductError):
            row, problem = _unusable(product, result, reading.mapping.get("image", ""))
            invalid.append(row)
            problems.append(problem)
        else:
            briefs[product.sku] = result
            usable.append(product)
    reading = replace(
        reading,
        products=tuple(usable),
        invalid=tuple(sorted(invalid, key=lambda row: row.row)),
        problems=tuple(sorted(problems, key=lambda problem: problem.row)),
    )
    return reading, briefs


def _unusable(product: Product, error: ProductError, column: str) -> tuple[InvalidRow, RowProblem]:
    message = f"{error.message} {error.fix}".strip()
    row = InvalidRow(sku=product.sku, row=product.row, name=product.name, code=error.code, message=message)
    problem = RowProblem(
        row=product.row, sku=product.sku, column=column, code=error.code, severity=Severity.ERROR, message=message
    )
    return row, problem


def _brief(catalog: OpenCatalog, product: Product) -> Brief | None:
    pictures = []
    for view in product.views:
        digest = catalog.pictures.pixels_sha256(view)
        if digest is None:
            return None
        pictures.append(Picture(slot=view.slot.value, pixels_sha256=digest))
    return make_brief(catalog.rules.tripo_for(product.category), tuple(pictures), product.prompt)


def _price(catalog: OpenCatalog, product: Product, brief: Brief | None) -> Decimal:
    if brief is None:
        pictures = tuple(Picture(slot=view.slot.value, pixels_sha256="") for view in product.views)
        brief = make_brief(catalog.rules.tripo_for(product.category), pictures, product.prompt)
    return price(brief.endpoint, brief.model, dict(brief.params))


def _known(catalog: OpenCatalog, briefs: dict[str, Brief | None]) -> dict[str, Known]:
    outcomes = catalog.registry.ledger.outcomes(catalog.realm)
    standings = catalog.registry.catalog.standings()
    assets = catalog.registry.catalog.newest_assets()
    by_id: dict[int, Generation] = {
        generation.id: generation
        for generation in catalog.registry.ledger.of_sku(
            sorted({asset.generation_id for asset in assets.values() if asset.generation_id is not None})
        )
    }
    known = {}
    for sku in {*briefs, *standings}:
        brief, standing, asset = briefs.get(sku), standings.get(sku), assets.get(sku)
        made = by_id.get(asset.generation_id) if asset and asset.generation_id is not None else None
        known[sku] = Known(
            brief=brief,
            generation=outcomes.get(brief.digest) if brief else None,
            asset=asset,
            asset_brief=made.brief if made else None,
            status=standing.status if standing else None,
            reason=standing.reason if standing else "",
        )
    return known


def _fields(product: Product) -> dict[str, Any]:
    size = product.dimensions
    return {
        "category": product.category,
        "material": product.material,
        "color": product.color,
        "dimensions": size.text if size else "",
        "input": product.input_kind.value,
        "prompt": product.prompt,
        "views": [{"slot": view.slot.value, "location": view.location} for view in product.views],
        "formats": list(product.formats),
        "channels": list(product.channels),
        "owner": product.owner,
        "priority": product.priority,
        "action": product.action,
    }
