"""The catalog of `bench/slots.py`: photos that say which product they are of, and how long each model takes."""

from __future__ import annotations

import csv
import io
import json
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SIDES = ("front", "left", "back", "right")
MULTIVIEW_SHARE = 0.3
_SIZE_PX = 256
_MARK_PX = 8


@dataclass(frozen=True, kw_only=True)
class Item:
    """One product.

    Attributes:
        seconds: What its model takes at the provider, not scaled.
    """

    number: int
    views: int
    seconds: float

    @property
    def sku(self) -> str:
        return f"P{self.number:04d}"

    def photos(self, folder: Path) -> list[Path]:
        return [folder / "photos" / f"{self.sku}-{side}.png" for side in SIDES[: self.views]]


def make_items(count: int, seed: int) -> list[Item]:
    """Products with realistic times: 40 to 150 s from one photo, 120 to 210 s from four (facts: v3.1, seen by users)."""
    chance = random.Random(seed)
    items = []
    for number in range(count):
        multiview = chance.random() < MULTIVIEW_SHARE
        seconds = chance.triangular(120, 210, 180) if multiview else chance.triangular(40, 150, 85)
        items.append(Item(number=number, views=4 if multiview else 1, seconds=seconds))
    return items


def write_catalog(folder: Path, items: list[Item]) -> Path:
    """Sheet, photos, and the times for the provider."""
    (folder / "photos").mkdir(parents=True)
    sheet = folder / "products.csv"
    with sheet.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("SKU", "Name", "Image", "Left Image", "Back Image", "Right Image"))
        for item in items:
            photos = item.photos(folder)
            for place, photo in enumerate(photos):
                photo.write_bytes(picture(item.number, place))
            names = [f"photos/{photo.name}" for photo in photos]
            writer.writerow((item.sku, f"Disc {item.number}", *names, *[""] * (len(SIDES) - len(names))))
    (folder / "seconds.json").write_text(json.dumps([item.seconds for item in items]))
    return sheet


def picture(number: int, place: int) -> bytes:
    """A disc; its upper left corner says the product's number and the side."""
    yy, xx = np.mgrid[0:_SIZE_PX, 0:_SIZE_PX] - _SIZE_PX // 2
    pixels = np.full((_SIZE_PX, _SIZE_PX, 3), 245, np.uint8)
    pixels[xx**2 + yy**2 < (70 + 5 * place) ** 2] = ((number * 7) % 200, (number * 13) % 200, 60)
    pixels[:_MARK_PX, :_MARK_PX] = (number // 256, number % 256, place)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def number_of(encoded: bytes) -> int:
    """The product that a picture is of."""
    with Image.open(io.BytesIO(encoded)) as image:
        high, low, _ = np.asarray(image.convert("RGB"))[_MARK_PX // 2, _MARK_PX // 2]
    return 256 * int(high) + int(low)
