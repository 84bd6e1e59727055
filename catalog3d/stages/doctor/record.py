"""The registry and what waits in it, the disk beneath, and the sheet of the last run."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

from catalog3d.adapters.catalog_name import name_without_asking
from catalog3d.adapters.registry.engine import sqlite_url
from catalog3d.adapters.registry.examine import RegistryLook, examine, synchronous_of
from catalog3d.adapters.registry.lookups import Orphan
from catalog3d.adapters.registry.registry import Registry, open_registry
from catalog3d.adapters.sheet_files import load_table
from catalog3d.diagnosis.account_check import check_of
from catalog3d.diagnosis.findings import Finding, fine, problem, warning
from catalog3d.errors import Catalog3DError
from catalog3d.ledger import Generation, LedgerState
from catalog3d.stages.doctor.clocks import clock_finding
from catalog3d.stages.doctor.site import Site
from catalog3d.wording import credits_text, plain, plural

FEW_BYTES, TOO_FEW_BYTES = 3_000_000_000, 300_000_000
"""A textured model takes 14 to 18 MB (measured by Tripo's users), and is kept twice: as it came and by its name."""


def check_registry(site: Site) -> Iterator[Finding]:
    look = examine(_url(site))
    yield _kind_finding(look)
    if look.schema not in {"current", "none"} or (look.schema == "none" and look.kind == "sqlite"):
        return
    if look.clock_offset_s is not None:
        yield clock_finding("Registry clock", look.clock_offset_s)
    if look.schema == "none":
        return
    url, name = "", ""
    if site.settings is not None:
        url, name = site.settings.registry_url, name_without_asking(site.home, site.settings)
    registry = open_registry(site.home, url, site.clock, name)
    try:
        yield _durability_finding(look, registry)
        yield from open_findings(list(registry.ledger.outcomes(site.realm).values()))
        yield from orphan_findings(registry.lookups.orphans(site.realm))
        yield from last_sheet_findings(registry)
    finally:
        registry.close()


def check_disk(site: Site) -> Iterator[Finding]:
    for name, folder in _folders(site).items():
        free = shutil.disk_usage(folder).free
        found = f"{free / 1e9:.1f} GB are free where {name} lies ({folder})."
        if free < TOO_FEW_BYTES:
            yield problem("Disk", found, "Make room before the next run: a paid model must be kept at once.")
        elif free < FEW_BYTES:
            yield warning("Disk", found, "Make room: that is enough for about a hundred models.")
        else:
            yield fine("Disk", found)


def last_sheet_findings(registry: Registry) -> Iterator[Finding]:
    """Whether the sheet of the last run can still be read, and its results written beside it."""
    run = registry.runs.latest()
    if run is None:
        yield fine("Last sheet", "There was no run yet.")
        return
    sheet = Path(run.sheet)
    if not sheet.is_file():
        yield warning("Last sheet", f"{sheet} is not there any more.", "Name the sheet in the next run.")
        return
    try:
        rows = len(load_table(sheet).rows)
    except Catalog3DError as error:
        yield problem("Last sheet", error.message, error.fix)
        return
    if not os.access(sheet.parent, os.W_OK):
        yield warning(
            "Last sheet",
            f"{sheet} can be read, but its folder cannot be written.",
            "Give this user the right to write there, or results go to no sheet of the team.",
        )
    else:
        yield fine("Last sheet", f"{sheet} ({plural(rows, 'row')}) can be read, and results can be written.")


def open_findings(generations: list[Generation]) -> Iterator[Finding]:
    """What is under way or parked at the provider, and what becomes of it."""
    waiting = [generation for generation in generations if generation.is_open]
    parked = [generation for generation in waiting if generation.state is LedgerState.UNKNOWN]
    states = Counter(generation.state for generation in waiting)
    advice = {
        LedgerState.INTENT: "the next run sends it if it fits the budget",
        LedgerState.SENDING: "the next run finds out what became of it, and never sends it blindly",
        LedgerState.SUBMITTED: "the next run fetches it and pays nothing",
    }
    for state, what in advice.items():
        if states[state]:
            yield fine("Open models", f"{plural(states[state], 'model')} in state {state.value}: {what}.")
    checks = [generation for generation in parked if check_of(generation.brief)]
    if checks:
        yield warning(
            "Parked check",
            f"An order of `catalog3d doctor --live` got no answer ({check_of(checks[0].brief)}).",
            "`catalog3d doctor --live` looks for it again, and so does every run.",
        )
    parked = [generation for generation in parked if generation not in checks]
    if parked:
        credits_ = sum((generation.expected_credits for generation in parked), Decimal(0))
        oldest = min(generation.created_at for generation in parked)
        yield warning(
            "Parked models",
            f"{plural(len(parked), 'request')} without an answer since {oldest:%Y-%m-%d}, about {credits_text(credits_)} credits.",
            "Runs look for them in the account. `catalog3d status --needs-person` lists them, `catalog3d resolve SKU` "
            "settles one.",
        )
    if not waiting:
        yield fine("Open models", "None: nothing is under way at the provider, and nothing is parked.")


def orphan_findings(orphans: Sequence[Orphan]) -> Iterator[Finding]:
    """Paid tasks of ours that no model uses."""
    if not orphans:
        return
    known = [orphan.credits for orphan in orphans if orphan.credits is not None]
    yield warning(
        "Orphans",
        f"{plural(len(orphans), 'paid task')} that no model uses ({credits_text(sum(known, Decimal(0)))} credits), such as "
        f"{plain(orphans[0].task_id, 60)}.",
        "Look at them in the Tripo account; ask Tripo for the credits of one that was made twice.",
    )


def _kind_finding(look: RegistryLook) -> Finding:
    if look.schema == "none":
        return fine("Registry", f"{look.kind}, {look.shown}: not made yet; the first run does it.")
    if look.schema == "older":
        return warning(
            "Registry",
            f"{look.kind}, {look.shown}: written by an older catalog3d.",
            "Nothing to do: the next command brings it up to date. Back it up first if you like.",
        )
    if look.schema == "newer":
        return problem(
            "Registry", f"{look.kind}, {look.shown}: written by a newer catalog3d.", "Update catalog3d on this machine."
        )
    return fine("Registry", f"{look.kind}, {look.shown}: answers, schema up to date.")


def _durability_finding(look: RegistryLook, registry: Registry) -> Finding:
    if look.kind == "sqlite":
        level = synchronous_of(registry.engine)
        kept, told = level >= 2, f"synchronous={level}"
    else:
        kept, told = look.keeps_commits, look.durability
    if kept:
        return fine("Registry durability", f"What is committed survives a power cut ({told}).")
    return problem(
        "Registry durability",
        f"What is committed may be lost in a power cut ({told}), and with it the memory of what was paid.",
        "Set fsync=on and synchronous_commit=on for this database.",
    )


def _folders(site: Site) -> dict[str, Path]:
    """What needs room -> the nearest folder that exists; one entry a file system."""
    wanted = {"the home": site.home.base}
    if site.settings and site.settings.store.kind == "local" and site.settings.store.root is not None:
        wanted["the library"] = site.root / site.settings.store.root.expanduser()
    found: dict[str, Path] = {}
    for name, folder in wanted.items():
        there = next(path for path in (folder, *folder.parents) if path.is_dir())
        if there.stat().st_dev not in {path.stat().st_dev for path in found.values()}:
            found[name] = there
    return found


def _url(site: Site) -> str:
    given = site.settings.registry_url if site.settings else ""
    return given or sqlite_url(site.home.registry_file)
