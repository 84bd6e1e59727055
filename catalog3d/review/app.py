"""The review page as a web application."""

from __future__ import annotations

import logging
from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from catalog3d.adapters.kept_secret import kept_secret
from catalog3d.adapters.mesh_process import MeshInspector
from catalog3d.errors import Catalog3DError, RunError, TransientError
from catalog3d.review import routes_asset, routes_files, routes_queue
from catalog3d.review.access import AccessPolicy, install_access
from catalog3d.review.site import open_site, site_of
from catalog3d.stages.context import OpenCatalog

log = logging.getLogger(__name__)

_STATUS = {"ASSET_UNKNOWN": 404, "PHOTO_MISSING": 404, "KEY_MISSING": 404, "FORM_EXPIRED": 403, "ROLE_REFUSED": 403}


def create_app(
    catalog: OpenCatalog, inspector: MeshInspector, policy: AccessPolicy, order_retake: Callable[[str], None]
) -> FastAPI:
    """The application for one open catalog; both outlive it and are closed by whoever opened them.

    Raises:
        RunError: REVIEW_NEEDS_USERS, SECRET_UNUSABLE.
    """
    app = FastAPI(title="catalog3d review", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site = open_site(catalog, inspector, order_retake)
    for routes in (routes_queue, routes_files, routes_asset):
        app.include_router(routes.router)
    app.add_exception_handler(Catalog3DError, _refused)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _defect)
    secret = kept_secret(catalog.home.review_secret)
    install_access(app, users=catalog.registry.users, policy=policy, clock=catalog.clock, secret=secret)
    return app


async def _refused(request: Request, error: Exception) -> HTMLResponse:
    assert isinstance(error, Catalog3DError)  # noqa: S101 - FastAPI's types do not say so
    away = isinstance(error, TransientError | RunError)
    status = _STATUS.get(error.code, 503 if away else 422)
    heading = {404: "Not found", 403: "Not allowed", 503: "Not now"}.get(status, "That did not work")
    return _problem(request, status, heading, error.message, error.fix)


async def _unreadable(request: Request, _error: Exception) -> HTMLResponse:
    return _problem(request, 404, "Not found", "There is no such page.", "")


async def _http(request: Request, error: Exception) -> HTMLResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _problem(
        request, status, "Not found" if status == 404 else "That did not work", "There is no such page.", ""
    )


async def _defect(request: Request, error: Exception) -> HTMLResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    what = f"Something unforeseen happened ({type(error).__name__}). What was decided before is kept."
    return _problem(request, 500, "That did not work", what, "Try again; the terminal shows the details.")


def _problem(request: Request, status: int, heading: str, message: str, fix: str) -> HTMLResponse:
    page = "problem.html.j2"
    return site_of(request).page(request, page, status=status, heading=heading, message=message, fix=fix)
