"""Finding the product in a picture: a soft mask, and how far it can be trusted.

The ground's colour is fitted over the picture's border, so that studio gradients do not count as
product. What the ground's colour reaches from the border is ground; smooth darkening without a
change of hue is shadow and counts as ground too. Where that fails (a busy room, a product cut by the
border) a rounded rectangle of the whole photo is better than a shredded outline.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from skimage.color import rgb2lab

from catalog3d.standin.pictures import Picture

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

MASK_SIDE_PX = 320
"""Longest side of a mask; finer outlines do not show on the models."""

_CROP = 0.01
"""Share of each side that is ignored: scanners and screenshots leave lines there."""

# Trust limits: proposals from trials with studio pictures and real photographs, not from a published source.
_MIN_COVER, _MAX_COVER = 0.03, 0.90
_MAX_BORDER_CONTACT = 0.08
_MAX_RING_SPREAD = 17.0
_MIN_KEPT_SHARE = 0.72
_MIN_LARGEST_SHARE = 0.8
_GREY_SHARE = 0.78

_CRACK = np.ones((4, 4), dtype=bool)
"""Ground narrower than this, in mask pixels, is not passed through."""


class Method(StrEnum):
    """How a mask was found."""

    ALPHA = "alpha"
    GROUND = "ground colour"
    CARD = "whole photo"


@dataclass(frozen=True, kw_only=True)
class Cutout:
    """The product in a picture.

    Attributes:
        soft: (rows, columns) 0 to 1, longest side about MASK_SIDE_PX; the outline is at 0.5.
        cover: Share of the picture inside the outline.
    """

    soft: Floats
    method: Method
    cover: float

    @property
    def solid(self) -> Bools:
        return self.soft > 0.5


def cut_out(picture: Picture) -> Cutout:
    """Find the product; never fails: the last resort is a rounded rectangle of the photo."""
    size = _mask_size(picture)
    if picture.alpha is not None:
        alpha = np.asarray(Image.fromarray(picture.alpha).resize(size, Image.Resampling.BOX), dtype=np.float32) / 255
        kept = _largest(alpha > 0.5)[0]
        if 0.005 < kept.mean() < 0.97:
            return _cutout(np.where(ndimage.binary_dilation(kept, iterations=2), alpha, 0), Method.ALPHA)
    pixels = np.asarray(Image.fromarray(picture.rgb).resize(size, Image.Resampling.BOX))
    found = _by_ground_colour(pixels)
    if found is not None:
        return _cutout(ndimage.gaussian_filter(found.astype(np.float32), 0.8), Method.GROUND)
    return _cutout(_card(size), Method.CARD)


def _cutout(soft: NDArray[np.floating], method: Method) -> Cutout:
    edged = soft.astype(np.float32).copy()
    edged[[0, -1], :] = 0
    edged[:, [0, -1]] = 0
    return Cutout(soft=edged, method=method, cover=float((edged > 0.5).mean()))


def _mask_size(picture: Picture) -> tuple[int, int]:
    rows, columns = picture.rgb.shape[:2]
    scale = min(1.0, MASK_SIDE_PX / max(rows, columns))
    return max(8, round(columns * scale)), max(8, round(rows * scale))


def _by_ground_colour(pixels: NDArray[np.uint8]) -> Bools | None:
    lab = rgb2lab(pixels).astype(np.float32)
    rows, columns = lab.shape[:2]
    margin = max(1, round(_CROP * max(rows, columns)))
    inner = lab[margin:-margin, margin:-margin]
    ground, ring, spread, noise = _fit_ground(inner)
    if spread > _MAX_RING_SPREAD:
        return None
    offset = inner - ground
    hue = np.hypot(offset[..., 1], offset[..., 2])
    distance = np.hypot(np.where(offset[..., 0] < 0, 0.75, 1.0) * offset[..., 0], hue)
    threshold = float(np.clip(4.5 + 3 * noise, 6, 18))
    shadow = (offset[..., 0] < 0) & (offset[..., 0] > -45) & (hue < 6.5)
    reachable = (distance < threshold) | (shadow & _smooth(inner))
    for _ in range(2):  # front edges of shadows, seen flat, stop the flood: take them away and let it on
        product = ~_flooded(reachable, ring)
        thin = product & ~ndimage.binary_opening(product, structure=np.ones((7, 1), dtype=bool))
        thin = ndimage.binary_opening(thin, structure=np.ones((1, 9), dtype=bool))
        reachable |= thin & shadow & _base(product, 0.4)
    product = ~_flooded(reachable, ring)
    base = product & _base(product, 0.2) & (distance >= threshold)  # without highlights
    if (shadow & base).sum() < _GREY_SHARE * base.sum():  # no grey feet to lose
        product = ~_flooded(reachable | (shadow & base), ring)
    product = _open_holes(product, distance, threshold)
    product = ndimage.binary_opening(product, structure=np.ones((2, 2), dtype=bool))
    kept, share = _largest(product)
    if not _trusted(kept, share):
        return None
    whole = np.zeros((rows, columns), dtype=bool)
    whole[margin:-margin, margin:-margin] = kept
    return whole


def _fit_ground(lab: Floats) -> tuple[Floats, Bools, float, float]:
    """The ground's colour everywhere, as a quadratic surface through the border ring.

    Returns:
        The fitted Lab picture, the ring, the ring's 75th percentile distance to the fit, and its noise (1 sigma).
    """
    rows, columns = lab.shape[:2]
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    basis = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    width = max(2, round(0.03 * max(rows, columns)))
    ring = np.ones((rows, columns), dtype=bool)
    ring[width:-width, width:-width] = False
    samples, colours = basis[ring], lab[ring]
    distance = np.linalg.norm(colours - np.median(colours, axis=0), axis=1)
    for _ in range(4):
        near = distance <= max(float(np.percentile(distance, 65)), 3.0)
        weights = np.linalg.lstsq(samples[near], colours[near], rcond=None)[0]
        distance = np.linalg.norm(colours - samples @ weights, axis=1)
    ground = (basis @ weights).astype(np.float32)
    lowest, highest = np.percentile(colours[near], [0, 100], axis=0)
    ground = np.clip(ground, lowest - 6, highest + 6).astype(np.float32)
    noise = float(np.median(distance[near])) / 1.5
    return ground, ring, float(np.percentile(distance, 75)), noise


def _base(product: Bools, share: float) -> Bools:
    """The lower part of what was found, where contact shadows are: a share of its longer side."""
    base = np.zeros_like(product)
    rows, columns = (np.flatnonzero(product.any(axis=axis)) for axis in (1, 0))
    if len(rows):
        tall, wide = int(np.ptp(rows)), int(np.ptp(columns))
        base[max(rows[-1] - int(share * max(tall, 0.6 * wide)), 0) :] = True
    return base


def _flooded(reachable: Bools, ring: Bools) -> Bools:
    """What can be reached from the border ring through `reachable`, but not through cracks.

    A highlight that touches the outline would otherwise let the ground into a shiny product.
    """
    wide = ndimage.binary_opening(reachable, structure=_CRACK) | (reachable & ring)
    found = ndimage.binary_propagation(wide & ring, mask=wide)
    corners: Bools = found | (ndimage.binary_dilation(found, iterations=2) & reachable)
    return corners


def _smooth(lab: Floats) -> Bools:
    """Where lightness changes slowly, as in soft shadows; a product's edge is a step."""
    lightness = ndimage.gaussian_filter(lab[..., 0], 0.6)
    step = np.hypot(ndimage.sobel(lightness, axis=0), ndimage.sobel(lightness, axis=1)) / 8
    smooth: Bools = step < 2.6
    return smooth


def _open_holes(product: Bools, distance: NDArray[np.floating], threshold: float) -> Bools:
    """Cut holes where the ground shows through with a sharp edge: between a chair's slats.

    Highlights and white products also look like the ground, but shade into it or make up most of the outline.
    """
    product = ndimage.binary_fill_holes(product)
    holes, count = ndimage.label(product & (distance < threshold))
    area = product.sum()
    cut = np.zeros_like(product)
    for number, span in enumerate(ndimage.find_objects(holes, max_label=count), start=1):
        wide = tuple(slice(max(0, side.start - 4), side.stop + 4) for side in span)
        hole = holes[wide] == number
        if hole.sum() < 0.004 * area or _holds_islands(hole) or _reaches_out(hole, product[wide]):
            continue
        around = ndimage.binary_dilation(hole, iterations=3) & ~ndimage.binary_dilation(hole, iterations=1)
        if float(np.median(distance[wide][around])) > max(2 * threshold, 12):
            cut[wide] |= hole
    return product & ~cut if cut.sum() < 0.6 * area else product


def _reaches_out(hole: Bools, product: Bools) -> bool:
    """A highlight at the outline: an opening has a frame around it."""
    return bool((ndimage.binary_dilation(hole, iterations=2) & ~product).any())


def _holds_islands(hole: Bools) -> bool:
    """A pale panel with a knob on it, not an opening."""
    islands = ndimage.binary_fill_holes(hole) & ~hole
    return bool(ndimage.binary_opening(islands).any())


def _largest(product: Bools) -> tuple[Bools, float]:
    """The largest islands without slivers at the border, and which share of everything found they are."""
    labels, count = ndimage.label(product, structure=np.ones((3, 3)))
    if not count:
        return product, 0.0
    areas = ndimage.sum_labels(product, labels, np.arange(1, count + 1))
    biggest = areas.max()
    keep = []
    for number, span in enumerate(ndimage.find_objects(labels), start=1):
        rows, columns = span
        thin = min(rows.stop - rows.start, columns.stop - columns.start) < 0.02 * max(product.shape)
        touches = (
            rows.start == 0 or columns.start == 0 or rows.stop == product.shape[0] or columns.stop == product.shape[1]
        )
        if areas[number - 1] >= 0.05 * biggest and not (thin and touches):
            keep.append(number)
    kept = np.isin(labels, keep)
    return kept, float(kept.sum() / max(product.sum(), 1))


def _trusted(kept: Bools, share: float) -> bool:
    """Whether this is one product that the picture shows whole, and not shreds of a room."""
    border = np.concatenate([kept[0], kept[-1], kept[:, 0], kept[:, -1]])
    labels, count = ndimage.label(kept, structure=np.ones((3, 3)))
    largest = ndimage.sum_labels(kept, labels, np.arange(1, count + 1)).max() if count else 0.0
    return bool(
        _MIN_COVER <= kept.mean() <= _MAX_COVER
        and border.mean() <= _MAX_BORDER_CONTACT
        and share >= _MIN_KEPT_SHARE
        and largest >= _MIN_LARGEST_SHARE * kept.sum()
    )


def _card(size: tuple[int, int]) -> Floats:
    width, height = size
    image = Image.new("L", size, 0)
    inset_x, inset_y = 0.05 * width, 0.05 * height
    box = (inset_x, inset_y, width - 1 - inset_x, height - 1 - inset_y)
    ImageDraw.Draw(image).rounded_rectangle(box, radius=0.07 * min(size), fill=255)
    return ndimage.gaussian_filter(np.asarray(image, dtype=np.float32) / 255, 0.8).astype(np.float32)
