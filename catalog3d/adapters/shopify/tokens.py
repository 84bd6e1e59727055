"""The access token: fetched with the app's client id and secret, kept in memory only, and never shown.

Client credentials grant, tokens for 24 hours: "Authenticate an app for stores in your organization", shopify.dev,
read 2026-11-24. The refusals' words: threads of community.shopify.dev, 2026-11.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from catalog3d.adapters.shopify.errors import http_error, words_of
from catalog3d.adapters.shopify.settings import ShopifySettings
from catalog3d.adapters.shopify.wire import Answer, Wire
from catalog3d.errors import Catalog3DError, RunError, TransientError

NEEDED_SCOPES = ("write_products", "write_files")
_EARLY_S = 300.0
"""A token is not used in its last five minutes: an upload may come between."""

_REMEMBERED = 20
"""Tokens that are kept out of messages; an answer may name one that has been renewed since."""
_LOOKS_SECRET = re.compile(r"\bshp[a-z]{2,3}_[A-Za-z0-9_-]{8,}")

_REFUSALS = {
    "app_not_installed": (
        "SHOPIFY_APP_NOT_INSTALLED",
        "The app is not installed in the store {shop}.",
        "Install it from the Dev Dashboard; apps made in the store's own admin have no client credentials grant.",
    ),
    "shop_not_permitted": (
        "SHOPIFY_SHOP_NOT_PERMITTED",
        "The app may not sign in to {shop}: app and store belong to different organizations.",
        "Use an app of the organization that owns the store.",
    ),
    "invalid_client": (
        "SHOPIFY_CREDENTIALS_REFUSED",
        "Shopify does not know the app's client id, or its secret is not right.",
        "Copy both again from the app's settings in the Dev Dashboard.",
    ),
}


class _TokenAnswer(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    access_token: SecretStr = Field(min_length=1, max_length=1000)
    scope: str = ""
    expires_in: float = Field(default=86_399, gt=0, le=10 * 366 * 86_400, allow_inf_nan=False)


class AccessTokens:
    """The token in force, made when it is asked for."""

    def __init__(self, settings: ShopifySettings, wire: Wire, now: Callable[[], float]) -> None:
        self._settings = settings
        self._wire = wire
        self._now = now
        self._lock = threading.Lock()
        self._token = ""
        self._good_until = 0.0
        self._recent: deque[str] = deque(maxlen=_REMEMBERED)

    def get(self) -> str:
        """A token that is good for a while.

        Raises:
            RunError: The app is refused, or lacks a scope.
            TransientError: No answer.
        """
        with self._lock:
            if not self._token or self._now() >= self._good_until:
                self._token, self._good_until = "", 0.0
                self._token, self._good_until = self._fetch()
            return self._token

    def forget(self, token: str) -> None:
        """The store refused it: the next `get` fetches a new one, unless another thread has."""
        with self._lock:
            if token == self._token:
                self._token = ""

    def hide(self, text: str) -> str:
        """A text of the other side without our secrets, should it repeat them."""
        for secret in (self._settings.client_secret.get_secret_value(), *self._recent):
            text = text.replace(secret, "***")
        return _LOOKS_SECRET.sub("***", text)

    def _fetch(self) -> tuple[str, float]:
        asked_at = self._now()
        answer = self._wire.send(
            "Shopify",
            f"{self._settings.root}/admin/oauth/access_token",
            data={
                "grant_type": "client_credentials",
                "client_id": self._settings.client_id,
                "client_secret": self._settings.client_secret.get_secret_value(),
            },
        )
        if answer.status != 200:
            raise self._refusal(answer)
        try:
            told = _TokenAnswer.model_validate(answer.json)
            token = told.access_token.get_secret_value()
        except ValidationError as exc:
            raise TransientError("Shopify's answer held no usable access token.", code="SHOPIFY_ANSWER") from exc
        if not token.isascii() or not token.isprintable() or " " in token:
            raise TransientError("Shopify's answer held no usable access token.", code="SHOPIFY_ANSWER")
        self._recent.append(token)
        require_scopes(told.scope)
        return token, asked_at + max(told.expires_in - _EARLY_S, told.expires_in / 2)

    def _refusal(self, answer: Answer) -> Catalog3DError:
        if answer.status in {408, 429} or answer.status >= 500:
            return http_error(answer, self.hide)
        text = answer.body[:20_000].decode("utf-8", "replace")
        for word, (code, message, fix) in _REFUSALS.items():
            if word in text:
                return RunError(message.format(shop=self._settings.shop), code=code, fix=fix)
        if answer.status == 404:
            return RunError(
                f"There is no store {self._settings.shop}.",
                code="SHOPIFY_NO_STORE",
                fix="Correct the setting `shop`: the name that ends in .myshopify.com.",
            )
        said = self.hide(words_of(answer))
        return RunError(
            f"Shopify gives the app no access token (HTTP {answer.status})." + (f" It says: {said}." if said else ""),
            code="SHOPIFY_CREDENTIALS_REFUSED",
            fix="Check client id, client secret and store, and that the app is installed there.",
        )


def require_scopes(told: str) -> None:
    """Stop before anything is done if the app may not do it; `write_` includes `read_`.

    Raises:
        RunError: SHOPIFY_SCOPE_MISSING.
    """
    granted = {scope.strip() for scope in told.split(",") if scope.strip()}
    missing = [scope for scope in NEEDED_SCOPES if scope not in granted]
    if granted and missing:
        raise RunError(
            f"The app lacks the access scope {' and '.join(missing)}.",
            code="SHOPIFY_SCOPE_MISSING",
            fix="Add it to the app's version in the Dev Dashboard and approve the update in the store.",
        )
