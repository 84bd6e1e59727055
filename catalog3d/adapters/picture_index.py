"""Finds the picture files that a sheet may name: beside it, in its picture folders, and below `--images`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from catalog3d.errors import RunError
from catalog3d.intake.picture_files import PICTURE_SUFFIXES, FileIndex

FOLDER_NAMES = frozenset({"images", "image", "photos", "photo", "pictures", "bilder", "img"})
# How Python shows bytes of a file name that are not UTF-8: no sheet, record or report can hold them.
_NOT_TEXT = re.compile("[\ud800-\udfff]")
# 200,000 SKUs with one picture each (the cap of rows); walking that many takes seconds and about 100 MB.
MAX_FILES = 200_000


def index_pictures(sheet_folder: Path, images: Path | None = None, *, max_files: int = MAX_FILES) -> FileIndex:
    """Index picture files; nothing outside these folders can be reached, not through symbolic links either.

    Args:
        sheet_folder: Its own files count, and those below its subfolders that are named like a picture folder.
        images: A folder that is searched first, with everything below it.

    Raises:
        RunError: IMAGES_FOLDER_MISSING, TOO_MANY_PICTURES.
    """
    sheet_folder = sheet_folder.resolve()
    folders = _folders(sheet_folder, images)
    roots = [folder.resolve() for folder in folders]
    files: list[str] = []
    seen = 0
    for place, folder in enumerate(folders):
        # The sheet's own folder comes last, unless it was given as the picture folder.
        for entry in _walk(folder, recursive=folder != sheet_folder or place < len(folders) - 1):
            seen += 1
            if seen > max_files:
                raise RunError(
                    f"The picture folder {folder} holds more than {max_files:,} files.",
                    code="TOO_MANY_PICTURES",
                    fix="Give a smaller folder with --images.",
                )
            if entry.suffix.lower() in PICTURE_SUFFIXES and _inside(entry, roots):
                files.append(str(entry))
    unique = tuple(dict.fromkeys(files))
    return FileIndex(folders=tuple(map(str, folders)), files=unique, reach=lambda path: _reach(path, folders, roots))


def _folders(sheet_folder: Path, images: Path | None) -> list[Path]:
    """The folders in the order they are searched; the sheet's own stands last, whatever else it is."""
    found = []
    if images is not None:
        images = images.expanduser().resolve()
        if not images.is_dir():
            raise RunError(
                f"The picture folder {images} does not exist.",
                code="IMAGES_FOLDER_MISSING",
                fix="Correct --images, or leave it out.",
            )
        found.append(images)
    try:
        with os.scandir(sheet_folder) as entries:
            named = sorted(entry.name for entry in entries if entry.name.casefold() in FOLDER_NAMES and entry.is_dir())
    except OSError as exc:
        raise RunError(
            f"The folder {sheet_folder} cannot be listed: {exc.strerror}.",
            code="IMAGES_FOLDER_MISSING",
            fix="Check who may read it: the photos are looked for beside the sheet.",
        ) from exc
    found += [sheet_folder / name for name in named if (sheet_folder / name).resolve().is_relative_to(sheet_folder)]
    return [*dict.fromkeys(found), sheet_folder]


def _walk(folder: Path, *, recursive: bool) -> Iterator[Path]:
    """Files in a stable order; hidden ones, those of hidden folders and those without a name in UTF-8 are left out."""
    for here, below, names in os.walk(folder, followlinks=False):
        below[:] = sorted(name for name in below if not name.startswith(".")) if recursive else []
        for name in sorted(names):
            if not name.startswith(".") and not _NOT_TEXT.search(name):
                yield Path(here, name)


def _inside(file: Path, roots: Sequence[Path]) -> bool:
    """Whether it is a file below one of the folders, wherever links lead."""
    if not file.is_symlink():
        return file.is_file()
    try:
        target = file.resolve(strict=True)
    except (OSError, RuntimeError):  # a broken link, or a circle of links
        return False
    return target.is_file() and any(target.is_relative_to(root) for root in roots)


def _reach(path: str, folders: Sequence[Path], roots: Sequence[Path]) -> str | None:
    """A picture by its path; every folder may be what the path is relative to."""
    for folder in folders:
        try:
            target = (folder / path).resolve(strict=True)
        except (OSError, RuntimeError, ValueError):  # no such file, a name that cannot be one, a circle of links
            continue
        known = target.suffix.lower() in PICTURE_SUFFIXES
        if known and target.is_file() and any(target.is_relative_to(root) for root in roots):
            return str(target)
    return None
