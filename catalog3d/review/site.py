"""What all pages share: the open catalog, its queue and shelves, and how a template becomes an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from catalog3d.adapters.mesh_process import MeshInspector
from catalog3d.adapters.registry.review_queue import ReviewQueue
from catalog3d.review.access import Act, csrf_token, is_logged_in, person
from catalog3d.review.measuring import Measurements
from catalog3d.review.queue import owner_rules
from catalog3d.review.shelves import Shelves
from catalog3d.review.templates import digest_of, environment
from catalog3d.review.viewer_setup import VIEWER, has_viewer
from catalog3d.stages.context import OpenCatalog


@dataclass(frozen=True, kw_only=True)
class Site:
    """One catalog's review page.

    Attributes:
        order_retake: Begins the retake of a SKU that is on record, and does not wait for it.
    """

    catalog: OpenCatalog
    order_retake: Callable[[str], None]
    queue: ReviewQueue
    shelves: Shelves
    measurements: Measurements

    def page(self, request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """A page for the person who asks."""
        who = person(request)
        text = (
            environment()
            .get_template(template)
            .render(
                catalog_name=self.catalog.home.root.name,
                rehearsal=self.catalog.is_rehearsal,
                label=self.catalog.rules.label,
                person=who,
                may_decide=who.role.may(Act.DECIDE),
                logged_in=is_logged_in(request),
                csrf=csrf_token(request),
                viewer_href=f"/static/viewer/{VIEWER.name}?v={digest_of(VIEWER)}" if has_viewer() else "",
                **values,
            )
        )
        return HTMLResponse(text, status, headers={"cache-control": "no-store"})


def open_site(catalog: OpenCatalog, inspector: MeshInspector, order_retake: Callable[[str], None]) -> Site:
    """The site of an open catalog.

    Args:
        inspector: Measures and draws; closed by whoever made it.
    """
    folder = catalog.home.inner / "review"
    shelves = Shelves(catalog, folder)
    return Site(
        catalog=catalog,
        order_retake=order_retake,
        queue=ReviewQueue(catalog.registry.engine, catalog.registry.name, owner_rules(catalog.rules)),
        shelves=shelves,
        measurements=Measurements(folder, shelves, inspector, catalog.rules.quality.profile),
    )


def site_of(request: Request) -> Site:
    """The site that a request asks (a FastAPI dependency)."""
    site: Site = request.app.state.site
    return site
