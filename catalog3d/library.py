"""The library: where models, their records and pictures lie in a store, and in which order they are written.

    assets/<sku>/<file>.glb          the model, never changed
    assets/<sku>/<file>.json         its record (`catalog3d.asset_record`), written last: what has one is whole
    assets/<sku>/<file>_front.png    its picture
    raw/<realm>/<digest>-<n>.glb     the provider's bytes as they came
    approved/<file>.glb              exactly the latest approved files
    assets.csv                       all of it as a list

Every step can be repeated after a kill and ends in the same state. Two decisions about one SKU at the same
time are kept apart by the registry, not here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path

from catalog3d.asset import Approval
from catalog3d.asset_index import INDEX_KEY, IndexRow, index_csv
from catalog3d.asset_record import (
    ASSETS,
    MAX_RECORD_BYTES,
    AssetRecord,
    RecordedDecision,
    RecordedPublication,
    asset_key,
    parse_record,
    raw_key,
    record_key,
)
from catalog3d.errors import ProductError
from catalog3d.naming import asset_folder
from catalog3d.ports import ObjectStore

GLB_TYPE = "model/gltf-binary"
MAX_MODEL_BYTES = 500_000_000
"""Of a model that is copied into `approved/`: Shopify takes less than 500 MB (help page, 2026-11)."""


class Library:
    """The library over any store; all methods block."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def keep_raw(self, realm: str, digest: str, attempt: int, path: Path, sha256: str) -> str:
        """Keep a provider's file as it came; returns its key.

        Raises:
            ProductError: KEY_TAKEN if this generation's file is there with other content; CONTENT_CHANGED.
        """
        key = raw_key(realm, digest, attempt)
        self._store.put_new(key, path, sha256=sha256, content_type=GLB_TYPE)
        return key

    def add_asset(self, record: AssetRecord, model: Path, picture: Path | None) -> AssetRecord:
        """Store a new version: the model, its picture, and last its record.

        The same again finishes what a kill left undone, or changes nothing.

        Args:
            record: With the sha256 of `model`; its `picture_key` says whether there is a picture.
            picture: PNG; None if there is none.

        Returns:
            The record in force: an earlier one of the same model keeps its decisions.

        Raises:
            ProductError: KEY_TAKEN if the version exists with other content; CONTENT_CHANGED.
        """
        self._store.put_new(record.key, model, sha256=record.sha256, content_type=GLB_TYPE)
        known = self.read_record(record.sku, record.file)
        if known is not None:
            return known
        if picture is not None and record.picture_key:
            # Not write-once: the picture of another machine may differ in a pixel, and must not block the version.
            self._store.replace(record.picture_key, picture.read_bytes(), content_type="image/png")
        self._write_record(record)
        return record

    def read_record(self, sku: str, file: str) -> AssetRecord | None:
        """The record of a SKU's file, or None if that version is not complete.

        Raises:
            ProductError: RECORD_INVALID.
        """
        return self._record_at(record_key(asset_key(sku, file)))

    def records_of(self, sku: str) -> list[AssetRecord]:
        """All complete versions of a SKU, oldest first."""
        found = (self._record_at(key) for key in self._record_keys(f"{ASSETS}{asset_folder(sku)}/"))
        return sorted((record for record in found if record), key=lambda record: (record.version, record.format))

    def records(self, on_unreadable: Callable[[str, ProductError], None] | None = None) -> Iterator[AssetRecord]:
        """All records of the library.

        Args:
            on_unreadable: Told the key and the error of a record that cannot be used; without it, that is raised.
        """
        for key in self._record_keys(ASSETS):
            try:
                record = self._record_at(key)
            except ProductError as exc:
                if on_unreadable is None:
                    raise
                on_unreadable(key, exc)
            else:
                if record is not None:
                    yield record

    def set_approval(
        self,
        record: AssetRecord,
        approval: Approval,
        *,
        at: datetime,
        decisions: tuple[RecordedDecision, ...] | None = None,
    ) -> AssetRecord:
        """Write a decision, and move the file into or out of `approved/`.

        Approving puts the file there before any other version of the SKU is taken away. Whatever else takes it
        away before the record says so: a kill never leaves a rejected file among the approved.

        Args:
            decisions: Everything that was decided about it; None = leave what the record says.

        Returns:
            The record in force.

        Raises:
            ProductError: KEY_MISSING, CONTENT_CHANGED if the stored model is not what the record says.
        """
        decided = record.decided(approval, at, decisions)
        if approval is Approval.APPROVED:
            self._copy_to_approved(record)
            self._write_record(decided)
            self._retire_others(record)
        else:
            self._store.delete(record.approved_key)
            self._write_record(decided)
        return decided

    def set_publications(
        self, record: AssetRecord, publications: tuple[RecordedPublication, ...], *, at: datetime
    ) -> AssetRecord:
        """Write where a version is live; returns the record in force."""
        told = record.published(publications, at)
        if told is not record:
            self._write_record(told)
        return told

    def note_decisions(self, record: AssetRecord, decisions: tuple[RecordedDecision, ...], *, at: datetime) -> None:
        """Keep what was decided about a version whose approval stays as it is: no file moves.

        Args:
            decisions: Everything that was decided about it.
        """
        self._write_record(record.decided(record.approval, at, decisions))

    def write_index(self, rows: Iterable[IndexRow]) -> str:
        """Write `assets.csv` anew; returns its key."""
        self._store.replace(INDEX_KEY, index_csv(rows), content_type="text/csv; charset=utf-8")
        return INDEX_KEY

    def _copy_to_approved(self, record: AssetRecord) -> None:
        content = self._store.get(record.key, max_bytes=MAX_MODEL_BYTES)
        if content is None:
            raise ProductError(
                f"The model {record.key} is not in the library.",
                code="KEY_MISSING",
                fix="It was moved or deleted; put it back, or run this SKU again.",
                sku=record.sku,
            )
        self._store.put_new(record.approved_key, content, sha256=record.sha256, content_type=GLB_TYPE)

    def _retire_others(self, record: AssetRecord) -> None:
        for other in self.records_of(record.sku):
            if other.version != record.version and other.approved_key != record.approved_key:
                self._store.delete(other.approved_key)

    def _write_record(self, record: AssetRecord) -> None:
        self._store.replace(record.record_key, record.to_json(), content_type="application/json")

    def _record_at(self, key: str) -> AssetRecord | None:
        content = self._store.get(key, max_bytes=MAX_RECORD_BYTES)
        return None if content is None else parse_record(content, key)

    def _record_keys(self, prefix: str) -> Iterator[str]:
        return (key for key in self._store.keys(prefix) if key.endswith(".json"))
