"""How to reach a Shopify store."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

UPLOAD_HOSTS = ("storage.googleapis.com", "shopify.com", "shopifycdn.com", "shopifycloud.com")
"""Hosts, with all below them, that staged upload targets were seen on: "Manage media for products", shopify.dev, 2026-11."""

_SHOP = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\.myshopify\.com")


class ShopifySettings(BaseModel):
    """One store, and the app that may write to it.

    The app is one of the Dev Dashboard with the scopes `write_products` and `write_files`, installed in the store.

    Attributes:
        shop: `NAME.myshopify.com`, never the public domain.
        api_version: One of the quarterly versions; Shopify keeps each for at least a year.
        base_url: Another server that speaks the API, on this machine only; "" = the store.
        shared_product: When another SKU of ours already shows its model on the same product: `refuse`, or
            `first` (that model stays, and this SKU counts as shown by it).
        mark: Begins the names of our files: catalogs that share a store need different ones.
        poll_s, deadline_s: While Shopify processes a model.
        upload_s: For one whole upload.
    """

    model_config = ConfigDict(hide_input_in_errors=True, frozen=True, extra="forbid")

    shop: str
    client_id: str = Field(min_length=1, max_length=200)
    client_secret: SecretStr = Field(min_length=1, max_length=200)
    api_version: str = Field(default="2026-10", pattern=r"^20\d\d-(01|04|07|10)$")
    base_url: str = ""
    upload_hosts: tuple[str, ...] = UPLOAD_HOSTS
    shared_product: Literal["refuse", "first"] = "refuse"
    mark: str = Field(default="catalog3d", pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")
    poll_s: float = Field(default=2.0, gt=0, le=60)
    deadline_s: float = Field(default=600.0, gt=0, le=7200)
    upload_s: float = Field(default=900.0, gt=0, le=7200)

    @field_validator("shop")
    @classmethod
    def _the_permanent_name(cls, value: str) -> str:
        name = value.strip().lower().removeprefix("https://").rstrip("/")
        if not _SHOP.fullmatch(name):
            raise ValueError("must be the store's permanent name, such as my-store.myshopify.com")
        return name

    @field_validator("upload_hosts", mode="before")
    @classmethod
    def _hosts_of_a_line(cls, value: Any) -> Any:
        """The rules hold plain words: several hosts stand in one, with commas between."""
        return tuple(host.strip().lower() for host in value.split(",")) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _only_this_machine_may_stand_in(self) -> Self:
        if self.base_url and not is_loopback_url(self.base_url):
            raise ValueError("base_url may only lead to this machine, such as http://127.0.0.1:8000")
        return self

    @property
    def root(self) -> str:
        """Where requests go, without a slash at the end."""
        return self.base_url.rstrip("/") or f"https://{self.shop}"

    def takes_uploads(self, url: str) -> bool:
        """Whether a file may be sent to an address that an answer named."""
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if parts.username or parts.password:
            return False
        if self.base_url and is_loopback_url(url):
            return True
        return parts.scheme == "https" and any(host == name or host.endswith(f".{name}") for name in self.upload_hosts)


def is_loopback_url(url: str) -> bool:
    """Whether an http(s) address is on this machine by its very name."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"}:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
