"""An index of the picture files that a sheet may name, and the sides that file names speak of."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath

from catalog3d.intake.vocabulary import SIDES
from catalog3d.product import Slot

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic", ".heif")
"""Endings of picture files; of several with one stem the earlier ending wins."""

_SUGGESTION_POOL = 5_000  # difflib compares with every name: about 20 ms for this many
_SIDE_OF_WORD = {word: Slot(side) for side, words in SIDES.items() for word in words}
_SIDED_STEM = re.compile(
    r"(?P<base>.+?)[ _.\-]+(?:view[ _.\-]?)?(?P<side>"
    + "|".join(sorted(_SIDE_OF_WORD, key=len, reverse=True))
    + r"|\d{1,2})"
)


def folded(name: str) -> str:
    """A file name for matching: one Unicode form, no case."""
    return unicodedata.normalize("NFC", name).casefold()


def slot_in(stem: str) -> Slot | None:
    """The side that a file's stem ends with: `CH123_back` -> back; None if it says nothing."""
    match = _SIDED_STEM.fullmatch(folded(stem))
    return _SIDE_OF_WORD.get(match["side"]) if match else None


@dataclass(frozen=True, kw_only=True)
class FoundFile:
    """A file of the index.

    Attributes:
        rivals: Other files that fit as well.
    """

    path: str
    rivals: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FileIndex:
    """Picture files below the folders that may be read.

    Attributes:
        folders: Absolute folders in the order they are searched; shown to the operator.
        files: Absolute paths of existing picture files, in the order of the folders.
        reach: Finds a picture by a relative or absolute path, only below the folders; None if there is none.
    """

    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    reach: Callable[[str], str | None] = lambda _path: None

    def named(self, name: str) -> FoundFile | None:
        """By file name, without case; a stem alone is enough."""
        spelled = [path for path in self._by_name.get(folded(name), []) if PurePath(path).name == name]
        found = spelled or self._by_name.get(folded(name)) or self._best_suffix(self._by_stem.get(folded(name), []))
        return FoundFile(path=found[0], rivals=tuple(found[1:])) if found else None

    def sided(self, base: str) -> list[tuple[Slot | None, str]]:
        """Files such as `base_front.jpg`, `base-left.png`, `base_2.jpg`; numbered ones have no side."""
        return list(self._by_base.get(folded(base), []))

    def similar(self, name: str) -> list[str]:
        """Up to three file names that look like this one."""
        names = self._names[:_SUGGESTION_POOL]
        close = difflib.get_close_matches(folded(name), [folded(own) for own in names], n=3, cutoff=0.75)
        shown = {folded(own): own for own in names}
        return [shown[match] for match in close]

    @cached_property
    def _names(self) -> list[str]:
        return list(dict.fromkeys(PurePath(path).name for path in self.files))

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        return _grouped(self.files, lambda path: folded(path.name))

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        return _grouped(self.files, lambda path: folded(path.stem))

    @cached_property
    def _by_base(self) -> dict[str, list[tuple[Slot | None, str]]]:
        groups: dict[str, list[tuple[Slot | None, str]]] = {}
        for path in sorted(self.files):
            match = _SIDED_STEM.fullmatch(folded(PurePath(path).stem))
            if match:
                groups.setdefault(match["base"], []).append((_SIDE_OF_WORD.get(match["side"]), path))
        return groups

    @staticmethod
    def _best_suffix(paths: list[str]) -> list[str]:
        order = {suffix: place for place, suffix in enumerate(PICTURE_SUFFIXES)}
        return sorted(paths, key=lambda path: order.get(PurePath(path).suffix.lower(), len(order)))


def _grouped(files: tuple[str, ...], key: Callable[[PurePath], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for path in files:
        groups.setdefault(key(PurePath(path)), []).append(path)
    return groups
