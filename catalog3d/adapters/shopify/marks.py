"""How our files are recognised in a store, whatever became of our records.

The mark is written with the very request that attaches a model, twice: in the file's name, which Shopify does not let
anybody change, and at the end of the alt text, which people may edit.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from catalog3d.adapters.shopify.answers import Media
from catalog3d.channels import Item

_DIGEST_CHARS = 12
_MAX_ALT = 512
"""`ALT_VALUE_LIMIT_EXCEEDED`: alt texts may have 512 characters (shopify.dev, files, 2026-11)."""
_MAX_READ = 1000
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-")
_LONGEST_SKU = 120
"""Spelled; beyond it a SKU is cut and told apart by its digest, so that every file name stays below 255 characters."""
_NAME = re.compile(
    r"(?P<catalog>[a-z0-9-]{1,31})_(?P<sku>[A-Za-z0-9.~-]{1,140})_V(?P<version>\d{1,9})_(?P<digest>[0-9a-f]{12})"
    r"(?![0-9a-f])"
)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Which asset of which SKU a file is; `sku` as it is spelled in file names."""

    catalog: str
    sku: str
    version: int
    digest: str

    @property
    def text(self) -> str:
        """Without the file's extension."""
        return f"{self.catalog}_{self.sku}_V{self.version}_{self.digest}"

    @property
    def shown_sku(self) -> str:
        """The SKU as people write it."""
        return re.sub(r"~([0-9a-f]{1,6})~", lambda found: chr(int(found[1], 16)), self.sku)

    def same_sku(self, other: Mark) -> bool:
        """Whether both are of one SKU of one catalog."""
        return (self.catalog, self.sku) == (other.catalog, other.sku)


def mark_of(item: Item, catalog: str) -> Mark:
    """The mark of an asset."""
    return Mark(
        catalog=catalog, sku=spelled(item.sku), version=item.version, digest=item.sha256.lower()[:_DIGEST_CHARS]
    )


def spelled(sku: str) -> str:
    """A SKU in letters that every file name may have; different SKUs stay different."""
    written = "".join(letter if letter in _PLAIN else f"~{ord(letter):x}~" for letter in sku)
    if len(written) <= _LONGEST_SKU:
        return written
    return f"{written[:_LONGEST_SKU]}-{hashlib.sha256(sku.encode()).hexdigest()[:12]}"


def alt_text(item: Item, mark: Mark) -> str:
    """For shoppers who hear it: the product's name first, the mark last."""
    tail = f" ({mark.text})"
    return f"{item.name.strip() or item.sku}, 3D model"[: _MAX_ALT - len(tail)] + tail


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """A file that bears a mark of ours.

    Attributes:
        sure: Name and alt text say the same.
    """

    media: Media
    mark: Mark
    sure: bool


def sightings(gallery: list[Media], catalog: str) -> list[Sighting]:
    """The models in a gallery that bear our catalog's mark, in the gallery's order."""
    found = []
    for media in gallery:
        if media.media_content_type != "MODEL_3D":
            continue
        by_name, by_alt = _read(media.filename, catalog, at_start=True), _read(media.alt or "", catalog)
        mark = by_name or by_alt
        if mark is not None:
            found.append(Sighting(media=media, mark=mark, sure=by_name == by_alt))
    return found


def _read(text: str, catalog: str, *, at_start: bool = False) -> Mark | None:
    for found in _NAME.finditer(text[:_MAX_READ]):
        if found["catalog"] == catalog and not (at_start and found.start()):
            return Mark(catalog=catalog, sku=found["sku"], version=int(found["version"]), digest=found["digest"])
    return None
