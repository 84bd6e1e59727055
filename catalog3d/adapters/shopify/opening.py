"""Makes a channel of what the rules and the environment say about a store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import SecretStr, ValidationError

from catalog3d.adapters.shopify.channel import ShopifyChannel
from catalog3d.adapters.shopify.settings import ShopifySettings
from catalog3d.errors import RunError

_SECRETS = ("client_id", "client_secret")


def open_shopify(
    name: str,
    *,
    shop: str,
    options: Mapping[str, Any],
    secret_of: Callable[[str], SecretStr | None],
    variable_of: Callable[[str], str],
) -> ShopifyChannel:
    """The channel; nothing is sent yet.

    Args:
        name: What the rules call it.
        options: Further fields of `ShopifySettings`, by name. The app's secret never stands in the rules.
        secret_of: `client_id` or `client_secret` as the environment has it.
        variable_of: The variable of the environment that sets it, for messages.

    Raises:
        RunError: SHOPIFY_NOT_SET, SHOPIFY_SETTINGS.
    """
    if "client_secret" in options:
        raise RunError(
            f"The secret of the channel {name} stands in the rules.",
            code="SHOPIFY_SETTINGS",
            fix=f"Take it out of there and set {variable_of('client_secret')}.",
        )
    given: dict[str, Any] = {**options, "shop": shop}
    for what in _SECRETS:
        secret = secret_of(what)
        if secret is not None:
            given[what] = secret if what == "client_secret" else secret.get_secret_value()
        elif not given.get(what):
            raise RunError(
                f"The channel {name} has no {what}.",
                code="SHOPIFY_NOT_SET",
                fix=f"Set {variable_of(what)}: it stands in the app's settings in Shopify's Dev Dashboard.",
            )
    try:
        settings = ShopifySettings.model_validate(given)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "base_url"
        raise RunError(
            f"The option {where} of the channel {name} is not valid: {first['msg']}.",
            code="SHOPIFY_SETTINGS",
            fix="Correct it in the rules.",
        ) from exc
    return ShopifyChannel(settings, name=name)
