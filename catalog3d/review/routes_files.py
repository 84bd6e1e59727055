"""Models, pictures and photos for the pages, and the site's own files: typed, bounded, kept by browsers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from fastapi.responses import FileResponse, Response

from catalog3d.adapters.registry.review_queue import QueueItem
from catalog3d.errors import ProductError
from catalog3d.library import GLB_TYPE
from catalog3d.review.asset_page import photos_of
from catalog3d.review.measuring import TURNS
from catalog3d.review.routes_asset import Item
from catalog3d.review.routes_queue import Looker, TheSite
from catalog3d.review.shelves import LARGE_PX, SMALL_PX, version_of
from catalog3d.review.templates import STATIC

FOREVER = "private, max-age=31536000, immutable"
"""For addresses that name their content."""
ASK_AGAIN = "private, no-cache"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_STATIC_FILES = {
    file.relative_to(STATIC).as_posix(): file
    for file in (STATIC / "review.css", STATIC / "review.js", STATIC / "icon.svg")
}

router = APIRouter()
Small = Annotated[bool, Query()]


@router.get("/static/{name:path}")
def static(request: Request, name: str) -> Response:
    """The site's own files, by name: nothing else can be asked for."""
    file = _STATIC_FILES.get(name)
    if name == "viewer/model-viewer.min.js":
        file = STATIC / name
    if file is None or not file.is_file():
        return Response(status_code=404)
    cache = FOREVER if request.query_params.get("v") else ASK_AGAIN
    return _served(request, file, _TYPES[file.suffix], version_of(file), cache)


@router.get("/assets/{asset_id}/model/{sha256}.glb")
def model(
    request: Request,
    site: TheSite,
    _person: Looker,
    item: Item,
    sha256: Annotated[str, InPath(pattern="^[0-9a-f]{64}$")],
) -> Response:
    """The model file. Its address holds its digest, so that a browser asks for it once."""
    if sha256 != item.asset.sha256:
        raise ProductError("This model is not that file any more.", code="ASSET_UNKNOWN", fix="Load the page anew.")
    if _has(request, sha256):
        return _not_modified(sha256, FOREVER)
    return _served(request, site.shelves.model(item.asset), GLB_TYPE, sha256, FOREVER)


@router.get("/assets/{asset_id}/picture")
def picture(request: Request, site: TheSite, _person: Looker, item: Item, small: Small = False) -> Response:
    """The picture that was drawn when the model was checked; drawn now where that is gone."""
    found = site.shelves.picture(item.asset) or site.measurements.turned(item.asset, 0)
    shown = site.shelves.shown(found, SMALL_PX if small else LARGE_PX)
    return _served(request, shown, "image/jpeg", shown.stem, FOREVER if "v" in request.query_params else ASK_AGAIN)


@router.get("/assets/{asset_id}/turned/{yaw}")
def turned(request: Request, site: TheSite, _person: Looker, item: Item, yaw: int) -> Response:
    """The model from another side."""
    if yaw not in TURNS:
        raise ProductError("The model is drawn every 45 degrees.", code="ASSET_UNKNOWN")
    file = site.measurements.turned(item.asset, yaw)
    return _served(request, file, "image/jpeg", file.stem, ASK_AGAIN)


@router.get("/assets/{asset_id}/photos/{number}")
def photo(
    request: Request,
    site: TheSite,
    _person: Looker,
    item: Item,
    number: Annotated[int, InPath(ge=0, le=100)],
    small: Small = False,
) -> Response:
    """A photo of the product, whatever its format, as a JPEG of bounded size."""
    source = _photo_file(site, item, number)
    if source is None:
        return Response(_NO_PICTURE, media_type="image/svg+xml", headers={"cache-control": ASK_AGAIN})
    shown = site.shelves.shown(source, SMALL_PX if small else LARGE_PX)
    return _served(request, shown, "image/jpeg", shown.stem, ASK_AGAIN)


_NO_PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 88 88"><rect width="88" height="88" fill="#eceae6"/>'
    '<text x="44" y="48" text-anchor="middle" font-family="sans-serif" font-size="11" fill="#535b63">no photo</text></svg>'
)


def _photo_file(site: TheSite, item: QueueItem, number: int) -> Path | None:
    standing = site.catalog.registry.catalog.standing(item.asset.sku)
    generation_id = item.asset.generation_id
    made = site.catalog.registry.ledger.of_sku([generation_id]) if generation_id else []
    photos = photos_of(site.catalog, standing, made[0] if made else None)
    return photos[number].file if number < len(photos) else None


def _served(request: Request, file: Path, kind: str, tag: str, cache: str) -> Response:
    if _has(request, tag):
        return _not_modified(tag, cache)
    return FileResponse(file, media_type=kind, headers={"etag": f'"{tag}"', "cache-control": cache})


def _has(request: Request, tag: str) -> bool:
    return f'"{tag}"' in request.headers.get("if-none-match", "")


def _not_modified(tag: str, cache: str) -> Response:
    return Response(status_code=304, headers={"etag": f'"{tag}"', "cache-control": cache})
