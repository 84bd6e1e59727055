"""A first look at every product of a sheet: what would be asked for, and what that costs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal

from catalog3d.brief import Brief, Picture, make_brief
from catalog3d.errors import ProductError, TransientError
from catalog3d.prices import price_of
from catalog3d.product import InvalidRow, Product, RowProblem, Severity, SheetReading
from catalog3d.rules import Rules
from catalog3d.stages.context import OpenCatalog

log = logging.getLogger(__name__)

_DECODERS = 4


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is known about one product's order before anything is fetched.

    Attributes:
        brief: None if a view's pixels are not known yet: a URL that was never fetched, a photo that is being saved.
        price: Of a new generation for it, in credits.
    """

    brief: Brief | None
    price: Decimal


def look_at_products(
    catalog: OpenCatalog, reading: SheetReading, progress: Callable[[], None] | None
) -> tuple[SheetReading, dict[str, Look]]:
    """Look at the views of all products; one that cannot be made or priced becomes an invalid row.

    Args:
        progress: Called after each product.
    """

    def look(product: Product) -> Look | ProductError:
        try:
            brief = _brief(catalog, product)
            return Look(brief=brief, price=_price(catalog.rules, product, brief))
        except ProductError as error:
            return error
        finally:
            if progress is not None:
                progress()

    with ThreadPoolExecutor(_DECODERS) as pool:
        results = list(pool.map(look, reading.products))
    looks: dict[str, Look] = {}
    usable: list[Product] = []
    invalid, problems = list(reading.invalid), list(reading.problems)
    for product, result in zip(reading.products, results, strict=True):
        if isinstance(result, ProductError):
            row, problem = _unusable(product, result, reading.mapping)
            invalid.append(row)
            problems.append(problem)
        else:
            looks[product.sku] = result
            usable.append(product)
    reading = replace(
        reading,
        products=tuple(usable),
        invalid=tuple(sorted(invalid, key=lambda row: row.row)),
        problems=tuple(sorted(problems, key=lambda problem: problem.row)),
    )
    return reading, looks


def _brief(catalog: OpenCatalog, product: Product) -> Brief | None:
    pictures = []
    for view in product.sides:
        try:
            digest = catalog.pictures.pixels_sha256(view)
        except TransientError as error:
            log.info("%s is looked at again when its turn comes: %s", product.sku, error)
            return None
        if digest is None:
            return None
        pictures.append(Picture(slot=view.slot.value, pixels_sha256=digest))
    return make_brief(catalog.rules.tripo_for(product.category), tuple(pictures), product.prompt)


def _price(rules: Rules, product: Product, brief: Brief | None) -> Decimal:
    if brief is None:
        pictures = tuple(Picture(slot=view.slot.value, pixels_sha256="") for view in product.sides)
        brief = make_brief(rules.tripo_for(product.category), pictures, product.prompt)
    try:
        return price_of(brief)
    except ProductError as error:
        named = {name.casefold(): name for name in rules.categories}.get(product.category.casefold())
        rule = f"categories.{named}" if named else "tripo"
        of = f" for the category {product.category}" if product.category else ""
        raise ProductError(
            f"{error.message} The rule {rule} in catalog.yaml asks for it{of}.", code=error.code, fix=error.fix
        ) from error


def _unusable(product: Product, error: ProductError, mapping: dict[str, str]) -> tuple[InvalidRow, RowProblem]:
    message = f"{error.message} {error.fix}".strip()
    row = InvalidRow(sku=product.sku, row=product.row, name=product.name, code=error.code, message=message)
    problem = RowProblem(
        row=product.row,
        sku=product.sku,
        column=mapping.get("category" if error.code == "PRICE_UNKNOWN" else "image", ""),
        code=error.code,
        severity=Severity.ERROR,
        message=message,
    )
    return row, problem
