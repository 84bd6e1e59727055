"""Requests of deployments and of the command line: which sheet and SKUs are meant, and that they may be asked for."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

from catalog3d.adapters.wiring import open_catalog
from catalog3d.errors import RunError
from catalog3d.home import find_home
from catalog3d.request import RunRequest, Wish, parse_age
from catalog3d.rules import load_rules
from catalog3d.settings import Settings, given_home, load_settings
from catalog3d.status import Stage, Status


def sheet_request(sheet: str, *, deployed: bool, **wishes: Any) -> RunRequest:
    """The request of an operator's form, or of the command line.

    Args:
        deployed: Whether a deployment's form named the paths: then they must lie below CATALOG3D_SHEETS_ROOT.

    Raises:
        RunError: SHEET_OUTSIDE; HOME_UNCERTAIN for a deployment that could lose sight of what is paid.
    """
    images = wishes.pop("images", "")
    if not deployed:
        return RunRequest(sheet=sheet, images=images or None, **wishes)
    if not wishes.get("rehearse"):
        _require_certain_home(load_settings(find_home(Path.cwd(), given_home())))
    return RunRequest(
        sheet=str(_allowed(sheet)), images=str(_allowed(images)) if images else None, origin="prefect", **wishes
    )


def nightly_request(budget: Decimal | None) -> RunRequest:
    """What the rules say about nights.

    Raises:
        RunError: NIGHTLY_UNSET without a sheet, NIGHTLY_BUDGET if it would spend without a budget of its own,
            HOME_UNCERTAIN if it could lose sight of what is paid.
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
    _require_certain_home(settings)
    sheet = _allowed(str(root / rules.sheet))
    images = str(_allowed(str(root / rules.images))) if rules.images else None
    return RunRequest(sheet=str(sheet), images=images, budget=cap, origin="schedule")


def rerun_request(
    sheet: str,
    *,
    deployed: bool,
    status: str | None,
    reason: str = "",
    stage: str | None = None,
    category: str = "",
    older_than: str = "",
    newer_than: str = "",
    from_stage: str | None = None,
    stale: bool = False,
    **wishes: Any,
) -> RunRequest:
    """SKUs again: those that are all of what is asked.

    Without a sheet, that of the last run; without a photo folder, the one that the sheet's last run was given.
    Failed SKUs are tried again also where the provider refused them, unless another status is asked for.

    Args:
        status: SKUs with this status now. Of SKUs that are named, only `stale` leaves out others: that one pays,
            and a form may still hold its default.
        stage: SKUs that ended at this stage.
        older_than: SKUs that have stood unchanged for so long, such as 7d.
        newer_than: SKUs that changed within this time, such as 12h.
        stale: Stale SKUs beside those of `status`.

    Raises:
        RunError: NO_RUN_YET, AGE_INVALID, and as `sheet_request`.
    """
    named = sheet or str(last_sheet())
    chosen = {Status(status)} if status else set()
    if stale:
        chosen.add(Status.STALE)
    elif wishes.get("only"):
        chosen &= {Status.STALE}
    request = sheet_request(
        named,
        deployed=deployed,
        status=tuple(sorted(chosen)),
        failed=status in (None, Status.FAILED),
        stale=stale or status == Status.STALE,
        reason=reason or None,
        stage=Stage(stage) if stage else None,
        category=category or None,
        older_than=parse_age(older_than),
        newer_than=parse_age(newer_than),
        from_stage=Stage(from_stage) if from_stage else None,
        **wishes,
    )
    return _with_last_images(request)


def retake_request(sheet: str, sku: str, budget: Decimal | None = None, wish: Wish | None = None) -> RunRequest:
    """The retake of one SKU, with the photos that its sheet's last run was given.

    Args:
        wish: By which it is priced, as long as nobody has recorded it.

    Raises:
        RunError: As `sheet_request`.
    """
    return _with_last_images(sheet_request(sheet, deployed=False, only=(sku,), retake=True, budget=budget, wish=wish))


def last_sheet() -> Path:
    """The sheet of the last run of the home that the working folder belongs to.

    Raises:
        RunError: NO_RUN_YET.
    """
    with open_catalog(Path.cwd(), offline=True) as catalog:
        run = catalog.registry.runs.latest()
    if run is None:
        raise RunError(
            "There was no run yet, so there is no sheet to go on with.", code="NO_RUN_YET", fix="Name the sheet."
        )
    return Path(run.sheet)


def _with_last_images(request: RunRequest) -> RunRequest:
    return request if request.images else request.model_copy(update={"images": _images_of_last_run(request.sheet)})


def _images_of_last_run(sheet: str) -> str | None:
    path = Path(sheet).expanduser().absolute()
    with open_catalog(path.parent, offline=True) as catalog:
        asked = catalog.registry.catalog.last_request(str(path)) or {}
    images = asked.get("images")
    return str(images) if images else None


def _require_certain_home(settings: Settings) -> None:
    """Refuse to pay from a worker whose catalog may be another one tomorrow: what is paid would be paid again."""
    home = given_home()
    if settings.generator_in_force == "standin" or settings.registry_url.startswith("postgresql"):
        return
    if home is None or not home.is_absolute():
        raise RunError(
            "This deployment would pay for models, and does not say for sure where its catalog lies.",
            code="HOME_UNCERTAIN",
            fix="Set CATALOG3D_HOME to an absolute path on every worker, or CATALOG3D_REGISTRY_URL to PostgreSQL.",
        )


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
