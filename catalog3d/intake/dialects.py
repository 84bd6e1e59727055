"""Exports that are recognised by their anchor columns, and what their columns mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from catalog3d.intake.header_text import normalized

TEAM_SHEET = "team sheet"


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How one program writes its product sheets.

    Attributes:
        anchors: Every group must be present; one header of the group is enough.
        fields: Field -> headers that win over the synonyms, the most telling first.
        ignored: Headers that must not be taken for a field.
        category_list: What separates several categories in one cell; "" if there is only one.
        category_path: What separates the steps of one category.
        shared_gallery: The image column belongs to the product, whichever variant's row it stands in.
    """

    name: str
    anchors: tuple[tuple[str, ...], ...] = ()
    fields: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    category_list: str = ""
    category_path: str = ">"
    shared_gallery: bool = False

    def fits(self, headers: frozenset[str]) -> bool:
        """Whether normalized headers hold every anchor."""
        return all(any(normalized(word) in headers for word in group) for group in self.anchors)


DIALECTS = (
    Dialect(
        name="Shopify (old export)",
        anchors=(("Handle",), ("Title",), ("Variant SKU",)),
        fields={
            "sku": ("Variant SKU",),
            "name": ("Title",),
            "handle": ("Handle",),
            "category": ("Product Category", "Type", "Standard Product Type", "Custom Product Type"),
            "image": ("Image Src",),
            "variant image": ("Variant Image",),
            "image position": ("Image Position",),
        },
        ignored=("Status", "Published", "Gift Card"),
        shared_gallery=True,
    ),
    Dialect(
        name="Shopify (new export)",
        anchors=(("Title",), ("URL handle",), ("SKU",)),
        fields={
            "sku": ("SKU",),
            "name": ("Title",),
            "handle": ("URL handle",),
            "category": ("Product category", "Type"),
            "image": ("Product image URL",),
            "variant image": ("Variant image URL",),
            "image position": ("Image position",),
        },
        ignored=("Status", "Published on online store", "Gift card"),
        shared_gallery=True,
    ),
    Dialect(
        name="Google product feed",
        anchors=(("id",), ("title",), ("image_link", "image link")),
        fields={
            "sku": ("id",),
            "name": ("title",),
            "category": ("product_type", "google_product_category"),
            "image": ("image_link",),
            "extra images": ("additional_image_link",),
        },
        ignored=("size", "status", "channel", "destination", "availability"),
    ),
    Dialect(
        name="WooCommerce",
        anchors=(("Type",), ("SKU",), ("Name",), ("Published", "Visibility in catalog", "Regular price")),
        fields={
            "sku": ("SKU",),
            "name": ("Name",),
            "category": ("Categories",),
            "image": ("Images",),
            "id": ("ID",),
            "parent": ("Parent",),
        },
        ignored=("Type", "Published", "Status", "ID"),
        category_list=",",
    ),
    Dialect(
        name="storefront import",
        anchors=(("name",), ("slug",), ("assets",), ("sku",), ("facets", "optionGroups")),
        fields={"image": ("assets",), "variant image": ("variantAssets",), "handle": ("slug",)},
        ignored=("status", "enabled"),
    ),
    Dialect(
        name="Magento",
        anchors=(("sku",), ("product_type",), ("base_image", "attribute_set_code")),
        fields={"category": ("categories",), "image": ("base_image",), "extra images": ("additional_images",)},
        ignored=("product_type", "status", "url_key"),
        category_list=",",
        category_path="/",
    ),
    Dialect(
        name="BigCommerce",
        anchors=(("Item Type",), ("Product Name",), ("Product Code/SKU",)),
        fields={"sku": ("Product Code/SKU",), "name": ("Product Name",), "category": ("Category",)},
        ignored=("Item Type", "Status"),
    ),
)


def recognize(headers: Sequence[str]) -> Dialect:
    """The dialect of a sheet; a plain team sheet where no anchors fit."""
    present = frozenset(normalized(header) for header in headers)
    return next((dialect for dialect in DIALECTS if dialect.fits(present)), Dialect(name=TEAM_SHEET))
