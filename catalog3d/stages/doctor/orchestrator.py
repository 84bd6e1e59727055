"""Prefect: which server a run would use, and whether anybody would run what is deployed there."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

from catalog3d.adapters.owned_server import health_of, read_record
from catalog3d.adapters.prefect_look import PrefectLook, look_at_prefect
from catalog3d.diagnosis.findings import Finding, fine, problem, warning
from catalog3d.stages.doctor.site import Site
from catalog3d.wording import plural

DEPLOYMENTS = frozenset({"catalog-run", "catalog-nightly", "publish", "rerun-failed"})
"""As in prefect.yaml; a test compares them."""
UP = "`catalog3d up` starts a server, a worker and the deployments together."


def check_prefect(site: Site) -> Iterator[Finding]:
    given = site.environment.get("PREFECT_API_URL", "").strip()
    if given:
        yield fine("Prefect server", f"{_shown(given)} (PREFECT_API_URL)")
        look = look_at_prefect(
            given,
            key=site.environment.get("PREFECT_API_KEY", ""),
            auth=site.environment.get("PREFECT_API_AUTH_STRING", ""),
        )
    else:
        record = read_record(site.home.shared / "server.json")
        if record is None or health_of(f"{record.url}/api/health") != 200:
            yield fine("Prefect server", f"None runs for this home: `catalog3d run` starts one and ends it. {UP}")
            return
        yield fine("Prefect server", f"{record.url} (of this home)")
        look = look_at_prefect(f"{record.url}/api")
    yield version_finding(look)
    yield from deployment_findings(look)


def version_finding(look: PrefectLook) -> Finding:
    """Client and server of one version understand each other; of two, mostly."""
    ours = importlib.metadata.version("prefect")
    if look.version == ours:
        return fine("Prefect version", f"{ours} on both sides.")
    same_line = look.version.split(".")[:2] == ours.split(".")[:2]
    report = warning if same_line else problem
    return report(
        "Prefect version",
        f"The server has {look.version}, this installation {ours}.",
        "Run the same version on both sides.",
    )


def deployment_findings(look: PrefectLook) -> Iterator[Finding]:
    """What can be started from Prefect's pages, and who would run it."""
    names = {deployment.name for deployment in look.deployments}
    missing = sorted(DEPLOYMENTS - names)
    if not names:
        yield fine("Deployments", f"None on this server: `catalog3d run` needs none. {UP}")
        return
    if missing:
        yield warning(
            "Deployments",
            f"{', '.join(missing)} is missing.",
            "`prefect --no-prompt deploy --all` in the project's folder, or `catalog3d up`.",
        )
    else:
        yield fine("Deployments", f"{', '.join(sorted(names))}.")
    for name, pool in look.pools.items():
        workers = look.online.get(name, ())
        if pool is None:
            yield problem("Work pool", f"{name}, which deployments name, does not exist.", UP)
        elif pool.is_paused:
            yield problem("Work pool", f"{name} is paused: nothing that is scheduled starts.", "Resume it on its page.")
        elif not workers:
            yield problem(
                "Work pool",
                f"{name} has no live worker: what is started from the pages, or at night, waits for ever.",
                f"`prefect worker start --pool {name}`, or `catalog3d up`.",
            )
        else:
            yield fine("Work pool", f"{name}: {plural(len(workers), 'live worker')} ({', '.join(workers)}).")


def _shown(url: str) -> str:
    """Without user name, password and query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
