"""What an outline looks like: turned on a lathe, boxy, a table, or anything else.

The limits are proposals from trials with the sample photos and real photographs.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import convex_hull_image

Bools = NDArray[np.bool_]


class Lift(StrEnum):
    """How a single picture is lifted."""

    TURN = "turned"
    EXTRUDE = "extruded"
    INFLATE = "inflated"


def choose(solid: Bools) -> tuple[Lift, float]:
    """The fitting way to lift an outline.

    Returns:
        The way; and for extrusion its depth as a share of the shorter side, for inflation the half thickness
        that it approaches as a share of the longer side.
    """
    shape = _cropped(solid)
    whole_rows = _single_runs(shape)
    symmetry = _mirror_overlap(shape)
    fullness = float(shape.mean())
    hull = convex_hull_image(shape)  # type: ignore[no-untyped-call]
    convexity = float(shape.sum() / max(hull.sum(), 1))
    widths = shape.sum(axis=1) / shape.shape[1]
    if symmetry > 0.93 and whole_rows > 0.98 and not _is_disc(shape, fullness, convexity):
        varied = float(widths.std() / widths.mean()) > 0.10
        if (varied or _round_base(shape) > 0.025) and fullness < 0.97 and shape.shape[0] > 0.25 * shape.shape[1]:
            return Lift.TURN, 0.0
    square = 0.8 < shape.shape[0] / shape.shape[1] < 1.25 and whole_rows > 0.92 and fullness > 0.8
    if square or _is_disc(shape, fullness, convexity):  # cushions, clocks, frames
        return Lift.INFLATE, 0.13
    full_rows = float((widths > 0.93).mean())
    if symmetry > 0.88 and (full_rows > 0.6 or (fullness > 0.8 and convexity > 0.9)):
        tall = shape.shape[0] > 1.6 * shape.shape[1]
        return Lift.EXTRUDE, 0.5 if tall else 0.8
    if _is_table(shape, widths):
        return Lift.EXTRUDE, 0.75
    return Lift.INFLATE, 0.24


def _cropped(solid: Bools) -> Bools:
    spans = ndimage.find_objects(solid.astype(np.int8))
    return solid[spans[0]] if spans else solid


def _single_runs(shape: Bools) -> float:
    """Share of rows that are one unbroken run."""
    starts = np.diff(shape.astype(np.int8), axis=1, prepend=0) == 1
    return float((starts.sum(axis=1) == 1).mean())


def _mirror_overlap(shape: Bools) -> float:
    mirrored = shape[:, ::-1]
    return float((shape & mirrored).sum() / max((shape | mirrored).sum(), 1))


def _is_disc(shape: Bools, fullness: float, convexity: float) -> bool:
    """A full circle is as often a clock or a mirror as a ball: it is inflated."""
    rows, columns = shape.shape
    return 0.92 < rows / columns < 1.09 and abs(fullness - np.pi / 4) < 0.03 and convexity > 0.96


def _round_base(shape: Bools) -> float:
    """How far the lower edge drops from the sides to the middle, as a share of the width: a round foot from above."""
    rows, columns = shape.shape
    lowest = rows - 1 - shape[::-1].argmax(axis=0)
    foot = np.flatnonzero(shape[int(rows * 0.97) - 1])
    if len(foot) < 0.2 * columns:
        return 0.0
    left, right = foot[0], foot[-1]
    span = max(right - left, 1)
    sides = np.concatenate([lowest[left : left + max(span // 10, 1)], lowest[right - max(span // 10, 1) : right]])
    middle = lowest[left + span * 2 // 5 : left + span * 3 // 5 + 1]
    return float((np.median(middle) - np.median(sides)) / columns)


def _is_table(shape: Bools, widths: NDArray[np.floating]) -> bool:
    """A slab on legs: wide at the top, open below."""
    rows, columns = shape.shape
    if rows > 1.1 * columns:
        return False
    top = float(widths[: max(1, round(rows * 0.12))].max())
    below = float(widths[round(rows * 0.45) :].mean())
    return top > 0.93 and below < 0.45
