"""Settings of the process: the only module that reads the environment, once."""

from __future__ import annotations

import hashlib
import os
from decimal import Decimal
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, BaseModel, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from catalog3d.errors import RunError
from catalog3d.lookup import LookupRules

TRIPO_HOST = "https://openapi.tripo3d.ai"
TRIPO_DOWNLOAD_HOSTS = (
    "tripo-data.rg1.data.tripo3d.com",
    "tripo-data.cdn.rg1.data.tripo3d.com",
    "openapi.cdn.tripo3d.com",
    "cdn.tripo3d.ai",
)
"""Result hosts seen in Tripo's documentation and in real answers, 2026-11."""


ABSENT_AFTER_S, LOOK_APART_S = LookupRules().absent_after_s, LookupRules().apart_s
"""The least that a real account is given."""


class TripoSettings(BaseModel):
    """How to reach Tripo (or any server that speaks its API).

    `absent_after_s` and `look_apart_s` say when the account's usage may prove that a lost request made nothing.
    `account` names the account where one team uses several; slots by pool: developers' documentation as of 2026-11 (H family 10, P family 5, processing 5).
    """

    account: str = ""
    api_key: SecretStr | None = None
    previous_api_keys: list[SecretStr] = Field(default_factory=list)
    base_url: str = TRIPO_HOST
    download_hosts: list[str] = Field(default_factory=lambda: list(TRIPO_DOWNLOAD_HOSTS))
    concurrency: int = Field(default=10, ge=1, le=200)
    concurrency_p: int = Field(default=5, ge=1, le=200)
    concurrency_processing: int = Field(default=5, ge=1, le=200)
    poll_s: float = Field(default=2.0, gt=0, le=60)
    deadline_s: float = Field(default=1800.0, gt=0)
    absent_after_s: float = Field(default=ABSENT_AFTER_S, ge=0, le=86_400)
    look_apart_s: float = Field(default=LOOK_APART_S, gt=0, le=3600)

    @property
    def lookup_rules(self) -> LookupRules:
        """How a lost answer is looked for."""
        return LookupRules(
            absent_after_s=self.absent_after_s,
            apart_s=self.look_apart_s,
            unseen_after_s=self.deadline_s,
            give_up_after_s=2 * self.deadline_s,
        )

    @model_validator(mode="after")
    def _only_a_test_server_is_looked_at_in_haste(self) -> Self:
        host = urlsplit(self.base_url).hostname
        if host in ("127.0.0.1", "localhost", "::1"):
            return self
        if self.absent_after_s < ABSENT_AFTER_S or self.look_apart_s < LOOK_APART_S:
            raise ValueError(
                f"absent_after_s below {ABSENT_AFTER_S:.0f} and look_apart_s below {LOOK_APART_S:.0f} could pay twice"
            )
        return self


class BudgetSettings(BaseModel):
    """Caps in credits (1 credit = 0.01 USD)."""

    run: Decimal = Field(default=Decimal(1500), ge=0)
    day: Decimal = Field(default=Decimal(10000), ge=0)


class StoreSettings(BaseModel):
    """Where the library is."""

    kind: Literal["local", "minio"] = "local"
    root: Path | None = None
    endpoint: str = ""
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    bucket: str = ""
    secure: bool = True
    region: str = "us-east-1"


class ReviewSettings(BaseModel):
    """Where the review page listens.

    `url` is the address that people use where it is another one, as behind a proxy: https://review.shop.example.
    """

    host: str = "127.0.0.1"
    port: int = 8770
    url: str = Field(default="", pattern=r"^(https?://[A-Za-z0-9.\-\[\]:]+)?$")


class Settings(BaseSettings):
    """Everything `CATALOG3D_*` says, with `__` between the parts of a name.

    Attributes:
        catalog: Its name in a registry that several catalogs share; "" = known by its library.
    """

    model_config = SettingsConfigDict(
        env_prefix="CATALOG3D_", env_nested_delimiter="__", extra="ignore", populate_by_name=True
    )

    registry_url: str = ""
    catalog: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,40}$")
    generator: Literal["auto", "tripo", "standin"] = "auto"
    tripo: TripoSettings = Field(default_factory=TripoSettings)
    budget: BudgetSettings = Field(default_factory=BudgetSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    review: ReviewSettings = Field(default_factory=ReviewSettings)
    rules: Path | None = None
    sheets_root: Path | None = None
    plain_tripo_key: SecretStr | None = Field(default=None, validation_alias=AliasChoices("TRIPO_API_KEY"))

    @property
    def tripo_key(self) -> SecretStr | None:
        """The key in force: ours before the one that Tripo's own tools read."""
        key = self.tripo.api_key or self.plain_tripo_key
        return key if key and key.get_secret_value().strip() else None

    @property
    def generator_in_force(self) -> Literal["tripo", "standin"]:
        """`auto` resolved: tripo if there is a key."""
        if self.generator == "auto":
            return "tripo" if self.tripo_key else "standin"
        return self.generator


def realm_of(settings: Settings, generator: Literal["tripo", "standin"]) -> str:
    """Who makes the models: `standin`, or `tripo:` and the account.

    The account is a name of the team's own (CATALOG3D_TRIPO__ACCOUNT), else the server's host: a new key of
    the same account must not buy a catalog again.
    """
    if generator == "standin":
        return "standin"
    return f"tripo:{settings.tripo.account or urlsplit(settings.tripo.base_url).hostname or 'default'}"


def key_fingerprint(key: SecretStr) -> str:
    """First 12 hex digits of the key's sha256: tells keys apart without showing them."""
    return hashlib.sha256(key.get_secret_value().encode()).hexdigest()[:12]


def load_settings(home: Path | None = None) -> Settings:
    """Read the environment and HOME/.env.

    Raises:
        RunError: SETTINGS_INVALID, naming the variable; the value is never shown.
    """
    env_file = home / ".env" if home else None
    try:
        settings = Settings(_env_file=env_file)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        name = "CATALOG3D_" + "__".join(str(part).upper() for part in first["loc"])
        raise RunError(
            f"The setting {name} is not valid: {first['msg']}.", code="SETTINGS_INVALID", fix="Correct or unset it."
        ) from exc
    if settings.generator == "tripo" and settings.tripo_key is None:
        raise RunError(
            "CATALOG3D_GENERATOR is tripo, but there is no API key.",
            code="KEY_MISSING",
            fix="Set CATALOG3D_TRIPO__API_KEY, or leave the generator on auto to rehearse with the stand-in.",
        )
    return settings


def given_home() -> Path | None:
    """CATALOG3D_HOME of the environment; HOME/.env cannot say where HOME is."""
    value = os.environ.get("CATALOG3D_HOME", "").strip()
    return Path(value) if value else None


def prefect_api_url() -> str:
    """The Prefect server that the user's environment names, or ""."""
    return os.environ.get("PREFECT_API_URL", "")
