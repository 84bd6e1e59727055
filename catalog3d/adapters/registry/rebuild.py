"""Puts back what a lost registry knew: all of it in one transaction, and never over what is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from catalog3d.adapters.registry.chain import append
from catalog3d.adapters.registry.decisions import last_rejection
from catalog3d.adapters.registry.engine import read, serialise, write
from catalog3d.adapters.registry.tables import AssetRow, DecisionRow, GenerationRow, ProductRow
from catalog3d.adapters.registry.versions import asset_of
from catalog3d.asset import Approval, Decision, identity_of, version_in_force
from catalog3d.brief import pool_of
from catalog3d.ledger import LedgerState, Outcome
from catalog3d.plan import rest_of
from catalog3d.ports import Clock
from catalog3d.quality import MeshReport
from catalog3d.recovery import Findings, FoundAsset, FoundGeneration, FoundProduct, Rebuilt, Unrestored
from catalog3d.status import Stage, Status

Identity = tuple[str, str, int]
"""Realm, digest and attempt of a generation."""


@dataclass(frozen=True)
class _There:
    """The versions of the catalog by (SKU, version, format), and who has which file name."""

    versions: dict[tuple[str, int, str], AssetRow]
    owners: dict[str, str]


class Rebuild:
    """Restores one catalog of a registry."""

    def __init__(self, engine: Engine, catalog: str, clock: Clock) -> None:
        self._engine = engine
        self._catalog = catalog
        self._clock = clock

    def workers(self) -> list[str]:
        """Who holds a lease on any product or generation of this registry that has not expired."""
        now = self._clock.now()
        with read(self._engine) as session:
            holders: set[str] = set()
            for row in (ProductRow, GenerationRow):
                query = select(row.lease_holder).where(row.lease_expires_at > now, row.lease_holder != "")
                holders.update(session.scalars(query))
        return sorted(holders)

    def restore(self, findings: Findings, *, dry_run: bool = False) -> Rebuilt:
        """Write what is missing: a run sees all of it or nothing, and a kill leaves nothing half done.

        Rows that are there stay as they are. Only a generation that stands open with the same attempt is moved on: it
        is the same one at an earlier moment, as an older backup has it.

        Args:
            dry_run: Find out what would be written, and write nothing.
        """
        rebuilt = Rebuilt()
        with write(self._engine) as session:
            for realm in sorted({generation.realm for generation in findings.generations}):
                serialise(session, f"intent:{realm}")
            serialise(session, f"versions:{self._catalog}")
            serialise(session, f"products:{self._catalog}")
            ids = {
                generation.identity: _generation_id(session, generation, rebuilt) for generation in findings.generations
            }
            there = self._there(session)
            put = [asset for asset in findings.assets if self._put_asset(session, there, asset, ids, rebuilt)]
            touched = {asset.sku for asset in put}
            touched |= {product.sku for product in findings.products if self._put_product(session, product, rebuilt)}
            session.flush()
            self._put_decisions(session, there, put, rebuilt)
            self._set_standings(session, touched, rebuilt)
            if dry_run:
                session.rollback()
        return rebuilt

    def _there(self, session: Session) -> _There:
        rows = session.scalars(select(AssetRow).where(AssetRow.catalog == self._catalog)).all()
        return _There(
            versions={(row.sku, row.version, row.format): row for row in rows},
            owners={row.file.lower(): row.sku for row in rows},
        )

    def _put_asset(
        self, session: Session, there: _There, found: FoundAsset, ids: dict[Identity, int | None], rebuilt: Rebuilt
    ) -> bool:
        row = there.versions.get((found.sku, found.version, found.format))
        if row is not None and (row.stored or row.file != found.file):
            rebuilt.known["assets"] += 1
            rebuilt.differing.extend(_differences(row, found))
            return False
        if row is None and (owner := there.owners.get(found.file.lower())):
            rebuilt.differing.append(_differs(found, f"its file name belongs to {owner} in this registry"))
            return False
        if row is None:
            row = AssetRow(catalog=self._catalog, sku=found.sku, version=found.version, format=found.format)
            session.add(row)
            there.versions[found.sku, found.version, found.format] = row
            there.owners[found.file.lower()] = found.sku
        self._fill(row, found, ids.get(found.generation.identity) if found.generation else None)
        rebuilt.restored["assets"] += 1
        return True

    def _fill(self, row: AssetRow, found: FoundAsset, generation_id: int | None) -> None:
        """What a version's row says once it is stored."""
        known_by = found.sha256
        if generation_id is not None:
            known_by = identity_of(generation_id, found.name, found.size)
        row.identity, row.generation_id, row.file = known_by, generation_id, found.file
        row.key, row.picture_key = found.key, found.picture_key
        row.sha256, row.size_bytes, row.stored = found.sha256, found.size_bytes, True
        row.approval, row.created_at = found.approval.value, found.created_at
        row.verdict = MeshReport(profile="", checks=found.checks, facts=None).verdict.value
        row.profile, row.checks = found.profile, [asdict(check) for check in found.checks]

    def _put_decisions(self, session: Session, there: _There, assets: Iterable[FoundAsset], rebuilt: Rebuilt) -> None:
        """Continue the chain with what the library holds, in the order in which it was decided."""
        found = [(asset, entry) for asset in assets for entry in asset.decisions]
        chains = {entry.place.catalog if entry.places else "" for _, entry in found}
        if len(chains) == 1 and "" not in chains:
            found.sort(key=lambda one: one[1].place.sequence)
        else:
            found.sort(key=lambda one: (one[1].at, one[1].place.sequence if one[1].places else 0))
        for asset, entry in found:
            row = there.versions[asset.sku, asset.version, asset.format]
            append(session, self._catalog, row, entry, recovered=True)
            rebuilt.restored["decisions"] += 1

    def _put_product(self, session: Session, found: FoundProduct, rebuilt: Rebuilt) -> bool:
        if session.get(ProductRow, (self._catalog, found.sku)) is not None:
            rebuilt.known["products"] += 1
            return False
        session.add(
            ProductRow(
                catalog=self._catalog,
                sku=found.sku,
                name=found.name,
                row=found.row,
                sheet=found.sheet,
                fields=found.fields,
                status=(Status.INVALID if found.reason else Status.READY).value,
                stage=Stage.INGEST_SHEET.value if found.reason else "",
                reason=found.reason,
                message=found.message,
                revision=0,
                updated_at=self._clock.now(),
            )
        )
        rebuilt.restored["products"] += 1
        return True

    def _set_standings(self, session: Session, skus: Iterable[str], rebuilt: Rebuilt) -> None:
        """Where the SKUs stand by their versions; one about which anything was said since stays there."""
        stored = select(AssetRow).where(AssetRow.catalog == self._catalog, AssetRow.stored)
        assets = [asset_of(row) for row in session.scalars(stored.order_by(AssetRow.sku, AssetRow.version))]
        versions = {sku: list(of_sku) for sku, of_sku in groupby(assets, lambda asset: asset.sku)}
        for sku in sorted(skus):
            row = session.get_one(ProductRow, (self._catalog, sku))
            of_sku = versions.get(sku, [])
            if of_sku and row.revision == 0 and row.status == Status.READY:
                in_force = version_in_force(of_sku)
                rest = rest_of(in_force, self._rejection(session, in_force.id, in_force.approval))
                row.status, row.reason, row.message = rest.status.value, rest.reason, rest.message
                row.stage, row.generation_id = Stage.UPDATE_STATUS.value, of_sku[-1].generation_id
                row.revision, row.updated_at = 1, self._clock.now()
            rebuilt.skus[sku] = (row.status, tuple(sorted({asset.version for asset in of_sku})))

    def _rejection(self, session: Session, asset_id: int, approval: Approval) -> Decision | None:
        if approval is not Approval.REJECTED:
            return None
        query = select(DecisionRow).where(DecisionRow.asset_id == asset_id).order_by(DecisionRow.sequence)
        return last_rejection(list(session.scalars(query)))


def _generation_id(session: Session, found: FoundGeneration, rebuilt: Rebuilt) -> int | None:
    """The row of a generation, put there if it is missing; None if the registry has another in its place."""
    query = select(GenerationRow).where(GenerationRow.realm == found.realm, GenerationRow.digest == found.digest)
    rows = session.scalars(query.order_by(GenerationRow.attempt)).all()
    row = _same(rows, found)
    if row is None and _is_taken(session, found):
        rebuilt.differing.append(_another_has(found, f"The task {found.task_id} belongs to another model already."))
        return None
    if row is None:
        return _other_or_new(session, rows, found, rebuilt)
    if row.state == LedgerState.SETTLED:
        rebuilt.known["generations"] += 1
        return row.id
    _settle(row, found)
    rebuilt.restored["generations"] += 1
    return row.id


def _same(rows: Sequence[GenerationRow], found: FoundGeneration) -> GenerationRow | None:
    """The row that is this generation: by its task, else by its attempt unless something tells them apart."""
    for row in rows:
        if found.task_id and row.task_id == found.task_id:
            return row
    for row in rows:
        same_task = not (row.task_id and found.task_id)
        same_seed = not found.model_seed or row.model_seed == found.model_seed
        may_be = row.state != LedgerState.SETTLED or row.outcome == Outcome.SUCCESS
        if row.attempt == found.attempt and same_task and same_seed and may_be:
            return row
    return None


def _other_or_new(
    session: Session, rows: Sequence[GenerationRow], found: FoundGeneration, rebuilt: Rebuilt
) -> int | None:
    if any(row.state != LedgerState.SETTLED for row in rows):
        message = f"The registry has another order open for the brief that the task {found.task_id} answered."
        rebuilt.differing.append(_another_has(found, message))
        return None
    taken = {row.attempt for row in rows}
    attempt = max(taken) + 1 if found.attempt in taken else found.attempt
    row = GenerationRow(
        realm=found.realm,
        digest=found.digest,
        attempt=attempt,
        brief=found.brief.canonical(),
        pool=pool_of(found.brief.model),
        base_url=found.base_url,
        key_fingerprint=found.key_fingerprint,
        model_seed=found.model_seed,
        expected_credits=found.expected_credits,
        created_at=found.ordered_at,
    )
    _settle(row, found)
    session.add(row)
    session.flush()
    rebuilt.restored["generations"] += 1
    return row.id


def _is_taken(session: Session, found: FoundGeneration) -> bool:
    """Whether another brief has its task: one of the two records is not what it was."""
    query = select(GenerationRow.id).where(GenerationRow.realm == found.realm, GenerationRow.task_id == found.task_id)
    return bool(found.task_id) and session.scalars(query).first() is not None


def _another_has(found: FoundGeneration, message: str) -> Unrestored:
    return Unrestored(
        code="GENERATION_DIFFERS",
        sku="",
        place=found.raw_key or found.task_id,
        message=f"{message} What was stored of it counts as made by hand, and is never bought again.",
        fix="Look at the task in the Tripo account; `catalog3d status SKU --json` says what the registry has.",
    )


def _settle(row: GenerationRow, found: FoundGeneration) -> None:
    row.state, row.outcome = LedgerState.SETTLED.value, Outcome.SUCCESS.value
    row.task_id = row.task_id or found.task_id
    row.credits_consumed, row.settled_at = found.credits, found.settled_at
    row.error_code = row.error_message = ""
    row.raw_key, row.raw_sha256, row.raw_size_bytes = found.raw_key, found.raw_sha256, found.raw_size_bytes


def _differences(row: AssetRow, found: FoundAsset) -> Iterable[Unrestored]:
    if row.file != found.file or row.sha256 != found.sha256:
        yield _differs(found, f"the registry has {row.file} as this version, with other content")
    elif row.approval != found.approval:
        yield _differs(found, f"the registry says {row.approval}, the library {found.approval}")


def _differs(found: FoundAsset, what: str) -> Unrestored:
    return Unrestored(
        code="REGISTRY_DIFFERS",
        sku=found.sku,
        place=found.key,
        message=f"V{found.version} was left as the registry has it: {what}.",
        fix="Look at both; a decision (catalog3d approve or reject) makes them agree.",
    )
