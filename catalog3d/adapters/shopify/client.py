"""Asks the Admin API, waits when it is told to, and repeats only what may be repeated."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from catalog3d.adapters.shopify.errors import graphql_error, http_error
from catalog3d.adapters.shopify.operations import Operation
from catalog3d.adapters.shopify.settings import ShopifySettings
from catalog3d.adapters.shopify.tokens import AccessTokens
from catalog3d.adapters.shopify.wire import Answer, Patience, Wire, World
from catalog3d.errors import TransientError

logger = logging.getLogger("catalog3d.shopify")


class AdminApi:
    """One store's Admin GraphQL API. Threads may share it."""

    def __init__(
        self, settings: ShopifySettings, *, wire: Wire, tokens: AccessTokens, world: World, patience: Patience
    ) -> None:
        self._url = f"{settings.root}/admin/api/{settings.api_version}/graphql.json"
        self._version = settings.api_version
        self._wire = wire
        self._tokens = tokens
        self._world = world
        self._patience = patience
        self._told_of_version = False

    @property
    def hide(self) -> Any:
        """Takes our secrets out of a text of the other side."""
        return self._tokens.hide

    def ask(self, operation: Operation, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """The data of an answer without errors.

        Raises:
            RunError: The store, the app or the version cannot be used.
            TransientError: No or no clear answer. What is not repeatable may have been done, unless it is
                SHOPIFY_THROTTLED.
        """
        for attempt in range(1, self._patience.attempts + 1):
            try:
                return self._once(operation, variables)
            except TransientError as error:
                wait_s = error.retry_after_s
                if wait_s is None:
                    wait_s = self._patience.first_wait_s * 2 ** (attempt - 1)
                surely_not_done = error.code == "SHOPIFY_THROTTLED"
                last = attempt == self._patience.attempts or wait_s > self._patience.longest_wait_s
                if last or not (operation.repeatable or surely_not_done):
                    raise
                self._world.sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")  # pragma: no cover

    def _once(self, operation: Operation, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        token = self._tokens.get()
        answer = self._post(token, operation, variables)
        if answer.status == 401:  # it ended early, or the app was installed anew: nothing was done
            self._tokens.forget(token)
            answer = self._post(self._tokens.get(), operation, variables)
        if answer.status != 200:
            raise http_error(answer, self._tokens.hide)
        self._look_at_version(answer)
        document = answer.json
        if not isinstance(document, Mapping):
            raise _unclear()
        if document.get("errors"):
            raise graphql_error(document, self._tokens.hide)
        data = document.get("data")
        if not isinstance(data, Mapping):
            raise _unclear()
        return data

    def _post(self, token: str, operation: Operation, variables: Mapping[str, Any]) -> Answer:
        return self._wire.send(
            "Shopify",
            self._url,
            headers={"X-Shopify-Access-Token": token},
            json={"query": operation.text, "operationName": operation.name, "variables": dict(variables)},
        )

    def _look_at_version(self, answer: Answer) -> None:
        told = answer.headers.get("x-shopify-api-version", "")
        if told and told != self._version and not self._told_of_version:
            self._told_of_version = True
            logger.warning(
                "Shopify answers with API version %s, because it no longer has %s. Set `api_version` to a newer one.",
                told[:20],
                self._version,
            )


def _unclear() -> TransientError:
    return TransientError("Shopify's answer could not be understood.", code="SHOPIFY_ANSWER", fix="Publish again.")
