"""A model made or repaired by hand as the next version of a SKU: the same checks, no credits, nothing overwritten."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from catalog3d.adapters.mesh_process import MeshInspector
from catalog3d.adapters.registry.catalog import Standing
from catalog3d.adapters.whole_files import Part, write_part
from catalog3d.asset import Asset, declared_size
from catalog3d.asset_record import AssetRecord, Provenance, asset_key, picture_key
from catalog3d.brief import Brief
from catalog3d.errors import Catalog3DError, ProductError
from catalog3d.naming import file_name
from catalog3d.product import Product
from catalog3d.quality import MeshReport
from catalog3d.stages.context import Inspector, OpenCatalog
from catalog3d.stages.download import MAX_MODEL_BYTES
from catalog3d.stages.index import write_index
from catalog3d.stages.ingest import read_sheet
from catalog3d.stages.looking import look_at_products
from catalog3d.stages.pictures import keep_picture
from catalog3d.stages.resting import come_to_rest
from catalog3d.stages.retaking import is_at_work
from catalog3d.stages.sheet_writer import tell_sheets
from catalog3d.stages.version import BASE_FORMAT
from catalog3d.wording import plain, size_text

BY_HAND = "person"
"""The realm of what no provider made."""

_CHUNK_BYTES = 1 << 20
_MOST_NOTE = 2000


@dataclass(frozen=True, kw_only=True)
class Added:
    """What became of a file.

    Attributes:
        is_new: False if it is the newest version already.
        notes: Sentences that the person should read.
    """

    asset: Asset
    is_new: bool
    report: MeshReport
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Row:
    """What the sheet says of the SKU now.

    Attributes:
        brief: What it asks for; None if that cannot be known now.
    """

    product: Product
    brief: Brief | None


def add_model(
    catalog: OpenCatalog, sku: str, path: Path, person: str, note: str = "", *, inspector: Inspector | None = None
) -> Added:
    """Store a file as the next version of a SKU (blocking). What is live stays live until somebody approves the new one.

    The same file again changes nothing; killed anywhere, the same call again finishes it. A file that can be read and
    fails a check is stored and flagged, like a generated one.

    Args:
        inspector: Judges the file in a bounded child process; None = one of its own.

    Raises:
        ProductError: SKU_UNKNOWN; TAKEN while a run works on the SKU; FILE_MISSING, FILE_TOO_LARGE, WRONG_FILE for a
            file that is no usable GLB; STANDIN_MODEL for one of the stand-in in a live catalog; NAME_TAKEN.
        TransientError, RunError: The library did not take it; the same call again finishes it.
    """
    standing = _standing(catalog, sku)
    with _own_copy(catalog, path, sku) as part:
        row = _row(catalog, standing)
        report = _judged(catalog, part, row.product, inspector)
        _require_usable(catalog, report, sku)
        newest = catalog.registry.catalog.newest_assets().get(sku)
        is_new = newest is None or newest.sha256 != part.sha256
        if newest is None or is_new:
            by = Provenance(realm=BY_HAND, person=person, note=plain(note, _MOST_NOTE))
            asset = _stored(catalog, _reserved(catalog, row, part.sha256), row, _Judged(part, report, by))
        else:
            asset = newest
    come_to_rest(catalog, sku)
    write_index(catalog)
    return Added(
        asset=asset, is_new=is_new, report=report, notes=tuple(tell_sheets(catalog, [sku], kept="The version"))
    )


@dataclass(frozen=True)
class _Judged:
    """A file that may be stored, and who brought it."""

    part: Part
    report: MeshReport
    by: Provenance


def _standing(catalog: OpenCatalog, sku: str) -> Standing:
    standing = catalog.registry.catalog.standing(sku)
    if standing is None:
        raise ProductError(
            f"There is no SKU {plain(sku)} in this catalog.",
            code="SKU_UNKNOWN",
            fix="Put it into the sheet and run that, or `catalog3d check` it; catalog3d status lists those that are known.",
            sku=sku,
        )
    if is_at_work(catalog, sku):
        raise ProductError(
            "A run is working on it.", code="TAKEN", fix="Wait until that has ended, then add the file.", sku=sku
        )
    return standing


@contextmanager
def _own_copy(catalog: OpenCatalog, path: Path, sku: str) -> Iterator[Part]:
    """A copy that nobody changes between the check and the library; what a kill leaves is swept a day later."""
    folder = catalog.home.work / "added"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ProductError(f"{path.name} is no ordinary file.", code="FILE_MISSING", fix="Check the path.", sku=sku)
        with path.open("rb") as source:
            part = write_part(folder, _bounded(source, path.name, sku))
    except OSError as exc:
        what = exc.strerror or type(exc).__name__
        raise ProductError(
            f"The file {path.name} cannot be read ({what}).", code="FILE_MISSING", fix="Check the path.", sku=sku
        ) from exc
    try:
        yield part
    finally:
        part.path.unlink(missing_ok=True)
        _picture_of(part).unlink(missing_ok=True)


def _picture_of(part: Part) -> Path:
    return part.path.with_name(f"{part.path.name}.png")


def _bounded(source: BinaryIO, name: str, sku: str) -> Iterator[bytes]:
    """What a file holds, as far as it can be a model at all."""
    size_bytes = 0
    while chunk := source.read(_CHUNK_BYTES):
        if not size_bytes and not chunk.startswith(b"glTF"):
            fix = "Export the model as one binary glTF file (.glb)."
            raise ProductError(f"{name} is not a GLB.", code="WRONG_FILE", fix=fix, sku=sku)
        size_bytes += len(chunk)
        if size_bytes > MAX_MODEL_BYTES:
            raise _too_large(sku)
        yield chunk
    if not size_bytes:
        raise ProductError(f"{name} is empty.", code="WRONG_FILE", fix="Export the model again.", sku=sku)


def _too_large(sku: str) -> ProductError:
    return ProductError(
        f"The file is larger than {size_text(MAX_MODEL_BYTES)}.",
        code="FILE_TOO_LARGE",
        fix="Reduce its textures or its triangles, and add it again.",
        sku=sku,
    )


def _row(catalog: OpenCatalog, standing: Standing) -> _Row:
    """What the sheet says now; what the registry remembers, if the sheet cannot be read."""
    remembered = Product(
        sku=standing.sku,
        name=standing.name or standing.sku,
        row=standing.row,
        category=str(standing.fields.get("category", "")),
        channels=tuple(standing.fields.get("channels", ())),
    )
    if not standing.sheet or not Path(standing.sheet).is_file():
        return _Row(product=remembered, brief=None)
    images = (catalog.registry.catalog.last_request(standing.sheet) or {}).get("images")
    try:
        reading = read_sheet(Path(standing.sheet), catalog.rules, images=Path(str(images)) if images else None)
    except Catalog3DError:  # whoever adds is told
        return _Row(product=remembered, brief=None)
    product = next((one for one in reading.products if one.sku == standing.sku), None)
    if product is None:
        return _Row(product=remembered, brief=None)
    _, looks = look_at_products(catalog, replace(reading, products=(product,)), None)
    look = looks.get(standing.sku)
    return _Row(product=product, brief=look.brief if look else None)


def _judged(catalog: OpenCatalog, part: Part, product: Product, inspector: Inspector | None) -> MeshReport:
    quality, judge = catalog.rules.quality, inspector or MeshInspector(workers=1)
    try:
        return judge.inspect(part.path, quality.profile, product, limits=quality.limits, picture=_picture_of(part))
    finally:
        if inspector is None:
            judge.close()


def _require_usable(catalog: OpenCatalog, report: MeshReport, sku: str) -> None:
    worst = report.worst
    if report.facts is None:
        why = f"{worst.code}: {worst.message}" if worst else "it cannot be read"
        raise ProductError(
            f"The file is no usable model: {why}", code="WRONG_FILE", fix="Export it again as a GLB.", sku=sku
        )
    if report.facts.standin and not catalog.is_rehearsal:
        raise ProductError(
            "The stand-in made this model: it does not belong among real ones.",
            code="STANDIN_MODEL",
            fix="Add a model of the product itself.",
            sku=sku,
        )


def _reserved(catalog: OpenCatalog, row: _Row, sha256: str) -> Asset:
    rule, product = catalog.rules.naming, row.product

    def named(version: int) -> str:
        return file_name(rule, sku=product.sku, name=product.name, version=version, format=BASE_FORMAT, extension="glb")

    return catalog.registry.catalog.allot_version(
        product.sku,
        format=BASE_FORMAT,
        identity=sha256,
        generation_id=None,
        run_id="",
        file_name=named,
        asked=row.brief.canonical() if row.brief is not None else "",
    )


def _stored(catalog: OpenCatalog, asset: Asset, row: _Row, file: _Judged) -> Asset:
    """Into the library, and last into the registry."""
    key, picture = asset_key(asset.sku, asset.file), _picture_of(file.part)
    record = AssetRecord(
        sku=asset.sku,
        name=row.product.name,
        version=asset.version,
        format=asset.format,
        file=asset.file,
        key=key,
        sha256=file.part.sha256,
        size_bytes=file.part.size_bytes,
        destinations=row.product.channels,
        concept=row.product.is_concept,
        standin=catalog.is_rehearsal,
        created_at=asset.created_at,
        updated_at=asset.created_at,
        provenance=file.by.model_copy(update={"asked_brief": json.loads(asset.asked) if asset.asked else {}}),
        checks=file.report.checks,
        picture_key=picture_key(key) if picture.exists() else "",
        dimensions_m=declared_size(row.product),
    )
    kept = catalog.library.add_asset(record, file.part.path, picture if picture.exists() else None)
    stored = catalog.registry.catalog.note_stored(
        asset,
        key=kept.key,
        picture_key=kept.picture_key,
        sha256=kept.sha256,
        size_bytes=kept.size_bytes,
        report=file.report,
    )
    if picture.exists():
        keep_picture(catalog, stored, picture)
    return stored
