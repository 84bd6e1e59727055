"""The rows of a starter sheet, proposed from the names of photos.

Which photos are views of one product, and which side they show, is what intake reads from their names. A SKU and
a name proposed here begin with a letter or digit, so no spreadsheet program takes them for a formula.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from catalog3d.adapters.picture_index import index_pictures
from catalog3d.errors import RunError
from catalog3d.intake.fields import MAX_SKU_CHARS
from catalog3d.intake.picture_files import PICTURE_SUFFIXES, FileIndex, folded, slot_in
from catalog3d.intake.views import Viewer, as_views
from catalog3d.product import Slot

HEADER = (
    "SKU", "Name", "Category", "Material", "Color", "Dimensions",
    *(slot.value.capitalize() for slot in Slot),
    "Prompt", "Target format", "Channel", "Owner", "Priority", "Asset status",
)  # fmt: skip

# CH123_Modern_Dining_Chair: a code with a digit, then words.
_CODE_AND_NAME = re.compile(r"(?P<code>(?=[^\s_]*\d)[^\s_]{3,})[\s_]+(?:-[\s_]+)?(?P<name>.*[^\W\d_]{3}.*)")
_SEPARATOR = re.compile(r"[ _.\-]")
_LAST_NUMBER = re.compile(r"[ _.\-](\d{1,2})$")
# Views are numbered from 0, 1 or, beside a photo without a number, 2: the 96 of `404.038.96` belongs to the SKU.
_LAST_FIRST_NUMBER = 2

_Key = tuple[Path, str]
"""A product while its photos are collected: the folder that holds it, and its name without case."""

_Pictures = list[tuple[Slot | None, Path]]
"""Photos of one product, each with the side that its name says."""


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """What a photo's name says.

    Attributes:
        place: The folder that holds the product.
        base: What the photos of the product begin with.
        number: Of a numbered view, else None.
    """

    place: Path
    base: str
    side: Slot | None = None
    number: int | None = None

    @property
    def key(self) -> _Key:
        return self.place, folded(self.base)


def starter_rows(folder: Path, photos: Path, pictures: Sequence[Path]) -> list[list[str]]:
    """One row for each product of these pictures, in the order of HEADER.

    Args:
        folder: Where the sheet will lie.
        photos: The folder of photos; a subfolder of it may be a product.
        pictures: Files in or below `photos` that a sheet in `folder` can reach.

    Raises:
        RunError: PHOTO_NAME_BAD for a picture that no cell can name.
    """
    if not pictures:
        return []
    products = _products(_one_of_each_name(pictures), photos)
    viewer = Viewer(index_pictures(folder))
    rows = []
    for (_, taken), (sku, name) in zip(products, _identities([base for base, _ in products]), strict=True):
        cells = _cells(taken, folder, photos, viewer)
        rows.append([sku, name, "", "", "", "", *cells, "", "GLB", "", "", "", ""])
    return rows


def _products(pictures: Sequence[Path], photos: Path) -> list[tuple[str, _Pictures]]:
    """What the photos of each product begin with, and the photos."""
    names = _Names(pictures, photos)
    products: dict[_Key, tuple[str, _Pictures]] = {}
    for path in pictures:
        reading = names.read(path)
        _, taken = products.setdefault(reading.key, (reading.base, []))
        # The photo that is called like the product itself comes first: it shows the front.
        taken.insert(0 if reading.base == path.stem else len(taken), (reading.side, path))
    return list(products.values())


class _Names:
    """Tells views of one product from photos of several products, by all names together."""

    def __init__(self, pictures: Sequence[Path], photos: Path) -> None:
        self._whole = {path: _placed(path.parent, path.stem, photos) for path in pictures}
        self._views = {
            path: view
            for place, group in groupby(pictures, key=lambda path: path.parent)
            for path, view in _views(list(group), place, photos)
        }
        self._products = {whole.key for whole in self._whole.values()} | {
            view.key for path, view in self._views.items() if not path.stem.startswith(view.base)
        }
        self._sided = {view.key for view in self._views.values() if view.side is not None}
        self._faces = {view.key for view in self._views.values() if view.side not in (None, Slot.DETAIL)}
        self._first_number: dict[_Key, int] = {}
        for view in self._views.values():
            if view.number is not None:
                self._first_number[view.key] = min(view.number, self._first_number.get(view.key, view.number))

    def read(self, path: Path) -> _Reading:
        """As a view, or as a product of its own where the end of its name is more likely part of the product's."""
        view, whole = self._views.get(path), self._whole[path]
        if view is None or whole.key in self._sided:
            return whole
        is_known = view.key in self._faces or view.key in self._products
        return view if (view.side is not None and is_known) or self._is_numbered(view) else whole

    def _is_numbered(self, view: _Reading) -> bool:
        """Whether the product has numbered views: `CH123_1`, `chair_2` beside `chair`; not `IMG_01` or `CH-12`."""
        if self._first_number.get(view.key, _LAST_FIRST_NUMBER + 1) > _LAST_FIRST_NUMBER:
            return False
        is_known = view.key in self._products or view.key in self._sided
        return is_known or any(char.isdigit() for char in view.base)


def _views(pictures: Sequence[Path], place: Path, photos: Path) -> Iterator[tuple[Path, _Reading]]:
    """The photos of one folder whose names end like those of views."""
    index = FileIndex(files=tuple(map(str, pictures)))
    for path in pictures:
        stem = path.stem
        bases = (stem[: match.start()] for match in _SEPARATOR.finditer(stem))
        base = next((base for base in bases if any(found == str(path) for _, found in index.sided(base))), "")
        if not base and place != photos:  # CH123/front.jpg: the folder is the product
            base, stem = place.name, f"{place.name}_{stem}"
        side, number = slot_in(stem), _LAST_NUMBER.search(stem)
        if base and (side or number):
            yield path, _placed(place, base, photos, side=side, number=int(number[1]) if number and not side else None)


def _placed(place: Path, base: str, photos: Path, *, side: Slot | None = None, number: int | None = None) -> _Reading:
    """A reading; in a folder that is called like the product, the product lies beside that folder."""
    named_alike = place != photos and folded(place.name) == folded(base)
    return _Reading(place=place.parent if named_alike else place, base=base, side=side, number=number)


def _one_of_each_name(pictures: Sequence[Path]) -> list[Path]:
    """Of `chair.jpg` and `chair.png` the one that intake would take."""
    best: dict[Path, Path] = {}
    for path in sorted(pictures, key=lambda path: PICTURE_SUFFIXES.index(path.suffix.lower())):
        best.setdefault(path.with_suffix(""), path)
    return [path for path in pictures if best[path.with_suffix("")] == path]


def _cells(taken: _Pictures, folder: Path, photos: Path, viewer: Viewer) -> list[str]:
    """The cells of the sides, in the order of Slot."""
    views = as_views((side, str(path)) for side, path in taken)
    cells = []
    for slot in Slot:
        paths = [Path(view.location) for view in views if view.slot is slot]
        text = "; ".join(_named(path, folder, photos, viewer) for path in paths)
        if not _reads_as(text, paths, viewer):
            raise _name_bad(next((path for path in paths if re.search("[,;|]", str(path))), paths[0]))
        cells.append(text)
    return cells


def _named(path: Path, folder: Path, photos: Path, viewer: Viewer) -> str:
    """How a cell names a picture: by its file name, or by its path where the name is not enough.

    Raises:
        RunError: PHOTO_NAME_BAD.
    """
    # A spreadsheet program takes a cell that begins with another character for a formula.
    if path.parent == photos and path.name[0].isalnum() and _reads_as(path.name, [path], viewer):
        return path.name
    inside = path.relative_to(folder).as_posix()
    text = inside if "/" in inside else f"./{inside}"
    if not _reads_as(text, [path], viewer):
        raise _name_bad(path)
    return text


def _reads_as(text: str, paths: Sequence[Path], viewer: Viewer) -> bool:
    """Whether intake would find exactly these pictures in a cell, and nothing to say about it."""
    read = viewer.gather([("image", text)])
    return [location for _, location in read.pictures] == list(map(str, paths)) and not read.faults


def _name_bad(path: Path) -> RunError:
    return RunError(
        f"The photo {path.name} has a name that a sheet's cell cannot hold.",
        code="PHOTO_NAME_BAD",
        fix="Rename it: letters, digits, - and _ always work.",
    )


def _identities(bases: Sequence[str]) -> list[tuple[str, str]]:
    """SKU and name for each product; no SKU comes twice."""
    split = [_split(base) for base in bases]
    often = Counter(folded(sku) for sku, _ in split)
    proposed = [
        pair if often[folded(pair[0])] == 1 else (_sku(base), _name(base))
        for base, pair in zip(bases, split, strict=True)
    ]
    used: set[str] = set()
    unique = []
    for sku, name in proposed:
        free = _free(sku, used)
        used.add(folded(free))
        unique.append((free, name))
    return unique


def _free(sku: str, used: set[str]) -> str:
    number, free = 1, sku
    while folded(free) in used:
        number += 1
        free = f"{sku[: MAX_SKU_CHARS - len(str(number)) - 1]}-{number}"
    return free


def _split(base: str) -> tuple[str, str]:
    """`CH123_Modern_Dining_Chair` -> CH123, Modern Dining Chair; any other name is both."""
    match = _CODE_AND_NAME.fullmatch(base)
    return (_sku(match["code"]), _name(match["name"])) if match else (_sku(base), _name(base))


def _sku(text: str) -> str:
    plain = re.sub(r"[^\w.\-]+", "-", unicodedata.normalize("NFC", text))
    return plain.strip("-._")[:MAX_SKU_CHARS].rstrip("-._") or "photo"


def _name(text: str) -> str:
    """The words, the small ones with a capital."""
    spaced = re.sub(r"[\s_\-]+", " ", unicodedata.normalize("NFC", text))
    words = re.sub(r"^\W+", "", spaced).split()
    return " ".join(word.capitalize() if word.islower() else word for word in words) or "Photo"
