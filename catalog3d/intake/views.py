"""Picture cells become views: files of the index or web addresses, each with the side it shows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePath, PureWindowsPath
from urllib.parse import unquote

from catalog3d.intake.picture_files import FileIndex, FoundFile, slot_in
from catalog3d.intake.plain_text import shortened
from catalog3d.intake.table import DAMAGE
from catalog3d.product import Severity, Slot, ViewSource

# Google's feed allows 2,000 characters for a link (support.google.com/merchants, image_link).
_MAX_URL_CHARS = 2_000
_MAX_PIECES = 50
_MAX_PATH_CHARS = 1_000
_SUGGESTIONS_PER_RUN = 50
_BEFORE_URL = re.compile(r"[\s;|,]+(?=https?://)", re.IGNORECASE)
_ATTACHMENT = re.compile(r"[^,;|()]*\((https?://[^\s)]+)\)", re.IGNORECASE)
_IMAGE_FORMULA = re.compile(r'=\s*image\s*\(\s*"([^"]+)".*\)', re.IGNORECASE)
_SLOTS = {slot.value: slot for slot in Slot}
_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]*://|data:", re.IGNORECASE)
_LOGIN = re.compile(r"https?://[^/?#\s]*@", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something about a row's input; `fields` are those whose column it may concern, the likeliest first."""

    fields: tuple[str, ...]
    value: str
    code: str
    message: str
    severity: Severity = Severity.ERROR


@dataclass(kw_only=True)
class Gathered:
    """Pictures of one row, in the order of the sheet; a picture without a known side has slot None."""

    pictures: list[tuple[Slot | None, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


class Viewer:
    """Resolves picture cells against the files that there are.

    Args:
        skus: Every SKU of the sheet: a file named exactly like one belongs to no other.
    """

    def __init__(self, files: FileIndex, skus: Iterable[str] = ()) -> None:
        self._files = files
        self._owned = {path for sku in skus for path in _exact(files, sku)}
        self._suggested = 0

    def gather(self, cells: Iterable[tuple[str, str]]) -> Gathered:
        """Read (field, text) pairs; the field's own side wins over what a file name says."""
        gathered = Gathered()
        for name, text in cells:
            side = _SLOTS.get(name)
            for piece in pieces_of(text, self._files):
                self._add(gathered, name, piece, side)
        return gathered

    def for_sku(self, sku: str) -> list[tuple[Slot | None, str]]:
        """Pictures that are named like the SKU, for a row whose sheet names none."""
        for base in dict.fromkeys((sku, re.sub(r'[\\/:*?"<>|]', "-", sku), re.sub(r'[\\/:*?"<>|]', "_", sku))):
            found = self._files.named(base)
            front: list[tuple[Slot | None, str]] = [(Slot.FRONT, found.path)] if found else []
            sides = [(side, path) for side, path in self._files.sided(base) if path not in self._owned]
            if front or sides:
                return front + sides
        return []

    def _add(self, gathered: Gathered, name: str, piece: str, side: Slot | None) -> None:
        bad = _bad_location(piece)
        if bad:
            gathered.faults.append(_fault(name, piece, "PHOTO_LOCATION_BAD", bad))
        elif _is_url(piece):
            gathered.pictures.append((side or _side_of(piece), piece))
        else:
            self._add_file(gathered, name, piece, side)

    def _add_file(self, gathered: Gathered, name: str, piece: str, side: Slot | None) -> None:
        path = piece.removeprefix("file://").replace("\\", "/")
        found, fault = self._by_path(name, piece, path) if "/" in path else (self._files.named(path), None)
        if fault is not None:
            gathered.faults.append(fault)
        if found is None:
            sided = self._files.sided(path.rpartition("/")[2]) if side is None and fault is None else []
            gathered.pictures.extend(sided)
            if not sided and fault is None:
                gathered.faults.append(_fault(name, piece, "PHOTO_MISSING", self._missing_text(piece)))
            return
        if found.rivals:
            gathered.faults.append(_fault(name, piece, "PHOTO_AMBIGUOUS", _rivals_text(piece, found), Severity.WARNING))
        gathered.pictures.append((side or _side_of(found.path), found.path))

    def _by_path(self, name: str, piece: str, path: str) -> tuple[FoundFile | None, Fault | None]:
        """The file at a path, else the one of that name; what is notable about it."""
        reached = self._files.reach(path)
        if reached is not None:
            return FoundFile(path=reached), None
        shown = shortened(piece)
        if ".." in path.split("/"):
            text = f"{shown} leads out of the picture folders. Put the picture into one of them, or give its folder with --images."
            return None, _fault(name, piece, "PHOTO_OUTSIDE", text)
        found = self._files.named(path.rpartition("/")[2])
        if found is not None:
            text = f"{shown} does not exist here; {found.path} has the same name and is used."
            return found, _fault(name, piece, "PHOTO_FOUND_BY_NAME", text, Severity.INFO)
        if path.startswith("/") or PureWindowsPath(path).drive:
            text = f"{shown} is not in the picture folders. Put it into one of them, or give its folder with --images."
            return None, _fault(name, piece, "PHOTO_OUTSIDE", text)
        return None, None

    def _missing_text(self, piece: str) -> str:
        looked = ", ".join(self._files.folders) or "no folder"
        text = f"The picture {shortened(piece)} was not found. Looked in: {looked}."
        self._suggested += 1
        similar = self._files.similar(piece) if self._suggested <= _SUGGESTIONS_PER_RUN else []
        if similar:
            return f"{text} Is it {' or '.join(similar)}?"
        return f"{text} Put the file there, or correct the name."


def pieces_of(text: str, files: FileIndex) -> list[str]:
    """Split a cell into file names and web addresses.

    A name that exists as it stands is never split, so names with commas work. Between web addresses only a separator
    directly before the next `http` counts: addresses hold commas.
    """
    text = text.strip()
    formula = _IMAGE_FORMULA.fullmatch(text)
    if formula:
        return [formula[1].strip()]
    if not text or ("://" not in text and files.named(text) is not None):
        return [text] if text else []
    text = _ATTACHMENT.sub(r" \1", text)
    pieces: list[str] = []
    for chunk in _BEFORE_URL.split(text):
        whole = chunk.strip().strip(",;|").strip()
        if whole.lower().startswith(("http://", "https://")):
            pieces.append(whole)
        else:
            pieces.extend(part.strip().strip("\"'") for part in re.split(r"[;|,\n]", whole))
    return [piece for piece in pieces if piece][:_MAX_PIECES]


def as_views(pictures: Iterable[tuple[Slot | None, str]]) -> tuple[ViewSource, ...]:
    """Give every picture a side: the first without one is the front if there is no front, the others are details.

    A name that speaks of a detail only makes a picture the last choice for the front: `marble-table-top.jpg` may show
    the whole table. A second picture of a side that is taken is a detail too; the same picture counts once.
    """
    unique: dict[str, Slot | None] = {}
    for slot, location in pictures:
        if unique.get(location) is None:
            unique[location] = slot
    if Slot.FRONT not in unique.values():
        free = [location for location, slot in unique.items() if slot is None]
        front = next((location for location in free if not _names_detail(location)), free[0] if free else "")
        unique |= {front: Slot.FRONT} if front else {}
    views: list[ViewSource] = []
    used: set[Slot] = set()
    for location, slot in unique.items():
        side = slot or Slot.DETAIL
        if side in used:
            side = Slot.DETAIL
        used.add(side)
        views.append(ViewSource(slot=side, location=location))
    order = list(Slot)
    return tuple(sorted(views, key=lambda view: order.index(view.slot)))


def _is_url(piece: str) -> bool:
    return re.match(r"https?://", piece, re.IGNORECASE) is not None


def _stem(location: str) -> str:
    path = unquote(re.split(r"[?#]", location)[0]) if _is_url(location) else location
    return PurePath(path).stem


def _side_of(location: str) -> Slot | None:
    """The side that a name speaks of; a detail is no side, only a hint for `as_views`."""
    side = slot_in(_stem(location))
    return None if side is Slot.DETAIL else side


def _names_detail(location: str) -> bool:
    return slot_in(_stem(location)) is Slot.DETAIL


def _exact(files: FileIndex, sku: str) -> list[str]:
    found = files.named(sku)
    return [found.path, *found.rivals] if found else []


def _bad_location(piece: str) -> str:
    if re.fullmatch(DAMAGE, piece):
        return f"The cell shows the spreadsheet error {piece}. Correct its formula."
    scheme = _SCHEME.match(piece)
    if _is_url(piece):
        return _bad_url(piece)
    if scheme and not piece.lower().startswith("file://"):
        return f"{scheme[0]} addresses are not read. Use http(s), or a file name."
    if len(piece) > _MAX_PATH_CHARS or any(ord(char) < 32 for char in piece):
        return "This is neither a file name nor a web address."
    return ""


def _bad_url(url: str) -> str:
    if _LOGIN.match(url):
        return "This web address holds a user name or a password. Use a public link, and change that password."
    if len(url) > _MAX_URL_CHARS or not re.fullmatch(r"https?://[^/?#\s][^\s\x00-\x1f\x7f]*", url, re.IGNORECASE):
        return "This web address cannot be used: it is too long, not complete or holds blanks. Copy it again."
    return ""


def _rivals_text(piece: str, found: FoundFile) -> str:
    others = ", ".join(found.rivals[:3])
    return f"Several pictures are called {shortened(piece)}: {found.path} is used, not {others}. Give them different names."


def _fault(name: str, value: str, code: str, message: str, severity: Severity = Severity.ERROR) -> Fault:
    return Fault(fields=(name,), value=value, code=code, message=message, severity=severity)
