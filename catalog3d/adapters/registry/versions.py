"""Assets in the database: which versions a SKU has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from itertools import groupby

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from catalog3d.adapters.registry.engine import read, serialise, write
from catalog3d.adapters.registry.tables import AssetRow
from catalog3d.asset import Approval, Asset, version_in_force
from catalog3d.errors import ProductError
from catalog3d.ports import Clock
from catalog3d.product import Severity
from catalog3d.quality import Check, MeshReport


class VersionRecord:
    """The versions of one catalog (live or rehearsal)."""

    def __init__(self, engine: Engine, catalog: str, clock: Clock) -> None:
        self._engine = engine
        self._catalog = catalog
        self._clock = clock

    def assets(self, sku: str | None = None) -> list[Asset]:
        """Assets of one SKU, or of all, by SKU and version."""
        query = select(AssetRow).where(AssetRow.catalog == self._catalog)
        if sku is not None:
            query = query.where(AssetRow.sku == sku)
        with read(self._engine) as session:
            return [asset_of(row) for row in session.scalars(query.order_by(AssetRow.sku, AssetRow.version))]

    def newest_assets(self) -> dict[str, Asset]:
        """The highest stored version of each SKU."""
        return {asset.sku: asset for asset in self.assets() if asset.stored}

    def assets_in_force(self, sku: str | None = None) -> dict[str, Asset]:
        """The version that says where each SKU stands (see `catalog3d.asset.version_in_force`), of one SKU or of all."""
        stored = [asset for asset in self.assets(sku) if asset.stored]
        return {name: version_in_force(list(versions)) for name, versions in groupby(stored, lambda asset: asset.sku)}

    def allot_version(
        self,
        sku: str,
        *,
        format: str,  # noqa: A002 - the field's word
        identity: str,
        generation_id: int | None,
        run_id: str,
        file_name: Callable[[int], str],
    ) -> Asset:
        """Reserve the next version of a SKU, or give the one that is there: two runs never share or double one.

        What is identical to an older version that another one has followed gets a new version, so that the newest
        version is always what the sheet asks for.

        Args:
            file_name: Makes the file's name from the version.

        Raises:
            ProductError: NAME_TAKEN if another SKU already uses that file name.
        """
        with write(self._engine) as session:
            serialise(session, f"versions:{self._catalog}")
            mine = (AssetRow.catalog == self._catalog, AssetRow.sku == sku, AssetRow.format == format)
            row = session.scalars(
                select(AssetRow).where(*mine, AssetRow.identity == identity).order_by(AssetRow.version.desc())
            ).first()
            if row is None or self._is_followed(session, row):
                newest = session.scalar(select(func.max(AssetRow.version)).where(*mine)) or 0
                version = newest + 1
                row = AssetRow(
                    catalog=self._catalog,
                    sku=sku,
                    version=version,
                    format=format,
                    identity=identity,
                    generation_id=generation_id,
                    file=self._free_name(session, file_name(version), sku),
                    run_id=run_id,
                    approval=Approval.PENDING.value,
                    created_at=self._clock.now(),
                )
                session.add(row)
                session.flush()
            return asset_of(row)

    def note_stored(
        self, asset: Asset, *, key: str, picture_key: str, sha256: str, size_bytes: int, report: MeshReport
    ) -> Asset:
        """The asset lies in the library."""
        with write(self._engine) as session:
            row = session.get_one(AssetRow, asset.id)
            row.key, row.picture_key, row.sha256, row.size_bytes = key, picture_key, sha256, size_bytes
            row.verdict, row.profile = report.verdict.value, report.profile
            row.checks = [asdict(check) for check in report.checks]
            row.stored = True
            return asset_of(row)

    def _is_followed(self, session: Session, row: AssetRow) -> bool:
        """Whether a later version lies in the library; one that was only reserved, by a run that died, does not count."""
        later = select(AssetRow.id).where(
            AssetRow.catalog == self._catalog,
            AssetRow.sku == row.sku,
            AssetRow.format == row.format,
            AssetRow.version > row.version,
            AssetRow.stored,
        )
        return session.scalars(later).first() is not None

    def _free_name(self, session: Session, file: str, sku: str) -> str:
        taken = session.scalars(
            select(AssetRow.sku).where(AssetRow.catalog == self._catalog, func.lower(AssetRow.file) == file.lower())
        ).first()
        if taken is not None:
            raise ProductError(
                f"The file name {file} already belongs to {taken}.",
                code="NAME_TAKEN",
                fix="Put {sku} into the naming rule.",
                sku=sku,
            )
        return file


def asset_of(row: AssetRow) -> Asset:
    return Asset(
        id=row.id,
        sku=row.sku,
        version=row.version,
        format=row.format,
        identity=row.identity,
        generation_id=row.generation_id,
        file=row.file,
        key=row.key or "",
        picture_key=row.picture_key or "",
        sha256=row.sha256 or "",
        size_bytes=row.size_bytes or 0,
        stored=bool(row.stored),
        approval=Approval(row.approval),
        verdict=row.verdict or "",
        checks=tuple(
            Check(
                code=check["code"],
                severity=Severity(check["severity"]),
                message=check["message"],
                value=check["value"],
                limit=check["limit"],
            )
            for check in row.checks or []
        ),
        created_at=row.created_at,
        profile=row.profile or "",
        revision=row.revision or 0,
    )
