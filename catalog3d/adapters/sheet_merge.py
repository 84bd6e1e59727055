"""One merge of results into a sheet: lock held by the caller, fresh read, plan, backup, replace."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from catalog3d.adapters.sheet_backups import back_up, backups_of, thin_out
from catalog3d.adapters.sheet_csv import CsvSheet
from catalog3d.adapters.sheet_disk import (
    SheetFile,
    is_protected,
    open_elsewhere,
    read_sheet,
    replace_file,
)
from catalog3d.adapters.sheet_document import UPDATED_COLUMN, SheetDocument
from catalog3d.adapters.sheet_results import Values, read_results, results_path, write_results_file
from catalog3d.adapters.sheet_swap import Swap, replace_unchanged
from catalog3d.adapters.sheet_text import sniff_encoding
from catalog3d.adapters.sheet_xlsx import XlsxSheet
from catalog3d.adapters.whole_files import clear_stale_parts
from catalog3d.errors import RunError
from catalog3d.sheet_columns import OUR_COLUMNS, STATUS_COLUMN

_ATTEMPTS = 3
_WORKBOOK_MAGIC = (b"PK", b"\xd0\xcf\x11\xe0")


@dataclass(frozen=True, kw_only=True)
class WriteBack:
    """What a write did.

    Attributes:
        path: The file that holds the results now: the sheet, the rehearsal copy, or the results file beside it.
        sidecar: Whether that is the results file because the sheet could not be written.
        backup: The sheet as it was before, or None if it was not changed.
        updated: SKUs whose cells changed.
        missing: SKUs of the results that the sheet does not have.
        message: One sentence for the operator, "" if there is nothing to say.
    """

    path: Path
    sidecar: bool
    backup: Path | None
    updated: int
    missing: tuple[str, ...]
    message: str


@dataclass(frozen=True, kw_only=True)
class SheetLayout:
    """How intake read the sheet, so that write-back reads it alike.

    Attributes:
        sku_header: The team's header of the SKU column.
        status_header: The team's header of the asset status, or `3D Status`.
        handle_header: The team's header of the handle, which stands in for a blank SKU; "" = there is none.
        worksheet: Its name in a workbook; None = the one that intake takes, or else the first with the SKU header.
        encoding: Of a CSV; None = found out as intake does.
        delimiter: Of a CSV; None = the one under which the SKU header is a cell.
    """

    sku_header: str
    status_header: str = STATUS_COLUMN
    handle_header: str = ""
    worksheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None

    def open(self, source: SheetFile) -> SheetDocument:
        """Read a sheet of either kind; raises RunError."""
        if source.data.startswith(_WORKBOOK_MAGIC):
            return XlsxSheet(source.data, self.sku_header, handle_header=self.handle_header, worksheet=self.worksheet)
        return CsvSheet(
            source.data,
            self.sku_header,
            handle_header=self.handle_header,
            encoding=self.encoding or _encoding_of(source.path),
            delimiter=self.delimiter,
        )

    def header(self, column: str) -> str:
        """The header in the team's sheet of one of our columns."""
        return self.status_header if column == STATUS_COLUMN else column


@dataclass(frozen=True, kw_only=True)
class _Plan:
    cells: Mapping[int, Mapping[str, str]]
    new_columns: Sequence[str]
    updated: int
    missing: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SheetMerge:
    """How one write goes; `target` is the rehearsal copy, or None for the team's sheet itself."""

    sheet: Path
    layout: SheetLayout
    state: Path
    now: datetime
    target: Path | None
    swap: Swap

    @cached_property
    def columns(self) -> Mapping[str, str]:
        """Our column -> its header in the team's sheet."""
        return {column: self.layout.header(column) for column in OUR_COLUMNS}

    @property
    def written(self) -> Path:
        return self.target or self.sheet

    def merge(self, results: Callable[[], Values], *, merge_lossy: bool) -> WriteBack:
        """Write into the sheet itself (or the rehearsal copy); RunError if that is not safe."""
        beside = results_path(self.written)
        for _ in range(_ATTEMPTS):
            source = read_sheet(self.sheet)
            document = self.layout.open(source)
            said = merged_values(read_results(beside), results())
            plan = self._plan(document, said)
            if not plan.cells and self.target is None:
                self._retire(beside)
                return self._done(plan, None)
            if document.lossy and not merge_lossy:
                raise _lossy(document.lossy)
            self._refuse_open()
            content = document.render(plan.cells, plan.new_columns)
            if beside.exists():  # killed after the replace, the next run must not put older results over newer ones
                write_results_file(beside, said, like=self.sheet)
            is_written, backup = self._write(source, content)
            if is_written:
                self._retire(beside)
                return self._done(plan, backup)
        raise RunError(
            f"{self.sheet.name} is being changed by someone else right now.",
            code="SHEET_BUSY",
            fix="Run `catalog3d sync` when they are done.",
        )

    def put_beside(self, results: Values, refusal: RunError) -> WriteBack:
        """Keep the results in the file beside the sheet, on top of those that wait there already."""
        path = results_path(self.written)
        waiting = self._waiting(path)
        values = merged_values(waiting, results)
        if values != waiting:
            write_results_file(path, values, like=self.sheet)
        return WriteBack(
            path=path,
            sidecar=True,
            backup=None,
            updated=len(results),
            missing=(),
            message=f"{self.written.name} was left untouched: {refusal} The results are in {path.name}.",
        )

    def _waiting(self, path: Path) -> Values:
        try:
            return read_results(path)
        except RunError:
            # Ours, but someone made it unreadable: set aside, never overwritten.
            with _said_plainly(path.name):
                path.replace(path.with_name(f"{path.stem}.{self.now:%Y%m%dT%H%M%S%f}{path.suffix}"))
            return {}

    def _refuse_open(self) -> None:
        lock = open_elsewhere(self.written)
        if lock:
            raise RunError(
                f"It seems to be open in a spreadsheet program (there is a file {lock} beside it).",
                code="SHEET_OPEN",
                fix="Close it there, then run `catalog3d sync`.",
            )

    def _plan(self, document: SheetDocument, said: Values) -> _Plan:
        rows = merged_values(self._rehearsed(document), said)
        cells: dict[int, dict[str, str]] = {}
        changed = set()
        for row, sku in document.skus:
            wanted = {self.columns[column]: text for column, text in rows.get(sku, {}).items()}
            new = {name: text for name, text in wanted.items() if document.value(row, name) != document.shown(text)}
            if new.keys() - {UPDATED_COLUMN}:
                cells[row] = new
                changed.add(sku)
        known = {sku for _, sku in document.skus}
        new_columns = [name for name in self.columns.values() if not document.has(name)]
        return _Plan(
            cells=cells,
            new_columns=new_columns if cells else [],
            updated=len(changed & said.keys()),
            missing=tuple(sku for sku in said if sku not in known),
        )

    def _rehearsed(self, document: SheetDocument) -> Values:
        """For a rehearsal copy: our columns blank except for what was rehearsed before; else nothing."""
        if self.target is None:
            return {}
        blank = {column: "" for column, name in self.columns.items() if column == name}
        rows: Values = {sku: dict(blank) for _, sku in document.skus}
        if not self.target.exists():
            return rows
        before = self.layout.open(read_sheet(self.target))
        for row, sku in before.skus:
            values = {column: before.value(row, name) for column, name in self.columns.items()}
            if sku in rows and any(values[column] for column in blank):
                rows[sku] = values
        return rows

    def _retire(self, beside: Path) -> None:
        """Move the results file to the backups; if that fails it stays, and merging it again changes nothing."""
        with suppress(OSError, RunError):
            if beside.exists():
                folder = backups_of(beside, self.state)
                back_up(read_sheet(beside), folder, self.now)
                beside.unlink()
                thin_out(folder)

    def _write(self, source: SheetFile, content: bytes) -> tuple[bool, Path | None]:
        """Whether it is written, and the backup; it is not if somebody saved the sheet since it was read."""
        with _said_plainly("It"):
            clear_stale_parts(source.path.parent)
            if self.target is None:
                if is_protected(source.path):
                    raise PermissionError(errno.EACCES, "the file is write-protected")
                backup = replace_unchanged(source, content, backups_of(source.path, self.state), self.now, self.swap)
                return backup is not None, backup
            if not self.target.exists() or read_sheet(self.target).data != content:
                replace_file(self.target, content, like=self.sheet)
        return True, None

    def _done(self, plan: _Plan, backup: Path | None) -> WriteBack:
        message = ""
        if plan.missing:
            message = f"{len(plan.missing)} SKUs are no longer in {self.sheet.name}: {', '.join(plan.missing[:5])}."
        return WriteBack(
            path=self.written, sidecar=False, backup=backup, updated=plan.updated, missing=plan.missing, message=message
        )


def merged_values(*layers: Values) -> Values:
    """One set of values per SKU; later layers win column by column."""
    merged: Values = {}
    for layer in layers:
        for sku, values in layer.items():
            merged.setdefault(sku, {}).update(values)
    return merged


@contextmanager
def _said_plainly(what: str) -> Iterator[None]:
    """What the disk refuses, as an error that says what to do."""
    try:
        yield
    except OSError as exc:
        raise RunError(
            f"{what} could not be replaced: {exc.strerror or type(exc).__name__}.",
            code="SHEET_NOT_WRITABLE",
            fix="Close it wherever it is open and check who may write it, then run `catalog3d sync`.",
        ) from exc


def _encoding_of(path: Path) -> str:
    try:
        return sniff_encoding(path)[0]
    except OSError as exc:
        raise RunError(
            f"The sheet {path.name} cannot be read: {exc.strerror}.",
            code="SHEET_UNREADABLE",
            fix="Check who may read the file.",
        ) from exc


def _lossy(found: Sequence[str]) -> RunError:
    return RunError(
        f"The workbook holds {', '.join(found)}, which a program other than Excel may not keep.",
        code="SHEET_UNSAFE",
        fix="`catalog3d sync` puts the results into it when you ask for it, and keeps a backup.",
    )
