"""Channels as the rules configure them: a name that the sheet may use, a kind, and the kind's options."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

LIBRARY = "library"
"""What a sheet says for no channel at all."""
KINDS = ("storefront", "shopify", "webhook", "folder", "woocommerce", "akeneo")
"""Words that every sheet may use for a channel; the rules say what is behind them, and may add names."""

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
MAX_NAME = 32

MODEL_VIEWER = "https://cdn.jsdelivr.net/npm/@google/model-viewer@4.4.0/dist/model-viewer.min.js"
"""One self-contained module; pinned, so that a shop's page never changes unnoticed."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]


def _web_address(value: object) -> object:
    if isinstance(value, str) and value and not re.match(r"https?://[^/\s]+", value):
        raise ValueError("it must begin with https:// (or http://)")
    return value


WebAddress = Annotated[Text, BeforeValidator(_web_address)]


class _Channel(BaseModel):
    """What every channel has.

    Attributes:
        format: The model format that it takes.
        profile: The set of limits that a model must keep to go there; "" = that of the kind.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["GLB"] = "GLB"
    profile: Text = ""

    @property
    def links_from(self) -> str:
        """The channel whose links this one hands on, or ""."""
        return ""

    @property
    def limits(self) -> str:
        """The profile in force. Where it has its numbers from stands in `catalog3d.mesh.profiles`."""
        return self.profile or "web-ar"


class StorefrontRules(_Channel):
    """Models under links that never change, in a folder or a bucket that the shop's pages read.

    Attributes:
        root: The folder, seen from home; "" = `published/NAME`.
        bucket: A bucket instead of a folder.
        endpoint: Of the bucket's store; "" = that of the library.
        prefix: Folders in the bucket, before every key.
        base_url: Under which address the folder or bucket is on the web; "" = it is not.
        viewer_url: Where the product snippets load model-viewer from.
    """

    kind: Literal["storefront", "folder"]
    root: Text = ""
    bucket: Text = ""
    endpoint: Text = ""
    prefix: Text = ""
    secure: bool = True
    region: Text = "us-east-1"
    base_url: WebAddress = ""
    viewer_url: WebAddress = MODEL_VIEWER


class WebhookRules(_Channel):
    """Every publication as a signed POST.

    Attributes:
        url: https; http only to this machine.
        models_from: The storefront whose links it tells, or "".
    """

    kind: Literal["webhook"]
    url: WebAddress
    models_from: Text = ""

    @property
    def links_from(self) -> str:
        return self.models_from


class WooCommerceRules(_Channel):
    """A CSV file for WooCommerce's product importer (with "update existing products").

    Attributes:
        root: The folder of the file, seen from home; "" = `published/NAME`.
        models_from: The storefront whose links it carries.
        meta_key: The custom field that holds the link.
    """

    kind: Literal["woocommerce"]
    root: Text = ""
    models_from: Text = "storefront"
    meta_key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,60}$")] = "model_3d_url"

    @property
    def links_from(self) -> str:
        return self.models_from


class AkeneoRules(_Channel):
    """A CSV file for Akeneo's product import.

    Attributes:
        root: The folder of the file, seen from home; "" = `published/NAME`.
        models_from: The storefront whose links it carries.
        identifier: Code of the identifier attribute.
        attribute: Code of the text attribute that holds the link.
    """

    kind: Literal["akeneo"]
    root: Text = ""
    models_from: Text = "storefront"
    identifier: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,100}$")] = "sku"
    attribute: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,100}(-[A-Za-z0-9_]+){0,2}$")] = "model_3d_url"

    @property
    def links_from(self) -> str:
        return self.models_from


class ShopifyRules(_Channel):
    """A Shopify shop.

    Attributes:
        shop: Its own address, such as example.myshopify.com.
        options: What the adapter reads beyond that.
    """

    kind: Literal["shopify"]
    shop: Text
    options: dict[str, Text | int | bool] = Field(default_factory=dict)

    @property
    def limits(self) -> str:
        return self.profile or "shopify"


ChannelRules = Annotated[
    StorefrontRules | WebhookRules | WooCommerceRules | AkeneoRules | ShopifyRules, Field(discriminator="kind")
]

BUILT_IN: dict[str, ChannelRules] = {"storefront": StorefrontRules(kind="storefront")}
"""Without a word in the rules there is a storefront: a folder in home, for looking at what would be published."""


def channel_fault(name: str, channels: dict[str, ChannelRules]) -> str:
    """What is wrong with one channel of the rules beyond its own fields, or ""."""
    if len(name) > MAX_NAME or not _NAME.fullmatch(name) or name == LIBRARY:
        return "a channel's name is small letters, digits and single underscores, at most 32, and not library"
    rules = channels[name]
    source = rules.links_from
    if not source:
        return ""
    known = {**BUILT_IN, **channels}
    if not isinstance(known.get(source), StorefrontRules):
        return f"models_from names {source!r}, which is no channel of the kind storefront"
    return ""
