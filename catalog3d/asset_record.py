"""The JSON record beside each model: what it is, where it came from, and what people decided about it.

The library's memory: a lost registry is rebuilt from these records, so the form is versioned and old ones stay readable.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from catalog3d.asset import Approval, Choice
from catalog3d.audit import Entry, Place
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
JsonScalar = float | int | str | None


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


class ChainPlace(_Value):
    """Where a decision stands in an audit trail: see `catalog3d.audit.Place`."""

    catalog: str = Field(max_length=64)
    sequence: int = Field(ge=1, lt=2**31)
    previous: str = _Sha256
    hash: str = _Sha256
    recovered: bool = False


class RecordedDecision(_Value):
    """What a named person decided about this version, and when.

    With `places`, it is an entry of the audit trail and has all that its hashes cover; the first records said less.

    Attributes:
        asset_sha256: Of the file that was decided about; "" for the record's own.
        places: In the chain, last; before that, in chains that were lost.
    """

    decision: Choice
    person: str = Field(max_length=100)
    reason: str = Field(default="", max_length=64)
    note: str = ""
    at: AwareDatetime
    asset_sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    checklist: dict[str, bool | None] = Field(default_factory=dict)
    checks: tuple[tuple[str, str, JsonScalar, JsonScalar], ...] = ()
    seen: int | None = Field(default=None, ge=0, lt=2**31)
    profile: str = Field(default="", max_length=64)
    changes: dict[Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}$")], tuple[Approval, Approval]] = Field(
        default_factory=dict
    )
    places: tuple[ChainPlace, ...] = ()

    @classmethod
    def of(cls, entry: Entry) -> RecordedDecision:
        """What the record keeps of an entry of the audit trail: all of it."""
        places = tuple(ChainPlace.model_validate(place, from_attributes=True) for place in entry.places)
        said = {name: getattr(entry, name) for name in cls.model_fields if name != "places"}
        return cls.model_validate({**said, "places": places})

    def entry(self, record: AssetRecord) -> Entry:
        """The entry that it was, with the places that its hashes prove."""
        entry = Entry(
            sku=record.sku,
            version=record.version,
            format=record.format,
            asset_sha256=self.asset_sha256 or record.sha256,
            decision=self.decision.value,
            person=self.person,
            reason=self.reason,
            note=self.note,
            at=self.at,
            checklist=self.checklist,
            checks=[list(check) for check in self.checks],
            seen=self.seen,
            profile=self.profile,
            changes={version: [before.value, after.value] for version, (before, after) in self.changes.items()},
            places=tuple(Place(**place.model_dump()) for place in self.places),
        )
        return replace(entry, places=entry.places[: entry.proven_places])


class AssetRecord(_Value):
    """One version of a SKU's model in one format, as the library keeps it.

    Attributes:
        sku: The true SKU; the file name holds a form of it that is safe everywhere.
        key: Place of the model: always `asset_key(sku, file)`.
        approval: What people have decided.
        decisions: All that they decided, oldest first; empty in records that do not say.
        dimensions_m: Width, height and depth that the sheet declared: part of what makes it this version.
        destinations: Channels where it goes once it is approved.
        concept: Made from a sketch or a prompt, not from a photo.
        standin: Made by the stand-in: never published.
        picture_key: Place of its picture, "" without one.
        profile: The quality profile of its checks, "" in records that do not say.
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
    profile: str = Field(default="", max_length=64)
    dimensions_m: tuple[float | None, float | None, float | None] | None = None
    decisions: tuple[RecordedDecision, ...] = ()

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
