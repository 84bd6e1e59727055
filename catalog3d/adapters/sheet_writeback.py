"""Results written back into the team's sheet: our columns only, by SKU, from a fresh read, by atomic replace.

The way of one write: lock, read the sheet, ask for the results, compare, write the new file and a backup to disk, look
whether anybody changed the sheet meanwhile, replace. What cannot be written safely goes to `NAME.results.xlsx|csv`
beside the sheet and is merged by the next write that succeeds, or by `sync`. Killed at any instant, the old or the new
file is there, whole.

Rows are found by SKU in what was just read: a row that came while a run went on is left alone until there is a result
for it, a SKU whose row is gone is named in the message, and one that stands in several rows gets its result in all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from catalog3d.adapters.sheet_disk import sheet_lock
from catalog3d.adapters.sheet_merge import SheetLayout, SheetMerge, WriteBack, merged_values
from catalog3d.adapters.sheet_results import Values
from catalog3d.adapters.sheet_swap import Swap, swap_in
from catalog3d.errors import RunError
from catalog3d.sheet_columns import OUR_COLUMNS

__all__ = ["Results", "RowResult", "SheetLayout", "WriteBack", "rehearsal_path", "sync", "write_results"]


@dataclass(frozen=True, kw_only=True)
class RowResult:
    """What is to be said about one SKU.

    Attributes:
        values: One of `OUR_COLUMNS` -> text; columns that are not named stay as they are.
    """

    sku: str
    values: Mapping[str, str]


Results = Callable[[], Iterable[RowResult]]
"""Asked under the sheet's lock and after the sheet was read, at every attempt.

So of two writers the later one writes what is true later, and an old result never covers a newer one: not even where
they do not share the lock, because then the sheet changes between the question and the replace.
"""


def rehearsal_path(sheet: Path) -> Path:
    """Where the rehearsal copy of a sheet goes; the extension stays, because it says what is inside."""
    return sheet.with_name(f"{sheet.stem}.rehearsal{sheet.suffix}")


def write_results(
    sheet: Path,
    results: Results,
    *,
    layout: SheetLayout,
    state: Path,
    now: datetime,
    target: Path | None = None,
    swap: Swap = swap_in,
) -> WriteBack:
    """Write results into the team's sheet, or beside it where that is not safe.

    Nothing is written if nothing changes; a row's `3D Updated` counts only together with another change.

    Args:
        sheet: The team's file; a symbolic link is followed.
        layout: How intake read it.
        state: Our own folder (`HOME/.catalog3d`): backups go to `backups/`, the lock to `locks/`.
        target: For rehearsals: a full copy of the sheet that gets the results; the sheet itself is left alone.
        swap: Puts the new file in the sheet's place.

    Raises:
        RunError: SHEET_BUSY, or SHEET_NOT_WRITABLE if not even the results file could be written.
    """
    job = SheetMerge(sheet=sheet, layout=layout, state=state, now=now, target=target, swap=swap)
    with sheet_lock(job.written, state / "locks"):
        try:
            return job.merge(lambda: _by_sku(results()), merge_lossy=target is not None)
        except RunError as refusal:
            return job.put_beside(_by_sku(results()), refusal)


def sync(
    sheet: Path,
    results: Results = tuple,
    *,
    layout: SheetLayout,
    state: Path,
    now: datetime,
    target: Path | None = None,
    swap: Swap = swap_in,
) -> WriteBack:
    """Merge `NAME.results.xlsx|csv`, and results if given, into the sheet; then the results file is gone.

    A person asked for it, so a workbook with charts, macros and the like is written too: only the bytes of its one
    worksheet part change. Arguments as in `write_results`.

    Raises:
        RunError: Why the sheet still cannot be written; the results file stays.
    """
    job = SheetMerge(sheet=sheet, layout=layout, state=state, now=now, target=target, swap=swap)
    with sheet_lock(job.written, state / "locks"):
        return job.merge(lambda: _by_sku(results()), merge_lossy=True)


def _by_sku(results: Iterable[RowResult]) -> Values:
    ours = ({result.sku.strip(): _ours(result.values)} for result in results)
    return merged_values(*ours)


def _ours(values: Mapping[str, str]) -> dict[str, str]:
    unknown = values.keys() - set(OUR_COLUMNS)
    if unknown:
        raise ValueError(f"not columns of ours: {sorted(unknown)}")
    return dict(values)
