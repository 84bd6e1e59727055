"""A product's gallery: what is in it, attaching, waiting until a model is ready, and taking away."""

from __future__ import annotations

from catalog3d.adapters.shopify.answers import (
    AttachedAnswer,
    DeletedAnswer,
    GalleryAnswer,
    Media,
    Model,
    ModelAnswer,
    read_as,
)
from catalog3d.adapters.shopify.client import AdminApi
from catalog3d.adapters.shopify.errors import code_of, user_error
from catalog3d.adapters.shopify.operations import ATTACH, DELETE, GALLERY, MODEL
from catalog3d.adapters.shopify.settings import ShopifySettings
from catalog3d.adapters.shopify.wire import World
from catalog3d.errors import Catalog3DError, ProductError, TransientError

_MAX_PAGES = 5
"""Of 100: a product may have 250 media ("Product media types", help.shopify.com, 2026-11)."""
_SLOWEST_POLL_S = 10.0


class Galleries:
    """The galleries of one store's products."""

    def __init__(self, settings: ShopifySettings, *, api: AdminApi, world: World) -> None:
        self._settings = settings
        self._api = api
        self._world = world

    def of(self, product_id: str) -> list[Media]:
        """All media of a product in the order that shoppers see.

        Raises:
            ProductError: SHOPIFY_NO_PRODUCT: it has been deleted.
        """
        found: list[Media] = []
        after: str | None = None
        for _ in range(_MAX_PAGES):
            data = self._api.ask(GALLERY, {"id": product_id, "after": after})
            product = read_as(GalleryAnswer, data).product
            if product is None:
                raise _no_product()
            found += product.media.nodes
            after = product.media.page_info.end_cursor
            if not product.media.page_info.has_next_page or after is None:
                break
        return found

    def attach(self, product_id: str, *, source: str, alt: str) -> None:
        """Add an uploaded model to a product.

        Raises:
            ProductError, RunError: Refused; nothing was added.
            TransientError: It may have been added.
        """
        media = {"originalSource": source, "alt": alt, "mediaContentType": "MODEL_3D"}
        data = self._api.ask(ATTACH, {"product": {"id": product_id}, "media": [media]})
        errors = read_as(AttachedAnswer, data).product_update.user_errors
        if errors:
            raise user_error(errors, "add the model to the product", self._api.hide)

    def ready(self, media_id: str) -> Model:
        """Wait until Shopify has processed a model: READY or FAILED.

        Raises:
            TransientError: SHOPIFY_PROCESSING: not within the deadline; SHOPIFY_MEDIA_GONE: somebody removed it.
        """
        until = self._world.now() + self._settings.deadline_s
        wait_s = self._settings.poll_s
        while True:
            model = read_as(ModelAnswer, self._api.ask(MODEL, {"id": media_id})).node
            if model is None:
                raise TransientError(
                    "The model was removed from the store while Shopify processed it.",
                    code="SHOPIFY_MEDIA_GONE",
                    fix="Publish again if it should be there.",
                )
            if model.status in {"READY", "FAILED"}:
                return model
            if self._world.now() + wait_s > until:
                raise TransientError(
                    f"Shopify has not processed the model within {self._settings.deadline_s:g} seconds.",
                    code="SHOPIFY_PROCESSING",
                    fix="Publish again later: it is not uploaded a second time.",
                    retry_after_s=60.0,
                )
            self._world.sleep(wait_s)
            wait_s = min(wait_s * 1.5, max(_SLOWEST_POLL_S, self._settings.poll_s))

    def remove(self, media_id: str) -> None:
        """Delete a file of ours from the store, and so from every product; gone already is fine.

        Shopify refuses it while it processes the file: that is waited for.

        Raises:
            ProductError, TransientError: It is still there.
        """
        refusal = self._refusal_to_delete(media_id)
        if refusal is not None and refusal.code == "SHOPIFY_BUSY":
            try:
                self.ready(media_id)
            except TransientError as error:
                if error.code == "SHOPIFY_MEDIA_GONE":
                    return
                raise
            refusal = self._refusal_to_delete(media_id)
        if refusal is not None:
            raise refusal

    def _refusal_to_delete(self, media_id: str) -> Catalog3DError | None:
        deleted = read_as(DeletedAnswer, self._api.ask(DELETE, {"ids": [media_id]})).file_delete
        errors = [error for error in deleted.user_errors if code_of(error) != "FILE_DOES_NOT_EXIST"]
        return user_error(errors, "delete the earlier model", self._api.hide) if errors else None


def _no_product() -> ProductError:
    return ProductError(
        "The product is no longer in the store.",
        code="SHOPIFY_NO_PRODUCT",
        fix="Correct the product's handle or id in the sheet, or restore the product.",
    )
