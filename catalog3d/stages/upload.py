"""upload_asset: model, picture and record into the library; the registry knows it last."""

from __future__ import annotations

import asyncio
import json

from catalog3d.asset import Asset, declared_size
from catalog3d.asset_record import AssetRecord, PhotoDigest, Provenance, asset_key, picture_key
from catalog3d.errors import RunError
from catalog3d.ledger import Generation
from catalog3d.quality import MeshReport
from catalog3d.stages.context import RunContext, SkuWork
from catalog3d.stages.pictures import keep_picture
from catalog3d.status import Stage


async def upload(context: RunContext, sku: str) -> Asset:
    """Store a SKU's new version; the same again finishes what a kill left undone.

    Raises:
        TransientError, RunError: The store did not take it; nothing is lost, and nothing is billed again.
    """
    return await asyncio.to_thread(_upload, context, sku)


def _upload(context: RunContext, sku: str) -> Asset:
    work = context.work[sku]
    if work.asset is None or work.raw is None or work.generation is None or work.report is None:
        raise RunError(f"{sku} reached upload_asset too early.", code="STAGE_ORDER")
    record = record_of(work, work.asset, work.generation, work.report, standin=context.catalog.is_rehearsal)
    kept = context.catalog.library.add_asset(record, work.raw, work.picture)
    work.asset = context.catalog.registry.catalog.note_stored(
        work.asset,
        key=kept.key,
        picture_key=kept.picture_key,
        sha256=kept.sha256,
        size_bytes=kept.size_bytes,
        report=work.report,
    )
    if work.picture is not None:
        keep_picture(context.catalog, work.asset, work.picture)
    context.catalog.registry.runs.note(context.run_id, sku, asset_id=work.asset.id, stage=Stage.UPLOAD_ASSET)
    return work.asset


def record_of(work: SkuWork, asset: Asset, generation: Generation, report: MeshReport, *, standin: bool) -> AssetRecord:
    """What the library keeps beside a new version: all that a lost registry is rebuilt from."""
    key = asset_key(asset.sku, asset.file)
    return AssetRecord(
        sku=asset.sku,
        name=work.product.name,
        version=asset.version,
        format=asset.format,
        file=asset.file,
        key=key,
        sha256=generation.raw_sha256,
        size_bytes=generation.raw_size_bytes,
        destinations=work.product.channels,
        concept=work.product.is_concept,
        standin=standin,
        created_at=asset.created_at,
        updated_at=asset.created_at,
        provenance=_provenance(work, generation),
        checks=report.checks,
        profile=report.profile,
        picture_key=picture_key(key) if work.picture else "",
        dimensions_m=declared_size(work.product),
    )


def _provenance(work: SkuWork, generation: Generation) -> Provenance:
    return Provenance(
        realm=generation.realm,
        digest=generation.digest,
        brief=json.loads(generation.brief.canonical()),
        model=generation.brief.model,
        model_seed=generation.model_seed,
        task_id=generation.task_id,
        attempt=generation.attempt,
        credits=generation.credits_consumed,
        photos=tuple(
            PhotoDigest(slot=view.slot, file_sha256=view.file_sha256, pixels_sha256=view.pixels_sha256)
            for view in work.views
        ),
        raw_key=generation.raw_key,
        raw_sha256=generation.raw_sha256,
        raw_size_bytes=generation.raw_size_bytes,
        base_url=generation.base_url,
        key_fingerprint=generation.key_fingerprint,
        ordered_at=generation.created_at,
        settled_at=generation.settled_at,
    )
