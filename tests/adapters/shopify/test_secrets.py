"""The app's secret and its tokens: used, renewed, and shown to nobody."""

from __future__ import annotations

import logging
import pickle
import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from catalog3d.adapters.shopify import open_shopify
from catalog3d.adapters.shopify.settings import ShopifySettings
from catalog3d.errors import Catalog3DError, RunError, TransientError
from tests.adapters.shopify.shopfront import Clock, item, opened, publish, settings
from tests.shopify_standin.app import CLIENT_ID, CLIENT_SECRET, SHOP, ShopifyStandin


def test_one_token_serves_a_whole_day_and_a_new_one_is_fetched_before_it_ends(
    shop: ShopifyStandin, tmp_path: Path
) -> None:
    clock = Clock()
    channel = opened(shop, clock)
    channel.publish(item(tmp_path))
    channel.describe(item(tmp_path))
    assert shop.asked.count("token") == 1
    clock.now_s += 86_399 - 299
    channel.describe(item(tmp_path))
    assert shop.asked.count("token") == 2


def test_a_token_that_ends_early_is_renewed_once_and_nothing_is_lost(shop: ShopifyStandin, tmp_path: Path) -> None:
    channel = opened(shop)
    channel.describe(item(tmp_path))
    shop.revoke()
    channel.publish(item(tmp_path))
    assert shop.asked.count("token") == 2
    assert shop.store.count("productUpdate") == 1


def test_a_store_that_refuses_every_token_stops_the_channel(shop: ShopifyStandin, tmp_path: Path) -> None:
    shop.fault("productVariants", "401", times=9, body='{"errors": "[API] Invalid API key or access token"}')
    with pytest.raises(RunError) as caught:
        publish(shop, item(tmp_path))
    assert caught.value.code == "SHOPIFY_TOKEN_REFUSED"
    assert shop.asked == ["token", "productVariants", "token", "productVariants"]


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        ("400", "<html>Oauth error app_not_installed: not installed on this shop.</html>", "SHOPIFY_APP_NOT_INSTALLED"),
        ("400", '{"error": "shop_not_permitted"}', "SHOPIFY_SHOP_NOT_PERMITTED"),
        ("404", "<html>", "SHOPIFY_NO_STORE"),
        ("400", '{"error": "something_new"}', "SHOPIFY_CREDENTIALS_REFUSED"),
    ],
)
def test_an_app_that_may_not_sign_in_stops_the_channel_with_the_fix(
    shop: ShopifyStandin, tmp_path: Path, status: str, body: str, code: str
) -> None:
    shop.fault("token", status, body=body)
    with pytest.raises(RunError) as caught:
        publish(shop, item(tmp_path))
    assert (caught.value.code, bool(caught.value.fix)) == (code, True)


def test_a_wrong_secret_is_told_as_that(shop: ShopifyStandin, tmp_path: Path) -> None:
    shop.secret = "another"
    with pytest.raises(RunError, match="client id, or its secret is not right"):
        publish(shop, item(tmp_path))


@pytest.mark.parametrize("kind", ["500", "429", "cut"])
def test_a_token_endpoint_that_fails_is_asked_again(shop: ShopifyStandin, tmp_path: Path, kind: str) -> None:
    shop.fault("token", kind, times=2)
    publish(shop, item(tmp_path))
    shop.fault("token", kind, times=99)
    with pytest.raises(TransientError):
        publish(shop, item(tmp_path))


@pytest.mark.parametrize("expires_in", [0, -1, "soon", None, 1e300])
def test_a_token_without_a_sensible_end_is_not_used(shop: ShopifyStandin, tmp_path: Path, expires_in: Any) -> None:
    shop.expires_in = expires_in
    with pytest.raises(TransientError) as caught:
        publish(shop, item(tmp_path))
    assert caught.value.code == "SHOPIFY_ANSWER"


def echoing(shop: ShopifyStandin) -> str:
    return f'{{"errors": "no {CLIENT_SECRET} {shop.tokens[-1] if shop.tokens else ""} here"}}'


@pytest.mark.parametrize(
    "on", ["token", "productVariants", "product", "stagedUploadsCreate", "storage", "productUpdate"]
)
@pytest.mark.parametrize("kind", ["400", "401", "403", "404", "500", "cut", "lost", "denied", "throttled"])
def test_no_error_no_log_and_no_result_shows_a_secret(
    shop: ShopifyStandin, tmp_path: Path, caplog: pytest.LogCaptureFixture, on: str, kind: str
) -> None:
    caplog.set_level(logging.DEBUG)
    if on == "token" and kind in {"denied", "throttled", "lost"}:
        kind = "403"
    told = ""
    channel = opened(shop)
    channel.describe(item(tmp_path, sku="CH123"))
    if on == "token":
        shop.revoke()
    shop.fault(on, kind, times=99, body=echoing(shop))
    try:
        told = repr(channel.publish(item(tmp_path)))
    except Catalog3DError as error:
        told = "".join(traceback.format_exception(error)) + repr(error.__dict__) + repr(pickle.dumps(error))
    told += repr(channel) + repr(vars(channel))
    for secret in [CLIENT_SECRET, *(token for token in shop.tokens if token != "revoked")]:
        assert secret not in told
        assert secret not in caplog.text
    assert "signature" not in caplog.text


def test_what_looks_like_a_shopify_token_is_not_shown_whosever_it_is(shop: ShopifyStandin, tmp_path: Path) -> None:
    shop.fault("productVariants", "403", body='{"errors": "shpat_0123456789abcdef and shpss_0123456789abcdef"}')
    with pytest.raises(RunError, match=r"\*\*\* and \*\*\*"):
        publish(shop, item(tmp_path))


def test_the_settings_do_not_show_the_secret_even_when_they_are_wrong() -> None:
    assert CLIENT_SECRET not in repr(settings("http://127.0.0.1:1"))
    with pytest.raises(ValidationError) as caught:
        ShopifySettings.model_validate(
            {"shop": "wrong", "client_id": "x", "client_secret": CLIENT_SECRET, "base_url": "https://evil.example"}
        )
    assert CLIENT_SECRET not in str(caught.value)


@pytest.mark.parametrize("shop", ["little-chairs.com", "evil.example/x.myshopify.com", "-x.myshopify.com", ""])
def test_only_a_permanent_store_name_is_a_store(shop: str) -> None:
    with pytest.raises(ValidationError):
        settings("", shop=shop)


@pytest.mark.parametrize("url", ["https://little-chairs.example", "http://10.0.0.1:80", "ftp://127.0.0.1", "127.0.0.1"])
def test_only_this_machine_may_stand_in_for_a_store(url: str) -> None:
    with pytest.raises(ValidationError):
        settings(url)


def test_a_store_is_asked_over_https_only() -> None:
    assert settings("", shop="HTTPS://Little-Chairs.myshopify.com/").root == "https://little-chairs.myshopify.com"


def variable(what: str) -> str:
    return f"CATALOG3D_CHANNELS__EU__{what.upper()}"


def test_a_channel_of_the_rules_is_opened_under_its_name(shop: ShopifyStandin, tmp_path: Path) -> None:
    secrets = {"client_id": SecretStr(CLIENT_ID), "client_secret": SecretStr(CLIENT_SECRET)}
    options = {"base_url": shop.url, "mark": "eu", "poll_s": 1, "upload_hosts": "Files.example, storage.googleapis.com"}
    channel = open_shopify("eu", shop=SHOP, options=options, secret_of=secrets.get, variable_of=variable)
    assert channel.name == "eu"
    assert channel.describe(item(tmp_path)).startswith("V1 of CH123")
    assert channel._settings.takes_uploads("https://files.example/x")


@pytest.mark.parametrize(
    ("options", "secrets", "told"),
    [
        ({}, {}, "has no client_id"),
        ({"client_id": "x"}, {}, "CATALOG3D_CHANNELS__EU__CLIENT_SECRET"),
        ({"client_secret": CLIENT_SECRET}, {}, "stands in the rules"),
        ({"api_version": "latest"}, {"client_id": "x", "client_secret": CLIENT_SECRET}, "api_version"),
        ({"colour": "red"}, {"client_id": "x", "client_secret": CLIENT_SECRET}, "colour"),
        ({"base_url": "https://evil.example"}, {"client_id": "x", "client_secret": CLIENT_SECRET}, "base_url"),
    ],
)
def test_what_is_missing_or_wrong_in_the_rules_is_named(
    options: dict[str, Any], secrets: dict[str, str], told: str
) -> None:
    found = {name: SecretStr(value) for name, value in secrets.items()}
    with pytest.raises(RunError, match=told) as caught:
        open_shopify("eu", shop=SHOP, options=options, secret_of=found.get, variable_of=variable)
    assert CLIENT_SECRET not in "".join(traceback.format_exception(caught.value))
