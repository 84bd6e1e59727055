"""Requests of deployments: which sheet is meant, and that it lies where operators may point."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

from catalog3d.adapters.wiring import open_catalog
from catalog3d.errors import RunError
from catalog3d.home import find_home
from catalog3d.request import RunRequest
from catalog3d.rules import load_rules
from catalog3d.settings import given_home, load_settings
from catalog3d.status import Stage, Status


def sheet_request(sheet: str, *, deployed: bool, **wishes: Any) -> RunRequest:
    """The request of an operator's form, or of the command line.

    Args:
        deployed: Whether a deployment's form named the paths: then they must lie below CATALOG3D_SHEETS_ROOT.

    Raises:
        RunError: SHEET_OUTSIDE.
    """
    images = wishes.pop("images", None)
    if not deployed:
        return RunRequest(sheet=sheet, images=images, **wishes)
    return RunRequest(
        sheet=str(_allowed(sheet)), images=str(_allowed(images)) if images else None, origin="prefect", **wishes
    )


def nightly_request(budget: Decimal | None) -> RunRequest:
    """What the rules say about nights.

    Raises:
        RunError: NIGHTLY_UNSET without a sheet, NIGHTLY_BUDGET if it would spend without a budget of its own.
    """
    root = find_home(Path.cwd(), given_home())
    settings = load_settings(root)
    rules = load_rules(settings.rules or root / "catalog.yaml").nightly
    if not rules.sheet:
        raise RunError(
            "The rules name no sheet for the nightly run.",
            code="NIGHTLY_UNSET",
            fix="Write `nightly:` with `sheet:` and `budget:` into catalog.yaml.",
        )
    cap = budget if budget is not None else (None if rules.budget is None else Decimal(str(rules.budget)))
    if cap is None and settings.generator_in_force == "tripo":
        raise RunError(
            "The nightly run has no budget of its own, so it spends nothing.",
            code="NIGHTLY_BUDGET",
            fix="Write `nightly: budget:` (in credits) into catalog.yaml.",
        )
    sheet = _allowed(str(root / rules.sheet))
    images = str(_allowed(str(root / rules.images))) if rules.images else None
    return RunRequest(sheet=str(sheet), images=images, budget=cap, origin="schedule")


def rerun_request(
    sheet: str | None, *, deployed: bool, status: str | None, from_stage: str | None, **wishes: Any
) -> RunRequest:
    """SKUs of a status again; without a sheet, those of the last run's sheet."""
    named = str(last_sheet()) if sheet is None else sheet
    return sheet_request(
        named,
        deployed=deployed,
        status=Status(status) if status and not wishes.get("only") else None,
        failed=status == Status.FAILED,
        stale=status == Status.STALE,
        from_stage=Stage(from_stage) if from_stage else None,
        **wishes,
    )


def last_sheet() -> Path:
    """The sheet of the last run of the home that the working folder belongs to.

    Raises:
        RunError: NO_RUN_YET.
    """
    with open_catalog(Path.cwd()) as catalog:
        run = catalog.registry.runs.latest()
    if run is None:
        raise RunError(
            "There was no run yet, so there is no sheet to go on with.", code="NO_RUN_YET", fix="Name the sheet."
        )
    return Path(run.sheet)


def _allowed(path: str) -> Path:
    """A path of a form, absolute, below the folder that deployments may read."""
    home = find_home(Path.cwd(), given_home())
    settings = load_settings(home)
    root = (settings.sheets_root or home).resolve()
    resolved = Path(os.path.normpath(root / path)).resolve()
    if not resolved.is_relative_to(root):
        raise RunError(
            f"{path} does not lie below {root}.",
            code="SHEET_OUTSIDE",
            fix="Move the sheet there, or set CATALOG3D_SHEETS_ROOT on the worker.",
        )
    return resolved
