"""The JSON record beside each model: what it is, where it came from, and what people decided about it.

The library's memory: a lost registry is rebuilt from these records, so the form is versioned and old ones stay readable.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from catalog3d.asset import Approval, Choice
from catalog3d.errors import ProductError
from catalog3d.keys import check_key
from catalog3d.naming import asset_folder
from catalog3d.quality import Check
from catalog3d.sku_part import sku_part

ASSETS = "assets/"
APPROVED = "approved/"
RAW = "raw/"
MAX_RECORD_BYTES = 1_000_000
"""A record has a few kilobytes; a foreign file under its name is not read whole."""

_Sha256 = Field(pattern=r"^[0-9a-f]{64}$")


def _unchecked(check: object) -> object:
    # pydantic takes a dataclass instance as it is, with whatever its fields hold; a dictionary it validates.
    return asdict(check) if isinstance(check, Check) else check


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PhotoDigest(_Value):
    """One picture that the model was made from.

    Attributes:
        file_sha256: Of the source file as it came.
        pixels_sha256: Of the decoded pixels: what the brief covers.
    """

    slot: str
    file_sha256: str = _Sha256
    pixels_sha256: str = _Sha256


class Provenance(_Value):
    """Who made a model, from what, and what it cost.

    Attributes:
        realm: `standin`, `tripo` + account, or `person` for a hand-made model.
        digest: Of the brief; "" for a hand-made model.
        brief: The canonical brief, parsed.
        model: The provider's model version.
        credits: What the provider charged; None if it did not say.
        raw_key: Library key of the provider's bytes as they came.
        base_url: The server that made it.
        key_fingerprint: Which key it was ordered with, as the ledger has it.
        ordered_at: When it was ordered; None in records that do not say.
        settled_at: When the provider had made it.
    """

    realm: str = Field(min_length=1)
    digest: str = ""
    brief: dict[str, Any] = Field(default_factory=dict)
    model: str = ""
    model_seed: int | None = None
    task_id: str = ""
    attempt: int = Field(default=1, ge=1)
    credits: Decimal | None = None
    photos: tuple[PhotoDigest, ...] = ()
    raw_key: str = ""
    raw_sha256: str = ""
    raw_size_bytes: int = Field(default=0, ge=0)
    base_url: str = ""
    key_fingerprint: str = ""
    ordered_at: AwareDatetime | None = None
    settled_at: AwareDatetime | None = None


class RecordedDecision(_Value):
    """What a named person decided about this version, and when."""

    decision: Choice
    person: str
    reason: str = ""
    note: str = ""
    at: AwareDatetime


class RecordedPublication(_Value):
    """Where this version is live, and what the channel calls it: only that may ever be replaced or removed."""

    channel: str
    destination: str
    link: str = ""
    remote: dict[str, str] = Field(default_factory=dict)
    extents_m: tuple[float, float, float] | None = None
    at: AwareDatetime


class AssetRecord(_Value):
    """One version of a SKU's model in one format, as the library keeps it.

    Attributes:
        sku: The true SKU; the file name holds a form of it that is safe everywhere.
        key: Place of the model: always `asset_key(sku, file)`.
        approval: What people have decided.
        decisions: All that they decided, oldest first; empty in records that do not say.
        publications: Where it is live.
        dimensions_m: Width, height and depth that the sheet declared: part of what makes it this version.
        destinations: Channels where it goes once it is approved.
        concept: Made from a sketch or a prompt, not from a photo.
        standin: Made by the stand-in: never published.
        picture_key: Place of its picture, "" without one.
    """

    schema_version: Literal[1] = 1
    sku: str = Field(min_length=1)
    name: str
    version: int = Field(ge=1)
    format: str = Field(min_length=1)
    file: str
    key: str
    sha256: str = _Sha256
    size_bytes: int = Field(ge=0)
    approval: Approval = Approval.PENDING
    destinations: tuple[str, ...] = ()
    concept: bool = False
    standin: bool = False
    created_at: AwareDatetime
    updated_at: AwareDatetime
    provenance: Provenance
    checks: tuple[Annotated[Check, BeforeValidator(_unchecked)], ...] = ()
    picture_key: str = ""
    dimensions_m: tuple[float | None, float | None, float | None] | None = None
    decisions: tuple[RecordedDecision, ...] = ()
    publications: tuple[RecordedPublication, ...] = ()

    @model_validator(mode="after")
    def _in_its_place(self) -> Self:
        if self.key != asset_key(self.sku, self.file):
            raise ValueError("the key is not the place of this SKU and file")
        if self.picture_key not in {"", picture_key(self.key)}:
            raise ValueError("the picture key is not beside the model")
        return self

    @property
    def record_key(self) -> str:
        return record_key(self.key)

    @property
    def approved_key(self) -> str:
        return f"{APPROVED}{self.file}"

    @property
    def knows_dimensions(self) -> bool:
        """Whether it says which dimensions were declared, if any; the first records did not."""
        return "dimensions_m" in self.model_fields_set

    def decided(
        self, approval: Approval, at: datetime, decisions: tuple[RecordedDecision, ...] | None = None
    ) -> AssetRecord:
        """The same asset with another approval status; `decisions` None leaves them as they are."""
        told = self.decisions if decisions is None else decisions
        if (approval, told) == (self.approval, self.decisions):
            return self
        return self.model_copy(update={"approval": approval, "decisions": told, "updated_at": at})

    def published(self, publications: tuple[RecordedPublication, ...], at: datetime) -> AssetRecord:
        """The same asset with where it is live now."""
        if publications == self.publications:
            return self
        return self.model_copy(update={"publications": publications, "updated_at": at})

    def to_json(self) -> bytes:
        """The stored form: indented UTF-8, the same bytes for the same record."""
        return (json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n").encode()


def parse_record(content: bytes, key: str) -> AssetRecord:
    """Read a record.

    Args:
        key: Where it was found.

    Raises:
        ProductError: RECORD_INVALID, also if it lies in another place than it says.
    """
    try:
        record = AssetRecord.model_validate_json(content)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise _invalid(key, f"{where}: {first['msg']}") from exc
    if record.record_key != key:
        raise _invalid(key, f"it belongs to {record.record_key}")
    return record


def asset_key(sku: str, file: str) -> str:
    """Where a SKU's model file lies."""
    return check_key(f"{ASSETS}{asset_folder(sku)}/{file}")


def record_key(key: str) -> str:
    """Where the record of a model lies: beside it."""
    return f"{_stem(key)}.json"


def picture_key(key: str) -> str:
    """Where the front picture of a model lies: beside it."""
    return f"{_stem(key)}_front.png"


def raw_key(realm: str, digest: str, attempt: int) -> str:
    """Where the provider's bytes of one generation lie."""
    return check_key(f"{RAW}{sku_part(realm)}/{digest}-{attempt}.glb")


def _stem(key: str) -> str:
    return key.rpartition(".")[0]


def _invalid(key: str, why: str) -> ProductError:
    return ProductError(
        f"The asset record {key} cannot be used ({why}).",
        code="RECORD_INVALID",
        fix="Restore it from a backup, or store the model again as a new version.",
    )
