"""Backups: the sheet as it was before each of our writes, thinned out by one rule.

They lie in `backups/NAME-PLACE/NAME.YYYYMMDDTHHMMSS.*` and open like the sheet itself. Kept are

* the ten newest;
* of those that came after a pause of ten minutes, the newest 24: the sheet before a run, or before a round of
  decisions;
* the first of each of the last 30 days (UTC) with writes.

So no number of writes drives out the sheet as it was before a run, and a sheet has at most 64 backups.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from catalog3d.adapters.sheet_disk import SheetFile, path_digest, replace_file

NEWEST_KEPT = 10
AFTER_PAUSE_KEPT = 24
DAYS_KEPT = 30
PAUSE = timedelta(minutes=10)

_STAMP = "%Y%m%dT%H%M%S"
_DAY_CHARS = 8
# Nine digits behind the second: microseconds, and a counter for writes at the same instant.
_NAMED = re.compile(r"\.(?P<stamp>\d{8}T\d{6})\.\d{9}(?P<first>-first)?(?:\.[^.]*)?$")


def backups_of(sheet: Path, state: Path) -> Path:
    """Where a sheet's backups lie; sheets of the same name in different folders have their own."""
    sheet = sheet.resolve()
    return state / "backups" / f"{sheet.stem}-{path_digest(sheet)[:8]}"


def back_up(source: SheetFile, folder: Path, now: datetime) -> Path:
    """Keep a sheet's content as it was read, flushed to disk.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    backup = _free_name(source.path, folder, now, "-first" if _after_pause(folder, now) else "")
    replace_file(backup, source.data, like=source.path)
    return backup


def set_aside(found: Path, sheet: Path, folder: Path, now: datetime) -> None:
    """Move a file that somebody else saved in the sheet's place to the backups.

    Raises:
        OSError: It could not be moved.
    """
    shutil.move(found, _free_name(sheet, folder, now, ""))


def thin_out(folder: Path) -> None:
    """Delete the backups that the rule does not keep."""
    found = _backups(folder)
    firsts = [path for path in found if _named(path)["first"]]
    days: dict[str, Path] = {}
    for path in found:
        days.setdefault(_named(path)["stamp"][:_DAY_CHARS], path)
    kept = {*found[-NEWEST_KEPT:], *firsts[-AFTER_PAUSE_KEPT:], *list(days.values())[-DAYS_KEPT:]}
    for path in set(found) - kept:
        with suppress(OSError):
            path.unlink()


def _backups(folder: Path) -> list[Path]:
    """Oldest first."""
    found: Iterable[Path] = folder.iterdir()
    return sorted((path for path in found if _NAMED.search(path.name)), key=lambda path: _named(path)[0])


def _named(path: Path) -> re.Match[str]:
    match = _NAMED.search(path.name)
    if match is None:
        raise ValueError(path.name)
    return match


def _after_pause(folder: Path, now: datetime) -> bool:
    found = _backups(folder)
    if not found:
        return True
    last = datetime.strptime(_named(found[-1])["stamp"], _STAMP).replace(tzinfo=UTC)
    return now - last >= PAUSE


def _free_name(sheet: Path, folder: Path, now: datetime, mark: str) -> Path:
    stamp = f"{sheet.stem}.{now.astimezone(UTC):{_STAMP}.%f}"
    names = (folder / f"{stamp}{extra:03}{mark}{sheet.suffix}" for extra in count())
    return next(path for path in names if not path.exists())
