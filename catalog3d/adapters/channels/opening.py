"""Opens channels as rules and settings say."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from catalog3d.adapters.channels.import_files import ImportFile, LinkOf
from catalog3d.adapters.channels.storefront import Storefront
from catalog3d.adapters.channels.webhook import LOOPBACK, Webhook, secret_bytes
from catalog3d.adapters.registry.registry import Registry
from catalog3d.adapters.s3_connection import S3Account
from catalog3d.adapters.shopify import open_shopify
from catalog3d.adapters.store_local import LocalStore
from catalog3d.adapters.store_minio import MinioStore
from catalog3d.channel_rules import (
    AkeneoRules,
    ChannelRules,
    ShopifyRules,
    StorefrontRules,
    WebhookRules,
    WooCommerceRules,
)
from catalog3d.channels import Channel, Placed
from catalog3d.errors import RunError
from catalog3d.home import Home
from catalog3d.ports import Clock, ObjectStore
from catalog3d.settings import Settings, channel_variable

PUBLISHED = "published"
"""The folder in home where channels that are files lie."""


def open_channel(
    name: str, rules: ChannelRules, *, home: Home, settings: Settings, registry: Registry, clock: Clock
) -> Channel:
    """One channel; nothing is sent or written yet.

    A rehearsal has folders of its own, and no channel that leaves this machine.

    Raises:
        RunError: Settings or rules of the channel are missing or wrong, and which; REHEARSAL_CHANNEL.
    """
    if home.catalog == "rehearsal":
        rules = _rehearsed(name, rules)

    def link_of(sku: str) -> Placed | None:
        found = registry.publications.of(sku, channel=rules.links_from)
        return next((publication.placed for publication in found if publication.is_live), None)

    source: LinkOf | None = link_of if rules.links_from else None
    match rules:
        case StorefrontRules():
            return Storefront(name, rules, _store(name, rules, home, settings))
        case WebhookRules():
            key = secret_bytes(settings.channel_secret(name, "secret"), channel_variable(name, "secret"))
            return Webhook(name, rules, key, clock=clock, link_of=source)
        case WooCommerceRules() | AkeneoRules():
            return ImportFile(
                name=name, rules=rules, store=LocalStore(_folder(name, rules.root, home)), link_of=link_of
            )
        case ShopifyRules():
            return open_shopify(
                name,
                shop=rules.shop,
                options=rules.options,
                secret_of=lambda what: settings.channel_secret(name, what),
                variable_of=lambda what: channel_variable(name, what),
            )


def _rehearsed(name: str, rules: ChannelRules) -> ChannelRules:
    """The same channel without anything beyond this machine."""
    if isinstance(rules, StorefrontRules):
        return rules.model_copy(update={"root": "", "bucket": "", "base_url": ""})
    if isinstance(rules, WooCommerceRules | AkeneoRules):
        return rules.model_copy(update={"root": ""})
    if isinstance(rules, WebhookRules) and urlsplit(rules.url).hostname in LOOPBACK:
        return rules
    raise RunError(
        f"What the stand-in made never goes to {name} ({rules.kind}).",
        code="REHEARSAL_CHANNEL",
        fix="Set a Tripo key and make the real model; a storefront in a folder can be rehearsed.",
    )


def _folder(name: str, root: str, home: Home) -> Path:
    return home.base / root if root else home.base / PUBLISHED / name


def _store(name: str, rules: StorefrontRules, home: Home, settings: Settings) -> ObjectStore:
    if not rules.bucket:
        return LocalStore(_folder(name, rules.root, home))
    access = settings.channel_secret(name, "access_key") or settings.store.access_key
    secret = settings.channel_secret(name, "secret_key") or settings.store.secret_key
    account = S3Account(
        endpoint=_required(rules.endpoint or settings.store.endpoint, name, "endpoint", "endpoint: in catalog.yaml"),
        access_key=_required_secret(access, name, "access_key"),
        secret_key=_required_secret(secret, name, "secret_key"),
        bucket=rules.bucket,
        secure=rules.secure,
        region=rules.region,
    )
    prefix = f"{rules.prefix.strip('/')}/" if rules.prefix.strip("/") else ""
    return MinioStore(account, prefix=prefix)


def _required(value: str, name: str, what: str, where: str) -> str:
    if not value.strip():
        raise RunError(f"The bucket of {name} has no {what}.", code="STORE_SETTINGS", fix=f"Set {where}.")
    return value.strip()


def _required_secret(value: SecretStr | None, name: str, secret: str) -> SecretStr:
    text = value.get_secret_value() if value else ""
    return SecretStr(_required(text, name, secret, channel_variable(name, secret)))
