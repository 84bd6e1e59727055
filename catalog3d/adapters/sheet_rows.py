"""Which rows of a sheet stand for which SKU, as intake reads them."""

from __future__ import annotations

from collections.abc import Iterable


def rows_of_skus(cells: Iterable[tuple[int, str, str]]) -> list[tuple[int, str]]:
    """Row and SKU of every row that has one, from (row, SKU cell, handle cell) in order.

    A row whose SKU is blank goes by its handle if it is the first of that handle. A SKU that stands in several rows
    stands for one product: all of these rows are its rows, and all of them get its result.
    """
    found: list[tuple[int, str]] = []
    handles: set[str] = set()
    for row, sku, handle in cells:
        name = sku or ("" if handle in handles else handle)
        handles.add(handle)
        if name:
            found.append((row, name))
    return found
