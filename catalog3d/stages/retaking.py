"""Retakes: asked for by a person, priced first, paid once, and over when somebody was told what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from catalog3d.asset import REJECT_REASONS, Asset
from catalog3d.brief import Brief, Source
from catalog3d.errors import ProductError, RunError
from catalog3d.learning import Situation, change_for, source_of, surface_words
from catalog3d.ledger import Outcome
from catalog3d.plan import Known, PlanItem
from catalog3d.product import Product
from catalog3d.report import SkuLine
from catalog3d.request import RunRequest, Wish
from catalog3d.retake import Retake
from catalog3d.settings import key_fingerprint
from catalog3d.stages.context import OpenCatalog
from catalog3d.status import RETAKE_WAITS, SOMEBODY_ELSE, next_action


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


def retake_case(catalog: OpenCatalog, sku: str, *reasons: str) -> Case:
    """Whether another model of a SKU can be asked for, before its sheet is read.

    Raises:
        ProductError: REASON_UNKNOWN, SKU_UNKNOWN, NO_MODEL; RETAKE_UNDER_WAY while a run works on it.
    """
    for reason in reasons or ("",):
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
        RunError: RETAKE_NOT_ASKED; RETAKE_WAITS for one that only an operator may order.
    """
    for item in items:
        if item.retake is not None and item.retake.id and item.do and not item.retake.is_allowed:
            raise RunError(
                f"The retake of {item.sku} waits for an operator: the budget of retakes does not pay for it today.",
                code=RETAKE_WAITS,
                fix=next_action(item.status, RETAKE_WAITS),
            )
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


def with_retakes(
    catalog: OpenCatalog, request: RunRequest, known: Mapping[str, Known], products: Mapping[str, Product]
) -> dict[str, Known]:
    """What is known, with the retakes that were asked for and what the ledger has for them.

    A request for a retake that nobody has recorded yet gets one that can be priced, and not paid.

    Raises:
        ProductError: What is wished for is not to be had: RETAKES_USED_UP, PHOTO_FIRST and others of `learning`.
    """
    retakes, ledger = catalog.registry.retakes.all(), catalog.registry.ledger
    found = dict(known)
    for sku in set(retakes) | (set(request.only) if request.retake else set()):
        if sku not in found:
            continue
        before = retakes.get(sku, [])
        retake = before[-1] if before else None
        if request.retake and sku in request.only and (retake is None or not retake.is_open):
            retake = _priced(
                catalog, sku, found[sku], Asking(wish=request.wish, product=products.get(sku), before=before)
            )
        elif retake is not None and retake.is_open:
            number = _made(catalog, before[:-1], retake.sheet_digest) + 1
            retake = replace(retake, number=number, most=max(catalog.rules.retakes_per_sku, number))
        found[sku] = replace(found[sku], retake=retake)
        if (wanted := found[sku].retake_to_make) is not None:
            brief = wanted.brief_for(found[sku].brief)
            digest = brief.digest if brief is not None else wanted.digest
            made = ledger.latest(catalog.realm, digest, after_attempt=wanted.after(catalog.realm, digest))
            found[sku] = replace(found[sku], generation=made)
    return found


@dataclass(frozen=True, kw_only=True)
class Asking:
    """What somebody wants of one SKU.

    Attributes:
        wish: None for one that says only that there is to be another.
        before: Its retakes until now, the oldest first.
    """

    wish: Wish | None
    product: Product | None
    before: Sequence[Retake]


def _priced(catalog: OpenCatalog, sku: str, known: Known, asking: Asking) -> Retake | None:
    """A retake as it would be recorded now: after every attempt of its brief that gave none, or one that is stored."""
    sheet = known.brief or known.asset_brief
    if known.asset is None or sheet is None:
        return None
    wish = asking.wish or Wish()
    case = _situation(catalog, sku, known, asking)
    change = change_for(case, wish.reasons, wish.note, wish.how)
    digest, realm = change.brief.digest, catalog.realm
    return Retake(
        sku=sku,
        version=known.asset.version,
        generation_id=known.asset.generation_id,
        realm=realm,
        digest=digest,
        after_attempt=catalog.registry.ledger.last_used(realm, digest) if digest in case.tried else 0,
        brief=None if digest == sheet.digest else change.brief,
        asked=sheet.digest,
        route=change.route,
        why=change.why,
        credits=change.credits,
        number=case.used + 1,
        most=case.most,
        reasons=wish.reasons,
        note=wish.note,
    )


def _situation(catalog: OpenCatalog, sku: str, known: Known, asking: Asking) -> Situation:
    sheet, asset = known.brief or known.asset_brief, known.asset
    if sheet is None or asset is None:
        raise RunError(f"{sku} has no model to be retaken.", code="STAGE_ORDER", sku=sku)
    versions = [version for version in catalog.registry.catalog.assets(sku) if version.stored]
    ids = sorted({version.generation_id for version in versions if version.generation_id is not None})
    tried = {generation.digest for generation in catalog.registry.ledger.of_sku(ids)}
    tried |= {Brief.parse(version.asked).digest for version in versions if version.asked}
    ledger = catalog.registry.ledger
    tried |= {retake.digest for retake in asking.before if ledger.latest(retake.realm, retake.digest) is not None}
    if known.asset_brief is None:  # made by hand, and nobody knows for what
        tried.add(sheet.digest)
    used = _made(catalog, asking.before, sheet.digest)
    source, why_not = _source(
        catalog,
        asset,
        asking.before,
        changed=known.asset_brief is not None and known.asset_brief.digest != sheet.digest,
    )
    return Situation(
        sheet=sheet,
        tried=frozenset(tried),
        source=source,
        no_source=why_not,
        words=surface_words(asking.product) if asking.product is not None else "",
        used=used,
        most=catalog.rules.retakes_per_sku,
    )


def _made(catalog: OpenCatalog, before: Sequence[Retake], sheet_digest: str) -> int:
    """How many models the retakes of the same photos and rules gave: what was dropped or refused was no attempt."""
    ledger = catalog.registry.ledger
    ends = [
        ledger.latest(retake.realm, retake.digest, after_attempt=retake.after_attempt)
        for retake in before
        if retake.sheet_digest == sheet_digest
    ]
    return len({end.id for end in ends if end is not None and end.succeeded})


def _source(
    catalog: OpenCatalog, asset: Asset, before: Sequence[Retake], *, changed: bool
) -> tuple[Source | None, str]:
    """Where another surface of a version could start, or why it cannot."""
    if changed:
        return None, "photos or rules changed since its model was made"
    if asset.generation_id is None:
        return None, "its newest version was made by hand"
    made = catalog.registry.ledger.get(asset.generation_id)
    source = source_of(made.brief, made.digest, made.raw_sha256) if made.realm == catalog.realm else None
    task = catalog.registry.ledger.made_as(catalog.realm, source) if source is not None else None
    if source is None or task is None:
        return None, "the provider's file or task of its model is not known"
    for retake in before:
        tried = catalog.registry.ledger.latest(retake.realm, retake.digest)
        if retake.brief is not None and retake.brief.source == source and tried and tried.outcome is Outcome.REFUSED:
            return None, f"the provider refused it: {tried.error_message.rstrip('.')}"
    key = catalog.settings.tripo_key
    if not catalog.is_rehearsal and key is not None and task.key_fingerprint != key_fingerprint(key):
        return None, "its model was made with another key, and a task is shown only to the key that made it"
    return source, ""


def is_at_work(catalog: OpenCatalog, sku: str) -> bool:
    """Whether a run that may be alive has this SKU now."""
    worker = catalog.registry.catalog.worker_of(sku)
    return not (worker is None or worker[1] < catalog.clock.now() or catalog.holders.lives(worker[0]) is False)


def _require_idle(catalog: OpenCatalog, sku: str, retake: Retake | None) -> None:
    if not is_at_work(catalog, sku):
        return
    what = "A retake of it is under way" if retake is not None and retake.is_open else "A run is working on it"
    raise ProductError(
        f"{what}.", code="RETAKE_UNDER_WAY", fix="Wait until that has ended, and look at what it made.", sku=sku
    )
