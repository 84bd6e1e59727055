"""Reads a product sheet from disk: CSV, TSV or XLSX becomes a table of text, under caps.

Row numbers are those a person sees in a spreadsheet. A damaged or foreign file is named plainly.
"""

from __future__ import annotations

from pathlib import Path

from catalog3d.adapters.sheet_text import read_text_table
from catalog3d.adapters.sheet_workbook import read_workbook
from catalog3d.errors import RunError
from catalog3d.intake.table import Table

# A CSV of 200,000 rows and 1 kB each; beyond it a sheet is a database export, and cannot be opened by a person.
MAX_SHEET_BYTES = 200 * 1024 * 1024

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SAVE_AS = "Open it in its program and save it as .xlsx or .csv."


def load_table(path: Path, *, max_bytes: int = MAX_SHEET_BYTES) -> Table:
    """Read a sheet; the contents decide what it is, not the file's ending.

    Raises:
        RunError: SHEET_MISSING, SHEET_UNREADABLE, SHEET_FORMAT_UNKNOWN, SHEET_PROTECTED, SHEET_TOO_LARGE, SHEET_EMPTY.
    """
    path = path.expanduser().absolute()
    start = _start_of(path, max_bytes)
    if start.startswith(_OLE):
        raise _ole_error(path)
    try:
        if start.startswith(_ZIP):
            return read_workbook(path)
        _refuse_foreign_text(path, start)
        return read_text_table(path)
    except OSError as exc:
        raise _unreadable(path, exc) from exc


def _start_of(path: Path, max_bytes: int) -> bytes:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise RunError(
            f"The sheet {path} {what}.", code="SHEET_MISSING", fix="Give the path of a CSV, TSV or XLSX file."
        )
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError as exc:
        raise _unreadable(path, exc) from exc
    if size > max_bytes:
        raise RunError(
            f"The sheet {path.name} has {size // 1_000_000} MB; {max_bytes // 1_000_000} MB are allowed.",
            code="SHEET_TOO_LARGE",
            fix="Split it, or leave out columns that are not needed.",
        )
    return start


def _unreadable(path: Path, exc: OSError) -> RunError:
    reason = exc.strerror or type(exc).__name__
    return RunError(
        f"The sheet {path} cannot be read: {reason}.",
        code="SHEET_UNREADABLE",
        fix="Check who may read the file, and that its disk is connected.",
    )


def _ole_error(path: Path) -> RunError:
    """Excel wraps a workbook with a password in the container that old .xls files use."""
    with path.open("rb") as file:
        contents = file.read(4 * 1024 * 1024)
    if "EncryptedPackage".encode("utf-16-le") in contents:
        return RunError(
            f"The workbook {path.name} is protected with a password.",
            code="SHEET_PROTECTED",
            fix="Save a copy without the password.",
        )
    return RunError(
        f"{path.name} is in the old Excel format (.xls), which is not read.", code="SHEET_FORMAT_UNKNOWN", fix=_SAVE_AS
    )


def _refuse_foreign_text(path: Path, start: bytes) -> None:
    head = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html", b"<table", b"<head", b"<meta")):
        kind = "a web page, not a spreadsheet"
    elif head.startswith((b"<?xml", b"<rss", b"<feed", b"<workbook")):
        kind = "an XML file, which is not read"
    elif head.startswith(b"%pdf"):
        kind = "a PDF"
    else:
        return
    raise RunError(f"{path.name} is {kind}.", code="SHEET_FORMAT_UNKNOWN", fix=_SAVE_AS)
