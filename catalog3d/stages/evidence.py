"""What the library proves about its models: every record is held against the files that it speaks of."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Container, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from catalog3d.asset_record import APPROVED, ASSETS, RAW, AssetRecord, record_key
from catalog3d.brief import Brief
from catalog3d.errors import ProductError
from catalog3d.library import MAX_MODEL_BYTES
from catalog3d.ports import ObjectStore
from catalog3d.recovery import FoundAsset, FoundGeneration, Unrestored
from catalog3d.sku_part import read_sku_part
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.record_proof import RESTORE, Proof, expected_credits, pixels_of, prove

_CHECKERS = 8
"""Files that are looked at together: a store answers in milliseconds, a disk reads one at a time."""

_RAW = re.compile(r"raw/(?P<realm>[^/]+)/(?P<digest>[0-9a-f]{64})-(?P<attempt>[1-9][0-9]{0,4})\.glb")


@dataclass(frozen=True, kw_only=True)
class RawFile:
    """A provider's file that no record speaks of."""

    key: str
    realm: str
    digest: str
    attempt: int


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the library proves, and what it does not.

    Attributes:
        raw: Paid models without a record: a sheet may say what they were made from.
        pixels: (file, pixels) digests of the photos that verified briefs cover.
    """

    generations: tuple[FoundGeneration, ...]
    assets: tuple[FoundAsset, ...]
    records: Mapping[str, AssetRecord]
    raw: tuple[RawFile, ...]
    pixels: frozenset[tuple[str, str]]
    unrestored: tuple[Unrestored, ...]


def read_library(catalog: OpenCatalog, progress: Callable[[], None]) -> Evidence:
    """Read every record of the library and verify its files; nothing is changed.

    Args:
        progress: Called after each record.
    """
    damaged: list[Unrestored] = []

    def unreadable(key: str, error: ProductError) -> None:
        fix = "Restore it from a backup, or delete this one file: a run then writes it anew, at no cost. Recover again."
        damaged.append(Unrestored(code="RECORD_DAMAGED", sku=_sku_of(key), place=key, message=error.message, fix=fix))

    approved = frozenset(catalog.store.keys(APPROVED))

    def checked(record: AssetRecord) -> Proof:
        try:
            return prove(catalog, record, approved)
        finally:
            progress()

    with ThreadPoolExecutor(_CHECKERS) as pool:
        proven = list(pool.map(checked, catalog.library.records(unreadable)))
    generations = {one.generation.identity: one.generation for one in proven if one.generation}
    return Evidence(
        generations=tuple(generations.values()),
        assets=tuple(one.asset for one in proven if one.asset),
        records={one.record.key: one.record for one in proven},
        raw=tuple(_raw_files(catalog, generations.keys())),
        pixels=frozenset(chain.from_iterable(pixels_of(one) for one in proven)),
        unrestored=(
            *damaged,
            *chain.from_iterable(one.unrestored for one in proven),
            *_without_record(catalog, proven, damaged, approved),
        ),
    )


def raw_generation(store: ObjectStore, raw: RawFile, brief: Brief, now: datetime) -> FoundGeneration:
    """A paid model of which only the provider's file is left, and a brief with its digest."""
    content = store.get(raw.key, max_bytes=MAX_MODEL_BYTES) or b""
    return FoundGeneration(
        realm=raw.realm,
        digest=raw.digest,
        attempt=raw.attempt,
        brief=brief,
        base_url="",
        key_fingerprint="",
        model_seed=0,
        expected_credits=expected_credits(brief),
        credits=None,
        task_id="",
        raw_key=raw.key,
        raw_sha256=hashlib.sha256(content).hexdigest(),
        raw_size_bytes=len(content),
        ordered_at=now,
        settled_at=now,
    )


def _raw_files(catalog: OpenCatalog, known: Container[tuple[str, str, int]]) -> Iterator[RawFile]:
    for key in catalog.store.keys(RAW):
        match = _RAW.fullmatch(key)
        realm = read_sku_part(match["realm"]) if match else None
        if match and realm and (realm, match["digest"], int(match["attempt"])) not in known:
            yield RawFile(key=key, realm=realm, digest=match["digest"], attempt=int(match["attempt"]))


def _sku_of(key: str) -> str:
    """The SKU whose folder a key lies in, "" where only a hash of it fits into the name."""
    return read_sku_part(key.removeprefix(ASSETS).partition("/")[0]) or ""


def _without_record(
    catalog: OpenCatalog, proven: list[Proof], damaged: list[Unrestored], approved: frozenset[str]
) -> Iterator[Unrestored]:
    """Models and approved files that no readable record speaks of."""
    known = {one.record.key for one in proven}
    broken = {item.place for item in damaged}
    for key in catalog.store.keys(ASSETS):
        if key.endswith(".glb") and key not in known and record_key(key) not in broken:
            message = (
                "This model has no record beside it: a run was stopped while it was stored, or somebody deleted it."
            )
            fix = f"If a run was stopped, the next one finishes it. Else: {RESTORE}"
            yield Unrestored(code="RECORD_MISSING", sku=_sku_of(key), place=key, message=message, fix=fix)
    spoken_of = {one.record.approved_key for one in proven}
    for key in sorted(approved - spoken_of):
        message = "This file lies among the approved, and no readable record speaks of it."
        yield Unrestored(code="APPROVAL_UNCERTAIN", sku="", place=key, message=message, fix=RESTORE)
