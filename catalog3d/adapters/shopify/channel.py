"""The channel `shopify`: one model per SKU on its product, replaced only when the new one is ready.

Order of a publication: look (nothing is done if it is there), upload, attach, wait until READY, and only then delete
what was there before. Killed anywhere in between, the next time goes on: an uploaded file that was never attached is
nothing to Shopify, and an attached one bears our mark (`marks.py`) and is taken up instead of attached again. Deleted
are the media id of `previous`, and files whose name and alt text both say that they are earlier ones of this SKU.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from catalog3d.adapters.shopify.answers import Media, Model, Product
from catalog3d.adapters.shopify.client import AdminApi
from catalog3d.adapters.shopify.gallery import Galleries
from catalog3d.adapters.shopify.marks import Mark, Sighting, alt_text, mark_of, sightings
from catalog3d.adapters.shopify.media_errors import media_error
from catalog3d.adapters.shopify.products import address, find_product, link
from catalog3d.adapters.shopify.scale import scale_warning
from catalog3d.adapters.shopify.settings import ShopifySettings
from catalog3d.adapters.shopify.tokens import AccessTokens
from catalog3d.adapters.shopify.upload import Uploader, require_sendable
from catalog3d.adapters.shopify.wire import Patience, Wire, World
from catalog3d.adapters.tripo.answers import clean_words
from catalog3d.channels import Item, Placed
from catalog3d.errors import Catalog3DError, ProductError, TransientError

logger = logging.getLogger("catalog3d.shopify")

_SEEN_WITHIN_S = 30.0
"""Ours: how long an attached model may stay out of the product's gallery."""


class ShopifyChannel:
    """Publishes to one store. Threads may share it; one SKU is published by one of them at a time.

    Args:
        name: What the rules call this channel.
    """

    def __init__(
        self,
        settings: ShopifySettings,
        *,
        name: str = "shopify",
        world: World | None = None,
        patience: Patience | None = None,
        wire: Wire | None = None,
    ) -> None:
        world, patience = world or World(), patience or Patience()
        self.name = name
        self._settings = settings
        self._world = world
        self._wire = wire or Wire(world=world, patience=patience)
        tokens = AccessTokens(settings, self._wire, world.now)
        self._api = AdminApi(settings, wire=self._wire, tokens=tokens, world=world, patience=patience)
        self._galleries = Galleries(settings, api=self._api, world=world)
        self._uploader = Uploader(settings, api=self._api, wire=self._wire, world=world)

    def describe(self, item: Item) -> str:
        """What `publish` would do now; asks the store, changes nothing.

        Raises:
            ProductError, RunError, TransientError: As `publish` would.
        """
        with self._about(item.sku):
            return self._describe(item)

    def publish(self, item: Item) -> Placed:
        """Show the asset on its product in place of the SKU's earlier one. The same again changes nothing.

        `remote` holds `shop`, `product_id` and `media_id`; `size_m` as Shopify measures it; `warning` if that is not
        our size; and, under the rule `first`, `shown_sku` instead of a media id of its own.

        Raises:
            ProductError: The store or its rules do not take this SKU; what was there before is there still.
            RunError: Credentials, scopes or limits of the store.
            TransientError: Worth trying again: it goes on where it stopped.
        """
        with self._about(item.sku):
            return self._publish(item)

    def unpublish(self, placed: Placed) -> None:
        """Delete the model that `publish` put there, and nothing else; gone already is fine.

        Raises:
            ProductError: SHOPIFY_OTHER_STORE: it was published to another store.
            RunError, TransientError: As `publish`.
        """
        with self._about(placed.sku):
            media_id = self._recorded(placed)
            if media_id:
                self._galleries.remove(media_id)

    @contextmanager
    def _about(self, sku: str) -> Iterator[None]:
        """Connections for one call, and the SKU's name on what goes wrong with it alone."""
        with self._wire.session():
            try:
                yield
            except (ProductError, TransientError) as error:
                error.for_sku(sku)
                raise

    def _describe(self, item: Item) -> str:
        require_sendable(item)
        mark = mark_of(item, self._settings.mark)
        product = find_product(self._api, item)
        gallery = self._galleries.of(product.id)
        where = f"{clean_words(product.title)} ({clean_words(product.handle)}) in {self._settings.shop}"
        mine = self._standing(item, mark, gallery)
        other = self._holder(item, mark, gallery)
        if other is not None:
            return f"V{item.version} of {item.sku}: {self._shared(item, product, other).destination}."
        if mine is not None and mine.status == "READY":
            return f"V{item.version} of {item.sku} is on {where} already."
        size = f"{max(item.size_bytes / 1_000_000, 0.1):.1f} MB"
        earlier = self._replaced(item, mine)
        after = f" Then our V{earlier.version} is deleted there." if earlier else ""
        return f"V{item.version} of {item.sku} ({size}) goes to {where}.{after}"

    def _publish(self, item: Item) -> Placed:
        require_sendable(item)
        mark = mark_of(item, self._settings.mark)
        product = find_product(self._api, item)
        gallery = self._galleries.of(product.id)
        mine = self._standing(item, mark, gallery)
        if mine is not None and mine.status == "FAILED":
            self._galleries.remove(mine.id)
            mine = None
        other = self._holder(item, mark, gallery)
        if other is not None:
            return self._yielded(item, product, other, mine)
        if mine is None:
            mine, gallery = self._attached(item, mark, product)
            other = self._holder(item, mark, gallery)
            if other is not None:
                return self._yielded(item, product, other, mine)
        model = self._galleries.ready(mine.id)
        if model.status == "FAILED":
            raise self._failed(model)
        self._tidy(item, mark, gallery, mine)
        return self._placed(item, product, model)

    def _standing(self, item: Item, mark: Mark, gallery: list[Media]) -> Media | None:
        """The product's model that is this very file: by our record, else by its mark."""
        if item.previous is not None and item.previous.sha256 == item.sha256:
            recorded = next((media for media in gallery if media.id == self._recorded_id(item)), None)
            if recorded is not None:
                return recorded
        marked = [
            seen.media
            for seen in sightings(gallery, self._settings.mark)
            if seen.mark.same_sku(mark) and seen.mark.digest == mark.digest
        ]
        return next((media for media in marked if media.status != "FAILED"), next(iter(marked), None))

    def _recorded_id(self, item: Item) -> str:
        """The media id that our record has of this SKU in this store, or ""."""
        remote = item.previous.remote if item.previous is not None else {}
        return remote.get("media_id", "") if remote.get("shop") == self._settings.shop else ""

    def _holder(self, item: Item, mark: Mark, gallery: list[Media]) -> Sighting | None:
        """The model of another SKU that holds the product: the first in the gallery does, also of two that race.

        None if this SKU holds it: what our record says is there is not taken away by the order of a gallery.
        """
        if any(media.id == self._recorded_id(item) for media in gallery):
            return None
        seen = next((seen for seen in sightings(gallery, self._settings.mark) if seen.media.status != "FAILED"), None)
        return None if seen is None or seen.mark.same_sku(mark) else seen

    def _yielded(self, item: Item, product: Product, other: Sighting, mine: Media | None) -> Placed:
        """The rule for a product that another SKU holds, with nothing of this SKU left beside it."""
        if mine is not None:  # attached at the same time as the other, but behind it
            self._galleries.remove(mine.id)
        placed = self._shared(item, product, other)
        replaced = self._replaced(item, mine)
        if replaced is not None:
            self._galleries.remove(replaced.remote["media_id"])
        return placed

    def _shared(self, item: Item, product: Product, other: Sighting) -> Placed:
        shown = other.mark.shown_sku
        if self._settings.shared_product == "refuse":
            raise ProductError(
                f"The product {clean_words(product.handle)} already shows the model of {shown}: "
                "in Shopify a model belongs to the product, not to a variant.",
                code="SHOPIFY_SHARED_PRODUCT",
                fix=f"Unpublish {shown} first, or set `shared_product: first` to let its model stand for both.",
            )
        return Placed(
            channel=self.name,
            sku=item.sku,
            version=item.version,
            sha256=item.sha256,
            destination=f"{address(self._settings.shop, product)} shows the model of {shown}, which stands for {item.sku} too",
            link=link(self._settings.shop, product),
            remote={"shop": self._settings.shop, "product_id": product.id, "shown_sku": shown},
        )

    def _attached(self, item: Item, mark: Mark, product: Product) -> tuple[Media, list[Media]]:
        """Upload and attach the file; its entry, and the gallery with it."""
        format_ = item.format.upper()
        source = self._uploader.upload(
            item.model, name=f"{mark.text}.{format_.lower()}", format_=format_, size_bytes=item.size_bytes
        )
        self._galleries.attach(product.id, source=source, alt=alt_text(item, mark))
        until = self._world.now() + _SEEN_WITHIN_S
        while True:
            gallery = self._galleries.of(product.id)
            mine = self._standing(item, mark, gallery)
            if mine is not None:
                return mine, gallery
            if self._world.now() > until:
                raise TransientError(
                    "The attached model does not appear on the product.",
                    code="SHOPIFY_NOT_SEEN",
                    fix="Look at the product in Shopify, then publish again.",
                )
            self._world.sleep(self._settings.poll_s)

    def _failed(self, model: Model) -> ProductError:
        """Why, after the useless entry is out of the gallery."""
        error = media_error(model.media_errors)
        try:
            self._galleries.remove(model.id)
        except Catalog3DError as exc:
            logger.warning("A model that failed stays in the store until the next try: %s", exc)
        return error

    def _replaced(self, item: Item, mine: Media | None) -> Placed | None:
        """What the record says is in this store and has to go."""
        media_id = self._recorded_id(item)
        return item.previous if media_id and (mine is None or media_id != mine.id) else None

    def _tidy(self, item: Item, mark: Mark, gallery: list[Media], mine: Media) -> None:
        """Delete what the ready model replaces."""
        replaced = self._replaced(item, mine)
        gone = [replaced.remote["media_id"]] if replaced else []
        for seen in sightings(gallery, self._settings.mark):
            if not seen.mark.same_sku(mark) or seen.media.id in {mine.id, *gone}:
                continue
            if seen.sure:
                gone.append(seen.media.id)
            else:
                logger.warning(
                    "%s: %s may be an earlier model of this SKU, but somebody changed its alt text, so it stays: "
                    "delete it in Shopify if it is.",
                    item.sku,
                    seen.media.id,
                )
        for media_id in gone:
            self._galleries.remove(media_id)

    def _placed(self, item: Item, product: Product, model: Model) -> Placed:
        remote = {"shop": self._settings.shop, "product_id": product.id, "media_id": model.id}
        if model.bounding_box is not None:
            size = model.bounding_box.size
            remote["size_m"] = f"{size.x:.3f} x {size.y:.3f} x {size.z:.3f}"
        warning = scale_warning(item.extents_m, model.bounding_box)
        if warning:
            logger.warning("%s: %s", item.sku, warning)
            remote["warning"] = warning
        return Placed(
            channel=self.name,
            sku=item.sku,
            version=item.version,
            sha256=item.sha256,
            destination=address(self._settings.shop, product),
            link=link(self._settings.shop, product),
            remote=remote,
        )

    def _recorded(self, placed: Placed) -> str:
        shop = placed.remote.get("shop", self._settings.shop)
        if shop != self._settings.shop:
            raise ProductError(
                f"It was published to {shop}, but the settings name {self._settings.shop}.",
                code="SHOPIFY_OTHER_STORE",
                fix=f"Set the store to {shop} for this, or delete the model there by hand.",
            )
        return placed.remote.get("media_id", "")
