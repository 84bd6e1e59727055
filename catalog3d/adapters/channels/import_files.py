"""Import files for shops that take no request of ours: one CSV over all published SKUs, with the columns we own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from catalog3d.adapters.channels.feeds import akeneo_csv, woocommerce_csv
from catalog3d.channel_rules import AkeneoRules, WooCommerceRules
from catalog3d.channels import Item, Listed, Placed
from catalog3d.errors import ProductError
from catalog3d.ports import ObjectStore

LinkOf = Callable[[str], Placed | None]
"""SKU -> what the storefront has of it."""


@dataclass(kw_only=True)
class ImportFile:
    """A `Channel` that keeps lists: the list is the channel, and somebody loads it into the shop.

    Attributes:
        store: The folder of the file.
        link_of: What the storefront has, whose links are handed on.
    """

    name: str
    rules: WooCommerceRules | AkeneoRules
    store: ObjectStore
    link_of: LinkOf

    @property
    def file(self) -> str:
        return f"{self.rules.kind}-import.csv"

    def describe(self, item: Item) -> str:
        return f"Would list {item.sku} in {self.store.location(self.file)} with its link from {self.rules.models_from}."

    def publish(self, item: Item) -> Placed:
        """Take the link that goes into the file; `write_lists` puts it there.

        Raises:
            ProductError: NO_LINK, the storefront does not have this very version, or is not on the web.
        """
        source = self.link_of(item.sku)
        if source is None or source.sha256 != item.sha256:
            raise ProductError(
                f"{self.rules.models_from} does not have V{item.version}, whose link {self.name} would carry.",
                code="NO_LINK",
                fix=f"Name {self.rules.models_from} in the sheet's channel column too, and publish again.",
                sku=item.sku,
            )
        if not source.link.startswith(("https://", "http://")):
            raise ProductError(
                f"{self.rules.models_from} has no web address, so {self.name} would carry a link that leads nowhere.",
                code="NO_LINK",
                fix=f"Write base_url into channels: {self.rules.models_from}: in catalog.yaml.",
                sku=item.sku,
            )
        return Placed(
            channel=self.name,
            sku=item.sku,
            version=item.version,
            sha256=item.sha256,
            destination=self.store.location(self.file),
            link=source.link,
        )

    def unpublish(self, placed: Placed) -> None:
        """Nothing by itself: `write_lists` lists it without a link, so that the next import takes it away."""

    def write_lists(self, listed: Sequence[Listed]) -> tuple[str, ...]:
        if isinstance(self.rules, WooCommerceRules):
            content, notes = woocommerce_csv(listed, self.rules.meta_key)
        else:
            content, notes = akeneo_csv(listed, self.rules.identifier, self.rules.attribute)
        self.store.replace(self.file, content, content_type="text/csv; charset=utf-8")
        return notes
