"""How the page says no: a sentence and the way out, as a page for people and as JSON for scripts."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from catalog3d.errors import Catalog3DError
from catalog3d.review.templates import environment


class Refused(Exception):  # noqa: N818 - the word for it
    """A request that is not carried out.

    Args:
        status: The HTTP status.
        error: What happened and the way out.
    """

    def __init__(self, status: HTTPStatus, error: Catalog3DError, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error.message)
        self.status = status
        self.error = error
        self.headers = dict(headers or {})


def answer_of(request: Request, refused: Refused) -> Response:
    """The refusal as the client reads it."""
    error = refused.error
    if wants_page(request):
        page = render("refused.html.j2", status=refused.status, error=error)
        return HTMLResponse(page, refused.status, headers=refused.headers)
    document = {"error": {"code": error.code, "message": error.message, "fix": error.fix}}
    return JSONResponse(document, refused.status, headers=refused.headers)


def wants_page(request: Request) -> bool:
    """Whether a person looks at the answer, rather than a script."""
    return "text/html" in request.headers.get("accept", "")


def render(template: str, **values: object) -> str:
    """A page that needs no login, so none of the site around it."""
    return environment().get_template(template).render(**values)
