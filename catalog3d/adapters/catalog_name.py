"""The name of a catalog in its registry: several catalogs may share one database, and never mix.

A registry in HOME holds one catalog. In a shared one (CATALOG3D_REGISTRY_URL) a catalog is known by its library,
because machines that share registry and library work on the same catalog whatever their homes are called: the
library holds an id, made once, and HOME remembers it. CATALOG3D_CATALOG names a catalog without asking the library.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from pathlib import Path

from catalog3d.adapters.whole_files import make_folder, write_part
from catalog3d.errors import ProductError, RunError
from catalog3d.home import Home
from catalog3d.ports import ObjectStore
from catalog3d.settings import Settings

ID_KEY = "catalog-id.txt"
_ID = re.compile(r"[0-9a-f]{12}")
_MAX_BYTES = 100


def catalog_name(home: Home, settings: Settings, store: ObjectStore) -> str:
    """Under which name the registry keeps this catalog's products.

    Raises:
        RunError: LIBRARY_ID_INVALID, or the library cannot be asked (STORE_*).
        TransientError: The library did not answer.
    """
    if not settings.registry_url:
        return home.catalog
    return f"{home.catalog}:{settings.catalog or _library_id(home, store)}"


def name_without_asking(home: Home, settings: Settings) -> str:
    """The name as far as this machine knows it: of a library that was never opened here it is "", as good as unknown."""
    if not settings.registry_url:
        return home.catalog
    known = settings.catalog or _last_id(home.inner / "catalog-id")
    return f"{home.catalog}:{known}" if known else ""


def _last_id(file: Path) -> str:
    try:
        known = file.read_text(encoding="utf-8").partition(" ")[0]
    except (OSError, UnicodeDecodeError):
        return ""
    return known if _ID.fullmatch(known) else ""


def _library_id(home: Home, store: ObjectStore) -> str:
    remembered, place = home.inner / "catalog-id", store.location(ID_KEY)
    known = _remembered(remembered, place)
    if known is None:
        known = _kept(store)
        _remember(remembered, f"{known} {place}\n")
    return known


def _remembered(file: Path, place: str) -> str | None:
    """The id that was read before from this very library."""
    try:
        known, _, of = file.read_text(encoding="utf-8").strip().partition(" ")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return known if of == place and _ID.fullmatch(known) else None


def _remember(file: Path, text: str) -> None:
    try:
        make_folder(file.parent)
        write_part(file.parent, [text.encode()]).path.replace(file)
    except OSError as exc:
        raise RunError(
            f"{file.parent} cannot be written.", code="HOME_NOT_WRITABLE", fix="Choose a home that you may write to."
        ) from exc


def _kept(store: ObjectStore) -> str:
    """The library's id; the first of those who bring one wins."""
    if (there := _read(store)) is not None:
        return there
    new = uuid.uuid4().hex[:12]
    content = f"{new}\n".encode()
    try:
        store.put_new(ID_KEY, content, sha256=hashlib.sha256(content).hexdigest(), content_type="text/plain")
    except ProductError:
        if (there := _read(store)) is None:
            raise
        return there  # somebody else was faster
    return new


def _read(store: ObjectStore) -> str | None:
    content = store.get(ID_KEY, max_bytes=_MAX_BYTES)
    if content is None:
        return None
    said = content.decode("ascii", errors="replace").strip()
    if not _ID.fullmatch(said):
        raise RunError(
            f"{store.location(ID_KEY)} does not say which catalog this library belongs to.",
            code="LIBRARY_ID_INVALID",
            fix="Restore it from a backup, or name the catalog with CATALOG3D_CATALOG.",
        )
    return said
