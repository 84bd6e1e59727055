"""All that the two-up page says about one asset, gathered from registry, record and shelves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from catalog3d.adapters.pictures import prepared_file
from catalog3d.adapters.registry.catalog import Standing
from catalog3d.adapters.registry.review_queue import QueueItem
from catalog3d.asset import Approval, Asset, Decision
from catalog3d.asset_record import AssetRecord
from catalog3d.errors import Catalog3DError
from catalog3d.ledger import Generation
from catalog3d.mesh.profiles import limits_for
from catalog3d.product import Severity
from catalog3d.quality import Check, MeshFacts
from catalog3d.review.sizes import Bar, Side, bars, sides
from catalog3d.stages.context import OpenCatalog

MAX_VERSIONS_SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class Photo:
    """One picture of the product.

    Attributes:
        number: Its place in the address.
        file: Where it lies here; None if it is not on this machine.
        was_used: Whether the model was made from exactly these pixels.
    """

    number: int
    slot: str
    file: Path | None
    was_used: bool


@dataclass(frozen=True, kw_only=True)
class Made:
    """Who made a model, and for how much.

    Attributes:
        attempts: Models that were paid for this brief up to this one.
    """

    by: str
    model: str
    task_id: str
    credits: str
    attempt: int
    seed: str


@dataclass(frozen=True, kw_only=True)
class AssetView:
    """One asset as the page shows it.

    Attributes:
        record: What the library keeps beside it; None if it cannot be read, and `record_problem` says why.
        facts: None until it was measured.
        versions: All stored versions of the SKU, the newest first.
        previous: The version before it.
    """

    item: QueueItem
    fields: dict[str, object]
    photos: tuple[Photo, ...]
    record: AssetRecord | None
    record_problem: str
    made: Made | None
    checks: tuple[Check, ...]
    bars: tuple[Bar, ...]
    sides: tuple[Side, ...]
    facts: MeshFacts | None
    versions: tuple[Asset, ...]
    previous: Asset | None
    decisions: tuple[Decision, ...]

    @property
    def asset(self) -> Asset:
        return self.item.asset

    @property
    def blocked(self) -> tuple[Check, ...]:
        """The checks for which it cannot be approved."""
        return tuple(check for check in self.checks if check.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.severity is Severity.WARNING)

    @property
    def is_concept(self) -> bool:
        return self.record.concept if self.record else self.item.input not in {"", "photo"}

    @property
    def is_standin(self) -> bool:
        return bool(self.record and self.record.standin)

    @property
    def is_newest(self) -> bool:
        return self.versions[0].id == self.asset.id

    @property
    def front_photo(self) -> Photo | None:
        return next((photo for photo in self.photos if photo.file is not None), None)


def asset_view(catalog: OpenCatalog, item: QueueItem, facts: MeshFacts | None) -> AssetView:
    """Gather what is known of an asset; what cannot be read is said, and never hides the rest."""
    asset = item.asset
    registry = catalog.registry.catalog
    standing = registry.standing(asset.sku)
    record, problem = _record(catalog, asset)
    found = catalog.registry.ledger.of_sku([asset.generation_id]) if asset.generation_id else []
    versions = tuple(sorted((one for one in registry.assets(asset.sku) if one.stored), key=lambda one: -one.version))
    quality = catalog.rules.quality
    return AssetView(
        item=item,
        fields=dict(standing.fields) if standing else {},
        photos=photos_of(catalog, standing, found[0] if found else None),
        record=record,
        record_problem=problem,
        made=_made(record, found[0] if found else None),
        checks=_worst_first(asset.checks),
        bars=bars(facts, asset.size_bytes, limits_for(quality.profile, quality.limits)),
        sides=sides(record.dimensions_m if record else None, facts.extents_m if facts else None),
        facts=facts,
        versions=versions[:MAX_VERSIONS_SHOWN],
        previous=next((one for one in versions if one.version < asset.version), None),
        decisions=tuple(registry.decisions(asset.sku)),
    )


def photos_of(catalog: OpenCatalog, standing: Standing | None, generation: Generation | None) -> tuple[Photo, ...]:
    """The pictures that a model was made from, else those that the sheet names now.

    Their places come from the ledger and the sheet as it was read, never from whoever asks.
    """
    if generation is not None and generation.brief.pictures:
        cache = catalog.home.shared / "pictures"
        sent = [(picture.slot, prepared_file(cache, picture.pixels_sha256)) for picture in generation.brief.pictures]
        if any(file for _, file in sent):
            return tuple(
                Photo(number=number, slot=slot, file=file, was_used=True) for number, (slot, file) in enumerate(sent)
            )
    views = standing.fields.get("views", []) if standing else []
    return tuple(
        Photo(number=number, slot=view["slot"], file=_local(view["location"]), was_used=False)
        for number, view in enumerate(views)
    )


def _local(location: str) -> Path | None:
    path = Path(location)
    return path if path.is_absolute() and path.is_file() else None


def _record(catalog: OpenCatalog, asset: Asset) -> tuple[AssetRecord | None, str]:
    try:
        record = catalog.library.read_record(asset.sku, asset.file)
    except Catalog3DError as error:
        return None, str(error)
    return record, "" if record else "The library has no record beside this model."


def _made(record: AssetRecord | None, generation: Generation | None) -> Made | None:
    if generation is not None:
        spent = generation.credits_consumed
        return Made(
            by=generation.realm,
            model=generation.brief.model,
            task_id=generation.task_id,
            credits="" if spent is None else f"{spent:g}",
            attempt=generation.attempt,
            seed=str(generation.model_seed),
        )
    if record is None:
        return None
    source = record.provenance
    spent = source.credits
    return Made(
        by=source.realm,
        model=source.model,
        task_id=source.task_id,
        credits="" if spent is None else f"{spent:g}",
        attempt=source.attempt,
        seed="" if source.model_seed is None else str(source.model_seed),
    )


def _worst_first(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    order = list(Severity)
    return tuple(sorted(checks, key=lambda check: order.index(check.severity)))


def is_open(asset: Asset) -> bool:
    """Whether nobody has approved or rejected it yet."""
    return asset.approval is Approval.PENDING
