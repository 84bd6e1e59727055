"""`audit`: is the trail of decisions whole, and what does it say?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from catalog3d.adapters.whole_files import write_part
from catalog3d.adapters.wiring import open_catalog
from catalog3d.audit import Entry, canonical
from catalog3d.audit_csv import HEADER, audit_csv
from catalog3d.cli.errors import console, print_json, sentence_on_error
from catalog3d.cli.run import announce
from catalog3d.errors import RunError
from catalog3d.stages.audit import Audit, audit_trail
from catalog3d.stages.context import OpenCatalog
from catalog3d.wording import plain, plural

LINES_SHOWN = 40
"""As the table of a run."""
_HASH = re.compile(r"[0-9a-f]{16,64}")


def audit(
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the decisions into this file.")] = None,
    sku: Annotated[str, typer.Option("--sku", help="Show and export the decisions about one SKU only.")] = "",
    expect: Annotated[
        str, typer.Option("--expect", help="A head noted earlier (16 characters are enough): is it still there?")
    ] = "",
    library: Annotated[
        bool, typer.Option("--library", help="Also hold the trail against the library's records (reads them all).")
    ] = False,
    rehearse: Annotated[bool, typer.Option("--rehearse", help="The rehearsal's decisions, not the real ones.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Verify the trail of decisions: who approved or rejected what, when, and what they had before them.

    Every decision holds the hash of the one before it, so one that was changed, removed, inserted or moved is found
    and named. That convinces outsiders; it does not stop whoever owns the database, who can compute the whole trail
    anew, or drop its end. So keep the head that this prints somewhere else (a mail, a printed page): `--expect HASH`
    shows that it is still part of the trail, and then nothing up to it was changed. `--library` compares with the
    copies beside the models.

    Exit code: 0 all is well, 1 something is wrong (it says which entry), 2 it could not be looked at.
    """
    with sentence_on_error(json_=json_):
        wanted = _hash(expect)
        with open_catalog(Path.cwd(), rehearse=rehearse, offline=not library) as catalog:
            out = console()
            announce(out, catalog)
            with out.status("Verifying the decisions"):
                found = audit_trail(catalog, expect=wanted, library=library)
            shown = [entry for entry in found.entries if sku in {"", entry.sku}]
            if csv is not None:
                _write(csv, audit_csv(shown))
            if json_:
                print_json(audit_json(catalog, found, shown))
            else:
                show(out, found, shown if sku else [], sku)
                if csv is not None:
                    out.print(Text(f"{plural(len(shown), 'decision')} written to {csv}."), soft_wrap=True)
    raise typer.Exit(1 if found.faults else 0)


def audit_json(catalog: OpenCatalog, found: Audit, shown: list[Entry]) -> dict[str, Any]:
    """The document of `audit --json`. Each `hash` is the sha256 of its `text`."""
    head, expected = found.head, found.expected
    return {
        "home": str(catalog.home.root),
        "generator": catalog.generator_name,
        "whole": not found.faults,
        "entries": len(found.entries),
        "recovered": sum(entry.place.recovered for entry in found.entries),
        "head": {"sequence": head.sequence, "hash": head.hash} if head else None,
        "expected": {"sequence": expected[0].place.sequence, "hash": expected[1].hash} if expected else None,
        "records": found.records,
        "problems": [
            {"code": fault.code, "sequence": fault.sequence, "sku": fault.sku, "message": fault.message}
            for fault in found.faults
        ],
        "decisions": [
            {
                "sequence": entry.place.sequence,
                "sku": entry.sku,
                "version": entry.version,
                "decision": entry.decision,
                "by": entry.person,
                "at": entry.at.isoformat(),
                "reason": entry.reason,
                "note": entry.note,
                "checklist": entry.checklist,
                "recovered": entry.place.recovered,
                "hash": entry.place.hash,
                "text": canonical(entry, entry.places),
            }
            for entry in shown
        ],
    }


def show(out: Console, found: Audit, shown: list[Entry], sku: str) -> None:
    """The outcome, for people."""
    if shown:
        out.print(_decisions_table(shown))
    elif sku:
        out.print(Text(f"No decision about {plain(sku)} is on record."))
    for fault in found.faults[:LINES_SHOWN]:
        out.print(Text(f"{fault.code}  ", style="bold red").append(plain(fault.message, 500), style="not bold default"))
    if len(found.faults) > LINES_SHOWN:
        out.print(f"and {len(found.faults) - LINES_SHOWN:,} more: --json lists them all")
    out.print(Text(_sentence(found), style="bold red" if found.faults else "bold green"))
    if found.expected is not None:
        out.print(Text(_still_there(*found.expected)))
    if found.head is not None:
        out.print(Text(f"Head: entry {found.head.sequence:,}, {found.head.hash}"), soft_wrap=True)
        if not found.faults:
            out.print(
                "Keep it elsewhere: `catalog3d audit --expect HASH` shows later that nothing up to it was changed."
            )


def _sentence(found: Audit) -> str:
    if found.faults:
        return f"The trail of decisions is not as it was written: {plural(len(found.faults), 'thing is', 'things are')} wrong."
    if not found.entries:
        return "Nobody has decided anything yet."
    people = len({entry.person for entry in found.entries})
    told = f"{plural(len(found.entries), 'decision')} by {plural(people, 'person', 'people')}"
    recovered = sum(entry.place.recovered for entry in found.entries)
    if recovered:
        told += f", {recovered:,} of them recovered from the library"
    if found.records is not None:
        told += f", and all that {plural(found.records, 'record')} of the library say of them"
    return f"The trail of decisions is whole: {told}."


def _still_there(entry: Entry, place: Any) -> str:
    who = f"{entry.decision} of {plain(entry.sku)} V{entry.version} by {plain(entry.person)}"
    if place is entry.place:
        return f"The hash that you noted is that of entry {place.sequence:,} ({who})."
    return (
        f"The hash that you noted was that of entry {place.sequence:,} before a recovery; it is entry "
        f"{entry.place.sequence:,} now ({who})."
    )


def _decisions_table(entries: list[Entry]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("Entry", "When (UTC)", "Version", "Decision", "Person", "Reason", "Note"):
        table.add_column(heading, overflow="fold")
    for entry in entries[-LINES_SHOWN:]:
        decision = f"{entry.decision} (recovered)" if entry.place.recovered else entry.decision
        cells = (
            str(entry.place.sequence),
            f"{entry.at:%Y-%m-%d %H:%M}",
            f"V{entry.version}",
            decision,
            entry.person,
            entry.reason,
            entry.note,
        )
        table.add_row(*(Text(plain(cell)) for cell in cells))
    return table


def _hash(expect: str) -> str:
    wanted = expect.strip().lower()
    if wanted and not _HASH.fullmatch(wanted):
        raise RunError(
            "That is no hash of an entry.",
            code="HASH_INVALID",
            fix="Give the head as it was printed, or its first 16 characters at least.",
        )
    return wanted


def _write(path: Path, content: bytes) -> None:
    """Put the file there whole; what is there already is replaced only if it is an earlier export."""
    path = path.expanduser().resolve()
    try:
        if path.exists():
            with path.open("rb") as file:
                start = file.read(200)
            if not start.startswith(f"\ufeff{HEADER[0]},{HEADER[1]},".encode()):
                raise RunError(
                    f"{path} is there already and is no export of the trail.",
                    code="FILE_TAKEN",
                    fix="Name another file.",
                )
        write_part(path.parent, [content]).path.replace(path)
    except OSError as exc:
        raise RunError(
            f"{path} cannot be written ({exc.strerror}).", code="FILE_NOT_WRITABLE", fix="Name another place."
        ) from exc
