"""The registry's tables. Times are UTC; credits have two decimals; `catalog`: see `catalog_name`."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class UtcTime(TypeDecorator[datetime]):
    """Aware UTC in, aware UTC out, on SQLite too."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Credits(TypeDecorator[Decimal]):
    """Credits as hundredths in an integer: exact on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else int((value * 100).to_integral_value())

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        return None if value is None else Decimal(value) / 100


class Base(DeclarativeBase):
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own declaration
        datetime: UtcTime,
        Decimal: Credits,
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }


class ProductRow(Base):
    """One SKU: its fields as last read and where it stands."""

    __tablename__ = "products"
    catalog: Mapped[str] = mapped_column(String(64), primary_key=True)
    sku: Mapped[str] = mapped_column(String(100), primary_key=True)
    name: Mapped[str] = mapped_column(Text, default="")
    sheet: Mapped[str] = mapped_column(Text, default="")
    row: Mapped[int] = mapped_column(default=0)
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)
    status: Mapped[str] = mapped_column(String(16), index=True)
    stage: Mapped[str] = mapped_column(String(24), default="")
    reason: Mapped[str] = mapped_column(String(64), default="")
    message: Mapped[str] = mapped_column(Text, default="")
    generation_id: Mapped[int | None] = mapped_column(ForeignKey("generations.id"))
    lease_holder: Mapped[str] = mapped_column(String(64), default="")
    lease_fence: Mapped[int] = mapped_column(default=0)
    lease_expires_at: Mapped[datetime | None]
    revision: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[datetime]


class GenerationRow(Base):
    """The ledger: one paid task for one brief."""

    __tablename__ = "generations"
    __table_args__ = (
        UniqueConstraint("realm", "digest", "attempt", name="uq_generation_attempt"),
        Index(
            "uq_generation_open",
            "realm",
            "digest",
            unique=True,
            sqlite_where=text("state != 'settled'"),
            postgresql_where=text("state != 'settled'"),
        ),
        Index(
            "uq_generation_task",
            "realm",
            "task_id",
            unique=True,
            sqlite_where=text("task_id != ''"),
            postgresql_where=text("task_id != ''"),
        ),
        Index("ix_generation_slots", "realm", "pool", "state"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    realm: Mapped[str] = mapped_column(String(80))
    digest: Mapped[str] = mapped_column(String(64))
    attempt: Mapped[int]
    state: Mapped[str] = mapped_column(String(16), index=True)
    outcome: Mapped[str] = mapped_column(String(16), default="")
    brief: Mapped[str] = mapped_column(Text)
    pool: Mapped[str] = mapped_column(String(16))
    base_url: Mapped[str] = mapped_column(Text)
    key_fingerprint: Mapped[str] = mapped_column(String(16))
    model_seed: Mapped[int]
    file_tokens: Mapped[dict[str, Any]] = mapped_column(default=dict)
    expected_credits: Mapped[Decimal]
    credits_consumed: Mapped[Decimal | None]
    task_id: Mapped[str] = mapped_column(String(128), default="")
    request_id: Mapped[str] = mapped_column(String(128), default="")
    trace_id: Mapped[str] = mapped_column(String(128), default="")
    error_code: Mapped[str] = mapped_column(String(64), default="")
    error_message: Mapped[str] = mapped_column(Text, default="")
    raw_key: Mapped[str] = mapped_column(Text, default="")
    raw_sha256: Mapped[str] = mapped_column(String(64), default="")
    raw_size_bytes: Mapped[int] = mapped_column(default=0)
    run_id: Mapped[str] = mapped_column(String(40), default="", index=True)
    lease_holder: Mapped[str] = mapped_column(String(64), default="")
    lease_fence: Mapped[int] = mapped_column(default=0)
    lease_expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    sending_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    submitted_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]


class OrphanRow(Base):
    """A paid task that is surely ours and that no generation holds: found in the account, listed for a person."""

    __tablename__ = "orphans"
    realm: Mapped[str] = mapped_column(String(80), primary_key=True)
    task_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    generation_id: Mapped[int] = mapped_column(ForeignKey("generations.id"))
    credits: Mapped[Decimal | None]
    found_by: Mapped[str] = mapped_column(String(40))
    found_at: Mapped[datetime]


class ReconciliationRow(Base):
    """One comparison of the account's usage with the ledger."""

    __tablename__ = "reconciliations"
    id: Mapped[int] = mapped_column(primary_key=True)
    realm: Mapped[str] = mapped_column(String(80), index=True)
    run_id: Mapped[str] = mapped_column(String(40))
    since: Mapped[datetime]
    until: Mapped[datetime]
    whole: Mapped[bool]
    tasks: Mapped[int]
    charged: Mapped[Decimal]
    recorded: Mapped[Decimal]
    at: Mapped[datetime]


class AssetRow(Base):
    """One named, versioned file of a SKU: reserved when its version is allotted, stored when it lies in the library."""

    __tablename__ = "assets"
    __table_args__ = (
        UniqueConstraint("catalog", "sku", "version", "format", name="uq_asset_version"),
        UniqueConstraint("catalog", "file", name="uq_asset_file"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    catalog: Mapped[str] = mapped_column(String(64))
    sku: Mapped[str] = mapped_column(String(100), index=True)
    version: Mapped[int]
    format: Mapped[str] = mapped_column(String(8))
    identity: Mapped[str] = mapped_column(String(64))
    generation_id: Mapped[int | None] = mapped_column(ForeignKey("generations.id"))
    file: Mapped[str] = mapped_column(String(160))
    key: Mapped[str] = mapped_column(Text, default="")
    picture_key: Mapped[str] = mapped_column(Text, default="")
    sha256: Mapped[str] = mapped_column(String(64), default="")
    size_bytes: Mapped[int] = mapped_column(default=0)
    stored: Mapped[bool] = mapped_column(default=False)
    approval: Mapped[str] = mapped_column(String(16), default="pending")
    verdict: Mapped[str] = mapped_column(String(8), default="")
    profile: Mapped[str] = mapped_column(String(64), default="")
    checks: Mapped[list[Any]] = mapped_column(default=list)
    revision: Mapped[int] = mapped_column(default=0)
    run_id: Mapped[str] = mapped_column(String(40), default="")
    created_at: Mapped[datetime]


class DecisionRow(Base):
    """One decision of a named person on one asset: an entry of the catalog's chain (`catalog3d.audit`). Never edited."""

    __tablename__ = "decisions"
    __table_args__ = (UniqueConstraint("catalog", "sequence", name="uq_decision_sequence"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    catalog: Mapped[str] = mapped_column(String(64))
    sequence: Mapped[int]
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
    recovered: Mapped[bool] = mapped_column(default=False)
    former: Mapped[list[Any]] = mapped_column(default=list)
    asset_id: Mapped[int] = mapped_column(ForeignKey("assets.id"), index=True)
    sku: Mapped[str] = mapped_column(String(100), index=True)
    version: Mapped[int]
    format: Mapped[str] = mapped_column(String(8))
    decision: Mapped[str] = mapped_column(String(16))
    person: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str] = mapped_column(String(64), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    checklist: Mapped[dict[str, Any]] = mapped_column(default=dict)
    checks: Mapped[list[Any]] = mapped_column(default=list)
    seen: Mapped[int | None]
    profile: Mapped[str] = mapped_column(String(64), default="")
    changes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    asset_sha256: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


class RetakeRow(Base):
    """One wish for another model of a product that has one: what a retake may pay for, once."""

    __tablename__ = "retakes"
    __table_args__ = (
        Index(
            "uq_retake_open",
            "catalog",
            "sku",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    catalog: Mapped[str] = mapped_column(String(64))
    sku: Mapped[str] = mapped_column(String(100))
    asset_id: Mapped[int] = mapped_column(ForeignKey("assets.id"))
    decision_id: Mapped[int] = mapped_column(ForeignKey("decisions.id"))
    realm: Mapped[str] = mapped_column(String(80))
    digest: Mapped[str] = mapped_column(String(64))
    after_attempt: Mapped[int]
    closed_at: Mapped[datetime | None]


class PublicationRow(Base):
    """One approved asset at one channel."""

    __tablename__ = "publications"
    id: Mapped[int] = mapped_column(primary_key=True)
    catalog: Mapped[str] = mapped_column(String(64))
    asset_id: Mapped[int] = mapped_column(ForeignKey("assets.id"), index=True)
    sku: Mapped[str] = mapped_column(String(100), index=True)
    channel: Mapped[str] = mapped_column(String(32))
    destination: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime]


class RunRow(Base):
    """One run of the catalog."""

    __tablename__ = "runs"
    run_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    catalog: Mapped[str] = mapped_column(String(64), index=True)
    realm: Mapped[str] = mapped_column(String(80))
    sheet: Mapped[str] = mapped_column(Text)
    request: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(String(16))
    message: Mapped[str] = mapped_column(Text, default="")
    estimated_credits: Mapped[Decimal]
    budget_credits: Mapped[Decimal]
    report: Mapped[str] = mapped_column(Text, default="")
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class RunSkuRow(Base):
    """What one run did about one SKU."""

    __tablename__ = "run_skus"
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.run_id"), primary_key=True)
    sku: Mapped[str] = mapped_column(String(100), primary_key=True)
    position: Mapped[int]
    planned: Mapped[bool]
    digest: Mapped[str] = mapped_column(String(64), default="")
    status: Mapped[str] = mapped_column(String(16), default="")
    stage: Mapped[str] = mapped_column(String(24), default="")
    reason: Mapped[str] = mapped_column(String(64), default="")
    message: Mapped[str] = mapped_column(Text, default="")
    generation_id: Mapped[int | None] = mapped_column(ForeignKey("generations.id"))
    asset_id: Mapped[int | None] = mapped_column(ForeignKey("assets.id"))
    credits: Mapped[Decimal]


class PictureRow(Base):
    """The pixel digest of a picture file, kept for good: a new decoder must not change a brief."""

    __tablename__ = "pictures"
    file_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    pixels_sha256: Mapped[str] = mapped_column(String(64))
    seen_at: Mapped[datetime]


class UserRow(Base):
    """Somebody who may look, decide or operate. A removed one stays: the name is that of their decisions."""

    __tablename__ = "users"
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    password_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class SessionRow(Base):
    """A browser in which somebody is logged in. What its cookie holds is not kept, only its digest."""

    __tablename__ = "sessions"
    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(ForeignKey("users.name"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
