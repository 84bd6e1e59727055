"""A folder to start from: a sheet with one row per product photo, the photos, and commented rules.

Nothing that exists is overwritten, and the photos that were given stay where they are.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from catalog3d.adapters.picture_index import FOLDER_NAMES, index_pictures
from catalog3d.adapters.sheet_disk import replace_file
from catalog3d.adapters.starter_rows import HEADER, starter_rows
from catalog3d.adapters.starter_rules import STARTER_RULES
from catalog3d.adapters.whole_files import chunks_of, make_folder, sha256_of, write_part
from catalog3d.errors import RunError

SHEET_NAME, RULES_NAME, PHOTOS_NAME = "products.csv", "catalog.yaml", "photos"

MAX_COPIED_BYTES = 10_000_000_000
"""About ten thousand photos of a camera: more should be moved by their owner, not copied unasked."""


@dataclass(frozen=True, kw_only=True)
class Starter:
    """What was made.

    Attributes:
        rows: Products in the sheet.
        photos_folder: Where the sheet's photos lie.
    """

    sheet: Path
    rows: int
    photos_folder: Path
    rules_file: Path


def make_starter(folder: Path, photos: Path | None) -> Starter:
    """Make `products.csv`, `catalog.yaml` and a folder of photos.

    Args:
        folder: Made if it is not there.
        photos: Its pictures, with those of its subfolders, become rows; they are copied into the folder's own
            photo folder unless a sheet in `folder` can name them where they are. None = the pictures that lie in
            the folder's own photo folder already.

    Raises:
        RunError: STARTER_EXISTS, PHOTOS_FOLDER_MISSING, PHOTOS_FOLDER_LINKED, PHOTOS_NONE, PHOTOS_TOO_LARGE,
            PHOTO_EXISTS, PHOTO_NAME_BAD, TOO_MANY_PICTURES, FOLDER_NOT_WRITABLE. There is no sheet and no rules
            file then; photos that were copied stay.
    """
    folder = folder.resolve()
    sheet, rules_file = folder / SHEET_NAME, folder / RULES_NAME
    _refuse_existing(sheet, rules_file)
    try:
        source, pictures = _photos_of(folder, photos.resolve() if photos else None)
        rows = starter_rows(folder, source, pictures)
        replace_file(rules_file, STARTER_RULES.encode("utf-8"))
        replace_file(sheet, _csv(rows))
    except OSError as exc:
        raise RunError(
            f"{exc.filename or folder} cannot be read or written: {exc.strerror}.",
            code="FOLDER_NOT_WRITABLE",
            fix="Check who may read and write it and the free space, or give another folder.",
        ) from exc
    return Starter(sheet=sheet, rows=len(rows), photos_folder=source, rules_file=rules_file)


def _refuse_existing(*files: Path) -> None:
    there = [file for file in files if file.exists() or file.is_symlink()]
    if there:
        names = " and ".join(file.name for file in there)
        raise RunError(
            f"{there[0].parent} already holds {names}, and nothing is overwritten.",
            code="STARTER_EXISTS",
            fix=f"Give another folder, or move {names} away first.",
        )


def _photos_of(folder: Path, photos: Path | None) -> tuple[Path, list[Path]]:
    """The folder of photos that the sheet will use, and its pictures that become rows."""
    own = _own_photos(folder)
    if photos is None:
        make_folder(own)
        return own, _pictures_in(own)
    if not photos.is_dir():
        raise RunError(
            f"The photo folder {photos} does not exist.",
            code="PHOTOS_FOLDER_MISSING",
            fix="Correct --photos, or leave it out.",
        )
    pictures = _pictures_in(photos)
    if not pictures:
        raise RunError(
            f"There is no photo in {photos}.",
            code="PHOTOS_NONE",
            fix="Give the folder that holds the JPG or PNG files.",
        )
    make_folder(folder)
    if set(map(str, pictures)) <= set(index_pictures(folder).files):
        return photos, pictures
    return own, _copied(pictures, photos, own)


def _own_photos(folder: Path) -> Path:
    """The picture folder beside the sheet: one that is there, else `photos`.

    Raises:
        RunError: PHOTOS_FOLDER_LINKED.
    """
    beside = sorted(folder.iterdir()) if folder.is_dir() else []
    found = [path for path in beside if path.name.casefold() in FOLDER_NAMES and path.is_dir()]
    own = found[0] if found else folder / PHOTOS_NAME
    if own.is_symlink():
        raise RunError(
            f"The picture folder {own} is a link, and sheets do not read what lies behind it.",
            code="PHOTOS_FOLDER_LINKED",
            fix="Remove the link, and give the folder it leads to with --photos.",
        )
    return own


def _pictures_in(folder: Path) -> list[Path]:
    """The picture files of a folder and its subfolders, in a stable order.

    Raises:
        RunError: PHOTO_NAME_BAD, TOO_MANY_PICTURES.
    """
    pictures = [Path(file) for file in index_pictures(folder, folder).files]
    for picture in pictures:
        name = str(picture.relative_to(folder))
        if not name.isprintable():
            raise RunError(
                f"The name of the photo {name!a} holds a character that a sheet cannot show.",
                code="PHOTO_NAME_BAD",
                fix="Rename the file, or its folder.",
            )
    return pictures


def _copied(pictures: Sequence[Path], photos: Path, target: Path) -> list[Path]:
    """Copies of the pictures below `target`, in the same subfolders.

    Raises:
        RunError: PHOTO_EXISTS, PHOTOS_TOO_LARGE; nothing is copied then.
    """
    copies = {picture: target / picture.relative_to(photos) for picture in pictures}
    missing = {picture: copy for picture, copy in copies.items() if not _is_there(picture, copy)}
    total_bytes = sum(picture.stat().st_size for picture in missing)
    if total_bytes > min(MAX_COPIED_BYTES, shutil.disk_usage(target.parent).free):
        raise RunError(
            f"The photos in {photos} are {total_bytes / 1e9:.1f} GB: too much to copy.",
            code="PHOTOS_TOO_LARGE",
            fix=f"Move them into {target} yourself, then run init without --photos.",
        )
    for picture, copy in missing.items():
        make_folder(copy.parent)
        part = write_part(copy.parent, chunks_of(picture))
        try:
            part.path.replace(copy)
        finally:
            part.path.unlink(missing_ok=True)
    return list(copies.values())


def _is_there(picture: Path, copy: Path) -> bool:
    """Whether the copy was made before.

    Raises:
        RunError: PHOTO_EXISTS where another file has its place.
    """
    if not copy.exists() and not copy.is_symlink():
        return False
    if copy.is_file() and sha256_of(copy) == sha256_of(picture):
        return True
    raise RunError(
        f"{copy} is there already and is another picture than {picture}.",
        code="PHOTO_EXISTS",
        fix="Rename one of them.",
    )


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    """UTF-8 with a byte order mark, as spreadsheets expect it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig")
