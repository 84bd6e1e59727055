"""`catalog3d up`: everything that a team's machine runs, in the foreground."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import catalog3d
from catalog3d.adapters.local_servers import prefect_server, standin_server
from catalog3d.adapters.owned_server import guarded, health_of, is_free, last_lines
from catalog3d.adapters.prefect_environment import command_environment
from catalog3d.cli.errors import console, sentence_on_error
from catalog3d.cli.foreground import WATCH_S, stop_requests
from catalog3d.errors import RunError
from catalog3d.home import Home, find_home
from catalog3d.settings import given_home, load_settings

STOPPING = (
    "Stopping everything. Runs under way keep what is paid and write their summary, for up to half a minute; "
    "Ctrl-C again does not wait for them."
)
POOL = "catalog3d"
"""As in prefect.yaml."""
DEFAULT_PORT = 4200
"""Prefect's own, where its users look first."""
RUNS_AT_ONCE = 2
"""One catalog run and one rerun beside it: each flow process takes 85 MB and more."""
WORKER_QUERY_S = 3
"""Prefect's default is 10: too long for a person who has just pressed Run."""
START_TIMEOUT_S = 90.0
"""For the worker and for the deployments, each about 6 s on two idle cores."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """What runs, as far as people need to know.

    Attributes:
        api_url: Of Prefect's API.
        standin_url: Of the stand-in, or "" if there is a key.
        is_alive: Whether all of it still runs.
    """

    api_url: str
    standin_url: str
    is_alive: Callable[[], bool]

    @property
    def pages_url(self) -> str:
        return self.api_url.removesuffix("/api")


def up(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port of Prefect's pages; by default 4200 or a free one.")
    ] = 0,
) -> None:
    """Start Prefect's pages, a worker and the deployments for this catalog, and the stand-in if there is no key."""
    with sentence_on_error(json_=False), ExitStack() as stack:
        root = find_home(Path.cwd(), given_home())
        needs_standin = load_settings(root).generator_in_force == "standin"
        home = Home(root=root, catalog="rehearsal" if needs_standin else "live")
        out = console()
        out.print(f"[bold]Home[/] {escape(str(root))}", soft_wrap=True)
        with out.status("Starting (half a minute the first time)"):
            running = stack.enter_context(everything(home, project=_project(), port=port, needs_standin=needs_standin))
        with stop_requests() as stop:
            _show(out, running, home)
            _stay(running, home, stop.wait)
            out.print(STOPPING, soft_wrap=True)


@contextmanager
def everything(home: Home, *, project: Path, port: int, needs_standin: bool) -> Iterator[Running]:
    """Server, stand-in, worker and deployments; all of it ends with the block or with this process.

    Args:
        home: The catalog they work for.
        project: Folder with `prefect.yaml` and the flows.
        port: Of Prefect's pages; 0 takes 4200, or a free one if that is taken.
        needs_standin: Whether to start the stand-in.

    Raises:
        RunError: SERVER_*, PORT_IN_USE, WORKER_FAILED, DEPLOY_FAILED.
    """
    wanted = port or (DEFAULT_PORT if is_free(DEFAULT_PORT) else 0)
    with ExitStack() as stack:
        api_url = stack.enter_context(prefect_server(home, port=wanted))
        standin_url = stack.enter_context(standin_server(home)).url if needs_standin else ""
        worker_runs = stack.enter_context(_worker(home, api_url))
        _await_pool(api_url, worker_runs, home)
        _deploy(home, api_url, project)
        yield Running(
            api_url=api_url,
            standin_url=standin_url,
            is_alive=lambda: worker_runs() and health_of(f"{api_url}/health", timeout_s=30) != 0,
        )


def _project() -> Path:
    project = Path(catalog3d.__file__).resolve().parents[1]
    if not (project / "prefect.yaml").is_file():
        raise RunError(
            "This installation of catalog3d has no prefect.yaml, so there is nothing to deploy.",
            code="NO_PROJECT",
            fix="Run `catalog3d up` from a clone of the project, installed with `pip install -e .`.",
        )
    return project


def _worker(home: Home, api_url: str) -> AbstractContextManager[Callable[[], bool]]:
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
    command += ["--name", f"catalog3d on {socket.gethostname()}", "--limit", str(RUNS_AT_ONCE)]
    return guarded(
        [*command, "--install-policy", "never"],
        users_lock=home.shared / "worker.users",
        log=_worker_log(home),
        environment={**command_environment(home, api_url), "PREFECT_WORKER_QUERY_SECONDS": str(WORKER_QUERY_S)},
        name="worker",
    )


def _worker_log(home: Home) -> Path:
    return home.logs / "prefect-worker.log"


def _await_pool(api_url: str, worker_runs: Callable[[], bool], home: Home) -> None:
    """The worker makes the pool when it starts; asking `prefect work-pool create` would fetch a list from the network."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while worker_runs() and time.monotonic() < deadline:
        if health_of(f"{api_url}/work_pools/{POOL}") == 200:
            return
        time.sleep(0.3)
    raise RunError(
        f"Prefect's worker did not start. Its last words:\n{last_lines(_worker_log(home))}",
        code="WORKER_FAILED",
        fix=f"Read {_worker_log(home)}, then start again.",
    )


def _deploy(home: Home, api_url: str, project: Path) -> None:
    log = home.logs / "prefect-deploy.log"
    try:
        with log.open("wb") as output:
            done = subprocess.run(
                [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
                cwd=project,
                env=command_environment(home, api_url),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=START_TIMEOUT_S,
                check=False,
            )
        failed = done.returncode != 0
    except subprocess.TimeoutExpired:
        failed = True
    if failed:
        raise RunError(
            f"The deployments could not be made. Prefect's last words:\n{last_lines(log, count=15)}",
            code="DEPLOY_FAILED",
            fix=f"Read {log}, then start again.",
        )


def _show(out: Console, running: Running, home: Home) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("Prefect's pages", running.pages_url)
    table.add_row("Deployments", f"{running.pages_url}/deployments")
    if running.standin_url:
        table.add_row("Stand-in", f"{running.standin_url} (no key is set: nothing is paid, models are rehearsals)")
    table.add_row("Logs", escape(str(home.logs)))
    out.print(table)
    out.print(
        "\nOpen Deployments, choose catalog-run, then Run > Custom run: give the sheet's path and a limit of 5."
        "\n`catalog3d run SHEET` in another terminal uses this server too. Ctrl-C stops everything.",
        soft_wrap=True,
    )


def _stay(running: Running, home: Home, wait: Callable[[float], bool]) -> None:
    """Until asked to stop.

    Raises:
        RunError: ENDED_BY_ITSELF if the server or the worker is gone.
    """
    while not wait(WATCH_S):
        if not running.is_alive():
            raise RunError(
                "Prefect's server or worker has ended by itself, so everything else is stopped too.",
                code="ENDED_BY_ITSELF",
                fix=f"Read the logs in {home.logs}, then start again.",
            )
