"""Retakes: asked for by a person, priced first, paid once, and over when somebody was told what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from catalog3d.asset import REJECT_REASONS
from catalog3d.errors import ProductError, RunError
from catalog3d.plan import Known, PlanItem
from catalog3d.report import SkuLine
from catalog3d.request import RunRequest
from catalog3d.retake import Retake
from catalog3d.stages.context import OpenCatalog
from catalog3d.status import SOMEBODY_ELSE, next_action


@dataclass(frozen=True, kw_only=True)
class Case:
    """A SKU of which somebody wants another model.

    Attributes:
        sheet: The sheet that it was last seen in.
        version: Its newest one.
        made: A retake whose model is stored, and nobody was told so yet: the same wish again is not another one.
    """

    sheet: str
    version: int
    made: Retake | None


def retake_case(catalog: OpenCatalog, sku: str, reason: str) -> Case:
    """Whether another model of a SKU can be asked for, before its sheet is read.

    Raises:
        ProductError: REASON_UNKNOWN, SKU_UNKNOWN, NO_MODEL; RETAKE_UNDER_WAY while a run works on it.
    """
    if reason not in REJECT_REASONS:
        known = ", ".join(REJECT_REASONS)
        raise ProductError(
            f"There is no reason {reason!r}.", code="REASON_UNKNOWN", fix=f"Use one of {known}.", sku=sku
        )
    standing = catalog.registry.catalog.standing(sku)
    if standing is None:
        raise ProductError(
            f"There is no SKU {sku} in this catalog.", code="SKU_UNKNOWN", fix="catalog3d status lists them.", sku=sku
        )
    newest = catalog.registry.catalog.newest_assets().get(sku)
    if newest is None:
        fix = "Run the sheet first, or `catalog3d rerun --failed` if it failed."
        raise ProductError(f"{sku} has no model yet.", code="NO_MODEL", fix=fix, sku=sku)
    retake = catalog.registry.retakes.newest().get(sku)
    _require_idle(catalog, sku, retake)
    made = retake if retake is not None and retake.is_open and retake.is_made(newest) else None
    return Case(sheet=standing.sheet, version=newest.version, made=made)


def require_retakable(item: PlanItem) -> Retake:
    """The retake of a plan that was made for it.

    Raises:
        ProductError: The plan does not carry it out: the SKU is on hold, its row cannot run, or a paid request of it
            has no answer.
    """
    if item.do and item.retake is not None:
        return item.retake
    message = item.message or "There is nothing to retake."
    fix = next_action(item.status, item.reason)
    raise ProductError(message, code=item.reason or "NOTHING_TO_DO", fix=fix, sku=item.sku)


def require_asked(items: tuple[PlanItem, ...]) -> None:
    """Let no run pay for a retake that is not on record as somebody's wish.

    Raises:
        RunError: RETAKE_NOT_ASKED.
    """
    for item in items:
        if item.retake is not None and not item.retake.id:
            raise RunError(
                f"Nobody has asked for a retake of {item.sku}.",
                code="RETAKE_NOT_ASKED",
                fix=f"Ask for it with a reason: catalog3d retake {item.sku} --reason CODE.",
            )


def close_retake(catalog: OpenCatalog, line: SkuLine) -> None:
    """Somebody was told this of a SKU: its retake is over, if that was what came of it.

    It stays open while it is not ordered, is on its way, or is another run's to finish.
    """
    retake = catalog.registry.retakes.newest().get(line.sku)
    if retake is None or not retake.is_open or line.reason in SOMEBODY_ELSE:
        return
    newest = catalog.registry.catalog.newest_assets().get(line.sku)
    if newest is not None and retake.is_made(newest):
        is_over = line.version == newest.version
    else:
        latest = catalog.registry.ledger.latest(retake.realm, retake.digest, after_attempt=retake.after_attempt)
        is_over = latest is not None and not latest.is_open and not latest.succeeded
    if is_over:
        catalog.registry.retakes.close(retake.id)


def with_retakes(catalog: OpenCatalog, request: RunRequest, known: Mapping[str, Known]) -> dict[str, Known]:
    """What is known, with the retakes that were asked for and what the ledger has for them.

    A request for a retake that nobody has recorded yet gets one that can be priced, and not paid.
    """
    retakes, ledger = catalog.registry.retakes.newest(), catalog.registry.ledger
    found = dict(known)
    for sku in set(retakes) | (set(request.only) if request.retake else set()):
        if sku not in found:
            continue
        retake = retakes.get(sku)
        if request.retake and sku in request.only and (retake is None or not retake.is_open):
            retake = _priced(catalog, sku, found[sku])
        found[sku] = replace(found[sku], retake=retake)
        if (wanted := found[sku].retake_to_make) is not None:
            brief = found[sku].brief
            digest = brief.digest if brief is not None else wanted.digest
            made = ledger.latest(catalog.realm, digest, after_attempt=wanted.after(catalog.realm, digest))
            found[sku] = replace(found[sku], generation=made)
    return found


def _priced(catalog: OpenCatalog, sku: str, known: Known) -> Retake | None:
    """A retake as it would be recorded now: of the brief of today, after every attempt that gave none, or one that is stored."""
    brief = known.brief or known.asset_brief
    if known.asset is None or brief is None:
        return None
    digest, realm = brief.digest, catalog.realm
    same = known.asset_brief is None or known.asset_brief.digest == digest
    return Retake(
        sku=sku,
        version=known.asset.version,
        generation_id=known.asset.generation_id,
        realm=realm,
        digest=digest,
        after_attempt=catalog.registry.ledger.last_used(realm, digest) if same else 0,
    )


def _require_idle(catalog: OpenCatalog, sku: str, retake: Retake | None) -> None:
    worker = catalog.registry.catalog.worker_of(sku)
    if worker is None or worker[1] < catalog.clock.now() or catalog.holders.lives(worker[0]) is False:
        return
    what = "A retake of it is under way" if retake is not None and retake.is_open else "A run is working on it"
    raise ProductError(
        f"{what}.", code="RETAKE_UNDER_WAY", fix="Wait until that has ended, and look at what it made.", sku=sku
    )
