"""What another attempt changes: from why a model was turned down to the brief of the next one, and its price.

Pure and deterministic: the same reasons about the same product give the same change. A brief that gave this product a
model already is not asked for again, unless nothing but the seed is left to change.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from catalog3d.asset import REJECT_REASONS
from catalog3d.brief import TEXTURE, Brief, Picture, Source, texture_brief
from catalog3d.errors import ProductError
from catalog3d.prices import price_of
from catalog3d.product import Product
from catalog3d.wording import plain


class How(StrEnum):
    """What a person asks for: by rule, or one way only."""

    AUTO = "auto"
    SAME = "same"
    TEXTURE = "texture"
    MULTIVIEW = "multiview"


class Route(StrEnum):
    """What a change changes."""

    SHEET = "sheet"
    SAME = "same"
    TEXTURE = "texture"
    VIEWS = "views"
    ALIGNMENT = "alignment"
    MODEL = "model"
    FACES = "faces"


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What is known of a product of which somebody wants another model.

    Attributes:
        sheet: The brief that sheet and rules ask for now.
        tried: Digests of the briefs that gave it a model, or were to.
        source: The model whose surface may be made anew, None if there is none.
        no_source: Why there is none.
        words: What its surface should be, in words of the sheet; "" if the sheet does not say.
        used: Attempts before this one, since photos and rules are what they are.
        most: How many there may be.
    """

    sheet: Brief
    tried: frozenset[str]
    source: Source | None = None
    no_source: str = ""
    words: str = ""
    used: int = 0
    most: int = 3


@dataclass(frozen=True, kw_only=True)
class Change:
    """What the next attempt asks for.

    Attributes:
        why: One sentence for whoever pays.
        credits: By the price list; nothing is paid where the ledger has a model of this brief already.
    """

    route: Route
    brief: Brief
    why: str
    credits: Decimal


SURFACE = frozenset({"WRONG_MATERIAL", "WRONG_COLOR"})
"""Reasons that leave the shape as it is."""
_SHAPE = frozenset({"WRONG_SHAPE", "WRONG_PROPORTIONS", "BACK_OR_SIDES"})

# What a note says where the reason says nothing. English, as the reasons are.
_NOTED: tuple[tuple[str, str], ...] = (
    (r"\bcolou?rs?\b", "WRONG_COLOR"),
    (r"\bmaterials?\b|\bfabric\b|\btextures?\b|\bblurr?(y|ed)\b|\bsurface\b", "WRONG_MATERIAL"),
    (r"\bback\b|\brear\b|\bbehind\b|\bsides?\b", "BACK_OR_SIDES"),
    (r"\bproportions?\b|\btoo (wide|tall|thin|thick|narrow|flat|deep)\b", "WRONG_PROPORTIONS"),
    (r"\bshapes?\b|\bmissing\b|\bbroken\b|\bmelted\b", "WRONG_SHAPE"),
)
_MODELS = ("v3.1-20260211", "v3.0-20250812")
"""Versions that take the same options at the same price, the newest first (price list of 2026-11)."""
_USUAL_FACES, _LEAST_FACES = 80_000, 5_000
_MOST_WORDS = 1024
_NOT_SPOKEN = frozenset({"So", "Cs", "Co", "Cn"})
"""Emoji and the like, which Tripo refuses in a prompt (code 2009)."""


def change_for(case: Situation, reasons: Sequence[str], note: str = "", how: How = How.AUTO) -> Change:
    """The change that the next attempt of a product makes.

    By rule it is the cheapest that fits the reasons and was not tried, never dearer than another model by sheet and
    rules; of equally cheap ones, the one that helps most often.

    Raises:
        ProductError: REASON_UNKNOWN; RETAKES_USED_UP; PHOTO_FIRST where no attempt helps; TEXTURE_IMPOSSIBLE,
            NO_OTHER_VIEWS for a way that is closed; PRICE_UNKNOWN.
    """
    _require_known(reasons)
    if case.used >= case.most:
        raise ProductError(
            f"It had {case.used} of {case.most} retakes of the same photo.",
            code="RETAKES_USED_UP",
            fix="Use a better photo, store a corrected file with `catalog3d add SKU FILE.glb`, or raise retakes_per_sku in "
            "catalog.yaml.",
        )
    if how is How.SAME:
        return _priced(_same(case))
    if how is How.TEXTURE:
        return _only(case, _surfaces(case, asked=True), "Every surface of it by these words was tried.")
    if how is How.MULTIVIEW:
        return _only(case, _several_views(case), "Every set of its views was tried.")
    return _by_rule(case, reasons_of(reasons, note))


def reasons_of(reasons: Sequence[str], note: str = "") -> frozenset[str]:
    """The reasons that count; where they say nothing, what the note says."""
    told = frozenset(reasons) - {"OTHER"}
    if told:
        return told
    return frozenset(reason for pattern, reason in _NOTED if re.search(pattern, note, re.IGNORECASE))


def surface_words(product: Product) -> str:
    """Color and material of a product, as the sheet says them; "" if it says neither."""
    parts = [f"{name}: {value}" for name, value in (("color", product.color), ("material", product.material)) if value]
    if not parts:
        return ""
    line = plain("; ".join([*parts, product.name]), _MOST_WORDS)
    return " ".join("".join(char for char in line if unicodedata.category(char) not in _NOT_SPOKEN).split())


def variant_change(source: Source, wanted: Product) -> Change:
    """A proposal: the surface of a color variant on the shape of another SKU. Nothing orders it by itself.

    Raises:
        ProductError: TEXTURE_IMPOSSIBLE if the sheet says neither color nor material of it.
    """
    words = surface_words(wanted)
    if not words:
        raise _no_words()
    why = f"the shape of the other variant with another surface ({words}), instead of a new model"
    return _priced(Change(route=Route.TEXTURE, brief=texture_brief(source, words), why=why, credits=Decimal(0)))


def _by_rule(case: Situation, reasons: frozenset[str]) -> Change:
    if case.sheet.digest not in case.tried:
        why = "photos or rules changed since its model was made, so the new ones come first"
        return _priced(Change(route=Route.SHEET, brief=case.sheet, why=why, credits=Decimal(0)))
    if "WRONG_PRODUCT" in reasons:
        raise ProductError(
            "It shows another product, and the photo is still the same: another model would show the same again.",
            code="PHOTO_FIRST",
            fix="Put the right photo into the sheet and use `catalog3d rerun --stale`; or insist with --how same.",
        )
    cap = price_of(case.sheet)
    fitting = [_priced(change) for change in _fitting(case, reasons)]
    new = [change for change in fitting if change.brief.digest not in case.tried and change.credits <= cap]
    return min(new, key=lambda change: change.credits, default=_priced(_same(case)))  # the first of equal ones


def _fitting(case: Situation, reasons: frozenset[str]) -> Iterator[Change]:
    """What may help against these reasons, the most hopeful first."""
    if reasons and reasons <= SURFACE:
        yield from _surfaces(case)
    if "FILE_PROBLEM" in reasons:
        yield from _fewer_faces(case)
    if reasons & _SHAPE or not reasons:
        yield from _view_sets(case, keep_back="BACK_OR_SIDES" in reasons)
        if "BACK_OR_SIDES" in reasons:
            yield from _alignment(case)
        yield from _other_models(case)
    elif reasons & SURFACE:
        yield from _alignment(case)


def _surfaces(case: Situation, *, asked: bool = False) -> Iterator[Change]:
    if case.source is None or not case.words:
        if asked:
            raise _no_words() if case.source is not None else _no_source(case)
        return
    pbr = bool(dict(case.sheet.params).get("pbr", True))
    for quality in ("standard", "detailed"):
        brief = texture_brief(case.source, case.words, quality=quality, pbr=pbr)
        finer = "" if quality == "standard" else f" in {quality} quality"
        why = f"the shape stays, and its surface is made anew{finer} by the sheet's words ({case.words})"
        yield Change(route=Route.TEXTURE, brief=brief, why=why, credits=Decimal(0))


def _several_views(case: Situation) -> Iterator[Change]:
    if len(case.sheet.pictures) < 2:
        raise ProductError(
            "The sheet has one usable view of it only.",
            code="NO_OTHER_VIEWS",
            fix="Add photos of its left, back or right side to the sheet, then run `catalog3d rerun --stale`.",
        )
    yield Change(route=Route.VIEWS, brief=case.sheet, why="all its views are used", credits=Decimal(0))
    for change in _view_sets(case, keep_back=True):
        if change.brief.endpoint == "multiview-to-model":
            yield change


def _view_sets(case: Situation, *, keep_back: bool) -> Iterator[Change]:
    """Other choices among the sheet's views: one that shows a wrong side spoils the whole."""
    views = {picture.slot: picture for picture in case.sheet.pictures}
    if "front" not in views or len(views) < 2:
        return
    sets: list[tuple[str, ...]] = [("front", "back"), ("front", "left", "right"), ("front", "left"), ("front", "right")]
    sets.insert(len(sets) if keep_back else 0, ("front",))
    for slots in sets:
        if set(slots) < views.keys():
            chosen = tuple(views[slot] for slot in views if slot in slots)
            why = f"made from other views than before ({', '.join(slots)})"
            yield Change(route=Route.VIEWS, brief=_with_views(case.sheet, chosen), why=why, credits=Decimal(0))


def _with_views(brief: Brief, pictures: tuple[Picture, ...]) -> Brief:
    return replace(brief, pictures=pictures, endpoint="multiview-to-model" if len(pictures) > 1 else "image-to-model")


def _alignment(case: Situation) -> Iterator[Change]:
    params = dict(case.sheet.params)
    if case.sheet.endpoint == "text-to-model" or params.get("texture") is False:
        return
    other = "original_image" if params.get("texture_alignment") == "geometry" else "geometry"
    why = f"its surface is aligned to the {'photo' if other == 'original_image' else 'shape'} instead"
    yield _with_params(case, Route.ALIGNMENT, why, texture_alignment=other)


def _other_models(case: Situation) -> Iterator[Change]:
    for model in _MODELS:
        if case.sheet.model in _MODELS and model != case.sheet.model:
            why = f"made by another version of the generator ({model})"
            yield Change(route=Route.MODEL, brief=replace(case.sheet, model=model), why=why, credits=Decimal(0))


def _fewer_faces(case: Situation) -> Iterator[Change]:
    limit = int(dict(case.sheet.params).get("face_limit") or _USUAL_FACES)
    while limit // 2 >= _LEAST_FACES:
        limit //= 2
        yield _with_params(
            case, Route.FACES, f"made with at most {limit} faces, so that the file is smaller", face_limit=limit
        )


def _with_params(case: Situation, route: Route, why: str, **params: object) -> Change:
    changed = tuple(sorted({**dict(case.sheet.params), **params}.items()))
    return Change(route=route, brief=replace(case.sheet, params=changed), why=why, credits=Decimal(0))


def _same(case: Situation) -> Change:
    why = "another model by the same photos and rules; only its seed is new"
    return Change(route=Route.SAME, brief=case.sheet, why=why, credits=Decimal(0))


def _only(case: Situation, changes: Iterator[Change], used_up: str) -> Change:
    for change in changes:
        if change.brief.digest not in case.tried:
            return _priced(change)
    raise ProductError(used_up, code="NOTHING_NEW", fix="Leave the way to the rules (--how auto), or use --how same.")


def _priced(change: Change) -> Change:
    return replace(change, credits=price_of(change.brief))


def _require_known(reasons: Sequence[str]) -> None:
    unknown = [reason for reason in reasons if reason not in REJECT_REASONS]
    if unknown or not reasons:
        named = f"There is no reason {unknown[0]!r}." if unknown else "There is no reason given."
        raise ProductError(named, code="REASON_UNKNOWN", fix=f"Use one of {', '.join(REJECT_REASONS)}.")


def _no_words() -> ProductError:
    return ProductError(
        "The sheet says neither color nor material of it, so nothing says what its surface should be.",
        code="TEXTURE_IMPOSSIBLE",
        fix="Fill in color or material in the sheet.",
    )


def _no_source(case: Situation) -> ProductError:
    return ProductError(
        f"Its surface cannot be made anew: {case.no_source or 'its model is not known at the provider'}.",
        code="TEXTURE_IMPOSSIBLE",
        fix="Have another model made: --how same.",
    )


def source_of(made: Brief, digest: str, raw_sha256: str) -> Source | None:
    """Where another surface of a model starts: always the task that made its shape, never one that repainted it."""
    if made.endpoint == TEXTURE:
        return made.source
    textured = dict(made.params).get("texture", True) is not False
    return Source(digest=digest, raw_sha256=raw_sha256) if textured and raw_sha256 else None
