"""`catalog3d review`: the page on which people look at models and decide."""

from __future__ import annotations

import threading
import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from catalog3d.adapters.mesh_process import MeshInspector
from catalog3d.adapters.retake_process import start_retake
from catalog3d.adapters.wiring import open_catalog
from catalog3d.cli.errors import console, sentence_on_error
from catalog3d.cli.foreground import WATCH_S, stop_requests
from catalog3d.cli.person import login_name
from catalog3d.cli.run import announce
from catalog3d.errors import RunError
from catalog3d.review.access import AccessPolicy
from catalog3d.review.app import create_app
from catalog3d.review.server import ReviewServer
from catalog3d.review.viewer_setup import has_viewer
from catalog3d.stages.context import OpenCatalog

_START_S = 30.0


def review(
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="The stand-in's models, even though there is a key.")
    ] = False,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Look at models beside their photos in the browser, and approve or reject them.

    Runs in the foreground until Ctrl-C, at CATALOG3D_REVIEW__HOST and CATALOG3D_REVIEW__PORT (127.0.0.1:8770).
    """
    with sentence_on_error(json_=False), open_catalog(Path.cwd(), rehearse=rehearse) as catalog:
        settings = catalog.settings.review
        policy = AccessPolicy(host=settings.host, url=settings.url, login_name=login_name())
        inspector = MeshInspector()
        try:
            ready = threading.Event()
            app = create_app(catalog, inspector, policy, lambda sku: _order(catalog, sku))
            server = ReviewServer(app, host=settings.host, port=settings.port, on_ready=lambda _url: ready.set())
            serving = threading.Thread(target=server.serve_here, name="review", daemon=True)
            with stop_requests() as stop:
                serving.start()
                _await_start(ready, serving)
                announce(console(), catalog)
                _say(policy.url or server.url, policy.advice)
                if open_:
                    webbrowser.open(server.url)
                while serving.is_alive() and not stop.wait(WATCH_S):
                    pass
                server.should_exit = True
                serving.join()
            console().print("The review page has ended. What was decided is kept.")
        finally:
            inspector.close()


def _order(catalog: OpenCatalog, sku: str) -> None:
    """Order a retake in a program of its own, which goes on when the page ends."""
    started = start_retake(catalog.home, sku, generator=catalog.generator_name)
    threading.Thread(target=started.wait, name=f"retake-{sku}", daemon=True).start()


def _await_start(ready: threading.Event, serving: threading.Thread) -> None:
    """Raise RunError REVIEW_FAILED if it does not answer."""
    if not ready.wait(_START_S) or not serving.is_alive():
        raise RunError("The review page did not start.", code="REVIEW_FAILED", fix="Read what stands above, try again.")


def _say(url: str, advice: str) -> None:
    out = console()
    out.print(f"[bold]Review at {escape(url)}[/]")
    if advice:
        out.print(f"[yellow]{escape(advice)}[/]", soft_wrap=True)
    if not has_viewer():
        out.print(
            "The interactive viewer is not installed, so models are shown as drawn pictures: `make viewer` fetches it "
            "where Node.js is there.",
            soft_wrap=True,
        )
    out.print("Ctrl-C ends it.")
